"""Acquisition scores: sure gives 0, a coin's toss gives 1, and only the structure in question counts."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.learn.acquisition import temporal_inconsistency, uncertainty

IDS = ("disc", "bar")


def _probabilities(disc: float, *, column: int = 8) -> np.ndarray:
    """A disc of the given probability, on sure background."""
    y, x = np.mgrid[:32, :32]
    p = np.zeros((3, 32, 32), dtype=np.float32)
    p[1] = np.where((y - 16) ** 2 + (x - column) ** 2 < 36, disc, 0.0)
    p[0] = 1.0 - p[1]
    return p


def test_sure_is_zero_and_unsure_is_not() -> None:
    assert uncertainty(_probabilities(1.0), IDS) == pytest.approx({"disc": 0.0, "bar": 0.0}, abs=1e-4)
    blurred = uncertainty(_probabilities(0.6), IDS)
    assert blurred["disc"] > 0.3
    assert blurred["bar"] == pytest.approx(0.0, abs=1e-4)


def test_less_sure_scores_higher() -> None:
    scores = [uncertainty(_probabilities(p), IDS)["disc"] for p in (0.99, 0.8, 0.55)]
    assert scores == sorted(scores)


def test_a_structure_that_may_be_there_is_unsure() -> None:
    assert uncertainty(_probabilities(0.45), IDS)["disc"] > 0.9


def test_a_jump_scores_higher_than_a_drift() -> None:
    start = _probabilities(1.0)
    still, drift, jump = (
        temporal_inconsistency(start, _probabilities(1.0, column=c), IDS)["disc"] for c in (8, 10, 24)
    )
    assert still == pytest.approx(0.0, abs=1e-6)
    assert still < drift < jump
    assert jump == pytest.approx(1.0)


def test_appearing_is_a_jump_and_nothing_is_none() -> None:
    scores = temporal_inconsistency(_probabilities(0.0), _probabilities(1.0), IDS)
    assert scores == pytest.approx({"disc": 1.0, "bar": 0.0})
