"""What the learner reports, as the values that the window shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from annotator.engine.messages import Reliability, ReliabilityCurve, RunState, TrainingStatus
from annotator.project import Project
from annotator.testing.samples import SAMPLE_PROTOCOL
from annotator.viewer.training_board import TrainingBoard

STATUS = TrainingStatus(RunState.TRAINING, "Learning.", step=10, losses={"supervised": 1.0}, recipe="default")


def test_held_patients_are_named_and_their_absence_is_explained() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    assert "fourth labelled patient" in board.view.held
    board.take_status(replace(STATUS, validation_patients=("p1", "p2")))
    assert board.view.held == "2 patients held aside, never trained on: p1, p2."
    assert board.view.held_patients == ("p1", "p2")


def test_what_nobody_held_aside_measures_is_said_beside_who_is() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    board.take_status(replace(STATUS, validation_patients=("p1", "p2"), unmeasured=("two",)))
    assert board.view.held.endswith(
        "p1, p2. Nothing measures the second, since no patient held aside has a label of it; label it in a frame of "
        "such a patient (p1) too."
    )


def test_dice_against_accepted_suggestions_is_said_to_flatter() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    measured = replace(STATUS, dice={"one": 0.98, "two": 0.9})
    board.take_status(measured)
    assert board.view.caveat == ""
    board.take_status(replace(measured, step=11, measured_on_accepted=("two",)))
    assert board.view.caveat.startswith(f"The figures of {SAMPLE_PROTOCOL.structure('two').name} are against")
    board.take_status(replace(measured, step=12, measured_on_accepted=("one", "two")))
    assert board.view.caveat.startswith("These figures are against suggestions that were accepted")


def test_before_the_first_report_nothing_is_said_of_labels() -> None:
    assert TrainingBoard(SAMPLE_PROTOCOL).view.headline == "The learner is starting."


def test_where_no_learner_starts_the_board_says_why() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    board.take_absence("Nothing is learnt here.")
    assert board.view.headline == "Nothing is learnt here."
    assert not board.view.can_pause
    assert not board.view.can_retry


def test_a_learner_that_fails_before_its_first_report_is_not_starting_for_ever() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    board.take_trouble("There is no such device.", can_retry=False)
    assert board.view.headline == "There is no such device."
    board.take_status(STATUS)
    board.take_trouble("The disk is full.", can_retry=True)
    assert (board.view.headline, board.view.can_retry) == (STATUS.sentence, True)


def test_confidence_is_read_aloud() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    before = ReliabilityCurve(0.02, ((0.01, 0.0, 900), (0.5, 0.45, 50), (0.8, 0.74, 50), (0.9, 0.0, 3)))
    why = "other patients did not confirm it"
    found = Reliability(before, replace(before, error=0.01), is_cross_fitted=True, reason=why)
    board.take_status(replace(STATUS, reliability={"two": found}))
    (row,) = board.view.reliability
    assert (row.name, row.colour) == (SAMPLE_PROTOCOL.structure("two").name, SAMPLE_PROTOCOL.structure("two").colour)
    assert row.before.words.startswith("When it says 80%, it is right 74% of the time. Calibration error 2.0%")
    assert "where it is unsure" in row.before.words
    assert row.before.points == ((0.01, 0.0), (0.5, 0.45), (0.8, 0.74)), "three pixels say nothing"
    assert board.view.confidence.endswith("before calibration, since other patients did not confirm it.")
    board.take_status(replace(STATUS, step=10, reliability={"two": replace(found, is_cross_fitted=False)}))
    assert board.view.confidence.endswith("'After' is of the very patients that it was fitted on, which flatters it.")
    board.take_status(replace(STATUS, step=11, reliability={"two": replace(found, is_applied=True)}))
    assert board.view.confidence.endswith("after calibration.")
    board.take_status(replace(STATUS, step=12, reliability={"two": found}, measured_on_accepted=("two",)))
    assert board.view.confidence.endswith("which flatters.")


def test_what_was_not_measured_is_not_promised_for_the_next_model() -> None:
    board = TrainingBoard(SAMPLE_PROTOCOL)
    board.take_status(replace(STATUS, validation_patients=(), reliability={}))
    assert board.view.confidence == "Confidence cannot be measured yet, since no patient is held aside."
    board.take_status(replace(STATUS, step=20, validation_patients=("p",), reliability={}))
    assert board.view.confidence.endswith("of structures that patients held aside show.")


def test_curves_begin_with_earlier_snapshots_and_anew_with_another_network(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p", SAMPLE_PROTOCOL) as project:
        for step, dice in ((100, 0.5), (200, 0.6), (50, 0.3), (150, 0.7)):
            metrics = {"dice": {"one": dice, "gone": 1.0}}
            project.add_snapshot(b"", step=step, data_revision=0, recipe="r", metrics=metrics, is_validated=True)
        project.add_snapshot(b"", step=160, data_revision=0, recipe="r", metrics={}, is_validated=False)
        snapshots = project.snapshots()
        board = TrainingBoard(SAMPLE_PROTOCOL)
        board.recall([*snapshots, replace(snapshots[0], step=180, is_tainted=True)])
    board.take_status(replace(STATUS, step=200, dice={"one": 0.7}))
    (curve,) = board.view.dice
    assert [(p.step, p.value) for p in curve.points] == [(50, 0.3), (150, 0.7)], "the same figure is no new point"
    board.take_status(replace(STATUS, step=300, dice={"one": 0.8}))
    assert board.view.dice[0].points[-1].step == 300
    board.take_status(replace(STATUS, step=4))
    assert board.view.dice == ()
    assert [p.step for p in board.view.loss.points] == [4]


def test_a_killed_session_costs_the_curve_no_more_than_the_steps_that_are_done_again(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p", SAMPLE_PROTOCOL) as project:
        for step, dice in ((100, 0.5), (200, 0.6), (300, 0.65), (250, 0.7)):
            metrics = {"dice": {"one": dice}}
            project.add_snapshot(b"", step=step, data_revision=0, recipe="r", metrics=metrics, is_validated=True)
        board = TrainingBoard(SAMPLE_PROTOCOL)
        board.recall(project.snapshots())
    board.take_status(replace(STATUS, step=260, dice={"one": 0.7}))
    assert [p.step for p in board.view.dice[0].points] == [100, 200, 250]


def test_what_was_forgotten_is_shown_no_more(tmp_path: Path) -> None:
    """As where every patient became a test patient: no model is left, and nothing is measured."""
    board = TrainingBoard(SAMPLE_PROTOCOL)
    with Project.create(tmp_path / "p", SAMPLE_PROTOCOL) as project:
        for step, dice in ((100, 0.5), (200, 0.98)):
            metrics = {"dice": {"one": dice}}
            project.add_snapshot(
                b"weights", step=step, data_revision=0, recipe="default", metrics=metrics, is_validated=True
            )
        first, second = sorted(project.snapshots(), key=lambda snapshot: snapshot.step)
    board.recall((first, second))
    board.take_status(replace(STATUS, step=210, dice={"one": 0.98}))
    board.start_over((first, replace(second, is_tainted=True)))
    assert [(p.step, p.value) for p in board.view.dice[0].points] == [(100, 0.5)]
    assert board.view.loss.points == ()
    board.start_over((replace(first, is_tainted=True), replace(second, is_tainted=True)))
    board.take_status(replace(STATUS, state=RunState.IDLE, step=0, losses={}))
    assert board.view.dice == ()
