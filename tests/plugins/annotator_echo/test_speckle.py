"""Speckle statistics on the polar grid, before compression."""

from __future__ import annotations

import numpy as np
import pytest

from annotator_echo.scanner import PolarGrid, compress
from annotator_echo.speckle import PointSpread, envelope, scatterers
from annotator_echo.vendors import VENDORS, Setting, Vendor, draw_setting


def scene(vendor: Vendor) -> tuple[Setting, PolarGrid, PointSpread]:
    setting = draw_setting(np.random.default_rng(2), vendor, 150.0)
    grid = PolarGrid.of(vendor, setting)
    return setting, grid, PointSpread.of(vendor, setting, grid)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda v: str(v.name))
def test_homogeneous_tissue_is_rayleigh_of_unit_power(vendor: Vendor) -> None:
    _, grid, spread = scene(vendor)
    rng = np.random.default_rng(5)
    fields = [envelope(spread.blur(scatterers(rng, (grid.ranges.size, grid.angles.size)))) for _ in range(4)]
    amplitude = np.stack(fields)[:, 10:-10, 10:-10]
    # A Rayleigh envelope has mean / standard deviation of sqrt(pi / (4 - pi)) = 1.913.
    assert amplitude.mean() / amplitude.std() == pytest.approx(1.913, rel=0.03)
    assert np.mean(amplitude**2) == pytest.approx(1.0, rel=0.06)
    for level in (0.5, 1.0, 1.5):
        assert np.mean(amplitude > level) == pytest.approx(np.exp(-(level**2)), abs=0.02)


def test_lateral_resolution_is_best_at_the_focus() -> None:
    _, grid, spread = scene(VENDORS[0])
    field = spread.blur(scatterers(np.random.default_rng(1), (grid.ranges.size, grid.angles.size)))
    neighbours = np.sum(field[:, 2:] * field[:, :-2], axis=(1, 2)) / np.sum(field**2, axis=(1, 2))
    focus = round(VENDORS[0].focus * grid.ranges.size)
    assert neighbours[focus - 20 : focus + 20].mean() < neighbours[:40].mean()
    assert neighbours[focus - 20 : focus + 20].mean() < neighbours[-40:].mean()


def test_compression_spans_the_dynamic_range() -> None:
    setting, _, _ = scene(VENDORS[0])
    top = 10 ** (-setting.gain_db / 20)
    bottom = top * 10 ** (-setting.dynamic_range_db / 20)
    levels = compress(np.array([[bottom / 2, bottom, np.sqrt(top * bottom), top, 2 * top]], np.float32), setting)
    np.testing.assert_allclose(levels[0], [0, 0, 0.5, 1, 1], atol=1e-5)
