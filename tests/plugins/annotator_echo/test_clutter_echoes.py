"""What a window adds: where the echoes lie, and how strong they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotator_echo.anatomy import draw_heart
from annotator_echo.clutter import NO_CLUTTER, Clutter, Reflector, Strand, Tail
from annotator_echo.clutter_echoes import add_reflectors, add_strands, add_tails, repeated
from annotator_echo.outlines import Outlines, outline
from annotator_echo.rhythm import Beat
from annotator_echo.scanner import PolarGrid
from annotator_echo.varied import varied_heart
from annotator_echo.vendors import VENDORS, draw_setting

GRID = PolarGrid.of(VENDORS[0], draw_setting(np.random.default_rng(0), VENDORS[0], 160.0))
SHAPE = (GRID.ranges.size, GRID.angles.size)


def hearts(seed: int, *, contraction: float = 0.0) -> Outlines:
    rng = np.random.default_rng(seed)
    return outline(varied_heart(draw_heart(rng), rng), Beat(0.0, contraction, 0.0))


def test_a_clean_window_adds_nothing() -> None:
    tissue = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    before = tissue.copy()
    outlines = hearts(0)
    add_reflectors(tissue, GRID, NO_CLUTTER)
    add_tails(tissue, GRID, outlines.hinges, NO_CLUTTER)
    add_strands(tissue, GRID, outlines, NO_CLUTTER)
    assert np.array_equal(tissue, before)
    field = np.stack([before, before], axis=-1)
    assert repeated(field, GRID, NO_CLUTTER) is field


def test_a_comet_tail_fades_along_the_beam_and_is_not_before_its_hinge() -> None:
    tissue = np.zeros(SHAPE, np.float32)
    hinge = np.array([[20.0, 90.0]])
    add_tails(tissue, GRID, hinge, Clutter(tails=(Tail(0.0, (4.0, 3.0), -10.0, 15.0),)))
    beam = int(np.argmin(np.abs(GRID.angles - np.arctan2(20.0, 90.0))))
    depth = float(np.hypot(20.0, 90.0))
    level = 20 * np.log10(np.maximum(np.interp(depth + np.array([0, 15, 30]), GRID.ranges, tissue[:, beam]), 1e-9))
    # 8.7 dB are one e-folding: the streak falls by that much over its length.
    assert level[1] == pytest.approx(-10 - 8.686, abs=0.5)
    assert level[2] == pytest.approx(-10 - 2 * 8.686, abs=0.5)
    assert level[0] > level[1] + 8
    assert tissue[GRID.ranges < depth - 6].max() < 0.01
    assert tissue[:, np.abs(GRID.angles - GRID.angles[beam]) * depth > 8].max() < 0.01


def test_a_reverberation_lies_where_it_should_and_as_far_below() -> None:
    field = np.zeros((*SHAPE, 2), np.float32)
    field[100:104, 60:90] = 1.0
    twice = repeated(field, GRID, Clutter(repeat=(30.0, -20.0)))
    added = (twice - field)[..., 0]
    rows = np.flatnonzero(added[:, 75] > 0.5 * added[:, 75].max())
    assert GRID.ranges[rows].mean() - GRID.ranges[100:104].mean() == pytest.approx(30.0, abs=GRID.range_step)
    assert added[:, 75].sum() == pytest.approx(0.1 * field[:, 75, 0].sum(), rel=0.02)


def test_lung_takes_what_lies_beyond_it_and_reflectors_only_add() -> None:
    tissue = np.ones(SHAPE, np.float32)
    bright = Reflector(100.0, 0.0, 0.2, 0.0, 6.0, 12.0)
    add_reflectors(tissue, GRID, Clutter(reflectors=(bright,), lung=(120.0, 20.0)))
    assert tissue.max() == pytest.approx(10 ** (12 / 20), rel=0.02)
    assert np.allclose(tissue[GRID.ranges < 90], 1.0)
    assert np.allclose(tissue[GRID.ranges > 131], 0.1, atol=1e-3)


@pytest.mark.parametrize("contraction", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_strands_stay_in_the_cavity_throughout_the_beat(seed: int, contraction: float) -> None:
    outlines = hearts(seed, contraction=contraction)
    clutter = Clutter(strands=(Strand(((0.3, -0.7), (0.9, 0.7)), 1.0, 0.0), Strand(((0.6, 0.5), (0.6, 0.5)), 1.0, 0.0)))
    drawn, cavity = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    add_strands(drawn, GRID, outlines, clutter)
    GRID.fill(cavity, outlines.chambers["lv"], 1.0)
    assert drawn.any()
    assert (cavity[drawn > 0] > 0).mean() > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_the_wall_reaches_into_its_grooves_and_its_rim_lies_within_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heart = replace(varied_heart(draw_heart(rng), rng), tilt=0.0)
    outlines = outline(heart, Beat(0.0, 0.0, 0.0))
    septal, lateral = outlines.hinges[0], outlines.hinges[1]
    ends = outlines.outer[1], outlines.outer[-2]
    assert [end[1] - hinge[1] for end, hinge in zip(ends, (septal, lateral), strict=True)] == pytest.approx(
        list(heart.grooves), abs=1e-6
    )
    whole, seen = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    GRID.fill(whole, outlines.outer, 1.0)
    GRID.fill(seen, outlines.bright, 1.0)
    assert whole[seen > 0].mean() > 0.99
    assert seen.sum() < whole.sum()
