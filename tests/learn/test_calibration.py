"""Calibration: a known overconfidence is found and undone, and no ranking changes within a structure."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from annotator.core.identity import FrameKey
from annotator.core.protocols import LabelProtocol
from annotator.learn import calibration, metrics
from annotator.learn.dataset import TrainingFrame


def _overconfident(temperature: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    z = random.normal(-1, 2, count)
    truth = random.random(count) < expit(z)
    return expit(z * temperature), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_finds_the_temperature_and_lowers_the_error(temperature: float) -> None:
    p, truth = _overconfident(temperature)
    found = calibration.fit_temperature(p, truth)
    assert found == pytest.approx(temperature, rel=0.05)
    q = calibration.tempered(p, found)
    error = metrics.expected_calibration_error(metrics.reliability(q, truth))
    assert error < 0.012
    assert error <= metrics.expected_calibration_error(metrics.reliability(p, truth)) + 1e-3
    assert metrics.brier(q, truth) <= metrics.brier(p, truth) + 1e-6


def test_truth_that_is_all_alike_asks_for_nothing() -> None:
    assert calibration.fit_temperature(np.array([0.2, 0.9]), np.array([True, True])) == 1.0


def test_ranking_stays() -> None:
    p, _ = _overconfident(1.0, 100)
    assert np.array_equal(np.argsort(calibration.tempered(p, 3.0)), np.argsort(p))


def test_reliability_of_bins() -> None:
    found = metrics.reliability(np.array([0.1, 0.1, 0.9, 1.0]), np.array([False, True, True, True]), bins=2)
    assert found.count.tolist() == [2, 2]
    assert found.confidence.tolist() == pytest.approx([0.1, 0.95])
    assert found.frequency.tolist() == pytest.approx([0.5, 1.0])
    assert metrics.expected_calibration_error(found) == pytest.approx((0.4 + 0.05) / 2)


def test_nothing_measured_is_nan() -> None:
    empty, none = np.zeros(0), np.zeros(0, dtype=bool)
    assert np.isnan(metrics.expected_calibration_error(metrics.reliability(empty, none)))
    assert np.isnan(metrics.brier(empty, none))


def _probabilities() -> np.ndarray:
    z = np.random.default_rng(0).normal(size=(2, 4, 6, 6))
    z[:, 3] = -np.inf
    p = np.exp(z)
    return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float32)


def test_applied_temperatures_keep_a_distribution_and_the_impossible() -> None:
    p = _probabilities()
    q = calibration.apply_temperatures(p, {1: 2.0, 3: 3.0})
    np.testing.assert_allclose(q.sum(axis=1), 1.0, atol=1e-5)
    assert not q[:, 3].any()
    np.testing.assert_allclose(calibration.apply_temperatures(p, {1: 1.0, 2: 1.0}), p, atol=1e-5)
    assert calibration.apply_temperatures(p, {}).dtype == np.float32


def test_measured_on_decided_pixels_and_told_as_plain_data(protocol: LabelProtocol) -> None:
    bitmap = np.full((6, 6), 0b1101, dtype=np.uint16)
    bitmap[:2] = 0b0010
    bitmap[5] = 0b1111
    image = np.zeros((6, 6), dtype=np.uint8)
    frames = [TrainingFrame(FrameKey("c", i), "p", "d", image, bitmap) for i in range(2)]
    found = calibration.calibrate(frames, _probabilities(), protocol)
    assert set(found.structures) == {"disc"}
    assert found.structures["disc"].before.count.sum() == 2 * 30
    assert not found.is_confirmed, "one patient alone confirms nothing"
    facts = found.structures["disc"].as_facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["brier_after"] <= facts["brier_before"] + 1e-6


def _patient(name: str, seed: int, *, too_sure: float, shows: int = 1) -> tuple[TrainingFrame, np.ndarray]:
    """A frame of 64 x 64 whose structure is there with probability p, and what an overconfident model says of it."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 2, (64, 64))
    bitmap = np.where(random.random((64, 64)) < expit(z), 1 << shows, 0b1111 & ~(1 << shows)).astype(np.uint16)
    said = np.zeros((4, 64, 64), dtype=np.float32)
    said[shows] = expit(too_sure * z)
    said[0] = 1 - said[shows]
    return TrainingFrame(FrameKey(name, 0), name, "d", np.zeros((64, 64), dtype=np.uint8), bitmap), said


def test_what_a_temperature_brings_is_measured_on_other_patients(protocol: LabelProtocol) -> None:
    def found(*too_sure: float) -> calibration.Calibration:
        made = [_patient(f"p{i}", i, too_sure=by) for i, by in enumerate(too_sure)]
        return calibration.calibrate([f for f, _ in made], np.stack([p for _, p in made]), protocol)

    alike = found(2.5, 2.5)
    facts = alike.structures["disc"].as_facts()
    assert facts["error_after"] < facts["error_before"] / 3
    assert alike.is_confirmed
    # One patient's overconfidence is the other's opposite: what one half teaches harms the other.
    assert not found(3.0, 0.33).is_confirmed
    assert not found(3.0).is_confirmed


@pytest.mark.parametrize("shown", [(1, 2, 1, 2), (1, 1, 2, 2), (2, 1, 1, 2)])
def test_patients_who_each_show_another_structure_confirm_it_in_pairs(
    protocol: LabelProtocol, shown: tuple[int, ...]
) -> None:
    made = [_patient(f"p{i}", i, too_sure=2.5, shows=c) for i, c in enumerate(shown)]
    found = calibration.calibrate([f for f, _ in made], np.stack([p for _, p in made]), protocol)
    assert found.is_confirmed
    assert len(found.structures) == 2
    for facts in (of.as_facts() for of in found.structures.values()):
        assert facts["error_after"] < facts["error_before"] / 3


def test_a_structure_that_one_patient_alone_shows_keeps_its_confidence_beside_a_confirmed_one(
    protocol: LabelProtocol,
) -> None:
    shown = (1, 2, 1)
    made = [_patient(f"p{i}", i, too_sure=2.5, shows=c) for i, c in enumerate(shown)]
    found = calibration.calibrate([f for f, _ in made], np.stack([p for _, p in made]), protocol)
    assert found.is_confirmed
    sure, alone = (found.structures[protocol.ids[c - 1]] for c in (1, 2))
    assert sure.temperature > 2
    assert alone.temperature == 1.0
    assert alone.as_facts()["error_after"] == pytest.approx(alone.as_facts()["error_before"])


def test_two_patients_of_whom_each_shows_another_structure_confirm_nothing(protocol: LabelProtocol) -> None:
    made = [_patient(f"p{i}", i, too_sure=2.5, shows=c) for i, c in enumerate((1, 2))]
    found = calibration.calibrate([f for f, _ in made], np.stack([p for _, p in made]), protocol)
    assert not found.is_cross_fitted
    assert not found.is_confirmed


def test_what_a_view_cannot_show_has_no_share_in_what_is_measured(protocol: LabelProtocol) -> None:
    made = [_patient(f"p{i}", i, too_sure=2.5) for i in range(2)]
    # A class that the view cannot show takes half of what the network gives to background.
    raw = np.stack([said for _, said in made])
    raw[:, 3] = raw[:, 0] / 2
    raw[:, 0] -= raw[:, 3]
    frames = [replace(frame, possible=0b0011) for frame, _ in made]
    shown = raw[:, :2] / raw[:, :2].sum(axis=1, keepdims=True)
    found = calibration.calibrate(frames, raw, protocol).structures["disc"].before
    truth = np.stack([frame.bitmap == 0b0010 for frame in frames])
    expected = metrics.reliability(shown[:, 1].ravel(), truth.ravel())
    np.testing.assert_array_equal(found.count, expected.count)
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)


def test_an_accepted_suggestion_confirms_itself_only_where_nobody_drew(protocol: LabelProtocol) -> None:
    (drawn, said), (other, more) = (_patient(name, seed, too_sure=2.5) for seed, name in enumerate(("p0", "p2")))
    sure = more.argmax(axis=0) == 1
    accepted = replace(other, bitmap=np.where(sure, 0b0010, 0b1101).astype(np.uint16), accepted=frozenset({"disc"}))

    def facts(*made: tuple[TrainingFrame, np.ndarray]) -> dict[str, object]:
        found = calibration.calibrate([f for f, _ in made], np.stack([p for _, p in made]), protocol)
        return found.structures["disc"].as_facts()

    alone = facts((accepted, more))
    assert alone["error_before"] != facts((other, more))["error_before"], "nothing else measures it"
    beside, own = facts((drawn, said), (accepted, more)), facts((drawn, said))
    for name in ("temperature", "error_before", "before"):
        assert beside[name] == own[name]
