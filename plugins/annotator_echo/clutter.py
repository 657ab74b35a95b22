"""What a real window adds to the chambers: annuli, chordae, pericardium, lung, reverberation, uneven surroundings.

Bright fibrous hinges of the valves throw comet tails into the atria, chordae and false tendons cross the cavity, strong
reflectors lie behind the atria and beside the heart, and beyond them there is lung: noise, and copies of what lies in
front (P. B. Bertrand et al., "Fact or Artifact in Two-Dimensional Echocardiography", J. Am. Soc. Echocardiogr.
29:381-391, 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tail:
    """A bright hinge and the streak below it: levels in dB, sizes in mm."""

    level_db: float
    size_mm: tuple[float, float]
    tail_db: float
    tail_mm: float


@dataclass(frozen=True, slots=True)
class Strand:
    """A chorda, false tendon or bright spot: ends as (level 0..1, place -1 septal to 1 lateral) of the cavity."""

    ends: tuple[tuple[float, float], tuple[float, float]]
    thickness_mm: float
    level_db: float


@dataclass(frozen=True, slots=True)
class Reflector:
    """A bright interface across the beams: ``range_mm`` at ``angle``, rising by ``slope_mm`` for each radian."""

    range_mm: float
    angle: float
    half_width: float
    slope_mm: float
    thickness_mm: float
    level_db: float


@dataclass(frozen=True, slots=True)
class Clutter:
    """All of it, drawn once a clip; the defaults add nothing.

    Parameters
    ----------
    tails
        One for each of the four hinges of the valves, or none.
    strands, reflectors
        See above.
    septum
        (gain dB, place, breadth) of the septum's bright core, in epicardial half-widths from the axis.
    behind_db, beside_db
        Tissue behind the atria and beside the apex, against the other surroundings.
    atrial_fog_db
        Blood of the atria against blood of the left ventricle.
    atrial_wall
        (dB, mm) that the bright wall of the left atrium gains.
    patches_db
        Standard deviation of the surroundings from place to place.
    lung
        (range mm, loss dB): beyond this range tissue returns less.
    pericardium
        (dB, mm) that the lateral pericardium gains.
    chest_db
        Tissue between the probe and the apex, against the other surroundings.
    haze_mm
        Depth over which the near field's haze fades.
    rim_db
        The wall's outer rim against the wall.
    repeat
        (shift mm, level dB) of a reverberation; -inf for none.
    noise_slope_db
        Rise of the receiver's noise over the depth.
    """

    tails: tuple[Tail, ...] = ()
    strands: tuple[Strand, ...] = ()
    reflectors: tuple[Reflector, ...] = ()
    septum: tuple[float, float, float] = (4.0, -0.85, 0.3)
    behind_db: float = 7.0
    beside_db: float = -9.0
    atrial_fog_db: float = 0.0
    atrial_wall: tuple[float, float] = (0.0, 0.0)
    patches_db: float = 0.0
    pericardium: tuple[float, float] = (0.0, 0.0)
    chest_db: float = -9.0
    haze_mm: float = 22.0
    rim_db: float = -8.0
    lung: tuple[float, float] = (1e3, 0.0)
    repeat: tuple[float, float] = (0.0, float("-inf"))
    noise_slope_db: float = 12.0


NO_CLUTTER: Final = Clutter()
