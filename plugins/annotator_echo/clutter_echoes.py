"""The echoes of :mod:`annotator_echo.clutter` on the polar grid."""

from __future__ import annotations

import cv2
import numpy as np

from annotator_echo.clutter import Clutter
from annotator_echo.outlines import Outlines, Points
from annotator_echo.scanner import Map, PolarGrid
from annotator_echo.speckle import Field


def add_reflectors(tissue: Map, grid: PolarGrid, clutter: Clutter) -> None:
    """Raise ``tissue`` (R, B) to the interfaces around the heart, and lose what lies beyond the lung's surface."""
    start, loss = clutter.lung
    if loss:
        tissue *= 10 ** (-loss / 20 * np.clip((grid.ranges - start) / 10, 0, 1))[:, None]
    for one in clutter.reflectors:
        across = (grid.angles - one.angle) / one.half_width
        centre = one.range_mm + one.slope_mm * (grid.angles - one.angle)
        along = (grid.ranges[:, None] - centre[None]) / (one.thickness_mm / 2)
        bright = 10 ** (one.level_db / 20) * np.exp(-(across**4))[None] * np.exp(-(along**2))
        np.maximum(tissue, bright.astype(np.float32), out=tissue)


def add_tails(tissue: Map, grid: PolarGrid, hinges: Points, clutter: Clutter) -> None:
    """Raise ``tissue`` (R, B) to the hinges of the valves and to their comet tails, which follow the beam."""
    for hinge, tail in zip(hinges, clutter.tails, strict=False):
        depth, angle = float(np.hypot(*hinge)), float(np.arctan2(*hinge))
        across = np.exp(-(((grid.angles - angle) * depth / (tail.size_mm[0] / 2)) ** 2))
        below = grid.ranges - depth
        blob = 10 ** (tail.level_db / 20) * np.exp(-((below / (tail.size_mm[1] / 2)) ** 2))
        streak = 10 ** (tail.tail_db / 20) * np.exp(-below / tail.tail_mm) * (below > 0)
        bright = (blob + streak)[:, None] * across[None]
        np.maximum(tissue, bright.astype(np.float32), out=tissue)


def add_strands(tissue: Map, grid: PolarGrid, outlines: Outlines, clutter: Clutter) -> None:
    """Draw what crosses the left ventricle's cavity on ``tissue`` (R, B)."""
    cavity = outlines.chambers["lv"]
    for strand in clutter.strands:
        points = np.stack([_within(cavity, level, place) for level, place in strand.ends])
        grid.stroke(tissue, points, float(10 ** (strand.level_db / 20)), strand.thickness_mm)


def _within(cavity: Points, level: float, place: float) -> Points:
    """(2,) mm of a place between the septal and the lateral side of the cavity."""
    middle = len(cavity) // 2
    steps = middle * np.arccos(1 - level) / (np.pi / 2)
    septal, lateral = (
        np.array([np.interp(at, np.arange(len(cavity)), cavity[:, axis]) for axis in (0, 1)])
        for at in (middle - steps, middle + steps)
    )
    return np.asarray(septal + (place + 1) / 2 * (lateral - septal))


def repeated(source: Field, grid: PolarGrid, clutter: Clutter) -> Field:
    """(R, B, 2) with a fainter copy of itself further from the probe."""
    shift, level = clutter.repeat
    if not np.isfinite(level):
        return source
    rows = max(1, round(shift / grid.range_step))
    copy = np.zeros_like(source)
    copy[rows:] = source[:-rows]
    return np.asarray(source + np.float32(10 ** (level / 20)) * cv2.GaussianBlur(copy, (0, 0), 1.5), dtype=np.float32)
