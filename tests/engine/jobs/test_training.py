"""The training budget, and what a run leaves behind."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from annotator.core.edits import PaintUnsure
from annotator.core.errors import BadInput, ReadOnlyProject, TrainingFailed
from annotator.core.identity import Split
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.training import TrainBudget, TrainOptions, train
from annotator.project import HELD_FACT, Project
from annotator.testing.sessions import PAIR, SIDE, add_moving_square, outline_square

TINY = TrainOptions(overrides={"data.image_size": "32", "network.options.width": "8"}, device="cpu", seed=3)


class Heard:
    """Progress that notes what it is told, each sentence once."""

    def __init__(self) -> None:
        self.sentences: dict[str, None] = {}

    def update(self, done: int, total: int, sentence: str) -> None:
        self.sentences[sentence] = None


def labelled(project: Project, *, patients: int = 1) -> None:
    for i in range(patients):
        outline_square(project, add_moving_square(project, f"clip {i}", patient=f"p{i}"))


def test_steps_are_in_addition(project: Project) -> None:
    labelled(project)
    first = train(project, TINY, TrainBudget(steps=3), progress=Silent())
    second = train(project, TINY, TrainBudget(steps=2), progress=Silent())
    assert (first.step, first.steps) == (3, 3)
    assert (second.step, second.steps) == (5, 2)
    assert project.checkpoint_path.is_file()
    assert [s.step for s in project.snapshots()] == [3, 5]
    assert second.steps_per_s > 0


def test_another_width_of_one_recipe_is_another_network_and_begins_anew(project: Project) -> None:
    labelled(project)
    train(project, TINY, TrainBudget(steps=2), progress=Silent())
    wider = TrainOptions(overrides={**TINY.overrides, "network.options.width": "16"}, device="cpu")
    report = train(project, wider, TrainBudget(steps=1), progress=Silent())
    assert (report.step, project.snapshots()[-1].metrics["lineage"]["start"]) == (1, {})
    (said,) = report.sentences
    assert "another network than the training before, so training begins anew" in said


def test_what_comes_before_the_first_step_is_told_too(project: Project) -> None:
    labelled(project, patients=3)
    train(project, TINY, TrainBudget(steps=2), progress=(heard := Heard()))
    before = ["Starting the learner", "Loading 3 labelled frames"]
    assert list(heard.sentences) == [*before, "Training, step 0", "Training, step 1", "Training, step 2"]


@pytest.mark.parametrize("figures", [{}, {"steps": 1, "minutes": 1.0}, {"minutes": math.inf}, {"steps": 0}])
def test_a_budget_that_is_none_is_refused(figures: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="a number of steps or of minutes"):
        TrainBudget(**figures)


def test_minutes_end_a_run(project: Project) -> None:
    labelled(project)
    report = train(project, TINY, TrainBudget(minutes=0.005), progress=Silent())
    assert report.steps >= 1
    assert report.seconds >= 0.3


def test_four_patients_are_validated_and_one_is_not(project: Project) -> None:
    labelled(project)
    assert not train(project, TINY, TrainBudget(steps=1), progress=Silent()).is_validated
    labelled(project, patients=5)
    report = train(project, TINY, TrainBudget(steps=1), progress=Silent())
    assert report.is_validated
    assert set(report.dice) == {"lv"}


def test_a_structure_that_nothing_measures_is_said(project: Project) -> None:
    labelled(project, patients=5)
    assert train(project, TINY, TrainBudget(steps=1), progress=Silent()).warnings == ()
    (held,) = json.loads(project.read_fact(HELD_FACT) or "")
    other = next(clip for clip in project.clips() if clip.header.patient != held)
    outline_square(project, other.name, 2, structure="la")
    (said,) = train(project, TINY, TrainBudget(steps=1), progress=Silent()).warnings
    assert said.startswith("Nothing measures the LA,")
    assert f"label it in a frame of such a patient ({held}) too" in said


def test_what_was_kept_back_is_said_and_not_taken_for_the_snapshot_before(project: Project) -> None:
    labelled(project, patients=5)
    quick = {**TINY.overrides, "optimiser.learning_rate": "0.01", "optimiser.warm_up_steps": "1"}
    good = train(project, TrainOptions(overrides=quick, device="cpu"), TrainBudget(steps=60), progress=Silent())
    assert (good.snapshot, good.is_new, good.kept_back) == (1, True, "")
    assert good.dice["lv"] > 0.3, "there must be something to be worse than"
    ruinous = TrainOptions(overrides={**TINY.overrides, "optimiser.learning_rate": "1"}, device="cpu")
    bad = train(project, ruinous, TrainBudget(steps=20), progress=Silent())
    assert (bad.snapshot, bad.is_new, dict(bad.dice)) == (1, False, {})
    assert "of the best before" in bad.kept_back


def test_without_a_training_label_there_is_nothing_to_train(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one", split=Split.TEST))
    add_moving_square(project, "two")
    with pytest.raises(BadInput, match="no training clip has a finished label"):
        train(project, TINY, TrainBudget(steps=1), progress=Silent())
    assert project.snapshots() == ()


def test_labels_that_say_nothing_are_told_from_none(project: Project) -> None:
    key = outline_square(project, add_moving_square(project, "one"))
    project.commit(key, [PaintUnsure(np.ones((SIDE, SIDE), dtype=np.bool_))], author="tester")
    with pytest.raises(TrainingFailed, match="say nothing that can be learnt"):
        train(project, TINY, TrainBudget(steps=1), progress=Silent())


def test_a_reader_does_not_train(project: Project) -> None:
    labelled(project)
    with Project.open(project.path) as second, pytest.raises(ReadOnlyProject):
        train(second, TINY, TrainBudget(steps=1), progress=Silent())


def test_steps_and_a_seed_give_the_same_model(tmp_path: Path) -> None:
    models = set()
    for name in ("one", "two"):
        with Project.create(tmp_path / name, PAIR) as project:
            labelled(project, patients=5)
            train(project, TINY, TrainBudget(steps=4), progress=Silent())
            latest = project.latest_snapshot()
            assert latest is not None
            models.add(tensors(latest.file))
    assert len(models) == 1


def tensors(file: Path) -> bytes:
    """What the weights are, apart from what their header says."""
    return b"".join(value.numpy().tobytes() for _, value in sorted(load_file(file).items()))
