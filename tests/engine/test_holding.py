"""Who is held aside as labels come one after the other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from annotator.core.identity import FrameKey, Split, twin_hash
from annotator.engine.holding import held_patients
from annotator.project import HELD_FACT, TRAINED_FACT, Project
from annotator.testing.sessions import add_moving_square, outline_square


def _labelled(project: Project, count: int) -> tuple[str, ...]:
    clips = project.clips()
    return held_patients(project, clips, {FrameKey(clip.name, 0): {"lv"} for clip in clips[:count]})


def _patients(project: Project) -> list[str]:
    return [clip.header.patient for clip in project.clips()]


@pytest.fixture
def ten(project: Project) -> Project:
    for i in range(10):
        add_moving_square(project, f"c{i}")
    return project


def test_nobody_is_held_who_was_trained_on(ten: Project) -> None:
    patients = _patients(ten)
    held = [set(_labelled(ten, count)) for count in range(11)]
    assert held[3] == set()
    assert held[4] == held[7] == {patients[3]}
    assert held[8] == held[10] == {patients[3], patients[7]}
    assert set(json.loads(ten.read_fact(TRAINED_FACT) or "")) == set(patients) - held[10]


def test_nobody_is_held_whose_picture_taught_under_another_patient(ten: Project) -> None:
    clips = list(ten.clips())
    clips[3] = replace(clips[3], content_hash=twin_hash(clips[0].content_hash, clips[3].header.patient))
    for count in range(3, 6):
        held = held_patients(ten, clips, {FrameKey(clip.name, 0): {"lv"} for clip in clips[:count]})
        assert held == ((clips[4].header.patient,) if count == 5 else ())


def test_of_labels_that_come_together_the_best_choice_is_made(ten: Project) -> None:
    held = _labelled(ten, 10)
    assert len(held) == 2
    assert _labelled(ten, 10) == held


@pytest.mark.parametrize("is_validated", [False, True])
def test_of_an_earlier_version_only_those_stay_held_whom_no_model_learnt(ten: Project, is_validated: bool) -> None:
    patients = _patients(ten)
    ten.write_fact(HELD_FACT, json.dumps(patients[:1]))
    ten.add_snapshot(b"model", step=1, data_revision=1, recipe="fake", metrics={}, is_validated=is_validated)
    if is_validated:
        assert _labelled(ten, 5) == (patients[0],)
    else:
        assert _labelled(ten, 5) == ()
        assert _labelled(ten, 6) == (patients[5],)


def test_patients_of_a_manifest_replace_the_choice_and_the_others_count_as_trained_on(ten: Project) -> None:
    add_moving_square(ten, "judge", split=Split.VALIDATION)
    judge = next(clip.header.patient for clip in ten.clips() if clip.split is Split.VALIDATION)
    assert _labelled(ten, 10) == (judge,)
    assert set(json.loads(ten.read_fact(TRAINED_FACT) or "")) == set(_patients(ten)) - {judge}


def test_who_was_trained_on_while_a_manifest_chose_others_is_not_held_again(ten: Project) -> None:
    (before,) = _labelled(ten, 5)
    judge = add_moving_square(ten, "judge", split=Split.VALIDATION)
    assert before not in _labelled(ten, 5)
    ten.update_clip(judge, ten.clip(judge).header, author="tester", split=Split.TRAIN)
    assert _labelled(ten, 5) == ()
    assert _labelled(ten, 6) == (_patients(ten)[5],)


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_who_was_set_apart_and_comes_back_can_be_held_since_no_model_that_learnt_of_it_serves(
    ten: Project, split: Split
) -> None:
    (before,) = _labelled(ten, 5)
    clip = next(clip for clip in ten.clips() if clip.header.patient != before)
    outline_square(ten, clip.name)
    revision, _ = ten.dated_clips()
    saw = ten.add_snapshot(b"m", step=2, data_revision=revision, recipe="fake", metrics={}, is_validated=True)
    ten.update_clip(clip.name, clip.header, author="tester", split=split)
    assert saw.id not in {snapshot.id for snapshot in ten.usable_snapshots()}
    while_apart = _labelled(ten, 5)
    assert while_apart == ((clip.header.patient,) if split is Split.VALIDATION else (before,))
    ten.update_clip(clip.name, clip.header, author="tester", split=Split.TRAIN)
    assert _labelled(ten, 5) == ((clip.header.patient,) if split is Split.VALIDATION else (before,))


def test_a_held_patient_who_becomes_a_test_patient_is_not_held_until_it_comes_back(ten: Project) -> None:
    (held,) = _labelled(ten, 5)
    clip = next(clip for clip in ten.clips() if clip.header.patient == held)
    ten.update_clip(clip.name, clip.header, author="tester", split=Split.TEST)
    assert _labelled(ten, 5) == ()
    ten.undo(author="tester")
    assert _labelled(ten, 5) == (held,)
