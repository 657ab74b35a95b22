"""Evaluation: means by patient, absent structures, unsure pixels, distances in mm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from annotator.core.edits import Assign, PaintUnsure
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.engine.jobs import evaluating, models
from annotator.engine.jobs.evaluating import Score, evaluate, summarise
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.testing.sessions import SIDE, add_moving_square, outline_square


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


class Constant:
    """A model that always finds the same classes."""

    def __init__(self, classes: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
        self.classes = classes

    def predict(self, frame: object, spacing: object) -> Constant:
        return self


class Serving:
    """What ``serving_model`` returns."""

    snapshot = 7

    def __init__(self, classes: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
        self.predictor = Constant(classes)


@pytest.fixture
def square_model(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.zeros((SIDE, SIDE), dtype=np.uint8)
    classes[8:20, 8:20] = 1
    monkeypatch.setattr(evaluating, "serving_model", lambda project, weights: Serving(classes))


@pytest.mark.usefixtures("square_model")
def test_outlines_and_absences_are_compared_and_the_unknown_is_not(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    key = outline_square(project, clip)
    found = evaluate(project, Split.TEST, weights=None, progress=Silent())
    assert (found.frames, found.snapshot) == (1, 7)
    assert set(found.structures) == {"lv"}
    assert found.structures["lv"].dice == 1.0
    project.commit(key, [Assign("la", StructureLabel(LabelStatus.ABSENT))], author="t")
    assert set(evaluate(project, Split.TEST, weights=None, progress=Silent()).structures) == {"lv"}
    project.commit(FrameKey(clip, 1), [Assign("lv", StructureLabel(LabelStatus.ABSENT))], author="t")
    missed = evaluate(project, Split.TEST, weights=None, progress=Silent())
    assert missed.structures["lv"].dice == 0.5  # one frame agrees, and one has the structure where there is none


@pytest.mark.usefixtures("square_model")
def test_unsure_pixels_count_neither_way(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    key = outline_square(project, clip, top=12)
    before = evaluate(project, Split.TEST, weights=None, progress=Silent()).structures["lv"].dice
    unsure = np.zeros((SIDE, SIDE), dtype=np.bool_)
    unsure[8:12] = unsure[20:24] = True
    project.commit(key, [PaintUnsure(unsure)], author="t")
    after = evaluate(project, Split.TEST, weights=None, progress=Silent()).structures["lv"].dice
    assert before < after == 1.0


@pytest.mark.usefixtures("square_model")
def test_labels_of_other_splits_are_not_looked_at(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    with pytest.raises(ProjectError, match="split 'test'"):
        evaluate(project, Split.TEST, weights=None, progress=Silent())


def test_a_project_without_a_model_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    outline_square(project, add_moving_square(project, "one"))
    monkeypatch.setattr(models, "shipped_weights", lambda _: None)
    with pytest.raises(ProjectError, match="no model yet"):
        evaluate(project, Split.TRAIN, weights=None, progress=Silent())
