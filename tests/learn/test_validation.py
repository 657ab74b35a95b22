"""Validation counts only what a person decided, patient by patient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotator.core.identity import FrameKey
from annotator.core.protocols import LabelProtocol
from annotator.learn.dataset import TrainingFrame
from annotator.learn.validation import score, score_probabilities


def _frame(patient: str, bitmap: np.ndarray, *, frame: int = 0, domain: str = "default") -> TrainingFrame:
    image = np.zeros(bitmap.shape, dtype=np.uint8)
    return TrainingFrame(FrameKey(patient, frame), patient, domain, image, bitmap.astype(np.uint16))


def _disc(found: int, *, of: int = 4) -> tuple[np.ndarray, np.ndarray]:
    bitmap = np.full((4, 4), 0b1101)
    bitmap.flat[:of] = 0b0010
    predicted = np.zeros((4, 4), dtype=np.int64)
    predicted.flat[:found] = 1
    return bitmap, predicted


def test_means_run_over_patients_not_frames(protocol: LabelProtocol) -> None:
    good, right = _disc(4)
    bad, wrong = _disc(0)
    frames = [_frame("a", good, frame=i) for i in range(3)] + [_frame("b", bad)]
    result = score(frames, [right, right, right, wrong], protocol)
    assert result.dice == {"disc": pytest.approx(0.5)}
    assert result.loss == pytest.approx(0.5)
    assert (result.n_frames, result.n_patients) == (4, 2)
    assert result.patients_of == {"disc": 2}


def test_accepted_suggestions_measure_only_what_nobody_drew(protocol: LabelProtocol) -> None:
    good, right = _disc(4)
    bad, wrong = _disc(0)
    echo = replace(_frame("a", good), accepted=frozenset({"disc"}))
    alone = score([echo], [right], protocol)
    assert (alone.dice, alone.measured_on_accepted) == ({"disc": 1.0}, frozenset({"disc"}))
    with_own = score([echo, _frame("b", bad)], [right, wrong], protocol)
    assert (with_own.dice, with_own.measured_on_accepted, with_own.patients_of) == (
        {"disc": 0.0},
        frozenset(),
        {"disc": 1},
    )
    assert with_own.by_domain == {"default": {"disc": 0.0}}


def test_domains_stand_apart(protocol: LabelProtocol) -> None:
    good, right = _disc(4)
    bad, wrong = _disc(0)
    frames = [_frame("a", good, domain="one"), _frame("b", bad, domain="two")]
    result = score(frames, [right, wrong], protocol)
    assert result.by_domain == {"one": {"disc": 1.0}, "two": {"disc": 0.0}}


def test_undecided_pixels_do_not_count(protocol: LabelProtocol) -> None:
    bitmap, predicted = _disc(4)
    bitmap[3] = 0b1111
    predicted[3] = 1
    assert score([_frame("a", bitmap)], [predicted], protocol).dice["disc"] == 1.0


def test_a_structure_found_where_it_is_absent_costs(protocol: LabelProtocol) -> None:
    bitmap = np.full((4, 4), 0b1101)
    empty = np.zeros((4, 4), dtype=np.int64)
    claimed = empty.copy()
    claimed[0, 0] = 1
    assert score([_frame("a", bitmap)], [claimed], protocol).dice == {"disc": 0.0}
    assert score([_frame("a", bitmap)], [empty], protocol).dice == {}


def test_unknown_structures_are_not_scored(protocol: LabelProtocol, frames: list[TrainingFrame]) -> None:
    predicted = np.full((32, 32), 2)
    assert set(score([replace(frames[0])], [predicted], protocol).dice) == {"disc"}


def test_what_the_view_cannot_show_is_not_claimed(protocol: LabelProtocol) -> None:
    bitmap, _ = _disc(4)
    found = np.zeros((4, 4, 4), dtype=np.float32)
    found[1], found[2] = 0.4, 0.6
    frame = _frame("a", bitmap)
    assert score_probabilities([frame], [found], protocol).dice["disc"] == 0.0
    claimed = score_probabilities([replace(frame, possible=0b1011)], [found], protocol).dice["disc"]
    assert claimed == pytest.approx(2 * 4 / (4 + 16))
