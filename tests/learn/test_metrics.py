"""Metrics against hand-made masks and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.identity import Spacing
from annotator.learn.metrics import bootstrap_ci, by_patient, dice, hd95_mm


def _square(top: int, left: int, side: int = 10) -> np.ndarray:
    mask = np.zeros((40, 40), dtype=np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_dice_of_half_overlap() -> None:
    assert dice(_square(0, 0), _square(5, 0)) == pytest.approx(0.5)


@given(st.integers(0, 1000))
def test_dice_is_symmetric_and_one_only_for_equals(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.random((5, 5)) < 0.5 for _ in range(2))
    if a.any() or b.any():
        assert dice(a, b) == dice(b, a)
        assert (dice(a, b) == 1.0) == bool((a == b).all())


def test_nothing_on_both_sides_is_no_measurement() -> None:
    empty = np.zeros((4, 4), dtype=np.bool_)
    assert math.isnan(dice(empty, empty))
    assert math.isnan(hd95_mm(empty, empty, Spacing(1, 1)))
    assert dice(empty, ~empty) == 0.0


@pytest.mark.parametrize(("shift", "expected"), [((4, 0), 4 * 0.15), ((0, 4), 4 * 0.3)])
def test_distance_is_in_millimetres_along_each_axis(shift: tuple[int, int], expected: float) -> None:
    moved = _square(10 + shift[0], 10 + shift[1])
    assert hd95_mm(_square(10, 10), moved, Spacing(0.15, 0.3)) == pytest.approx(expected)
    assert hd95_mm(_square(10, 10), _square(10, 10), Spacing(0.15, 0.3)) == 0.0


def test_a_far_speck_does_not_rule_the_distance() -> None:
    specked = _square(10, 10)
    specked[39, 39] = True
    assert hd95_mm(_square(10, 10), specked, Spacing(1, 1)) < 2.0


def test_patient_means_leave_out_what_was_not_measured() -> None:
    means = by_patient({"a": [1.0, 0.0], "b": [float("nan")], "c": [0.25, float("nan")]})
    assert means.tolist() == [0.5, 0.25]


def test_interval_covers_the_mean_and_narrows() -> None:
    few = np.random.default_rng(0).normal(0.8, 0.1, 10)
    many = np.random.default_rng(0).normal(0.8, 0.1, 200)
    for values in (few, many):
        low, high = bootstrap_ci(values)
        assert low < values.mean() < high
        assert (low, high) == bootstrap_ci(values)
    assert np.ptp(bootstrap_ci(many)) < np.ptp(bootstrap_ci(few))
    assert math.isnan(bootstrap_ci(np.array([]))[0])
