"""Means by patient: every patient counts once, and what was not measured counts nowhere."""

from __future__ import annotations

import math

import pytest

from annotator.learn.patient_scores import Score, summarise


def score(patient: str, dice: float, hd95: float = math.nan, *, structure: str = "lv", domain: str = "a") -> Score:
    return Score(patient, domain, "a4c", structure, dice, hd95)


def test_a_patient_counts_once_however_many_frames() -> None:
    scores = [score("p", 1.0), score("p", 1.0), score("p", 1.0), score("q", 0.0)]
    found = summarise(scores, frames=4, snapshot=3).structures["lv"]
    assert (found.dice, found.patients) == (0.5, 2)
    assert found.ci95 == (0.0, 1.0)


def test_what_was_not_measured_lowers_nothing() -> None:
    scores = [score("p", 0.8, 2.0), score("p", math.nan), score("q", math.nan), score("r", 0.6, math.nan)]
    found = summarise(scores, frames=4, snapshot=None).structures["lv"]
    assert found.dice == pytest.approx(0.7)
    assert (found.patients, found.hd95_mm) == (2, 2.0)


def test_without_millimetres_there_is_no_distance() -> None:
    assert summarise([score("p", 0.5)], frames=1, snapshot=None).structures["lv"].hd95_mm is None


def test_nothing_measured_has_no_mean() -> None:
    found = summarise([score("p", math.nan)], frames=1, snapshot=None).as_json()
    assert (found["structures"], found["mean_dice"], found["by_domain"]) == ({}, None, {})


def test_the_mean_is_over_structures_and_domains_stand_apart() -> None:
    scores = [score("p", 0.9), score("q", 0.5, domain="b"), score("p", 0.1, structure="la")]
    found = summarise(scores, frames=2, snapshot=None)
    assert found.mean_dice == pytest.approx((0.7 + 0.1) / 2)
    assert found.by_domain["a"]["lv"].dice == 0.9
    assert set(found.by_domain["b"]) == {"lv"}
