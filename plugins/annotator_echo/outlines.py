"""Outlines of all chambers, walls and valves of one frame, in mm below and beside the probe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator_echo.anatomy import LATERAL, SEPTAL, Heart, Vector, Ventricle
from annotator_echo.rhythm import Beat

Points = NDArray[np.float64]
"""(N, 2) of (x, z) in mm."""

SEPTUM_GAP = 2.6
"""Thickness of the interatrial septum, mm."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the heart's frame lies before the probe: apex (x, z) in mm and tilt in radians."""

    apex: tuple[float, float]
    tilt: float

    def place(self, s: Vector, t: Vector) -> Points:
        """(N, 2) mm of points given along and across the long axis."""
        sin, cos = np.sin(self.tilt), np.cos(self.tilt)
        return np.stack([self.apex[0] + s * sin + t * cos, self.apex[1] + s * cos - t * sin], axis=-1)

    def locate(self, x: NDArray[np.float32], z: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inverse of :meth:`place` on whole grids, (H, W) float32 each."""
        sin, cos = np.float32(np.sin(self.tilt)), np.float32(np.cos(self.tilt))
        dx, dz = x - np.float32(self.apex[0]), z - np.float32(self.apex[1])
        return dx * sin + dz * cos, dx * cos - dz * sin


@dataclass(frozen=True, slots=True)
class Outlines:
    """Closed outlines by structure id, the epicardium and the compact wall's inner border, and open bright lines.

    ``bright`` is the epicardium without the wall's faint rim; ``hinges`` are the four ends of the mitral and the
    tricuspid annulus.
    """

    chambers: dict[str, Points]
    outer: Points
    compact: Points
    bright: Points
    lines: dict[str, Points]
    papillary: tuple[Points, ...]
    hinges: Points


def pose_at(heart: Heart, beat: Beat) -> Pose:
    """The apex sinks a little and the heart rocks in systole."""
    drop = 1.5 * beat.contraction
    sway = 0.8 * np.sin(2 * np.pi * beat.phase)
    tilt = heart.tilt + 0.015 * np.sin(2 * np.pi * beat.phase)
    return Pose((heart.apex[0] + float(sway), heart.apex[1] + drop), float(tilt))


def outline(heart: Heart, beat: Beat) -> Outlines:
    """All outlines of a heart at one moment."""
    ventricle, pose = Ventricle(heart, beat.contraction), pose_at(heart, beat)
    inner = _inner(ventricle)
    outer = _outer(ventricle, inner)
    compact, bright = _compact(ventricle, inner, outer), _bright(heart, inner, outer)
    left = _left_atrium(ventricle, inner)
    right, right_atrium = _right_side(ventricle, left)

    def place(points: Points) -> Points:
        return pose.place(points[:, 0], points[:, 1])

    lines = {
        **_leaflets(inner[0], inner[-1], beat.mitral, "mitral", dome_mm=heart.tenting),
        **_leaflets(right_atrium[-1], right_atrium[0], beat.mitral, "tricuspid", dome_mm=heart.tenting),
        "lateral-pericardium": outer[len(outer) // 2 : -2] + np.array([0.0, heart.pericardial_gap]),
        "septal-endocardium": compact[8 : len(inner) // 2 - 6],
        "lateral-endocardium": compact[len(inner) // 2 + 6 : -4],
        "right-wall": right[: len(right) // 2],
        "atrial-wall": left[1:-1],
        "right-atrial-wall": right_atrium[1 : len(right_atrium) * 3 // 4],
    }
    return Outlines(
        chambers={"lv": place(inner), "la": place(left), "rv": place(right), "ra": place(right_atrium)},
        outer=place(outer),
        compact=place(compact),
        bright=place(bright),
        lines={name: place(points) for name, points in lines.items()},
        papillary=tuple(place(points) for points in _papillary(ventricle)),
        hinges=place(np.stack([inner[0], inner[-1], right_atrium[-1], right_atrium[0]])),
    )


def _inner(ventricle: Ventricle) -> Points:
    """Endocardium in (s, t), from the septal end of the annulus round the apex to the lateral end."""
    level = 1 - np.cos(np.linspace(0, np.pi / 2, 48))
    septal, lateral = level * ventricle.lengths[SEPTAL], level * ventricle.lengths[LATERAL]
    left = np.stack([septal, ventricle.bow(septal) - ventricle.half_width(septal, SEPTAL)], axis=-1)
    right = np.stack([lateral, ventricle.bow(lateral) + ventricle.half_width(lateral, LATERAL)], axis=-1)
    return np.concatenate([left[::-1], right[1:]])


def _outer(ventricle: Ventricle, inner: Points) -> Points:
    """Epicardium in (s, t) the same way, closed through the ends of the annulus."""
    level, top = 1 - np.cos(np.linspace(0, np.pi / 2, 48)), ventricle.apex_wall
    grooves = ventricle.heart.grooves
    septal = level * (ventricle.lengths[SEPTAL] + grooves[SEPTAL] + top) - top
    lateral = level * (ventricle.lengths[LATERAL] + grooves[LATERAL] + top) - top
    left = np.stack([septal, ventricle.bow(septal) - ventricle.outer_half_width(septal, SEPTAL)], axis=-1)
    right = np.stack([lateral, ventricle.bow(lateral) + ventricle.outer_half_width(lateral, LATERAL)], axis=-1)
    return np.concatenate([inner[:1], left[::-1], right[1:], inner[-1:]])


def _compact(ventricle: Ventricle, inner: Points, outer: Points) -> Points:
    """Inner border of the compact wall in (s, t): people outline the cavity within the loose trabeculae.

    As the ventricle contracts, the trabeculae crowd and take more of the wall.
    """
    share = _along(ventricle.heart.trabeculae, len(inner)) * (1 + 0.6 * ventricle.contraction)
    return np.asarray(inner + np.clip(share, 0, 0.85)[:, None] * (outer[1:-1] - inner))


def _bright(heart: Heart, inner: Points, outer: Points) -> Points:
    """Outer border of the wall that is seen, in (s, t): outlines take in a rim that is not."""
    seen = outer[1:-1] + _along(heart.rims, len(inner))[:, None] * (inner - outer[1:-1])
    return np.concatenate([inner[:1], seen, inner[-1:]])


def _along(shares: tuple[float, float, float], count: int) -> Vector:
    """(count,) from the septal end of the annulus round the apex to the lateral end."""
    septal, apical, lateral = shares
    position = np.linspace(-1, 1, count)
    beside = np.where(position < 0, septal, lateral)
    return np.asarray(beside + (apical - beside) * (1 - np.abs(position)) ** 3)


def _left_atrium(ventricle: Ventricle, inner: Points) -> Points:
    """Left atrium in (s, t): its roof stays, the annulus moves, and it widens as it fills."""
    heart = ventricle.heart
    roof = max(heart.lengths) + heart.atrium[0] - 0.06 * heart.atrium[0] * ventricle.contraction
    width = heart.atrium[1] * (1 + 0.1 * ventricle.contraction)
    q = np.sin(np.linspace(0, np.pi / 2, 28))
    centre = (inner[0, 1] + inner[-1, 1]) / 2
    sides = []
    for end, sign, ripples in ((inner[0], -1, heart.atrial_ripples[0]), (inner[-1], 1, heart.atrial_ripples[1])):
        half = _bulge(q, abs(end[1] - centre), width, heart.atrial_shape)
        ripple = sum(a * np.sin((k + 1) * np.pi * q) for k, a in enumerate(ripples))
        s = end[0] + q * (roof - end[0])
        sides.append(np.stack([s, centre + sign * (half + ripple) + heart.lean * (s - end[0])], axis=-1))
    return np.concatenate([sides[0], sides[1][::-1]])


def _bulge(q: Vector, start: float, largest: float, shape: tuple[float, float] = (0.45, 2.4)) -> Vector:
    """Half-width of an atrium from its annulus (q = 0) to its roof (q = 1)."""
    middle, power = shape
    widening = start + (largest - start) * np.sin(np.pi / 2 * np.clip(q / middle, 0, 1))
    closing = largest * (1 - np.clip((q - middle) / (1 - middle), 0, 1) ** power) ** (1 / power)
    return np.asarray(np.where(q < middle, widening, closing))


def _right_side(ventricle: Ventricle, left: Points) -> tuple[Points, Points]:
    """Right ventricle (free wall first) and right atrium (tricuspid annulus at both ends) in (s, t)."""
    heart, squeeze = ventricle.heart, 1 - 0.3 * ventricle.contraction
    first = heart.right[0] * ventricle.lengths[SEPTAL]
    hinge = ventricle.lengths[SEPTAL] * (0.94 - 0.02 * ventricle.contraction)
    s = np.linspace(first, hinge, 40)
    g = (s - first) / (hinge - first)
    septum = ventricle.bow(s) - ventricle.outer_half_width(s, SEPTAL) - 0.6
    width = heart.right[1] * squeeze * np.sin(np.pi / 2 * g**0.7) * (1 - 0.12 * g**3)
    free = np.stack([s, septum - width], axis=-1)
    right = np.concatenate([free, np.stack([s, septum], axis=-1)[::-1]])
    return right, _right_atrium(ventricle, left, free[-1], float(septum[-1]))


def _right_atrium(ventricle: Ventricle, left: Points, lateral_hinge: Points, septal_hinge: float) -> Points:
    """Right atrium in (s, t), kept off the left one by the interatrial septum."""
    heart = ventricle.heart
    q = np.sin(np.linspace(0, np.pi / 2, 28))
    s = lateral_hinge[0] + q * (max(heart.lengths) + heart.right_atrium[0] - lateral_hinge[0])
    centre = (lateral_hinge[1] + septal_hinge) / 2
    half = _bulge(q, (septal_hinge - float(lateral_hinge[1])) / 2, heart.right_atrium[1])
    wall = left[: len(left) // 2]
    barrier = np.interp(s, wall[:, 0], wall[:, 1], left=septal_hinge, right=0.0) - SEPTUM_GAP
    far_side = np.stack([s, centre - half], axis=-1)
    septal = np.stack([s, np.maximum(np.minimum(centre + half, barrier), centre - half)], axis=-1)
    return np.concatenate([far_side, septal[::-1]])


def _leaflets(septal: Points, lateral: Points, opening: float, name: str, *, dome_mm: float) -> dict[str, Points]:
    """Two leaflets in (s, t), hinged at the annulus: domed shut in systole, swung open in diastole."""
    chord = lateral - septal
    reach = float(np.hypot(*chord))
    angle = opening * np.deg2rad(72)
    along, up = chord / reach, np.array([-1.0, 0.0])
    q = np.linspace(0, 1, 9)[:, None]
    leaflets = {}
    for which, start, sign, share in (("first", septal, 1, 0.56), ("second", lateral, -1, 0.44)):
        direction = np.cos(angle) * sign * along + np.sin(angle) * up
        dome = up * dome_mm * np.sin(np.pi / 2 * q) * (1 - opening)
        leaflets[f"{name}-{which}"] = start + q * share * reach * direction + dome
    return leaflets


def _papillary(ventricle: Ventricle) -> Iterator[Points]:
    """Cross-section of each papillary muscle in (s, t)."""
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for side, level, length, breadth in ventricle.heart.papillary:
        s0 = level * ventricle.lengths[side]
        width = float(ventricle.half_width(np.array([s0]), side)[0])
        along, across = length * (1 - 0.15 * ventricle.contraction), breadth + 0.8 * ventricle.contraction
        sign = 1 if side == LATERAL else -1
        points = np.stack([s0 + along * np.cos(angle), sign * (width * 0.86 + across * np.sin(angle))], axis=-1)
        yield points
