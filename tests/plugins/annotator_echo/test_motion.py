"""Tissue is followed back to where it was at end-diastole."""

from __future__ import annotations

import numpy as np

from annotator_echo.anatomy import LATERAL, SEPTAL, Ventricle, draw_heart
from annotator_echo.motion import Material, material_at
from annotator_echo.outlines import outline, pose_at
from annotator_echo.rhythm import Beat
from annotator_echo.scanner import Map, PolarGrid
from annotator_echo.vendors import VENDORS, draw_setting

REST = Beat(0.0, 0.0, 0.0)
SYSTOLE = Beat(0.37, 1.0, 0.0)
HEART = draw_heart(np.random.default_rng(4))
GRID = PolarGrid.of(VENDORS[0], draw_setting(np.random.default_rng(2), VENDORS[0], 150.0))


def material(beat: Beat) -> Material:
    return material_at(GRID, HEART, beat.contraction, (pose_at(HEART, beat), pose_at(HEART, REST)))


def filled(beat: Beat, name: str) -> Map:
    image: Map = np.zeros(GRID.x.shape, dtype=np.float32)
    outlines = outline(HEART, beat)
    GRID.fill(image, outlines.outer if name == "epicardium" else outlines.chambers[name], 1.0)
    return image


def test_resting_tissue_has_not_moved() -> None:
    found = material(REST)
    rows, columns = np.indices(GRID.x.shape, dtype=np.float32)
    near = GRID.ranges[:, None] > 20
    shift = np.hypot(found.columns - columns, found.rows - rows)
    assert np.median(shift[np.broadcast_to(near, shift.shape)]) < 0.5


def test_systolic_wall_was_wall() -> None:
    found = material(SYSTOLE)
    inner, outer = filled(SYSTOLE, "lv") > 0, filled(SYSTOLE, "epicardium") > 0
    was_wall = (filled(REST, "epicardium") > 0) & ~(filled(REST, "lv") > 0)
    rows = np.clip(np.round(found.rows), 0, was_wall.shape[0] - 1).astype(int)
    columns = np.clip(np.round(found.columns), 0, was_wall.shape[1] - 1).astype(int)
    assert was_wall[rows, columns][outer & ~inner].mean() > 0.9


def test_contraction_narrows_shortens_and_thickens() -> None:
    rest, systole = Ventricle(HEART, 0.0), Ventricle(HEART, 1.0)
    for side in (SEPTAL, LATERAL):
        middle, middle_es = (np.array([0.5 * v.lengths[side]]) for v in (rest, systole))
        assert systole.lengths[side] < rest.lengths[side]
        assert systole.half_width(middle_es, side) < rest.half_width(middle, side)
        wall = rest.outer_half_width(middle, side) - rest.half_width(middle, side)
        assert systole.outer_half_width(middle_es, side) - systole.half_width(middle_es, side) > wall
