"""Clips that a file or folder named a wrong patient for, and what follows for splits, models, imports and removals."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine

from annotator.core.edits import Assign
from annotator.core.errors import ProjectError, UnknownName
from annotator.core.identity import Clip, FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.project import HELD_FACT, TRAINED_FACT, Project
from tests.project.samples import PROTOCOL, recording

ABSENT = Assign("two", StructureLabel(LabelStatus.ABSENT))


@pytest.fixture
def three(project: Project) -> Project:
    """``clip`` and ``a`` of P1, ``b`` of P2."""
    project.add_clip(recording(project, "a", seed=1), author="ann")
    project.add_clip(recording(project, "b", patient="P2", seed=2), author="ann")
    return project


def patient(project: Project, clip: str) -> str:
    return project.clip(clip).header.patient


def model(project: Project, revision: int) -> int:
    return project.add_snapshot(b"1", step=1, data_revision=revision, recipe="", metrics={}, is_validated=False).id


def marked(project: Project) -> set[int]:
    return {s.id for s in project.snapshots() if s.is_tainted}


def test_a_clip_is_given_to_another_patient_with_its_labels_and_back(three: Project) -> None:
    first, second = three.pseudonymiser.key("P1"), three.pseudonymiser.key("P2")
    three.commit(FrameKey("a", 0), [ABSENT], author="ann")
    commit = three.give_clips(["a"], "P2", author="bea")
    assert commit.sentence == f"Gave 'a' to patient {second}"
    assert [patient(three, name) for name in ("clip", "a", "b")] == [first, second, second]
    assert three.label(FrameKey("a", 0)).status("two") is LabelStatus.ABSENT
    assert three.give_clips(["a"], second, author="bea").sentence == "Nothing changed"
    undone = three.undo(author="ann")
    assert undone is not None
    assert undone.sentence == f"Undid: {commit.sentence}"
    assert patient(three, "a") == first
    three.redo(author="ann")
    three.close()
    with Project.open(three.path) as again:
        assert patient(again, "a") == second
        assert again.check().is_sound


def test_no_clips_change_nothing_and_one_that_is_named_twice_is_given_once(three: Project) -> None:
    assert three.give_clips([], "P2", author="ann").sentence == "Nothing changed"
    assert three.part_clips([], author="ann").sentence == "Nothing changed"
    assert three.give_clips(["a", "a"], "P2", author="ann").clips == ("a",)


def test_a_clip_can_be_a_new_patient_s(three: Project) -> None:
    three.give_clips(["a"], None, author="ann")
    three.give_clips(["clip"], "Q7", author="ann")
    assert len({patient(three, name) for name in ("clip", "a", "b")}) == 3
    assert patient(three, "clip") == three.pseudonymiser.key("Q7")
    with pytest.raises(UnknownName, match="no patient called 'p0123456789ab'"):
        three.give_clips(["b"], "p0123456789ab", author="ann")


@pytest.mark.parametrize("split", [Split.TEST, Split.VALIDATION])
def test_a_clip_takes_the_split_of_its_new_patient_and_models_that_learnt_from_it_are_marked(
    three: Project, split: Split
) -> None:
    three.commit(FrameKey("a", 0), [ABSENT], author="ann")
    three.write_fact(TRAINED_FACT, json.dumps([patient(three, "a")]))
    three.update_clip("b", three.clip("b").header, author="ann", split=split)
    learnt = three.data_revision
    saw = model(three, learnt)
    three.checkpoint_path.write_bytes(b"weights that learnt from a")
    assert not marked(three)
    commit = three.give_clips(["a"], "P2", author="ann")
    assert three.clip("a").split is split
    assert three.clip("clip").split is Split.TRAIN
    assert commit.sentence.endswith(
        "the state of training and 1 model that may have learnt from it will not be used any more"
    )
    late = model(three, learnt)
    assert marked(three) == {saw, late}
    assert not three.checkpoint_path.exists()
    three.undo(author="ann")
    assert {three.clip(name).split for name in ("clip", "a")} == {Split.TRAIN}
    assert three.clip("b").split is split


@pytest.mark.parametrize("was_taught", [False, True])
def test_a_patient_who_is_held_aside_takes_no_label_that_taught_the_model(three: Project, *, was_taught: bool) -> None:
    before = three.data_revision
    three.commit(FrameKey("a", 0), [ABSENT], author="ann")
    three.write_fact(TRAINED_FACT, json.dumps([patient(three, "a")] if was_taught else []))
    three.write_fact(HELD_FACT, json.dumps([patient(three, "b")]))
    learnt = three.data_revision if was_taught else before
    saw = model(three, learnt)
    three.give_clips(["a"], "P2", author="ann")
    late = model(three, learnt)
    assert marked(three) == ({saw, late} if was_taught else set())
    assert json.loads(three.read_fact(TRAINED_FACT) or "") == ([three.pseudonymiser.key("P1")] if was_taught else [])


def test_whom_a_label_taught_as_is_remembered_of_the_patient_whose_it_is_now(three: Project) -> None:
    three.write_fact(TRAINED_FACT, json.dumps([patient(three, "a")]))
    three.give_clips(["a"], None, author="ann")
    assert set(json.loads(three.read_fact(TRAINED_FACT) or "")) == {patient(three, "clip"), patient(three, "a")}
    assert not marked(three)


def test_clips_of_several_parts_that_become_one_patient_s_are_not_learnt_from(three: Project) -> None:
    three.update_clip("b", three.clip("b").header, author="ann", split=Split.TEST)
    three.give_clips(["a", "b"], None, author="ann")
    assert patient(three, "a") == patient(three, "b") != patient(three, "clip")
    assert {three.clip(name).split for name in ("a", "b")} == {Split.TEST}


def test_clips_that_a_folder_put_together_are_parted(three: Project) -> None:
    three.update_clip("b", three.clip("b").header, author="ann", split=Split.TEST)
    commit = three.part_clips(["clip", "a", "b"], author="ann")
    assert commit.sentence == "Gave 'clip', 'a', 'b' to 3 patients"
    assert len({patient(three, name) for name in ("clip", "a", "b")}) == 3
    assert [three.clip(name).split for name in ("clip", "a", "b")] == [Split.TRAIN, Split.TRAIN, Split.TEST]


@pytest.mark.parametrize("kind", ["given", "parted"])
def test_an_undo_takes_no_test_clip_that_came_since_into_training(three: Project, kind: str) -> None:
    if kind == "given":
        three.give_clips(["clip"], None, author="ann")
        three.give_clips(["a"], None, author="ann")
    else:
        three.part_clips(["clip", "a"], author="ann")
    three.add_clip(recording(three, "tested", seed=3), author="ann", split=Split.TEST)
    while three.undo(author="ann"):
        pass
    assert {patient(three, name) for name in ("clip", "a", "tested")} == {three.pseudonymiser.key("P1")}
    assert {three.clip(name).split for name in ("clip", "a", "tested")} == {Split.TEST}
    while three.redo(author="ann"):
        pass
    assert three.clip("tested").split is Split.TEST
    before = three.clips()
    three.close()
    with Project.open(three.path) as again:
        assert again.clips() == before


def test_recordings_that_come_later_follow_a_patient_who_was_put_together_with_another(three: Project) -> None:
    first, second = three.pseudonymiser.key("P1"), three.pseudonymiser.key("P2")
    three.give_clips(["a"], "P2", author="ann")
    assert three.patient_now(first) == first
    three.give_clips(["clip"], "P2", author="ann")
    assert three.patient_now(first) == three.patient_now(second) == second
    three.give_clips(["clip"], None, author="ann")
    assert three.patient_now(first) == first


def test_a_clip_that_was_given_away_is_known_where_a_manifest_brings_it_again(three: Project) -> None:
    three.give_clips(["a"], "P2", author="ann")
    again = [(recording(three, "a", seed=1), Split.TRAIN)]
    added = three.add_clips(again, author="ann", patients_are_named=True)
    assert [(one.clip.name, one.is_new) for one in added] == [("a", False)]


def test_a_removal_writes_as_often_in_a_large_project_as_in_a_small_one(tmp_path: Path) -> None:
    def updates(n_others: int) -> int:
        said: list[str] = []
        with Project.create(tmp_path / str(n_others), PROTOCOL) as made:
            made.add_clips(
                [(recording(made, patient=f"P{i}", seed=i), Split.TRAIN) for i in range(n_others + 1)], author="ann"
            )

            def listen(*call: Any) -> None:
                said.append(call[2])

            event.listen(Engine, "before_cursor_execute", listen)
            try:
                made.remove_patient("P0")
            finally:
                event.remove(Engine, "before_cursor_execute", listen)
        return sum(statement.startswith("UPDATE") for statement in said)

    assert updates(12) == updates(2) > 0


def test_a_removed_patient_leaves_no_trace_in_clips_that_were_given_to_another(three: Project) -> None:
    first = three.pseudonymiser.key("P1")
    three.give_clips(["a"], "P2", author="ann")
    three.remove_patient("P1")
    assert [clip.name for clip in three.clips()] == ["a", "b"]
    three.close()
    assert first.encode() not in (three.path / "annotations.sqlite").read_bytes()
    with Project.open(three.path) as again:
        assert patient(again, "a") == patient(again, "b")
        assert again.check().is_sound


def test_a_removed_patient_leaves_no_trace_in_files_that_another_has_now(three: Project) -> None:
    first, pixels = three.pseudonymiser.key("P1"), three.clip("b").pixels
    twin = [(recording(three, "twin", seed=2), Split.TRAIN)]
    three.add_clips(twin, author="ann", patients_are_named=True)
    three.give_clips(["a"], "P2", author="ann")
    three.give_clips(["twin"], "P3", author="ann")
    frame = three.read_frame(FrameKey("a", 0)).copy()
    three.remove_patient("P1")
    assert (three.read_frame(FrameKey("a", 0)) == frame).all()
    files = [file for file in three.path.rglob("*") if file.is_file()]
    assert not [f for f in files if first[1:] in f.name or first.encode() in f.read_bytes()]
    assert len(list((three.path / "clips").iterdir())) == 3
    assert three.clip("twin").pixels == pixels
    again = [(recording(three, "again", seed=2), Split.TRAIN)]
    assert three.add_clips(again, author="ann", patients_are_named=True)[0].is_new
    assert three.check().is_sound


def test_a_removed_patient_goes_under_former_pseudonyms_too(three: Project) -> None:
    first, second = three.pseudonymiser.key("P1"), three.pseudonymiser.key("P2")
    metrics = {"validation_patients": [first, second]}
    three.write_fact(TRAINED_FACT, json.dumps([first, second]))
    three.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics=metrics, is_validated=True)
    three.give_clips(["a", "clip"], "P2", author="ann")
    three.remove_patient("P2")
    assert json.loads(three.read_fact(TRAINED_FACT) or "") == []
    assert three.snapshots()[0].metrics == {"validation_patients": []}


def test_after_a_removal_no_undo_changes_the_split_of_those_who_have_the_patient_s_clips(three: Project) -> None:
    three.update_clip("b", three.clip("b").header, author="ann", split=Split.TEST)
    three.update_clip("a", three.clip("a").header, author="ann", split=Split.VALIDATION)
    three.give_clips(["a"], "P2", author="ann")
    three.remove_patient("P1")
    while three.undo(author="ann"):
        pass
    assert {clip.split for clip in three.clips()} == {Split.TEST}
    three.commit(FrameKey("a", 0), [ABSENT], author="ann")
    assert three.undo(author="ann") is not None


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_removal_that_fails_leaves_the_files_of_others_as_they_are(
    three: Project, monkeypatch: pytest.MonkeyPatch, *, is_damaged: bool
) -> None:
    three.give_clips(["a"], "P2", author="ann")
    file = three.path / "clips" / f"{three.clip('a').content_hash}.h5"
    if is_damaged:
        file.write_bytes(file.read_bytes()[:-100])
    before, files = three.clips(), sorted((three.path / "clips").iterdir())

    def refuse(*_: object, **__: object) -> None:
        raise ProjectError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("annotator.project.removal.add_operation", refuse)
        with pytest.raises(ProjectError, match="full"):
            three.remove_patient("P1")
    assert (three.clips(), sorted((three.path / "clips").iterdir())) == (before, files)
    three.remove_patient("P1")
    assert [clip.name for clip in three.clips()] == ["a", "b"]
    assert file.exists() == is_damaged


def test_who_asks_to_be_removed_under_a_former_name_is_told_the_present_one(three: Project) -> None:
    second = three.pseudonymiser.key("P2")
    three.give_clips(["a", "clip"], "P2", author="ann")
    with pytest.raises(ProjectError, match=f"were given to {second}; remove whom you mean"):
        three.remove_patient("P1")
    assert len(three.remove_patient(second).clips) == 3


def test_a_salvaged_project_keeps_whose_clips_are_and_their_splits(three: Project, tmp_path: Path) -> None:
    three.update_clip("b", three.clip("b").header, author="ann", split=Split.TEST)
    three.give_clips(["a"], "P2", author="ann")
    before = three.clips()
    three.close()
    Project.salvage(three.path, tmp_path / "out")
    with Project.open(tmp_path / "out") as out:
        assert out.clips() == before


MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["P1", "P2", "P3", None])),
        st.tuples(st.sampled_from("abcd"), st.sampled_from(list(Split))),
        st.sampled_from(["undo", "redo"]),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(moves=MOVES)
def test_a_patient_is_in_one_split_whatever_is_given_to_whom(
    moves: list[tuple[str, str | Split | None] | str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("moves") / "project"
    with Project.create(path, PROTOCOL) as project:
        for seed, (name, whose) in enumerate(zip("abcd", ("P1", "P1", "P2", "P3"), strict=True)):
            project.add_clip(recording(project, name, patient=whose, seed=seed, n_frames=1), author="ann")
        for move in moves:
            match move:
                case "undo":
                    project.undo(author="ann")
                case "redo":
                    project.redo(author="ann")
                case (name, Split() as split):
                    project.update_clip(name, project.clip(name).header, author="ann", split=split)
                case (name, owner):
                    project.give_clips([name], owner, author="ann")
            splits = defaultdict(set)
            for clip in project.clips():
                splits[clip.header.patient].add(clip.split)
            assert all(len(found) == 1 for found in splits.values())
        clips = project.clips()
    with Project.open(path, read_only=True) as again:
        assert again.clips() == clips
    shutil.rmtree(path)


def test_giving_many_clips_compares_each_with_itself_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{i}" for i in range(30)]
    for seed, name in enumerate(names, start=1):
        project.add_clip(recording(project, name, patient=name, seed=seed), author="ann")
    project.add_clip(recording(project, "held", patient="held", seed=99), author="ann", split=Split.VALIDATION)
    compared: list[str] = []
    plain = Clip.__eq__

    def counted(clip: Clip, other: object) -> bool:
        compared.append(clip.name)
        return plain(clip, other)

    monkeypatch.setattr(Clip, "__eq__", counted)
    project.give_clips(names, "held", author="ann")
    assert {project.clip(name).split for name in names} == {Split.VALIDATION}
    assert len(compared) <= 2 * len(names)
