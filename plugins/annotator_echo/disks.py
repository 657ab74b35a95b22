"""Method of disks (modified Simpson's rule) on masks.

The long axis runs from the middle of the mitral plane to the apex; the cavity is cut into twenty disks
of equal height across it (R. M. Lang et al., J. Am. Soc. Echocardiogr. 28:1-39, 2015, figure 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import Mask, Spacing

N_DISKS: Final = 20
_REACH_MM: Final = 3.0
_SUBSAMPLES: Final = 3

Points = NDArray[np.float64]
"""(N, 2) of (x, y) in mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Disks:
    """A cavity cut across its long axis.

    Parameters
    ----------
    length_mm
        From the middle of the mitral plane to the apex.
    diameters_mm
        (20,) from base to apex.
    """

    length_mm: float
    diameters_mm: NDArray[np.float64]


def cut(cavity: Mask, spacing: Spacing, *, wall: Mask | None = None, atrium: Mask | None = None) -> Disks | None:
    """Cut a cavity into disks.

    Parameters
    ----------
    cavity
        (H, W) bool, the LV cavity.
    spacing
        mm/px.
    wall, atrium
        (H, W) bool, myocardium and left atrium where they are outlined: the mitral plane is where the cavity
        has no wall, or meets the atrium. Without both it is the blunter end.

    Returns
    -------
    Disks or None
        None where the mask is too small to have an axis.
    """
    outline = _outline(cavity, spacing)
    if outline is None:
        return None
    points, pixels = outline
    base = _base(points, pixels, spacing, (wall, atrium))
    middle = _ends_midpoint(base) if base is not None else _blunt_end(points)
    apex = points[np.argmax(np.hypot(*(points - middle).T))]
    length = float(np.hypot(*(apex - middle)))
    if length <= 0:
        return None
    along = _inside_points(cavity, spacing, middle) @ ((apex - middle) / length)
    counts, _ = np.histogram(along, bins=N_DISKS, range=(0.0, length))
    area = counts * (spacing.x * spacing.y / _SUBSAMPLES**2)
    return Disks(length, area / (length / N_DISKS))


def single_plane_ml(disks: Disks) -> float:
    """Volume in mL, each disk round."""
    return biplane_ml(disks, disks)


def biplane_ml(one: Disks, two: Disks) -> float:
    """Volume in mL from two orthogonal views, each disk an ellipse, the longer axis giving the height."""
    height = max(one.length_mm, two.length_mm) / N_DISKS
    return float(np.pi / 4 * np.sum(one.diameters_mm * two.diameters_mm) * height / 1000)


def _outline(cavity: Mask, spacing: Spacing) -> tuple[Points, NDArray[np.intp]] | None:
    """Border of the largest piece in mm, and the same as (column, row) pixels."""
    contours, _ = cv2.findContours(cavity.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    pixels = np.asarray(max(contours, key=cv2.contourArea)[:, 0, :], dtype=np.intp)
    if len(pixels) < 12:
        return None
    return np.asarray(pixels * np.array([spacing.x, spacing.y]), dtype=np.float64), pixels


def _base(
    points: Points, pixels: NDArray[np.intp], spacing: Spacing, around: tuple[Mask | None, Mask | None]
) -> Points | None:
    """Border points of the mitral plane, where wall or atrium tell."""
    wall, atrium = (m if m is not None and m.any() else None for m in around)
    columns, rows = pixels.T
    beside = _grown(atrium, spacing)[rows, columns] if atrium is not None else None
    if wall is not None:
        runs = _runs(~_grown(wall, spacing)[rows, columns])
        # The wall is also missing where the apex leaves the sector: the atrium tells the two gaps apart.
        meeting = [r for r in runs if beside is None or beside[r].any()]
        if meeting:
            return _at_least(points[max(meeting, key=len)])
    return _at_least(points[beside]) if beside is not None else None


def _at_least(base: Points) -> Points | None:
    """Border points that are enough to tell two ends."""
    return base if len(base) >= 5 else None


def _runs(chosen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Indices of each unbroken stretch of a closed border."""
    if chosen.all() or not chosen.any():
        return [np.flatnonzero(chosen)] if chosen.any() else []
    start = int(np.flatnonzero(~chosen)[0])
    order = np.roll(np.arange(chosen.size), -start)
    cuts = np.flatnonzero(np.diff(chosen[order].astype(np.int8))) + 1
    return [piece for piece in np.split(order, cuts) if chosen[piece[0]]]


def _grown(mask: Mask, spacing: Spacing) -> Mask:
    """The mask and what lies within a few millimetres of it."""
    reach = (max(1, round(_REACH_MM / spacing.x)), max(1, round(_REACH_MM / spacing.y)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach[0] + 1, 2 * reach[1] + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), dtype=np.bool_)


def _ends_midpoint(base: Points) -> Points:
    """Middle of the chord between the two ends of a stretch of border."""
    centre = base.mean(axis=0)
    first = base[np.argmax(np.hypot(*(base - centre).T))]
    second = base[np.argmax(np.hypot(*(base - first).T))]
    return np.asarray((first + second) / 2)


def _blunt_end(points: Points) -> Points:
    """Middle of the blunter end across the principal axis."""
    centre = points.mean(axis=0)
    axis = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    along = (points - centre) @ axis
    low, high = along.min(), along.max()
    ends = []
    for limit, at in ((low, low + 0.1 * (high - low)), (high, high - 0.1 * (high - low))):
        slab = points[(along <= at) if limit == low else (along >= at)]
        across = (slab - centre) @ np.array([-axis[1], axis[0]])
        middle = (across.min() + across.max()) / 2
        ends.append((float(np.ptp(across)), centre + limit * axis + middle * np.array([-axis[1], axis[0]])))
    return np.asarray(max(ends, key=lambda end: end[0])[1])


def _inside_points(cavity: Mask, spacing: Spacing, origin: Points) -> Points:
    """(N, 2) mm from the origin, nine points per pixel so that a slice's border falls within pixels."""
    rows, columns = np.nonzero(cavity)
    offsets = (np.arange(_SUBSAMPLES) + 0.5) / _SUBSAMPLES - 0.5
    x = (columns[:, None, None] + offsets[None, :, None] + 0 * offsets[None, None, :]) * spacing.x - origin[0]
    y = (rows[:, None, None] + offsets[None, None, :] + 0 * offsets[None, :, None]) * spacing.y - origin[1]
    return np.stack([x.ravel(), y.ravel()], axis=-1)
