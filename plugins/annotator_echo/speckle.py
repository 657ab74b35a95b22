"""Fully developed speckle: circular complex Gaussian scatterers behind a point-spread function.

The envelope of a homogeneous region is Rayleigh distributed (J. W. Goodman, "Speckle Phenomena in
Optics", 2007; R. F. Wagner et al., "Statistics of Speckle in Ultrasound B-Scans", IEEE Trans. Sonics
Ultrason. 30:156-163, 1983). The point-spread function is narrowest at the focus and, on the polar grid,
has a constant angular width, so speckle widens with depth as it does on a sector scanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator_echo.scanner import Map, PolarGrid
from annotator_echo.vendors import Setting, Vendor

Field = NDArray[np.float32]
"""(R, B, 2) real and imaginary part."""

_BAND = 0.7
"""Blur of the scatterers before they are moved, in samples: interpolating white noise would change its power."""


def scatterers(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """(R, B, 2) circular complex Gaussian noise of unit power, smooth enough to be interpolated."""
    noise = rng.standard_normal((*shape, 2), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), _BAND)
    return np.asarray(smooth / np.sqrt(np.mean(np.sum(smooth**2, axis=-1))), dtype=np.float32)


def texture(rng: np.random.Generator, shape: tuple[int, int]) -> Map:
    """(R, B) slowly varying echogenicity around 1, a sum of three octaves of log-normal noise."""
    total = np.zeros(shape, dtype=np.float32)
    for cells, weight in (((7, 5), 0.42), ((22, 12), 0.36), ((70, 30), 0.3)):
        coarse = rng.standard_normal(cells, dtype=np.float32)
        total += weight * cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.exp(total), dtype=np.float32)


def envelope(field: Field) -> Map:
    """(R, B) amplitude of a complex field."""
    return np.asarray(np.hypot(field[..., 0], field[..., 1]), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PointSpread:
    """The imaging system as two blurs, mixed by distance from the focus.

    Parameters
    ----------
    axial, near, wide
        Standard deviations in samples and beams: along the beam, across it at the focus, and off it.
    mix
        (R, 1, 1) share of the wide blur at each range.
    scale
        (R, 1, 1) factor that gives unit power to unit scatterers at each range.
    """

    axial: float
    near: float
    wide: float
    mix: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, vendor: Vendor, setting: Setting, grid: PolarGrid) -> PointSpread:
        """The point-spread function of a scanner, calibrated on a fixed noise field."""
        axial = max(0.5, vendor.axial_mm / grid.range_step)
        near = max(0.6, float(np.deg2rad(vendor.lateral_deg)) / grid.angle_step)
        focus = vendor.focus * setting.depth_mm
        off = np.where(grid.ranges < focus, (focus - grid.ranges) / focus, (grid.ranges - focus) / (2 * focus))
        mix = np.clip(off, 0, 1).astype(np.float32)[:, None, None]
        plain = cls(axial, near, 2.2 * near, mix, np.ones_like(mix))
        probe = plain.blur(scatterers(np.random.default_rng(0), (grid.ranges.size, grid.angles.size)))
        power = np.mean(np.sum(probe**2, axis=-1), axis=1)
        smooth = cv2.GaussianBlur(power[:, None], (0, 0), 12)[:, 0]
        return cls(axial, near, 2.2 * near, mix, (1 / np.sqrt(smooth)).astype(np.float32)[:, None, None])

    def blur(self, field: Field) -> Field:
        """Apply to a field of scatterers times reflectivity, (R, B, 2) float32."""
        sharp = cv2.GaussianBlur(field, (0, 0), sigmaX=self.near, sigmaY=self.axial)
        wide = cv2.GaussianBlur(field, (0, 0), sigmaX=self.wide, sigmaY=self.axial)
        return np.asarray((sharp + self.mix * (wide - sharp)) * self.scale, dtype=np.float32)
