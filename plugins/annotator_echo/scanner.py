"""Beams and pixels: the polar grid that echoes are formed on, log compression and scan conversion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import Mask
from annotator_echo.outlines import Points
from annotator_echo.vendors import Setting, Vendor

Map = NDArray[np.float32]
"""(R, B) float32 over range and beam, or (H, W) over rows and columns."""

N_RANGES, N_BEAMS = 384, 176
_SHIFT = 4


@dataclass(frozen=True, slots=True, eq=False)
class PolarGrid:
    """Samples along ``N_BEAMS`` beams.

    Parameters
    ----------
    ranges
        (R,) mm from the virtual apex.
    angles
        (B,) radians, positive towards image right.
    x, z
        (R, B) position of each sample, mm.
    """

    ranges: NDArray[np.float32]
    angles: NDArray[np.float32]
    x: Map
    z: Map

    @classmethod
    def of(cls, vendor: Vendor, setting: Setting) -> PolarGrid:
        """The grid of a scanner at one setting."""
        ranges = np.linspace(vendor.face_mm, setting.depth_mm, N_RANGES, dtype=np.float32)
        angles = np.linspace(-setting.half_angle, setting.half_angle, N_BEAMS, dtype=np.float32)
        return cls(ranges, angles, ranges[:, None] * np.sin(angles), ranges[:, None] * np.cos(angles))

    @property
    def range_step(self) -> float:
        """Millimetres between two samples of a beam."""
        return float(self.ranges[1] - self.ranges[0])

    @property
    def angle_step(self) -> float:
        """Radians between two beams."""
        return float(self.angles[1] - self.angles[0])

    def columns_rows(self, x: NDArray[np.floating], z: NDArray[np.floating]) -> tuple[Map, Map]:
        """Fractional (beam, sample) indices of positions in mm, float32."""
        beams = (np.arctan2(x, z) - self.angles[0]) / self.angle_step
        samples = (np.hypot(x, z) - self.ranges[0]) / self.range_step
        return beams.astype(np.float32), samples.astype(np.float32)

    def _pixels(self, points: Points) -> NDArray[np.int32]:
        return fixed_point(np.stack(self.columns_rows(points[:, 0], points[:, 1]), axis=-1))

    def fill(self, image: Map, points: Points, value: float) -> None:
        """Fill a closed outline in mm with a value."""
        cv2.fillPoly(image, [self._pixels(points)], value, 8, _SHIFT)

    def stroke(self, image: Map, points: Points, value: float, thickness_mm: float) -> None:
        """Draw an open line; stretches that run along the beam return less than those across it."""
        pixels = self._pixels(points)
        step, middle = np.diff(points, axis=0), (points[1:] + points[:-1]) / 2
        across = np.abs(step[:, 0] * middle[:, 1] - step[:, 1] * middle[:, 0])
        facing = across / np.maximum(np.hypot(*step.T) * np.hypot(*middle.T), 1e-9)
        width = max(1, round(thickness_mm / self.range_step))
        for one, two, angle in zip(pixels[:-1], pixels[1:], facing, strict=True):
            level = value * (0.3 + 0.7 * float(angle))
            cv2.line(image, one.tolist(), two.tolist(), level, width, 8, _SHIFT)


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """Where the sector lies in the frame.

    Parameters
    ----------
    shape
        (H, W) pixels.
    mm_per_px
        The same in both directions.
    origin
        (column, row) of the virtual apex.
    columns, rows
        (H, W) float32 indices into the polar grid.
    sector
        (H, W) bool, pixels that show echoes.
    """

    shape: tuple[int, int]
    mm_per_px: float
    origin: tuple[float, float]
    columns: Map
    rows: Map
    sector: Mask

    @classmethod
    def of(cls, vendor: Vendor, setting: Setting, grid: PolarGrid) -> Screen:
        """The screen of a scanner, filled by the sector as far as its margins allow."""
        (height, width), (top, bottom) = vendor.shape, vendor.margins
        tall = setting.depth_mm / (height - top - bottom)
        wide = 2 * setting.depth_mm * np.sin(setting.half_angle) / (width - 8)
        mm = round(float(max(tall, wide)), 4)
        origin = ((width - 1) / 2, float(top))
        x = (np.arange(width, dtype=np.float32)[None] - origin[0]) * mm + np.zeros((height, 1), np.float32)
        z = (np.arange(height, dtype=np.float32)[:, None] - origin[1]) * mm + np.zeros((1, width), np.float32)
        columns, rows = grid.columns_rows(x, z)
        inside = (columns >= 0) & (columns <= N_BEAMS - 1) & (rows >= 0) & (rows <= N_RANGES - 1)
        return cls((height, width), mm, origin, columns, rows, inside)

    def convert(self, polar: Map) -> Map:
        """(R, B) to (H, W) float32, zero outside the sector."""
        image = cv2.remap(polar, self.columns, self.rows, cv2.INTER_LINEAR)
        return np.where(self.sector, image, np.float32(0)).astype(np.float32)

    def paint(self, image: NDArray[np.uint8], points: Points, value: int) -> None:
        """Fill a closed outline in mm on an indexed (H, W) uint8 image."""
        pixels = points / self.mm_per_px + np.array(self.origin)
        cv2.fillPoly(image, [fixed_point(pixels)], value, 8, _SHIFT)


def fixed_point(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """(N, 2) pixels as OpenCV's fixed point with four fractional bits, kept within its range."""
    return np.asarray(np.round(np.clip(points, -4000, 4000) * (1 << _SHIFT)), dtype=np.int32)


def compress(envelope: Map, setting: Setting) -> Map:
    """Log compression to 0..1: ``dynamic_range_db`` below 0 dB is black.

    Parameters
    ----------
    envelope
        Echo amplitude; 1 is 0 dB before the gain.
    """
    level = 20 * np.log10(np.maximum(envelope, 1e-6)) + setting.gain_db
    return np.clip(1 + level / setting.dynamic_range_db, 0, 1).astype(np.float32)


def grey(compressed: Map, vendor: Vendor) -> Map:
    """The vendor's grey curve on 0..1: a power, bent into an S by its shoulder."""
    power = compressed**vendor.gamma
    curve = power * power * (3 - 2 * power)
    return np.asarray(power + vendor.shoulder * (curve - power), dtype=np.float32)


def shown_on_screen(image: Map, vendor: Vendor) -> Map:
    """(H, W) float32 after what the vendor does to the converted image: smoothing, despeckling, sharpening."""
    smooth = cv2.GaussianBlur(image, (0, 0), vendor.smoothing)
    if vendor.is_despeckled:
        smooth = cv2.bilateralFilter(smooth, 5, 0.15, 2.0)
    if vendor.sharpening:
        smooth = smooth + np.float32(vendor.sharpening) * (smooth - cv2.GaussianBlur(smooth, (0, 0), 2.5))
    return np.asarray(smooth, dtype=np.float32)
