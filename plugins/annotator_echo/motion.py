"""Where the tissue at each sample lay at end-diastole, so that speckle moves with the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator_echo.anatomy import LATERAL, SEPTAL, Heart, Vector, Ventricle
from annotator_echo.outlines import Pose
from annotator_echo.scanner import Map, PolarGrid

_FADE_BELOW = 45.0
_FADE_BESIDE = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Heart coordinates of every sample of a frame.

    Parameters
    ----------
    level
        (R, B) fraction of the LV's length, 0 at the apex and 1 at the annulus.
    side
        (R, B) signed distance from the axis over the epicardial half-width; negative is septal.
    columns, rows
        (R, B) float32 indices into the polar grid of where this tissue was at end-diastole.
    """

    level: Map
    side: Map
    columns: Map
    rows: Map


def material_at(grid: PolarGrid, heart: Heart, contraction: float, poses: tuple[Pose, Pose]) -> Material:
    """Follow tissue back to end-diastole.

    Parameters
    ----------
    poses
        The heart's pose now and at end-diastole.
    """
    now, rest = Ventricle(heart, contraction), Ventricle(heart, 0.0)
    s, t = poses[0].locate(grid.x, grid.z)
    length, length0 = float(np.mean(now.lengths)), float(np.mean(rest.lengths))
    levels: Vector = np.linspace(-25.0, 1.3 * length0, 192)
    levels0 = _stretch(levels, (now.apex_wall, length), (rest.apex_wall, length0))
    position = np.clip((s + 25.0) / np.float32(levels[1] - levels[0]), 0, levels.size - 1.001)
    index = position.astype(np.int32)
    share = position - index

    def look(table: Vector) -> Map:
        values = table.astype(np.float32)
        low = values[index]
        return np.asarray(low + share * (values[index + 1] - low), dtype=np.float32)

    is_lateral = t > 0
    widths = []
    for ventricle, at in ((now, levels), (rest, levels0)):
        for width in (ventricle.half_width, ventricle.outer_half_width):
            both = [np.maximum(width(at, side), 0.5) for side in (SEPTAL, LATERAL)]
            widths.append(np.where(is_lateral, look(both[1]), look(both[0])))
    distance = _spread(np.abs(t), *widths)
    below = np.maximum(s - np.float32(levels[-1]), 0)
    s0 = np.where(below > 0, s, look(levels0))
    x, z = poses[1].place(s0, np.where(is_lateral, distance, -distance)).transpose(2, 0, 1)
    columns, rows = grid.columns_rows(x, z)
    return Material((s / length).astype(np.float32), (t / np.maximum(widths[1], 1)).astype(np.float32), columns, rows)


def _stretch(s: Vector, now: tuple[float, float], rest: tuple[float, float]) -> Vector:
    """Levels at end-diastole (mm) of levels now; pairs are (apical wall, length)."""
    (top, length), (top0, length0) = now, rest
    within = (s + top) * (length0 + top0) / (length + top) - top0
    below = s + (length0 - length) * np.exp(-np.maximum(s - length, 0) / _FADE_BELOW)
    return np.asarray(np.where(s < -top, s + top - top0, np.where(s < length, within, below)))


def _spread(distance: Map, inner: Map, outer: Map, inner0: Map, outer0: Map) -> Map:
    """Distance from the axis at end-diastole (mm): wall depth is kept, and outside it the motion fades."""
    depth = np.clip((distance - inner) / np.maximum(outer - inner, 0.5), 0, 1)
    wall = inner0 + depth * (outer0 - inner0)
    beyond = distance + (outer0 - outer) * np.exp(-np.maximum(distance - outer, 0) / _FADE_BESIDE)
    cavity = distance * inner0 / inner
    return np.asarray(np.where(distance < inner, cavity, np.where(distance < outer, wall, beyond)), dtype=np.float32)
