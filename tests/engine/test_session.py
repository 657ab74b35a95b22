from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest

from annotator.core.disk_errors import aside_of
from annotator.core.edits import Assign, Paint
from annotator.core.errors import CorruptProject, TrainingFailed
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import (
    DataChanged,
    Look,
    Pause,
    QueueReady,
    Resume,
    RunState,
    SnapshotPublished,
    Stop,
    SuggestionsGone,
    SuggestionsReady,
    TrainingStatus,
    Trouble,
    UseRecipe,
)
from annotator.engine.options import SessionOptions
from annotator.engine.queue import UNSEEN_REASON
from annotator.engine.scoring import PER_CLIP
from annotator.engine.status import SAYS_NOTHING_SENTENCE
from annotator.learn.erasure import Erasure
from annotator.project import TRAINED_FACT, Commit, Project
from annotator.project.thinning import NEWEST_KEPT
from annotator.testing.sessions import SIDE, Driver, add_moving_square, driven, outline_square
from annotator.testing.trainers import BrokenTrainer, FakeTrainer, FakeWorkshop
from tests.windows import scan

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame

T = TypeVar("T")


def of(driver: Driver, kind: type[T]) -> list[T]:
    return [event for event in driver.events if isinstance(event, kind)]


def has(driver: Driver, kind: type[object]) -> bool:
    return bool(of(driver, kind))


def tell(driver: Driver, *keys: FrameKey) -> None:
    driver.session.handle(DataChanged(keys, tuple({key.clip for key in keys})))


def taught_by_five(project: Project) -> tuple[Driver, FakeWorkshop, str, str]:
    """A learner with a first model of five patients: whom it holds aside, and a clip whose label taught it."""
    for number in range(5):
        outline_square(project, add_moving_square(project, f"c{number}", patient=f"p{number}"))
    driver, workshop = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    return driver, workshop, driver.session._book.plan.held[0], min(key.clip for key in workshop.trainers[0].frames)


def check_soon(driver: Driver) -> None:
    """As if the last step had taken very long."""
    driver.session._learning._schedule = driver.session._learning._schedule.after_step(1e6)


def fall_asleep(driver: Driver) -> None:
    """As if more steps would not help, once a model is published."""
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session._learning.plateau = lambda: "it is enough"  # type: ignore[method-assign]
    check_soon(driver)
    driver.run_to(RunState.SLEEPING)


def outline_two_patients(project: Project) -> str:
    """A labelled clip of each of two patients, 'one' and 'two'; the first one's name."""
    first = add_moving_square(project, "one", patient="p1")
    outline_square(project, first)
    outline_square(project, add_moving_square(project, "two", patient="p2"))
    return first


def taught_by_two(project: Project) -> tuple[Driver, FakeWorkshop, str]:
    """A learner with a first model of two patients, and the first one's clip."""
    first = outline_two_patients(project)
    driver, workshop = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    return driver, workshop, first


def test_it_waits_for_the_first_finished_label_and_a_draft_is_none(project: Project) -> None:
    clip = add_moving_square(project, "one")
    driver, workshop = driven(project)
    driver.settle()
    key = FrameKey(clip, 0)
    project.commit(key, [Paint("lv", np.ones((SIDE, SIDE), dtype=np.bool_))], author="tester")
    tell(driver, key)
    driver.settle()
    assert driver.session.state is RunState.IDLE
    assert workshop.trainers == []
    tell(driver, outline_square(project, clip))
    driver.run_to(RunState.TRAINING)
    assert len(workshop.trainers) == 1
    assert workshop.trainers[0].frames[key].bitmap is not None


def test_a_label_that_is_there_already_starts_it(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    driver.run_to(RunState.TRAINING)


def test_a_commit_while_it_trains_reaches_the_trainer_and_so_does_its_undo(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip, 0)
    driver, workshop = driven(project)
    driver.run(lambda: driver.session.step > 10)
    key = outline_square(project, clip, 3)
    tell(driver, key)
    trainer = workshop.trainers[0]
    driver.run(lambda: trainer.frames[key].bitmap is not None)
    assert driver.session.state is RunState.TRAINING
    project.undo(author="tester")
    tell(driver, key)
    driver.run(lambda: trainer.frames[key].bitmap is None)


def test_nothing_is_learnt_from_a_label_that_was_taken_back_while_other_frames_wait(project: Project) -> None:
    clips = [add_moving_square(project, f"c{i}", patient="one") for i in range(20)]
    outline_square(project, clips[0])
    key = outline_square(project, clips[-1])
    driver, workshop = driven(project)
    driver.run(lambda: driver.session.step > 0)
    assert driver.session._book.has_waiting
    project.undo(author="tester")
    tell(driver, key)
    trainer = workshop.trainers[0]
    driver.run(lambda: key not in driver.session._book.plan.labelled)
    step = driver.session.step
    driver.run(lambda: driver.session.step > step)
    assert key not in trainer.frames or trainer.frames[key].bitmap is None


def test_a_redrawn_outline_replaces_the_former_one(project: Project) -> None:
    clip = add_moving_square(project, "one")
    key = outline_square(project, clip, 0)
    driver, workshop = driven(project)
    driver.run_to(RunState.TRAINING)
    held = workshop.trainers[0].frames
    before = held[key].bitmap
    assert before is not None
    tell(driver, outline_square(project, clip, 0, top=14))
    driver.run(lambda: held[key].bitmap is not before)
    after = held[key].bitmap
    assert after is not None
    assert not np.array_equal(before, after)


def test_test_clips_never_get_into_the_trainer_or_the_queue(project: Project) -> None:
    outline_square(project, add_moving_square(project, "train"))
    hidden = add_moving_square(project, "hidden", split=Split.TEST)
    outline_square(project, hidden, 0)
    driver, workshop = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    tell(driver, outline_square(project, hidden, 2))
    driver.settle(300)
    trainer = workshop.trainers[0]
    assert {key.clip for key in trainer.ever_seen} == {"train"}
    assert trainer.validation == ()
    assert all(item.key.clip != hidden for queue in of(driver, QueueReady) for item in queue.items)


def test_a_clip_that_becomes_test_leaves_the_trainer(project: Project) -> None:
    for name in ("one", "two"):
        outline_square(project, add_moving_square(project, name))
    driver, workshop = driven(project)
    driver.run_to(RunState.TRAINING)
    commit = project.update_clip("two", project.clip("two").header, author="tester", split=Split.TEST)
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    step = driver.session.step
    driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)
    assert {key.clip for key in workshop.trainers[1].ever_seen} == {"one"}
    assert workshop.trainers[0].step_count == step


def test_from_four_patients_on_one_is_held_and_stays_held(project: Project) -> None:
    clips = [add_moving_square(project, f"c{i}") for i in range(6)]
    for clip in clips[:3]:
        outline_square(project, clip)
    driver, workshop = driven(project, lambda _: FakeTrainer(lambda _: 0.7))
    driver.run(lambda: has(driver, SnapshotPublished))
    assert not of(driver, SnapshotPublished)[0].is_validated
    tell(driver, outline_square(project, clips[3]))
    trainer = workshop.trainers[0]
    driver.run(lambda: len(trainer.validation) == 1)
    held = {frame.patient for frame in trainer.validation}
    assert not held & {frame.patient for frame in trainer.frames.values()}
    tell(driver, outline_square(project, clips[4]))
    check_soon(driver)
    driver.run(lambda: any(event.is_validated for event in of(driver, SnapshotPublished)))
    assert set(driver.session.status().validation_patients) == held
    assert driver.session.status().dice == {"lv": 0.7}
    newest = project.snapshots()[-1]
    assert (newest.metrics["mean_dice"], set(newest.metrics["validation_patients"])) == (0.7, held)
    assert b'"mean_dice": 0.7' in newest.file.read_bytes()
    assert not any(patient.encode() in newest.file.read_bytes() for patient in held)
    again, other = driven(project)
    again.run_to(RunState.TRAINING)
    again.settle()
    assert {frame.patient for frame in other.trainers[0].validation} == held


def test_who_accepts_every_suggestion_still_gets_later_models_and_is_told(project: Project) -> None:
    clips = [add_moving_square(project, f"c{i}") for i in range(4)]
    for clip in clips:
        outline_square(project, clip, origin=Origin.ACCEPTED)
    driver, workshop = driven(project, lambda _: FakeTrainer(lambda n: (0.99, 0.97, 0.95, 0.93)[min(n, 3)]))
    driver.run_to(RunState.TRAINING)
    for count in (1, 2, 3):
        check_soon(driver)
        driver.run(lambda: len(of(driver, SnapshotPublished)) == count)  # noqa: B023 - called at once
    status = driver.session.status()
    assert (status.dice, status.measured_on_accepted) == ({"lv": 0.93}, ("lv",))
    assert project.snapshots()[-1].metrics["measured_on_accepted"] == ["lv"]
    driver.session.finish()
    again, _ = driven(project)
    again.run_to(RunState.TRAINING)
    assert again.session.status().measured_on_accepted == ("lv",)
    (held,) = workshop.trainers[0].validation
    tell(again, outline_square(project, held.key.clip, top=9, origin=Origin.CORRECTED))
    check_soon(again)
    again.run(lambda: again.session.status().measured_on_accepted == ())


def test_validation_clips_of_a_manifest_replace_the_automatic_choice(project: Project) -> None:
    for i in range(5):
        outline_square(project, add_moving_square(project, f"c{i}"))
    outline_square(project, add_moving_square(project, "judge", split=Split.VALIDATION))
    driver, workshop = driven(project)
    driver.run_to(RunState.TRAINING)
    driver.settle()
    assert {frame.key.clip for frame in workshop.trainers[0].validation} == {"judge"}
    assert {key.clip for key in workshop.trainers[0].ever_seen} == {f"c{i}" for i in range(5)}


def test_one_patient_does_not_keep_the_starting_weights_in_service(project: Project, tmp_path: Path) -> None:
    for i in range(4):
        outline_square(project, add_moving_square(project, f"c{i}"))
    weights = tmp_path / "start.safetensors"
    weights.write_text("{}")
    scores = (0.0, 0.45, 0.42, 0.44)
    options = SessionOptions(starting_weights=weights)
    driver, workshop = driven(project, lambda _: FakeTrainer(lambda n: scores[min(n, 3)]), options=options)
    driver.run_to(RunState.TRAINING)
    for count in (1, 2, 3):
        check_soon(driver)
        driver.run(lambda: workshop.trainers[0].validations >= count)  # noqa: B023 - called at once
    driver.settle()
    driver.session.finish()
    published = [snapshot.metrics["mean_dice"] for snapshot in project.snapshots()]
    assert published[:2] == [0.45, 0.44], (
        "0.5 before any label; 0.42 is worse than 0.45 by more than one training moves"
    )
    assert "0.500 before any label" in of(driver, SnapshotPublished)[0].sentence


def test_a_model_that_validates_worse_is_not_published(project: Project) -> None:
    for i in range(4):
        outline_square(project, add_moving_square(project, f"c{i}"))
    driver, workshop = driven(project, lambda _: FakeTrainer(lambda n: 0.9 - n / 10))
    driver.run(lambda: bool(workshop.trainers) and workshop.trainers[0].validations >= 1)
    driver.settle()
    driver.session.finish()
    assert workshop.trainers[0].validations >= 2
    assert [snapshot.metrics["mean_dice"] for snapshot in project.snapshots()] == [0.8]
    assert driver.session.status().kept_back.startswith("Kept back: mean Dice 0.")


def test_a_pause_stops_steps_but_not_suggestions(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Pause())
    step = driver.session.step
    driver.session.handle(Look(FrameKey(clip, 2)))
    driver.events.clear()
    driver.settle()
    assert driver.session.step == step
    ready = of(driver, SuggestionsReady)
    assert [s.key.frame for s in ready[0].suggestions] == [2]
    assert [s.key.frame for event in ready for s in event.suggestions] == [2, 3, 1, 4, 0]
    driver.session.handle(Resume())
    driver.run(lambda: driver.session.step > step)


def test_suggestions_have_the_frame_s_size_and_come_again_from_a_new_model(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.session.handle(Look(FrameKey(clip, 1)))
    driver.run(lambda: len(of(driver, SnapshotPublished)) == 1)
    driver.settle()
    driver.session._publish()
    driver.run(lambda: of(driver, SuggestionsReady)[-1].suggestions[0].snapshot == 2)
    driver.settle()
    made = [s for event in of(driver, SuggestionsReady) for s in event.suggestions]
    assert {s.classes.shape for s in made} == {(SIDE, SIDE)}
    assert sorted(s.key.frame for s in made if s.snapshot == 2) == [0, 1, 2, 3, 4]
    assert len(of(driver, SuggestionsReady)[0].suggestions) == 1


def test_the_clip_on_screen_is_suggested_anew_when_its_facts_change(project: Project) -> None:
    clip = add_moving_square(project, "one")
    frame = outline_square(project, clip)
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Look(frame))
    driver.run(lambda: has(driver, SuggestionsReady))
    driver.events.clear()
    project.update_clip(clip, replace(project.clip(clip).header, view="a2c"), author="tester")
    driver.session.handle(DataChanged((), (clip,)))
    driver.run(lambda: has(driver, SuggestionsReady))
    assert of(driver, SuggestionsReady)[0].suggestions[0].key == frame


def test_a_look_is_served_before_the_next_step_and_its_wait_is_known(project: Project) -> None:
    clip = add_moving_square(project, "one", frames=30)
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    for frame in (20, 3, 11):
        driver.session.handle(Look(FrameKey(clip, frame)))
        step = driver.session.step
        events, has_worked = driver.session.tick()
        assert has_worked
        assert driver.session.step == step
        assert [s.key.frame for e in events if isinstance(e, SuggestionsReady) for s in e.suggestions] == [frame]
        assert driver.session.served[-1].key.frame == frame
        assert driver.session.served[-1].seconds >= driver.session.served[-1].predict_s


def test_a_failure_is_one_sentence_and_a_retry_goes_on_from_the_checkpoint(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))

    def make(number: int) -> FakeTrainer:
        return BrokenTrainer(RuntimeError("CUDA kernel 0xdeadbeef"), after=30) if number == 0 else FakeTrainer()

    driver, workshop = driven(project, make)
    driver.run(lambda: driver.session.step == 20)
    driver.session._learning.save()
    driver.run_to(RunState.FAILED)
    trouble = of(driver, Trouble)
    assert len(trouble) == 1
    assert trouble[0].can_retry
    assert "0xdeadbeef" not in trouble[0].sentence
    assert "\n" not in trouble[0].sentence
    assert "0xdeadbeef" in (project.checkpoint_path.parent / "engine.log").read_text()
    driver.settle()
    assert len(of(driver, Trouble)) == 1
    driver.session.handle(Resume())
    driver.run_to(RunState.TRAINING)
    assert workshop.trainers[1].step_count in (20, 21)
    assert len(workshop.trainers[1].frames) == 5
    driver.run(lambda: driver.session.step > 31)


def test_the_sentence_of_a_known_error_is_shown_as_it_is(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project, lambda _: BrokenTrainer(TrainingFailed("The loss is no longer a number.")))
    driver.run_to(RunState.FAILED)
    driver.settle()
    assert of(driver, Trouble)[0].sentence == "The loss is no longer a number."
    assert of(driver, TrainingStatus)[-1].sentence == "The loss is no longer a number."


def test_suggestions_go_on_after_training_failed(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project, lambda _: BrokenTrainer(RuntimeError("no"), after=400))
    driver.run_to(RunState.FAILED)
    assert has(driver, SnapshotPublished)
    driver.session.handle(Look(FrameKey(clip, 4)))
    driver.run(lambda: has(driver, SuggestionsReady))


def test_it_stops_and_starts_again_at_the_same_step(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    driver.run(lambda: driver.session.step == 57)
    driver.session.handle(Stop())
    assert driver.session.is_over
    again, workshop = driven(project)
    again.run_to(RunState.TRAINING)
    assert workshop.trainers[0].step_count - again.session.step == 0
    assert again.session.step in (57, 58)
    assert not has(again, Trouble)


def test_a_damaged_checkpoint_is_told_and_training_goes_on_from_the_last_model(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Stop())
    project.checkpoint_path.write_bytes(project.checkpoint_path.read_bytes()[:-1])
    again, workshop = driven(project)
    again.run_to(RunState.TRAINING)
    (said,) = of(again, Trouble)
    assert said.sentence == "The training checkpoint cannot be used, so training goes on from model 1."
    assert workshop.started_from == [project.snapshots()[-1].file]


def test_a_snapshot_that_changed_on_the_disk_neither_serves_nor_is_trained_on(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session._publish()
    driver.session.handle(Stop())
    project.checkpoint_path.unlink()
    first, second = (snapshot.file for snapshot in project.snapshots()[-2:])
    second.chmod(0o644)
    second.write_bytes(second.read_bytes().replace(b"step", b"stop"))
    again, workshop = driven(project)
    again.run_to(RunState.TRAINING)
    assert "not the one that was published" in of(again, Trouble)[0].sentence
    assert again.session.status().snapshot == project.snapshots()[-2].id
    assert workshop.started_from == [first]


@pytest.mark.parametrize(("knows", "sleeps"), [(("lv",), True), (("other",), False)])
def test_what_the_weights_knew_already_is_soon_learnt(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, knows: tuple[str, ...], sleeps: bool
) -> None:
    outline_square(project, add_moving_square(project, "one"))
    weights = tmp_path / "start.safetensors"
    weights.write_text("{}")
    driver, workshop = driven(project, options=SessionOptions(starting_weights=weights))
    monkeypatch.setattr(workshop, "start_from", lambda trainer, weights: knows)
    driver.run_to(RunState.TRAINING)
    for _ in range(3):
        check_soon(driver)
        driver.settle()
    driver.session._learning._schedule = replace(driver.session._learning._schedule, steps_since_label=400)
    check_soon(driver)
    driver.settle()
    assert (driver.session.state is RunState.SLEEPING) == sleeps


def test_it_sleeps_on_a_plateau_also_after_a_restart_and_wakes_at_a_new_label(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    fall_asleep(driver)
    step = driver.session.step
    driver.settle()
    assert driver.session.step == step
    assert "it is enough" in driver.session.sentence
    driver.session.handle(Stop())

    again, workshop = driven(project)
    again.run_to(RunState.SLEEPING)
    again.settle()
    assert again.session.step == step
    assert [trainer.renewals for trainer in workshop.trainers] == [0], "no label is new"
    tell(again, outline_square(project, clip, 3))
    again.run(lambda: again.session.step > step)
    assert [trainer.renewals for trainer in workshop.trainers] == [1]


def test_a_recipe_that_was_edited_under_its_name_wakes_it(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    fall_asleep(driver)
    driver.session.handle(Stop())
    again, workshop = driven(project)
    workshop.recipe_digest = "edited"
    again.run(lambda: again.session.step > driver.session.step)
    assert again.session.state is RunState.TRAINING


def test_it_does_not_sleep_on_where_others_are_held_aside_after_a_restart(project: Project) -> None:
    for i in range(5):
        outline_square(project, add_moving_square(project, f"c{i}"))
    driver, workshop = driven(project)
    fall_asleep(driver)
    (held,) = workshop.trainers[0].validation
    driver.session.handle(Stop())
    other = next(clip for clip in project.clips() if clip.name != held.key.clip)
    project.update_clip(other.name, other.header, author="tester", split=Split.VALIDATION)
    again, _ = driven(project, lambda _: FakeTrainer(lambda _: 0.9))
    again.run_to(RunState.TRAINING)
    check_soon(again)
    again.settle()
    assert again.session.status().dice == {"lv": 0.9}


def test_why_it_slept_is_not_why_it_waits(project: Project) -> None:
    key = outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    fall_asleep(driver)
    project.undo(author="tester")
    tell(driver, key)
    driver.run_to(RunState.IDLE)
    assert driver.session.sentence == "Waiting for the first finished label."


def test_labels_that_are_not_learnt_from_are_not_taken_for_none(project: Project) -> None:
    tested = add_moving_square(project, "tested", split=Split.TEST)
    add_moving_square(project, "other", split=Split.VALIDATION)
    driver, _ = driven(project)
    for clip, where in ((tested, "test clips"), ("other", "test clips and clips held aside for validation")):
        tell(driver, outline_square(project, clip))
        driver.settle()
        assert driver.session.state is RunState.IDLE
        said = f"Waiting for a finished label of a training patient; those so far are in {where}, and not learnt from."
        assert driver.session.sentence == said


def test_a_clip_that_arrives_while_it_sleeps_does_not_wake_it(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    fall_asleep(driver)
    driver.session.handle(DataChanged((), (add_moving_square(project, "two"),)))
    driver.settle()
    assert driver.session.state is RunState.SLEEPING
    driver.session.handle(Resume())
    driver.run_to(RunState.TRAINING)


def test_marks_of_ed_and_es_wake_nothing_and_take_no_suggestion(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    fall_asleep(driver)
    driver.session.handle(Look(FrameKey(clip, 1)))
    driver.settle()
    heard = len(driver.events)
    for marks in ((0,), (0, 2), ()):
        header = replace(project.clip(clip).header, ed_frames=marks, es_frames=(3,))
        commit = project.update_clip(clip, header, author="tester")
        driver.session.handle(DataChanged(commit.keys, commit.clips))
        driver.settle()
        assert driver.session.state is RunState.SLEEPING
    assert not [event for event in driver.events[heard:] if isinstance(event, SuggestionsReady)]
    moved = project.update_clip(clip, replace(header, domain="elsewhere"), author="tester")
    driver.session.handle(DataChanged(moved.keys, moved.clips))
    driver.settle()
    assert [event for event in driver.events[heard:] if isinstance(event, SuggestionsReady)]


def test_a_label_that_a_changed_split_brings_wakes_it(project: Project) -> None:
    clip = add_moving_square(project, "one", split=Split.TEST)
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.settle()
    assert driver.session.state is RunState.IDLE
    commit = project.update_clip(clip, project.clip(clip).header, author="tester", split=Split.TRAIN)
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    driver.run_to(RunState.TRAINING)


def test_a_model_that_saw_some_of_a_patient_counts_as_one_that_saw_the_patient(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, workshop = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    clip = add_moving_square(project, "two", patient="p2", frames=60)
    tell(driver, *(outline_square(project, clip, frame) for frame in range(60)))
    trainer = workshop.trainers[0]
    driver.run(lambda: any(key.clip == clip for key in trainer.frames))
    assert len([key for key in trainer.frames if key.clip == clip]) < 60
    count = len(project.snapshots())
    driver.session._learning._schedule = replace(driver.session._learning._schedule, steps=1000, seconds=1e6)
    driver.run(lambda: len(project.snapshots()) > count)
    assert len([key for key in trainer.frames if key.clip == clip]) < 60
    driver.session.handle(Stop())
    assert project.snapshots()[-1].id in project.remove_patient("p2").tainted_snapshots


def test_labels_that_say_nothing_are_said_to_say_nothing(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))

    class Deaf(FakeTrainer):
        can_step = False

    driver, _ = driven(project, lambda _: Deaf())
    driver.run_to(RunState.TRAINING)
    driver.settle()
    assert driver.session.sentence == SAYS_NOTHING_SENTENCE


def test_where_the_last_labelled_patient_is_for_validation_it_waits(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.run_to(RunState.TRAINING)
    commit = project.update_clip(clip, project.clip(clip).header, author="tester", split=Split.VALIDATION)
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    driver.run_to(RunState.IDLE)
    driver.settle()
    assert driver.session.state is RunState.IDLE
    assert "Learning" not in driver.session.sentence


def test_a_removed_patient_leaves_the_trainer_and_an_empty_project_idles(project: Project) -> None:
    clip = add_moving_square(project, "one", patient="p1")
    key = outline_square(project, clip)
    driver, workshop = driven(project)
    driver.run_to(RunState.TRAINING)
    project.remove_patient("p1")
    driver.session.handle(DataChanged((key,), (clip,)))
    driver.run_to(RunState.IDLE)
    assert "Waiting" in driver.session.sentence
    assert driver.session.step == workshop.trainers[0].step_count


def test_what_a_removed_patient_taught_is_forgotten(project: Project) -> None:
    driver, workshop, gone = taught_by_two(project)
    assert driver.session.status().snapshot is not None
    project.remove_patient("p1")
    driver.session.handle(DataChanged((), (gone,)))
    assert driver.session.status().snapshot is None
    driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)
    assert all(key.clip != gone for key in workshop.trainers[1].frames)


@pytest.mark.parametrize("split", [Split.TEST, Split.VALIDATION])
@pytest.mark.parametrize("state", [RunState.TRAINING, RunState.SLEEPING])
def test_what_a_patient_taught_is_forgotten_once_it_is_set_apart(
    project: Project, state: RunState, split: Split
) -> None:
    driver, workshop, tested = taught_by_two(project)
    if state is RunState.SLEEPING:
        driver.session._learning.plateau = lambda: "it is enough"  # type: ignore[method-assign]
        check_soon(driver)
    driver.run_to(state)
    commit = project.update_clip(tested, project.clip(tested).header, author="tester", split=split)
    driver.session._learning.save()
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    told = driver.session.status()
    assert (told.snapshot, told.step, dict(told.losses), dict(told.dice)) == (None, 0, {}, {})
    assert not project.checkpoint_path.exists()
    driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)
    assert all(key.clip != tested for key in workshop.trainers[1].ever_seen)
    check_soon(driver)
    driver.run(lambda: project.latest_snapshot() is not None)
    project.update_clip("two", project.clip("two").header, author="tester", split=Split.TEST)
    driver.session.handle(DataChanged((), ("two",)))
    driver.run_to(RunState.IDLE)


@pytest.mark.parametrize("is_undone", [False, True])
def test_what_taught_is_forgotten_where_its_label_was_taken_back_or_the_change_undone_before_the_session_hears_of_it(
    project: Project, *, is_undone: bool
) -> None:
    driver, workshop, held, taught = taught_by_five(project)
    if not is_undone:
        project.commit(FrameKey(taught, 0), [Assign("lv", StructureLabel(LabelStatus.UNKNOWN))], author="tester")
        tell(driver, FrameKey(taught, 0))
        driver.settle(5)
    project.give_clips([taught], held, author="tester")
    if is_undone:
        project.give_clips([taught], None, author="tester")
    assert project.latest_snapshot() is None
    driver.session.handle(DataChanged((), (taught,)))
    assert driver.session.status().snapshot is None
    driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)


def test_what_taught_is_forgotten_where_it_is_set_apart_while_the_session_reads_of_another_change(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, workshop, tested = taught_by_two(project)
    ask = project.has_set_apart_since

    def answer_too_early(revision: int) -> bool:
        answer = ask(revision)
        if project.clip(tested).split is not Split.TEST:
            project.update_clip(tested, project.clip(tested).header, author="tester", split=Split.TEST)
        return answer

    monkeypatch.setattr(project, "has_set_apart_since", answer_too_early)
    driver.session.handle(DataChanged((), (add_moving_square(project, "new"),)))
    driver.session.handle(DataChanged((), (tested,)))
    assert driver.session.status().snapshot is None
    driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)
    assert all(key.clip != tested for key in workshop.trainers[1].ever_seen)


def test_a_checkpoint_that_a_virus_scanner_has_open_is_deleted_a_moment_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, _, tested = taught_by_two(project)
    project.update_clip(tested, project.clip(tested).header, author="tester", split=Split.TEST)
    driver.session._learning.save()
    left = scan(monkeypatch, lambda path: path == project.checkpoint_path, times=2)
    driver.session.handle(DataChanged((), (tested,)))
    assert left() == 0
    assert not project.checkpoint_path.exists()
    assert driver.session.status().state is not RunState.FAILED


def test_a_clip_without_labels_takes_no_training_along_when_a_patient_held_aside_gets_it(project: Project) -> None:
    for number in range(5):
        outline_square(project, add_moving_square(project, f"c{number}", patient=f"p{number}"))
    driver, workshop = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    held, taught = driver.session._book.plan.held[0], workshop.trainers[0].frames
    patient = next(f.patient for f in taught.values() if f.bitmap is not None)
    unlabelled = add_moving_square(project, "more", patient="q")
    project.give_clips([unlabelled], patient, author="tester")
    driver.session.handle(DataChanged((), (unlabelled,)))
    driver.settle()
    driver.session._learning.save()
    commit = project.give_clips([unlabelled], held, author="tester")
    assert commit.sentence == f"Gave 'more' to patient {held}"
    driver.session.handle(DataChanged((), (unlabelled,)))
    assert driver.session.status().snapshot is not None
    again, _ = driven(project)
    again.run_to(RunState.TRAINING)
    assert again.session.step >= driver.session.step


def test_a_checkpoint_that_knows_a_test_patient_is_passed_over_where_the_program_ended_before_it_was_dropped(
    project: Project,
) -> None:
    driver, _, tested = taught_by_two(project)
    project.update_clip(tested, project.clip(tested).header, author="tester", split=Split.TEST)
    driver.session._learning.save()
    step = driver.session.step
    again, workshop = driven(project)
    again.run_to(RunState.TRAINING)
    assert again.session.step < step
    assert not workshop.started_from
    assert all(key.clip != tested for key in workshop.trainers[0].ever_seen)
    again.session._learning.save()
    third, _ = driven(project)
    third.run_to(RunState.TRAINING)
    assert third.session.step >= again.session.step, "what was learnt since is not passed over"


@pytest.mark.parametrize("comes_back", [False, True])
@pytest.mark.parametrize("is_given", [False, True])
def test_a_checkpoint_that_learnt_what_validates_now_is_passed_over_where_the_program_ended_before_it_was_dropped(
    project: Project, *, is_given: bool, comes_back: bool
) -> None:
    driver, workshop, held, taught = taught_by_five(project)
    if is_given:
        project.give_clips([taught], held, author="tester")
    else:
        project.update_clip(taught, project.clip(taught).header, author="tester", split=Split.VALIDATION)
    driver.session._learning.save()
    if comes_back:
        driven(project)[0].session.tick()
        project.undo(author="tester")
    step = driver.session.step
    again, workshop = driven(project)
    again.run_to(RunState.TRAINING)
    assert again.session.step < step
    assert not workshop.started_from


def test_a_checkpoint_of_a_later_day_is_passed_over_where_the_database_is_an_earlier_one(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one", patient="p1"))
    earlier, database = project.path.with_name("earlier.sqlite"), project.path / "annotations.sqlite"
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("VACUUM INTO ?", (str(earlier),))
    outline_square(project, add_moving_square(project, "two", patient="p2"))
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Stop())
    project.close()
    earlier.replace(database)
    with Project.open(project.path) as restored:
        tested = add_moving_square(restored, "two", patient="p2", split=Split.TEST)
        outline_square(restored, tested)
        again, workshop = driven(restored)
        again.run_to(RunState.TRAINING)
        assert again.session.step < driver.session.step, "it goes on from what learnt from a test patient"
        assert not workshop.started_from
        again.session._learning.save()
        third, _ = driven(restored)
        third.run_to(RunState.TRAINING)
        assert third.session.step >= again.session.step


@pytest.mark.parametrize("is_amid_a_load", [False, True])
def test_a_model_that_is_published_before_the_session_hears_of_a_test_patient_is_marked(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_amid_a_load: bool
) -> None:
    tested = outline_two_patients(project)
    driver, workshop = driven(project)
    fit = workshop.training_frame

    def set_apart() -> None:
        project.update_clip(tested, project.clip(tested).header, author="tester", split=Split.TEST)

    def fit_while_the_window_sets_it_apart(key: FrameKey, *args: Any, **said: Any) -> TrainingFrame:
        if project.clip(tested).split is not Split.TEST:
            set_apart()
        return fit(key, *args, **said)

    if is_amid_a_load:
        monkeypatch.setattr(workshop, "training_frame", fit_while_the_window_sets_it_apart)
    else:
        driver.settle(1)
        set_apart()
    driver.run(lambda: has(driver, SnapshotPublished))
    assert any(key.clip == tested for key in workshop.trainers[0].ever_seen)
    assert project.latest_snapshot() is None


@pytest.mark.parametrize("split", [Split.TEST, Split.VALIDATION])
@pytest.mark.parametrize("reads", range(6))
def test_who_taught_before_and_is_set_apart_while_a_change_is_read_is_unlearnt(
    monkeypatch: pytest.MonkeyPatch, project: Project, split: Split, reads: int
) -> None:
    """Whenever another thread sets a clip apart whose label was taken back before: between any two of the reads."""
    outline_square(project, add_moving_square(project, "one", patient="p1"))
    add_moving_square(project, "other", patient="p3")
    taught = outline_square(project, add_moving_square(project, "two", patient="p2"))
    driver, workshop = driven(project)
    driver.run(lambda: driver.session.step > 0)
    project.undo(author="tester")
    tell(driver, taught)
    driver.settle()
    assert taught in workshop.trainers[0].ever_seen
    commits: list[Commit] = []

    def set_apart_after(number: int) -> None:
        if number == reads and not commits:
            commits.append(project.update_clip("two", project.clip("two").header, author="tester", split=split))

    count = 0

    def watched(read: Callable[..., T]) -> Callable[..., T]:
        def reading(*given: Any, **named: Any) -> T:
            nonlocal count
            found = read(*given, **named)
            count += 1
            set_apart_after(count)
            return found

        return reading

    moved = project.update_clip("other", replace(project.clip("other").header, domain="elsewhere"), author="tester")
    with monkeypatch.context() as patched:
        for name in ("dated_clips", "has_set_apart_since", "all_statuses", "read_fact"):
            patched.setattr(Project, name, watched(getattr(Project, name)))
        set_apart_after(0)
        driver.session.handle(DataChanged(moved.keys, moved.clips))
        set_apart_after(reads)
    driver.session.handle(DataChanged(commits[0].keys, commits[0].clips))
    driver.settle()
    assert has(driver, SuggestionsGone)
    assert len(workshop.trainers) > 1


def test_suggestions_of_a_model_that_saw_a_test_patient_are_taken_back(project: Project) -> None:
    seen = outline_square(project, add_moving_square(project, "one", patient="p1"))
    driver, _ = driven(project)
    driver.session.handle(Look(seen))
    driver.run(lambda: has(driver, SnapshotPublished))
    outline_square(project, add_moving_square(project, "two", patient="p2"))
    driver.session.handle(DataChanged((), ("two",)))
    driver.settle()
    driver.session._publish()
    driver.settle()
    assert of(driver, SuggestionsReady)[-1].suggestions[0].snapshot == 2
    assert not has(driver, SuggestionsGone)
    commit = project.update_clip("two", project.clip("two").header, author="tester", split=Split.TEST)
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    driver.events.clear()
    driver.run(lambda: has(driver, SuggestionsReady))
    assert isinstance(driver.events[0], SuggestionsGone)
    assert {s.snapshot for event in of(driver, SuggestionsReady) for s in event.suggestions} == {1}


def test_a_model_that_lost_its_file_neither_serves_nor_tells_figures(project: Project, tmp_path: Path) -> None:
    for i in range(4):
        outline_square(project, add_moving_square(project, f"c{i}"))
    project.write_fact(TRAINED_FACT, "[]")
    measured = {"error_before": 0.2, "error_after": 0.1, "before": [[0.9, 0.7, 5]], "after": []}
    metrics = {"dice": {"lv": 0.5}, "lineage": {"calibration": {"structures": {"lv": measured}}}}

    def publish() -> None:
        revision = project.data_revision
        project.add_snapshot(b"{}", step=1, data_revision=revision, recipe="", metrics=metrics, is_validated=True)

    publish()
    outline_square(project, add_moving_square(project, "late"))
    for _ in range(NEWEST_KEPT):
        publish()
    project.update_clip("late", project.clip("late").header, author="tester", split=Split.TEST)
    first, *others = project.snapshots()
    assert not first.is_tainted
    assert not first.has_file
    assert all(other.is_tainted for other in others)
    weights = tmp_path / "start.safetensors"
    weights.write_text("{}")
    driver, _ = driven(project, options=SessionOptions(starting_weights=weights))
    driver.run_to(RunState.TRAINING)
    status = driver.session.status()
    assert (status.snapshot, status.reliability) == (0, {})
    driver.run(lambda: has(driver, SnapshotPublished))
    assert "before any label" in of(driver, SnapshotPublished)[0].sentence


def test_figures_and_warnings_of_a_forgotten_model_are_not_told(project: Project) -> None:
    for i in range(5):
        outline_square(project, add_moving_square(project, f"c{i}"))

    def make(_: int) -> FakeTrainer:
        made = FakeTrainer()
        measured = {"error_before": 0.2, "error_after": 0.1, "before": [[0.9, 0.7, 5]], "after": []}
        made.done = {"calibration": {"structures": {"lv": measured}}}
        return made

    driver, workshop = driven(project, make)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.settle(300)
    overview = driver.session._overview
    overview._watch._alarms = (Erasure("elsewhere", "la", 0.0, 0.3),)
    before = driver.session.status()
    assert (dict(before.dice), set(before.reliability), len(before.warnings)) == ({"lv": 0.5}, {"lv"}, 1)
    assert overview.scorer._scores
    (held,) = workshop.trainers[0].validation
    driver.session.handle(Pause())
    commit = project.update_clip(held.key.clip, project.clip(held.key.clip).header, author="tester", split=Split.TEST)
    driver.session.handle(DataChanged(commit.keys, commit.clips))
    after = driver.session.status()
    assert (after.dice, after.dice_by_domain, after.reliability, after.warnings) == ({}, {}, {}, ())
    assert not overview.scorer._scores


def test_a_full_disk_is_told_once_and_training_goes_on(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project)
    driver.run_to(RunState.TRAINING)
    aside_of(project.checkpoint_path).mkdir(parents=True)
    driver.session._learning.save()
    driver.session._learning.save()
    step = driver.session.step
    driver.run(lambda: driver.session.step > step + 3)
    assert ["cannot be written" in trouble.sentence for trouble in of(driver, Trouble)] == [True]


def test_another_recipe_goes_on_from_the_checkpoint_and_a_wrong_name_changes_nothing(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, workshop = driven(project)
    driver.run(lambda: driver.session.step == 40)
    driver.session.handle(UseRecipe("fake"))
    assert project.read_fact("recipe") == "fake", "the choice survives a restart"
    driver.run(lambda: bool(workshop.trainers[-1].frames) and driver.session.step > 41)

    def refuse(name: str) -> object:
        raise TrainingFailed(f"There is no recipe called '{name}'.")

    driver.session._make_workshop = refuse  # type: ignore[assignment]
    driver.session.handle(UseRecipe("nonsense"))
    driver.settle()
    assert of(driver, Trouble)[-1].sentence == "There is no recipe called 'nonsense'."
    assert driver.session.state is RunState.TRAINING
    assert project.read_fact("recipe") == "fake"


def test_after_another_recipe_no_model_is_published_before_the_patients_held_aside_are_there_to_judge_it(
    project: Project,
) -> None:
    for i in range(10):
        outline_square(project, add_moving_square(project, f"c{i}", patient=f"p{i}"))
    driver, _ = driven(project, lambda n: FakeTrainer(lambda _: 0.1 if n else 0.7))
    driver.run(lambda: has(driver, SnapshotPublished))
    step = driver.session.step
    driver.run(lambda: driver.session.step > step + 30)
    check_soon(driver)
    driver.session.handle(UseRecipe("fake"))
    driver.run(lambda: driver.session._learning._schedule.checks == 2)
    assert [snapshot.is_validated for snapshot in project.snapshots()] == [True]


def test_another_recipe_is_a_way_out_of_a_failure(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, workshop = driven(project, lambda n: FakeTrainer() if n else BrokenTrainer(RuntimeError("broken")))
    driver.run_to(RunState.FAILED)
    driver.session.handle(UseRecipe("fake"))
    driver.run_to(RunState.TRAINING)
    assert workshop.trainers[-1].step_count >= 0


def test_a_snapshot_says_where_it_came_from_and_what_was_done_to_it(project: Project, tmp_path: Path) -> None:
    outline_square(project, add_moving_square(project, "one"))
    weights = tmp_path / "start.safetensors"
    weights.write_text("{}")
    of_lv = {"error_before": 0.2, "error_after": 0.1, "before": [[0.9, 0.7, 5], [None, None, 0]], "after": []}
    calibration = {"is_applied": True, "structures": {"lv": of_lv}}

    def make(_: int) -> FakeTrainer:
        made = FakeTrainer()
        made.done = {"calibration": calibration}
        return made

    driver, _ = driven(project, make, options=SessionOptions(starting_weights=weights))
    driver.run(lambda: has(driver, SnapshotPublished))
    sha256 = hashlib.sha256(b"{}").hexdigest()
    start = {"file": "start.safetensors", "sha256": sha256, "knows": list(project.protocol.ids)}
    lineage = {"start": start, "calibration": calibration}
    assert project.snapshots()[-1].metrics["lineage"] == lineage
    found = driver.session.status().reliability["lv"]
    assert (found.before.error, found.before.points, found.is_applied) == (0.2, ((0.9, 0.7, 5),), True)
    driver.session.handle(Stop())
    again, _ = driven(project)
    again.run_to(RunState.TRAINING)
    again.run(lambda: again.session.step > driver.session.step)
    again.session.finish()
    assert len(project.snapshots()) > 1
    assert project.snapshots()[-1].metrics["lineage"]["start"] == lineage["start"], "a checkpoint remembers it"


def test_a_project_that_is_open_for_reading_only_is_served_and_not_trained_on(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Stop())
    with Project.open(project.path, read_only=True) as reader:
        guest, workshop = driven(reader)
        guest.session.handle(Look(FrameKey(clip, 0)))
        guest.run(lambda: has(guest, SuggestionsReady))
        guest.session.handle(Pause())
        guest.session.handle(Resume())
        guest.settle()
        assert guest.session.state is RunState.IDLE
        assert "reading only" in guest.session.sentence
        assert workshop.trainers == []


def test_the_queue_is_random_before_the_first_model_and_scored_after(project: Project) -> None:
    clip = add_moving_square(project, "one", frames=12)
    outline_square(project, clip)
    driver, _ = driven(project)
    driver.run(lambda: has(driver, QueueReady))
    assert all("random" in item.reason for item in of(driver, QueueReady)[0].items)
    driver.run(lambda: has(driver, SnapshotPublished))
    driver.session.handle(Pause())
    driver.session._overview.scorer._said_at = float("-inf")
    driver.settle()
    driver.session._overview.scorer._said_at = float("-inf")
    driver.session._overview.scorer.note_change(())
    driver.settle()
    assert any("random" not in item.reason for item in of(driver, QueueReady)[-1].items)


def test_a_queue_that_was_scored_is_not_random_again_when_the_next_model_comes(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one", frames=12))
    driver, _ = driven(project)
    scorer = driver.session._overview.scorer
    driver.run(lambda: len(scorer._scores) == PER_CLIP and not scorer._waiting)
    driver.events.clear()
    scorer._said_at = float("-inf")
    scorer.start_over()
    driver.run(lambda: has(driver, QueueReady))
    assert not any("random" in item.reason for item in of(driver, QueueReady)[0].items)


def test_a_queue_is_not_empty_while_other_frames_come_in_place_of_those_that_are_labelled(project: Project) -> None:
    clip = add_moving_square(project, "one", frames=60)
    outline_square(project, clip)
    driver, _ = driven(project)
    scorer = driver.session._overview.scorer
    driver.run(lambda: len(scorer._scores) == PER_CLIP and not scorer._waiting)
    tell(driver, *[outline_square(project, clip, key.frame) for key in sorted(scorer._scores)])
    driver.events.clear()
    scorer._said_at = float("-inf")
    driver.run(lambda: has(driver, QueueReady))
    assert {item.reason for item in of(driver, QueueReady)[0].items} == {UNSEEN_REASON}
    driver.run(lambda: not scorer._waiting)
    scorer._said_at = float("-inf")
    driver.settle()
    items = of(driver, QueueReady)[-1].items
    assert {item.structure for item in items if "random" not in item.reason} == {"lv", "la"}


def test_after_a_restart_the_queue_does_not_deny_the_checked_model(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one", frames=12))
    before, _ = driven(project)
    before.run(lambda: has(before, SnapshotPublished))
    before.session.finish()
    after, _ = driven(project)
    after.run(lambda: has(after, QueueReady))
    assert {item.reason for item in of(after, QueueReady)[0].items} == {UNSEEN_REASON}
    after.session.handle(Pause())
    after.settle()
    after.session._overview.scorer._said_at = float("-inf")
    after.session._overview.scorer.note_change(())
    after.settle()
    assert not any("random" in item.reason for item in of(after, QueueReady)[-1].items)


def test_a_headless_run_ends_with_a_snapshot_and_a_checkpoint(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    driver, _ = driven(project, options=SessionOptions(makes_queue=False, sleeps=False))
    driver.run(lambda: driver.session.step == 25)
    events = driver.session.finish()
    assert any(isinstance(event, SnapshotPublished) for event in events)
    assert project.snapshots()[-1].step == 25
    assert project.snapshots()[-1].data_revision == project.data_revision
    assert driver.session.is_over
    assert not has(driver, QueueReady)


def test_a_headless_run_that_ends_with_a_check_warns_as_any_other(project: Project) -> None:
    for name, domain in (("one", "A"), ("two", "B")):
        clip = project.clip(add_moving_square(project, name, frames=8))
        project.update_clip(name, replace(clip.header, domain=domain), author="tester")
    outline_square(project, "one")
    outline_square(project, "one", structure="la", frame=1)
    driver, _ = driven(project, options=SessionOptions(makes_queue=False, sleeps=False))
    driver.run(lambda: has(driver, SnapshotPublished))
    assert not driver.session._learning.can_check
    watch = driver.session._overview._watch
    assert not watch._areas
    driver.session.finish()
    assert {areas.domain for areas in watch._areas.values()} == {"A", "B"}


def test_a_clip_that_cannot_be_read_is_left_out_and_told(project: Project) -> None:
    outline_square(project, add_moving_square(project, "good"))
    outline_square(project, add_moving_square(project, "bad"))
    bad = project.clip("bad").content_hash
    file = next(project.path.glob(f"clips/{bad}*"))
    file.chmod(0o644)
    file.write_bytes(b"\0" * 100)
    with Project.open(project.path, read_only=True) as reader:
        assert reader.clip("bad").name == "bad"
    driver, workshop = driven(project)
    driver.run_to(RunState.TRAINING)
    driver.settle()
    assert {key.clip for key in workshop.trainers[0].frames} == {"good"}
    assert driver.session.sentence.startswith("Learning from 1 labelled and 4 other frames")
    assert any("left out" in trouble.sentence for trouble in of(driver, Trouble))
    count = len(of(driver, Trouble))
    tell(driver, outline_square(project, "good", 2))
    driver.settle()
    assert len(of(driver, Trouble)) == count


def test_a_frame_whose_label_is_damaged_is_left_out_and_the_others_are_learnt_from(project: Project) -> None:
    outline_square(project, add_moving_square(project, "good"))
    key = outline_square(project, add_moving_square(project, "bad"))
    with closing(sqlite3.connect(project.path / "annotations.sqlite")) as database, database:
        clip = "(SELECT id FROM clips WHERE name = 'bad')"
        database.execute(f"UPDATE labels SET inside = x'0011' WHERE clip_id = {clip}")
    with Project.open(project.path, read_only=True) as reader, pytest.raises(CorruptProject):
        reader.label(key)
    project._labels.clear()
    driver, workshop = driven(project)
    driver.run(lambda: driver.session.step > 20)
    assert key not in workshop.trainers[0].ever_seen
    assert [trouble.can_retry for trouble in of(driver, Trouble)] == [False]


def test_a_clip_whose_frames_come_back_is_learnt_from(project: Project) -> None:
    outline_square(project, add_moving_square(project, "good"))
    outline_square(project, add_moving_square(project, "bad"))
    driver, workshop = driven(project)
    file = project.path / "clips" / f"{project.clip('bad').content_hash}.h5"
    file.chmod(0o644)
    file.write_bytes(b"\0" * 100)
    driver.run_to(RunState.TRAINING)
    driver.settle()
    assert {key.clip for key in workshop.trainers[0].frames} == {"good"}
    assert len(of(driver, Trouble)) == 1, "all its frames are one trouble"
    heard: list[Commit] = []
    project.committed.connect(heard.append)
    add_moving_square(project, "bad")
    driver.session.handle(DataChanged(heard[0].keys, heard[0].clips))
    driver.run(lambda: len([key for key in workshop.trainers[0].frames if key.clip == "bad"]) == 5)
    assert len(of(driver, Trouble)) == 1


def test_a_rejected_suggestion_is_not_asked_for_in_the_queue(project: Project) -> None:
    clip = add_moving_square(project, "one", frames=1)
    key = FrameKey(clip, 0)
    project.commit(key, [Assign("la", StructureLabel(LabelStatus.REJECTED))], author="tester")
    driver, _ = driven(project)
    driver.run(lambda: has(driver, QueueReady))
    assert [item.structure for item in of(driver, QueueReady)[-1].items] == ["lv"]
