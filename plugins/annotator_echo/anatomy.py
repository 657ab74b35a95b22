"""One patient's heart: a truncated prolate left ventricle with its wall, the atria and the right ventricle.

Lengths are in mm. The heart's own frame has ``s`` along the LV's long axis, 0 at the endocardial apex
and growing towards the base, and ``t`` across it, negative on the septal side (image left). Normal
sizes follow R. M. Lang et al., "Recommendations for Cardiac Chamber Quantification by Echocardiography
in Adults", J. Am. Soc. Echocardiogr. 28:1-39, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SEPTAL, LATERAL = 0, 1


@dataclass(frozen=True, slots=True)
class Heart:
    """Geometry at end-diastole and how far it contracts; pairs are (septal, lateral).

    Parameters
    ----------
    apex
        (x, z) of the endocardial apex, mm right of and below the probe.
    tilt
        Angle of the long axis from straight down, radians, positive towards image right.
    lengths
        Apex to each end of the mitral annulus.
    widths
        Largest half-widths of the cavity.
    waist
        Level of the largest width, as a fraction of the length.
    roundness
        Exponent of the apical superellipse; 2 is an ellipse, more is blunter.
    annulus
        Half-width at the annulus over the largest, each side.
    walls
        Wall thickness at mid-level.
    apex_wall
        Wall thickness at the apex.
    bend
        Sideways bow of the long axis at mid-level.
    ripples
        (2, 3) relative width of three sine ripples, each side.
    shortening
        Fraction of the length lost at end-systole.
    narrowing
        Fraction of the width lost at end-systole.
    thickening
        Relative wall thickening at end-systole.
    atrium
        (length below the annulus, half-width) of the left atrium.
    right
        (level of the apex as a fraction of the length, width at the base) of the right ventricle.
    right_atrium
        (length, half-width) of the right atrium.
    tenting
        How far shut leaflets dome into the ventricle, mm.
    trabeculae
        Share of the wall that is loose and hardly seen, at the septum, at the apex and at the lateral wall, at
        end-diastole.
    rims
        Share of the wall that is faint on its outer side, likewise.
    pericardial_gap
        From the outline of the lateral wall to the bright pericardium, mm.
    grooves
        How far the wall goes on below each end of the annulus, into the atrioventricular groove, mm.
    lean
        Sideways shift of the left atrium for each mm below the annulus; positive is lateral.
    atrial_shape
        (level where the left atrium is widest, exponent that closes it at the roof; more is boxier).
    atrial_ripples
        (2, 3) sideways ripples of the atrial wall, mm: pulmonary veins, the appendage, the fossa.
    papillary
        (side, level, length mm, breadth mm) of each papillary muscle.
    """

    apex: tuple[float, float]
    tilt: float
    lengths: tuple[float, float]
    widths: tuple[float, float]
    waist: float
    roundness: float
    annulus: tuple[float, float]
    walls: tuple[float, float]
    apex_wall: float
    bend: float
    ripples: tuple[tuple[float, ...], tuple[float, ...]]
    shortening: float
    narrowing: float
    thickening: float
    atrium: tuple[float, float]
    right: tuple[float, float]
    right_atrium: tuple[float, float]
    tenting: float = 2.2
    trabeculae: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rims: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pericardial_gap: float = 0.0
    grooves: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.0
    atrial_shape: tuple[float, float] = (0.45, 2.4)
    atrial_ripples: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    papillary: tuple[tuple[int, float, float, float], ...] = ((LATERAL, 0.52, 11.0, 3.6),)

    @property
    def ejection_fraction(self) -> float:
        """0..1, of a body of revolution: 1 - (1 - shortening)(1 - narrowing)^2."""
        return 1 - (1 - self.shortening) * (1 - self.narrowing) ** 2


def draw_heart(rng: np.random.Generator) -> Heart:
    """A random heart: small to dilated, thin to hypertrophied, ejection fraction 0.2 to 0.72."""
    ejection = float(np.clip(rng.normal(0.53, 0.13), 0.2, 0.72))
    foreshortening = float(rng.uniform(0, 0.12)) if rng.random() < 0.3 else 0.0
    length = float(np.clip(rng.normal(82, 8), 62, 104)) * (1 - foreshortening)
    diameter = float(np.clip(rng.normal(49, 5) + 14 * (0.53 - ejection), 36, 66))
    skew = float(rng.uniform(-0.08, 0.08))
    shortening = ejection * float(rng.uniform(0.18, 0.32))
    wall = float(np.clip(rng.normal(9.5, 1.6), 6.5, 15))
    base_tilt = float(rng.normal(0, 0.035))
    tilt = float(np.deg2rad(np.clip(rng.normal(3, 7), -14, 18)))
    size = length / 82
    off_axis = float(rng.uniform(0, 0.45)) if rng.random() < 0.3 else 0.0
    return Heart(
        # The sonographer centres the middle of the ventricle, and holds a wide one further from the probe.
        apex=(
            float(rng.normal(7, 3.5) - 0.45 * length * np.sin(tilt)),
            float(rng.uniform(15, 27) + 0.5 * max(0.0, diameter - 48)),
        ),
        tilt=tilt,
        lengths=(length * (1 + base_tilt), length * (1 - base_tilt)),
        widths=(diameter / 2 * (1 + skew), diameter / 2 * (1 - skew)),
        waist=float(rng.uniform(0.5, 0.66)),
        roundness=float(rng.uniform(1.9, 2.4)) + 3 * foreshortening,
        annulus=(float(rng.uniform(0.55, 0.78)), float(rng.uniform(0.6, 0.85))),
        walls=(wall * float(rng.uniform(0.9, 1.2)), wall * float(rng.uniform(0.85, 1.1))),
        apex_wall=wall * float(rng.uniform(0.6, 0.9)),
        bend=float(rng.normal(0, 1.5)),
        ripples=(tuple(rng.normal(0, 0.012, 3).tolist()), tuple(rng.normal(0, 0.016, 3).tolist())),
        shortening=shortening,
        narrowing=1 - float(np.sqrt((1 - ejection) / (1 - shortening))),
        thickening=ejection * float(rng.uniform(0.55, 0.85)),
        atrium=(float(np.clip(rng.normal(37, 7), 24, 56)), float(np.clip(rng.normal(21.5, 3.5), 15, 32))),
        right=(float(rng.uniform(0.15, 0.38)), float(rng.uniform(28, 42)) * size * (1 - off_axis)),
        right_atrium=(float(rng.uniform(34, 48)), float(rng.uniform(18, 27)) * (1 - off_axis / 2)),
    )


@dataclass(frozen=True, slots=True)
class Ventricle:
    """The left ventricle at one moment, in its own frame."""

    heart: Heart
    contraction: float

    @property
    def lengths(self) -> tuple[float, float]:
        """Apex to each end of the annulus, mm."""
        factor = 1 - self.heart.shortening * self.contraction
        return self.heart.lengths[0] * factor, self.heart.lengths[1] * factor

    @property
    def apex_wall(self) -> float:
        """Wall thickness at the apex, mm."""
        return self.heart.apex_wall * (1 + 0.5 * self.heart.thickening * self.contraction)

    def bow(self, s: Vector) -> Vector:
        """Sideways offset of the axis at levels ``s`` (mm)."""
        level = np.clip(s / self.heart.lengths[0], 0, 1)
        return self.heart.bend * 4 * level * (1 - level)

    def half_width(self, s: Vector, side: int) -> Vector:
        """Cavity half-width at levels ``s`` (mm); 0 above the apex, and held below the annulus."""
        level = s / self.lengths[side]
        ripple = sum(a * np.sin((k + 2) * np.pi * level) for k, a in enumerate(self.heart.ripples[side]))
        largest = self.heart.widths[side] * (1 - self.heart.narrowing * self.contraction)
        # Systole narrows the body of the ventricle more than the annulus.
        annulus = self.heart.annulus[side] * (1 + 0.25 * self.contraction * self.heart.narrowing)
        return np.asarray(largest * (1 + ripple) * _profile(level, self.heart.waist, self.heart.roundness, annulus))

    def outer_half_width(self, s: Vector, side: int) -> Vector:
        """Half-width to the epicardium at levels ``s`` (mm)."""
        top, length = self.apex_wall, self.lengths[side]
        wall = self.heart.walls[side] * (1 + self.heart.thickening * self.contraction)
        inner = self.heart.widths[side] * (1 - self.heart.narrowing * self.contraction)
        outer = inner + wall
        annulus = (inner * self.heart.annulus[side] + wall * 0.85) / outer
        waist = (self.heart.waist * length + top) / (length + top)
        shape = outer * _profile((s + top) / (length + top), waist, self.heart.roundness, annulus)
        return np.asarray(np.maximum(shape, self.half_width(s, side) + np.where(s > 0, 0.35 * wall, 0)))


def _profile(level: Vector, waist: float, roundness: float, annulus: float) -> Vector:
    """Half-width over the largest, at levels 0 (apex) to 1 (annulus)."""
    above = np.clip((waist - level) / waist, 0, 1)
    below = np.clip((level - waist) / (1 - waist), 0, 1)
    apical = (1 - above**roundness) ** (1 / roundness)
    return np.asarray(np.where(level < waist, apical, 1 - (1 - annulus) * below**2))
