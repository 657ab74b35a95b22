"""Evaluation: absent structures, unsure pixels, other splits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotator.cli.learning import _lines
from annotator.core.edits import Assign, PaintUnsure
from annotator.core.errors import CorruptProject, ProjectError
from annotator.core.identity import FrameKey, Spacing, SpacingStatus, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus, Origin
from annotator.engine.jobs import evaluating, models
from annotator.engine.jobs.evaluating import evaluate
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.testing.sessions import SIDE, add_moving_square, outline_square


class Constant:
    """A model that always finds the same classes."""

    def __init__(self, classes: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
        self.classes = classes

    def predict(self, frame: object, spacing: object, view: object) -> Constant:
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


@pytest.mark.usefixtures("square_model")
def test_frames_with_scribbles_alone_are_not_counted(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    inside = np.zeros((SIDE, SIDE), dtype=np.bool_)
    inside[10, 10] = True
    scribbled = StructureLabel(LabelStatus.PARTIAL, inside)
    project.commit(FrameKey(clip, 1), [Assign("lv", scribbled)], author="t")
    with pytest.raises(ProjectError, match="no clip of the split 'test' has an outline or absence"):
        evaluate(project, Split.TEST, weights=None, progress=Silent())
    outline_square(project, clip)
    assert evaluate(project, Split.TEST, weights=None, progress=Silent()).frames == 1


def test_a_project_without_a_model_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    outline_square(project, add_moving_square(project, "one"))
    monkeypatch.setattr(models, "shipped_weights", lambda _: None)
    with pytest.raises(ProjectError, match="no model yet"):
        evaluate(project, Split.TRAIN, weights=None, progress=Silent())


@pytest.mark.usefixtures("square_model")
def test_frames_that_the_distance_leaves_out_are_counted(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    header = replace(project.clip(clip).header, spacing=Spacing(0.5, 0.5), spacing_status=SpacingStatus.TRUSTED)
    project.update_clip(clip, header, author="t")
    outline_square(project, clip)
    missed = outline_square(project, clip, 1, structure="la")
    project.commit(missed, [Assign("lv", StructureLabel(LabelStatus.ABSENT))], author="t")
    found = evaluate(project, Split.TEST, weights=None, progress=Silent())
    lv, la = found.structures["lv"], found.structures["la"]
    assert (lv.hd95_mm, lv.hd95_missing) == (0.0, 1)
    assert (la.hd95_mm, la.hd95_missing) == (None, 1)
    assert found.as_json()["structures"]["la"]["hd95_missing"] == 1


@pytest.mark.usefixtures("square_model")
def test_patients_whose_pixel_size_is_not_known_are_not_counted_as_measured_in_mm(project: Project) -> None:
    for name in ("one", "two", "three"):
        clip = add_moving_square(project, name, split=Split.TEST)
        outline_square(project, clip)
    header = replace(project.clip(clip).header, spacing=Spacing(0.5, 0.5), spacing_status=SpacingStatus.TRUSTED)
    project.update_clip(clip, header, author="t")
    found = evaluate(project, Split.TEST, weights=None, progress=Silent())
    assert (found.structures["lv"].hd95_patients, found.structures["lv"].patients) == (1, 3)
    assert found.as_json()["structures"]["lv"]["hd95_patients"] == 1
    lines = _lines(found, Split.TEST, "a model")
    assert "HD95 is that of fewer patients, since some have no pixel size or no distance: lv 1 of 3." in lines


@pytest.mark.usefixtures("square_model")
def test_labels_that_began_as_suggestions_are_counted(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    key = outline_square(project, clip)
    other = FrameKey(clip, 1)
    project.commit(other, [Assign("lv", project.label(key)["lv"])], author="t", origin=Origin.ACCEPTED)
    found = evaluate(project, Split.TEST, weights=None, progress=Silent())
    assert (found.labels, found.labels_from_suggestions) == (2, 1)


@pytest.mark.usefixtures("square_model")
def test_damaged_frames_are_left_out_and_named_where_that_is_meant(project: Project) -> None:
    """As ``predict`` leaves them out: one clip of a test set need not keep all figures back."""
    one, two = (add_moving_square(project, name, split=Split.TEST) for name in ("one", "two"))
    outline_square(project, one)
    outline_square(project, two, top=12)
    (project.path / "clips" / f"{project.clip(two).content_hash}.h5").unlink()
    project.close()
    with Project.open(project.path) as opened:
        with pytest.raises(CorruptProject, match="Clip 'two'"):
            evaluate(opened, Split.TEST, weights=None, progress=Silent())
        found = evaluate(opened, Split.TEST, weights=None, progress=Silent(), skip_damaged=True)
        assert (found.frames, found.structures["lv"].dice, found.structures["lv"].patients) == (1, 1.0, 1)
        (sentence,) = found.as_json()["passed_over"]
        assert sentence.startswith("Left out 1 frame. Clip 'two': ")
        opened.remove_patient(opened.clip(one).header.patient)
        with pytest.raises(CorruptProject, match="Clip 'two'"):
            evaluate(opened, Split.TEST, weights=None, progress=Silent(), skip_damaged=True)
