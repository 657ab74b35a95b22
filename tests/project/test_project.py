from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import sqlalchemy as sa

from annotator.core.edits import Assign, Finish, Paint
from annotator.core.errors import (
    AnnotatorError,
    BadInput,
    CorruptProject,
    ProjectError,
    ReadOnlyProject,
    UnknownName,
)
from annotator.core.identity import FrameKey, Spacing, SpacingStatus, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.status import LabelStatus, Origin
from annotator.project import HELD_FACT, TRAINED_FACT, Commit, Project, adding, database, lock, schema
from annotator.project.database import Database
from annotator.project.frames import place, read_header_text, stage_frames
from annotator.project.headers import header_text
from tests.project.samples import PROTOCOL, SHAPE, box, outlined, recording

ABSENT = Assign("two", StructureLabel(LabelStatus.ABSENT))
KEY = FrameKey("clip", 1)


def test_a_project_is_as_it_was_after_reopening(project: Project) -> None:
    project.set_values({"two": 7})
    project.write_fact("held", "[1]")
    project.commit(KEY, [Paint("one", box(2, 2))], author="ann")
    label, statuses, clips, counts = project.label(KEY), project.all_statuses(), project.clips(), project.counts()
    project.close()
    with Project.open(project.path) as again:
        assert again.protocol == PROTOCOL
        assert again.values == {"one": 1, "two": 7}
        assert again.read_fact("held") == "[1]"
        assert again.read_fact("nothing") is None
        assert again.label(KEY) == label
        assert again.all_statuses() == statuses
        assert again.clips() == clips
        assert again.counts() == counts
        assert again.pseudonymiser == project.pseudonymiser
        assert again.undo_sentence == "Drew Left chamber in frame 2 of 'clip'"
        assert not again.is_read_only
        assert again.notes == ()


@pytest.mark.parametrize("text", ["{", "[1]", '{"three": 1}', '{"one": "x"}'])
def test_damaged_mask_values_are_said(project: Project, text: str) -> None:
    project.write_fact("values", text)
    with pytest.raises(CorruptProject, match="mask values of the structures are damaged"):
        _ = project.values
    project.set_values({"one": 3})
    assert project.values == {"one": 3, "two": 1}


def test_frames_come_back_as_they_were(project: Project) -> None:
    added = project.add_clip(recording(project, "colour", seed=5, channels=3), author="ann")
    frames = np.stack(list(recording(project, "colour", seed=5, channels=3).frames))
    assert np.array_equal(project.read_frames(added.clip.name, 0, 3), frames)
    assert np.array_equal(project.read_frame(FrameKey("colour", 2)), frames[2])
    assert not project.read_frame(FrameKey("colour", 2)).flags.writeable


def test_the_same_content_adds_nothing(project: Project) -> None:
    before = project.data_revision
    added = project.add_clip(recording(project, "another name"), author="bob")
    assert not added.is_new
    assert added.clip == project.clip("clip")
    assert project.data_revision == before
    assert len(list((project.path / "clips").iterdir())) == 1


def test_importing_again_repairs_a_damaged_clip(project: Project) -> None:
    file = next((project.path / "clips").iterdir())
    file.write_bytes(file.read_bytes()[:500])
    assert not project.check().is_sound
    project.add_clip(recording(project), author="ann")
    assert project.check().is_sound


@pytest.mark.parametrize("patient", ["P1", "P2", "P3"])
def test_a_picture_that_comes_again_repairs_every_damaged_clip_of_it(project: Project, patient: str) -> None:
    """The clip of which the import was told another's stayed damaged, whatever was imported."""
    twin = (recording(project, "twin", patient="P2"), Split.TRAIN)
    project.add_clips([twin], author="ann", patients_are_named=True)
    before = project.clips()
    for file in (project.path / "clips").iterdir():
        file.write_bytes(file.read_bytes()[:500])
    coming = [(recording(project, "again", patient=patient), Split.TRAIN)]
    project.add_clips(coming, author="ann", patients_are_named=patient == "P3")
    assert project.check().is_sound
    assert project.clips()[:2] == before
    assert all(
        (project.read_frame(key) == project.read_frame(FrameKey("clip", key.frame))).all()
        for key in before[1].frame_keys
    )


@pytest.mark.parametrize("fails", ["accept", "repair"])
def test_an_import_that_fails_repairs_nothing_and_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    damaged = project._session.clip_file(project.clip("clip").content_hash)
    damaged.write_bytes(b"damaged")

    def refuse(*_: object) -> None:
        raise ProjectError("no")

    if fails == "repair":
        monkeypatch.setattr(adding, "verify", refuse)
    coming = [(recording(project, "new", patient="P2", seed=1), Split.TRAIN), (recording(project), Split.TRAIN)]
    with pytest.raises(ProjectError, match="no"):
        project.add_clips(coming, author="ann", accept=refuse if fails == "accept" else None)
    assert [path.read_bytes() for path in (project.path / "clips").iterdir()] == [b"damaged"]
    assert [clip.name for clip in project.clips()] == ["clip"]


def test_a_clip_that_a_copy_repairs_is_still_its_patient_s(project: Project, tmp_path: Path) -> None:
    before = project.clips()
    file = next((project.path / "clips").iterdir())
    file.write_bytes(file.read_bytes()[:500])
    added = project.add_clip(recording(project, "copy", patient="backup"), author="ann")
    assert (added.clip, added.is_new) == (before[0], False)
    assert [path.name for path in (project.path / "clips").iterdir()] == [file.name]
    project.close()
    (project.path / "annotations.sqlite").unlink()
    Project.salvage(project.path, tmp_path / "out")
    with Project.open(tmp_path / "out") as after:
        assert after.clips() == before
        assert after.check().is_sound


def test_equal_stems_get_numbers(project: Project) -> None:
    names = [project.add_clip(recording(project, seed=s), author="ann").clip.name for s in (1, 2)]
    assert names == ["clip~2", "clip~3"]


def test_labels_of_a_recording_come_with_it(project: Project) -> None:
    seen: list[Commit] = []
    project.committed.connect(seen.append)
    label = PartialLabel(SHAPE, {"one": outlined(box(2, 2))})
    added = project.add_clip(recording(project, "b", seed=1, labels={2: label}), author="ann")
    key = FrameKey("b", 2)
    assert project.label(key) == label
    assert project.provenance(key)["one"].origin is Origin.IMPORTED
    assert [(c.kind, c.keys, c.revision) for c in seen] == [("import", (key,), added.revision)]
    assert project.undo_sentence is None


@pytest.mark.parametrize("spoil", ["frame", "shape", "structure"])
def test_unfit_labels_of_a_recording_are_refused(project: Project, spoil: str) -> None:
    frame, shape, name = 0, SHAPE, "one"
    if spoil == "frame":
        frame = 9
    elif spoil == "shape":
        shape = (3, 3)
    else:
        name = "heart"
    label = PartialLabel(shape, {name: StructureLabel(LabelStatus.ABSENT)})
    with pytest.raises(AnnotatorError):
        project.add_clip(recording(project, "b", seed=1, labels={frame: label}), author="ann")
    assert len(project.clips()) == 1


@pytest.mark.parametrize("n_frames", [2, 4])
def test_a_reader_that_gives_another_number_of_frames_leaves_nothing(project: Project, n_frames: int) -> None:
    given = recording(project, "b", seed=1, n_frames=n_frames)
    wrong = Recording(replace(given.header, n_frames=3), given.frames)
    with pytest.raises(BadInput, match="frames"):
        project.add_clip(wrong, author="ann")
    assert len(list((project.path / "clips").iterdir())) == 1
    assert project.check().is_sound


def test_a_patient_is_in_one_split(project: Project) -> None:
    with pytest.raises(BadInput, match="already in 'train'"):
        project.add_clip(recording(project, seed=1), author="ann", split=Split.TEST)
    project.add_clip(recording(project, "other", seed=1), author="ann")
    project.update_clip("clip", project.clip("clip").header, author="ann", split=Split.TEST)
    assert {c.split for c in project.clips()} == {Split.TEST}
    project.undo(author="ann")
    assert {c.split for c in project.clips()} == {Split.TRAIN}
    assert len(list((project.path / "clips").iterdir())) == 2


def test_a_clip_that_came_since_goes_along_where_its_patient_s_split_is_undone(project: Project) -> None:
    project.update_clip("clip", project.clip("clip").header, author="ann", split=Split.TEST)
    late = project.add_clip(recording(project, "late", seed=1), author="ann", split=Split.TEST).clip
    for move, split in ((project.undo, Split.TRAIN), (project.redo, Split.TEST), (project.undo, Split.TRAIN)):
        commit = move(author="ann")
        assert commit is not None
        assert commit.clips == ("clip", "late")
        assert {c.split for c in project.clips()} == {split}
    assert project.clip("late").header == late.header
    project.close()
    with Project.open(project.path) as again:
        assert {c.split for c in again.clips()} == {Split.TRAIN}


def test_details_of_a_clip_can_be_edited_and_undone(project: Project) -> None:
    before = project.clip("clip").header
    spaced = replace(before, spacing=Spacing(0.3, 0.2), spacing_status=SpacingStatus.CONFIRMED)
    after = replace(spaced, view="side", domain="x", ed_frames=(0,), es_frames=(2,))
    commit = project.update_clip("clip", after, author="ann")
    assert (commit.kind, commit.clips) == ("clip", ("clip",))
    undone = project.undo(author="ann")
    assert undone is not None
    assert (undone.clips, project.clip("clip").header) == (("clip",), before)
    project.redo(author="ann")
    project.close()
    with Project.open(project.path) as again:
        assert again.clip("clip").header == after


def test_details_of_many_clips_are_one_undo_step(project: Project) -> None:
    for number in range(1, 5):
        project.add_clip(recording(project, f"more{number}", patient=f"P{number}", seed=number), author="ann")
    before = {clip.name: clip.header for clip in project.clips()}
    after = {name: header.with_confirmed(Spacing(0.3, 0.2)) for name, header in before.items()}
    commit = project.update_clips(after, author="ann")
    assert (len(commit.clips), commit.sentence) == (5, "Changed the details of 5 clips")
    assert {clip.name: clip.header for clip in project.clips()} == after
    assert project.update_clips(after, author="ann").sentence == "Nothing changed"
    with pytest.raises(AnnotatorError, match="comes from its file"):
        project.update_clips({**before, "clip": replace(before["clip"], height=99)}, author="ann")
    assert {clip.name: clip.header for clip in project.clips()} == after
    project.undo(author="ann")
    assert {clip.name: clip.header for clip in project.clips()} == before
    project.add_clip(recording(project, "beside", patient="P2", seed=9), author="ann")
    project.update_clips({name: before[name] for name in ("more2", "more3")}, author="ann", split=Split.TEST)
    assert {c.name for c in project.clips() if c.split is Split.TEST} == {"more2", "more3", "beside"}


def test_what_describes_the_pixels_cannot_be_edited(project: Project) -> None:
    header = project.clip("clip").header
    with pytest.raises(AnnotatorError, match="'patient' of a clip comes from its file"):
        project.update_clip("clip", replace(header, patient=project.pseudonymiser.key("P2")), author="ann")


def test_a_removed_patient_is_in_no_file_any_more(project: Project) -> None:
    secret = project.add_clip(recording(project, "Secretname", patient="P2", seed=1), author="ann").clip
    both = [(FrameKey("Secretname", 0), [Paint("one", box(2, 2))]), (KEY, [Paint("two", box(9, 9))])]
    before = project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False)
    project.commit_many(both, author="ann", origin=Origin.DRAWN)
    saw = project.add_snapshot(b"2", step=2, data_revision=3, recipe="", metrics={}, is_validated=False)
    seen: list[Commit] = []
    project.committed.connect(seen.append)
    project.checkpoint_path.write_bytes(b"weights that saw the patient")
    removed = project.remove_patient("P2")
    assert not project.checkpoint_path.exists()
    assert (removed.clips, removed.frames, removed.labels) == (("Secretname",), 3, 1)
    assert removed.tainted_snapshots == (saw.id,)
    assert [s.is_tainted for s in project.snapshots()] == [False, True]
    assert project.latest_snapshot() == before
    assert [(c.kind, c.clips) for c in seen] == [("remove", ("Secretname",))]
    assert project.check().is_sound
    with pytest.raises(UnknownName):
        project.read_frame(FrameKey("Secretname", 0))
    for file in project.path.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert b"Secretname" not in data
            assert secret.content_hash.encode() not in data
            assert secret.header.patient.encode() not in data
    assert project.label(KEY)["two"].status is LabelStatus.DRAFT
    project.undo(author="ann")
    assert project.label(KEY)["two"].status is LabelStatus.UNKNOWN
    with pytest.raises(UnknownName):
        project.remove_patient("P2")


def test_a_removed_patient_is_held_aside_no_more(project: Project) -> None:
    gone, kept = project.clip("clip").header.patient, project.pseudonymiser.key("P2")
    project.add_clip(recording(project, "b", patient="P2", seed=1), author="ann")
    project.write_fact("held_patients", json.dumps([gone, kept]))
    project.write_fact("recipe", f"/no/json/{gone}.toml")
    metrics = {"mean_dice": 0.8, "validation_patients": [kept, gone], "by_patient": {gone: {"one": 1.0}, kept: {}}}
    project.add_snapshot(b"1", step=1, data_revision=2, recipe="", metrics=metrics, is_validated=True)
    project.remove_patient(gone)
    assert json.loads(project.read_fact("held_patients") or "") == [kept]
    assert project.read_fact("recipe") == f"/no/json/{gone}.toml"
    assert project.snapshots()[0].metrics == {
        "mean_dice": 0.8,
        "validation_patients": [kept],
        "by_patient": {kept: {}},
    }


def test_a_reader_follows_what_the_writer_does(project: Project) -> None:
    header = project.clip("clip").header

    def seen(of: Project) -> tuple[object, ...]:
        labels = {key: of.label(key) for clip in of.clips() for key in clip.frame_keys}
        sentences = of.undo_sentence, of.redo_sentence
        return of.data_revision, of.clips(), of.all_statuses(), labels, sentences, of.counts()

    steps: list[Callable[[], object]] = [
        lambda: project.commit(KEY, [Paint("one", box(2, 2)), ABSENT], author="ann"),
        lambda: project.commit(KEY, [Finish("one")], author="ann"),
        lambda: project.undo(author="ann"),
        lambda: project.add_clip(recording(project, "b", patient="P2", seed=1), author="ann"),
        lambda: project.update_clip("clip", replace(header, domain="x"), author="ann", split=Split.TEST),
        lambda: project.commit(FrameKey("b", 0), [Paint("two", box(1, 1))], author="ann"),
        lambda: project.remove_patient("P2"),
        lambda: project.undo(author="ann"),
    ]
    with Project.open(project.path, read_only=True) as reader:
        heard: list[Commit] = []
        reader.committed.connect(heard.append)
        assert reader.follow() is None
        for step in steps:
            step()
            assert reader.follow() == heard[-1]
            with Project.open(project.path, read_only=True) as fresh:
                assert seen(reader) == seen(fresh) == seen(project)
        assert reader.follow() is None
        assert heard[0].keys == (KEY,)
        assert (heard[0].structures, heard[3].clips, heard[6].clips) == (("one", "two"), ("b",), ("b", "clip"))
    assert len(heard) == len(steps)


def test_a_reader_has_the_mask_values_that_the_writer_set(project: Project) -> None:
    with Project.open(project.path, read_only=True) as reader:
        project.set_values({"one": 2, "two": 1})
        assert reader.values == {"one": 2, "two": 1}


def test_models_that_saw_a_patient_are_not_used_once_it_is_a_test_patient(project: Project) -> None:
    def snapshot(revision: int) -> int:
        return project.add_snapshot(b"1", step=1, data_revision=revision, recipe="", metrics={}, is_validated=False).id

    before = snapshot(0)
    saw = snapshot(project.data_revision)
    project.checkpoint_path.write_bytes(b"weights that saw the patient")
    commit = project.update_clip("clip", project.clip("clip").header, author="ann", split=Split.TEST)
    assert commit.sentence == (
        "Changed the details of 'clip'; the state of training and 1 model that may have learnt from it "
        "will not be used any more"
    )
    assert not project.checkpoint_path.exists()
    assert [(s.id, s.is_tainted) for s in project.snapshots()] == [(before, False), (saw, True)]
    assert project.latest_snapshot() == project.snapshots()[0]
    late, clean = snapshot(commit.revision - 1), snapshot(commit.revision)
    assert [s.is_tainted for s in project.snapshots()[2:]] == [True, False]
    assert project.undo(author="ann") is not None
    again = snapshot(project.data_revision)
    redone = project.redo(author="ann")
    assert redone is not None
    assert redone.sentence.endswith("; 2 models that may have learnt from it will not be used any more")
    assert {s.id for s in project.snapshots() if s.is_tainted} == {saw, late, clean, again}


def test_other_edits_and_clips_that_nobody_learnt_from_leave_the_models(project: Project) -> None:
    kept = project.add_snapshot(
        b"1", step=1, data_revision=project.data_revision, recipe="", metrics={}, is_validated=False
    )
    project.add_clip(recording(project, "later", patient="P2", seed=1), author="ann")
    viewed = replace(project.clip("clip").header, view="side")
    commits = [
        project.update_clip("clip", viewed, author="ann", split=Split.VALIDATION),
        project.update_clip("later", project.clip("later").header, author="ann", split=Split.TEST),
        project.update_clip("later", replace(project.clip("later").header, domain="x"), author="ann"),
    ]
    assert [commit.sentence for commit in commits] == [
        f"Changed the details of '{n}'" for n in ("clip", "later", "later")
    ]
    assert project.latest_snapshot() == kept


def test_a_picture_that_is_a_test_picture_too_taints_what_saw_its_twin(project: Project) -> None:
    twins = [(recording(project, name, seed=1, patient=name), Split.TRAIN) for name in ("a", "b")]
    project.add_clips(twins, author="ann", patients_are_named=True)
    project.add_snapshot(b"1", step=1, data_revision=2, recipe="", metrics={}, is_validated=False)
    project.update_clip("b", project.clip("b").header, author="ann", split=Split.TEST)
    assert project.latest_snapshot() is None


def test_a_test_picture_that_comes_later_taints_what_saw_its_twin(project: Project) -> None:
    project.add_clip(recording(project, "a", seed=1, patient="a"), author="ann")
    learnt = project.data_revision
    project.checkpoint_path.write_bytes(b"weights that saw the picture")

    def publish() -> None:
        project.add_snapshot(b"1", step=1, data_revision=learnt, recipe="", metrics={}, is_validated=False)

    publish()
    commits: list[Commit] = []
    project.committed.connect(commits.append)
    twin = (recording(project, "b", seed=1, patient="b"), Split.TEST)
    project.add_clips([twin], author="ann", patients_are_named=True)
    assert commits[0].sentence.endswith("1 model that may have learnt from it will not be used any more")
    assert project.latest_snapshot() is None
    assert not project.checkpoint_path.exists()
    publish()
    assert project.latest_snapshot() is None


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(("has_label", "trained"), [(True, "a"), (True, "other"), (False, "a")])
def test_a_validation_picture_taints_what_the_labels_of_its_twin_taught(
    project: Project, *, is_new: bool, has_label: bool, trained: str
) -> None:
    """So it is where the learner was trained on the twin's patient: the same labels would judge what they taught."""
    twins = [(recording(project, name, seed=1, patient=name), Split.TRAIN) for name in ("a", "b")]
    project.add_clips(twins[: 2 - is_new], author="ann", patients_are_named=True)
    if has_label:
        project.commit(FrameKey("a", 0), [ABSENT], author="ann")
    project.write_fact(TRAINED_FACT, json.dumps([project.pseudonymiser.key(trained)]))
    learnt = project.data_revision
    project.checkpoint_path.write_bytes(b"weights")
    project.add_snapshot(b"1", step=1, data_revision=learnt, recipe="", metrics={}, is_validated=False)
    if is_new:
        twin = (recording(project, "b", seed=1, patient="b"), Split.VALIDATION)
        project.add_clips([twin], author="ann", patients_are_named=True)
    else:
        project.update_clip("b", project.clip("b").header, author="ann", split=Split.VALIDATION)
    is_known = has_label and trained == "a"
    assert (project.latest_snapshot() is None) is is_known
    assert project.checkpoint_path.exists() is not is_known
    assert project.has_set_apart_since(learnt) is is_known
    assert not project.has_set_apart_since(project.data_revision)


def test_a_test_picture_hides_no_validation_picture_that_comes_with_it(project: Project) -> None:
    """A model that learnt from the labels of the one served on, since the other had come after it."""
    project.add_clip(recording(project, "a", seed=1, patient="a"), author="ann")
    project.commit(FrameKey("a", 0), [ABSENT], author="ann")
    learnt = project.data_revision
    project.add_snapshot(b"1", step=1, data_revision=learnt, recipe="", metrics={}, is_validated=False)
    project.add_clip(recording(project, "c", seed=2, patient="c"), author="ann")
    parts = [("b", 1, Split.VALIDATION), ("d", 2, Split.TEST)]
    twins = [(recording(project, name, seed=seed, patient=name), split) for name, seed, split in parts]
    project.add_clips(twins, author="ann", patients_are_named=True)
    assert project.latest_snapshot() is None
    assert project.has_set_apart_since(learnt)


@pytest.mark.parametrize("learner_said", [True, False])
def test_models_that_labels_taught_are_not_validated_on_them(project: Project, learner_said: bool) -> None:
    def snapshot(revision: int) -> int:
        return project.add_snapshot(b"1", step=1, data_revision=revision, recipe="", metrics={}, is_validated=False).id

    header = project.clip("clip").header
    before = snapshot(project.data_revision)
    project.commit(KEY, [ABSENT], author="ann")
    taught = snapshot(project.data_revision)
    project.checkpoint_path.write_bytes(b"weights that learnt from the label")
    if learner_said:
        project.write_fact(TRAINED_FACT, json.dumps([header.patient]))
    commit = project.update_clip("clip", header, author="ann", split=Split.VALIDATION)
    assert commit.sentence.endswith("1 model that may have learnt from it will not be used any more")
    late = snapshot(commit.revision - 1)
    assert not project.checkpoint_path.exists()
    assert {s.id for s in project.snapshots() if s.is_tainted} == {taught, late}
    assert project.latest_snapshot() == project.snapshots()[before - 1]


def test_a_model_that_comes_after_the_learner_forgot_whom_it_was_trained_on_is_marked(project: Project) -> None:
    header = project.clip("clip").header
    before = project.data_revision
    project.commit(KEY, [ABSENT], author="ann")
    learnt = project.data_revision
    project.write_fact(TRAINED_FACT, json.dumps([header.patient]))
    project.update_clip("clip", header, author="ann", split=Split.VALIDATION)
    project.write_fact(TRAINED_FACT, "[]")
    assert [project.has_set_apart_since(revision) for revision in (before, learnt)] == [False, True]


def test_patients_whom_the_learner_held_aside_may_be_chosen_for_validation(project: Project) -> None:
    project.commit(KEY, [ABSENT], author="ann")
    project.write_fact(TRAINED_FACT, json.dumps(["somebody-else"]))
    project.write_fact(HELD_FACT, json.dumps([project.clip("clip").header.patient]))
    project.checkpoint_path.write_bytes(b"weights that learnt from others")
    learnt = project.data_revision
    for _ in range(2):
        project.add_snapshot(b"1", step=1, data_revision=learnt, recipe="", metrics={}, is_validated=True)
        project.update_clip("clip", project.clip("clip").header, author="ann", split=Split.VALIDATION)
    assert not any(s.is_tainted for s in project.snapshots())
    assert project.checkpoint_path.exists()


def test_a_model_that_comes_after_the_removal_of_a_patient_it_saw_is_marked(project: Project) -> None:
    project.add_clip(recording(project, "b", patient="P2", seed=1), author="ann")
    learnt = project.data_revision
    project.remove_patient("P2")
    for revision in (learnt, project.data_revision):
        project.add_snapshot(b"1", step=1, data_revision=revision, recipe="", metrics={}, is_validated=False)
    assert [s.is_tainted for s in project.snapshots()] == [True, False]


def test_a_test_patient_was_never_seen(project: Project) -> None:
    project.add_clip(recording(project, "b", patient="P2", seed=1), author="ann", split=Split.TEST)
    project.add_snapshot(b"1", step=1, data_revision=2, recipe="", metrics={}, is_validated=False)
    assert project.remove_patient(project.pseudonymiser.key("P2")).tainted_snapshots == ()


def test_an_interrupted_removal_is_finished_at_open(project: Project) -> None:
    file = project.path / "clips" / f"{'f' * 64}.h5"
    file.write_bytes(b"frames of a patient whose rows are gone")
    project.close()
    with sqlite3.connect(project.path / "annotations.sqlite") as raw:
        raw.execute("INSERT INTO erasures VALUES (?)", (file.name,))
    raw.close()
    with Project.open(project.path):
        assert not file.exists()


def test_a_patient_is_removed_beside_stray_frames_whose_header_is_lost(project: Project) -> None:
    header = replace(recording(project, "left", patient="P2").header, n_frames=1)
    staged = stage_frames(project.path / "clips", header, [np.full(SHAPE, 7, np.uint8)], header_text(header))
    left = project.path / "clips" / f"{staged.content_hash}.h5"
    place(staged, left)
    with h5py.File(left, "r+") as file:
        del file.attrs["header"]
    with pytest.raises(CorruptProject, match=f"{left.name}: the file of this clip is damaged"):
        read_header_text(left)
    assert project.remove_patient("P1").clips == ("clip",)
    assert left.exists()


def refuse_full(database: Database) -> None:
    raise ProjectError(f"{database.folder}: the disk is full.")


def test_a_clip_that_is_imported_again_outlives_a_removal_that_is_finished_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Commit] = []
    project.committed.connect(seen.append)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "shrink", refuse_full)
        with pytest.raises(ProjectError, match="a patient was removed, but traces are left"):
            project.remove_patient("P1")
    assert [c.kind for c in seen] == ["remove"]
    project.add_clip(recording(project), author="ann")
    project.commit(KEY, [Paint("one", box(2, 2))], author="ann")
    project.close()
    with Project.open(project.path) as again:
        assert again.check().is_sound
        assert again.read_frame(KEY).shape == SHAPE
        with again._session.database.read() as connection:
            assert connection.execute(sa.select(schema.erasures)).all() == []


@pytest.mark.parametrize("has_clip", [False, True])
def test_frames_that_an_interrupted_import_left_go_with_their_patient(project: Project, has_clip: bool) -> None:
    if has_clip:
        project.add_clip(recording(project, "other", patient="P2", seed=1), author="ann")
    header = replace(recording(project, "left", patient="P2").header, n_frames=1)
    staged = stage_frames(project.path / "clips", header, [np.full(SHAPE, 7, np.uint8)], header_text(header))
    left = project.path / "clips" / f"{staged.content_hash}.h5"
    place(staged, left)
    assert project.remove_patient("P2").clips == (("other",) if has_clip else ())
    assert not left.exists()
    assert project.check().is_sound
    with pytest.raises(UnknownName):
        project.remove_patient("P2")


def test_a_patient_who_came_again_is_removed_again_before_the_first_removal_is_finished(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Database, "shrink", refuse_full)
        with pytest.raises(ProjectError, match="traces are left"):
            project.remove_patient("P1")
    project.add_clip(recording(project), author="ann")
    assert project.remove_patient("P1").clips == ("clip",)
    assert list((project.path / "clips").iterdir()) == []


def test_a_removal_is_not_done_while_another_program_reads_what_was_removed(project: Project) -> None:
    project.add_clip(recording(project, "other", patient="P2", seed=1), author="ann")
    project.commit(KEY, [Paint("one", box(2, 2))], author="a name to be found")
    project._session.database.pragma("PRAGMA busy_timeout=0")
    with closing(sqlite3.connect(project.path / "annotations.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM labels").fetchall()
        with pytest.raises(ProjectError, match=r"traces are left .* close other programs .* open it again"):
            project.remove_patient("P1")
    project.close()
    with Project.open(project.path):
        files = [file for file in project.path.rglob("*") if file.is_file()]
        assert not any(b"a name to be found" in file.read_bytes() for file in files)


def test_snapshots_keep_their_lineage(project: Project) -> None:
    made = project.add_snapshot(
        b"weights", step=40, data_revision=1, recipe="size = 128", metrics={"dice": {"one": 0.8}}, is_validated=True
    )
    project.close()
    with Project.open(project.path) as again:
        assert again.snapshots() == (made,)
        assert again.latest_snapshot() == made
        assert made.file.read_bytes() == b"weights"
        assert (made.metrics, made.is_validated, made.step) == ({"dice": {"one": 0.8}}, True, 40)


def test_a_reader_that_may_not_write_follows_a_writer_who_comes_after_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.close()
    monkeypatch.setattr(database, "_can_write", lambda _: False)
    with Project.open(project.path, read_only=True) as reader:
        assert reader.follow() is None
        with Project.open(project.path) as writer:
            commit = writer.commit(KEY, [Paint("one", box(2, 2))], author="ann")
            followed = reader.follow()
            assert followed is not None
            assert followed.keys == commit.keys
            assert reader.label(KEY) == writer.label(KEY)
        assert reader.check().is_sound


def test_counts_keep_test_clips_apart(project: Project) -> None:
    project.add_clip(recording(project, "t", patient="P2", seed=1, domain="x"), author="ann", split=Split.TEST)
    project.commit(KEY, [Paint("one", box(2, 2)), ABSENT], author="ann")
    project.commit(FrameKey("t", 0), [ABSENT], author="bob")
    counts = project.counts()
    assert (counts.clips, counts.frames) == (2, 6)
    assert counts.labels == {"one": {"draft": 1}, "two": {"absent": 1}}
    assert counts.test_labels == {"one": {}, "two": {"absent": 1}}
    assert counts.by_domain["x"] == {"clips": 1, "frames": 3, "labels": 1}
    assert (counts.by_author, counts.by_origin) == ({"ann": 1}, {"drawn": 1})
    assert project.labelled_keys() == (KEY, FrameKey("t", 0))
    assert project.labelled_keys(splits=[Split.TRAIN]) == (KEY,)


def test_a_second_opening_reads_and_says_who_writes(project: Project) -> None:
    with Project.open(project.path) as second:
        assert second.is_read_only
        assert "is open for writing by" in second.notes[0]
        with pytest.raises(ReadOnlyProject, match="open for writing by"):
            second.undo(author="b")
        with pytest.raises(ReadOnlyProject, match="open for writing by"):
            second.commit(KEY, [], author="b")
        project.commit(KEY, [Paint("one", box(2, 2))], author="ann")
        assert second.follow() is not None
        assert second.label(KEY) == project.label(KEY)
    project.commit(KEY, [Finish("one")], author="ann")


def test_a_closed_project_takes_no_change(project: Project) -> None:
    before, header = project.data_revision, project.clip("clip").header
    project.close()
    writes: tuple[Callable[[], object], ...] = (
        lambda: project.commit(KEY, [Paint("one", box(2, 2))], author="a"),
        lambda: project.import_labels({}, author="a"),
        lambda: project.undo(author="a"),
        lambda: project.write_fact("recipe", "default"),
        lambda: project.set_values({"one": 4}),
        lambda: project.add_clip(recording(project, "b", seed=1), author="a"),
        lambda: project.update_clip("clip", replace(header, view="side"), author="a"),
        lambda: project.remove_patient("P1"),
        lambda: project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False),
    )
    for write in writes:
        with pytest.raises(ProjectError, match="was closed, so nothing can be changed; open it again"):
            write()
    with Project.open(project.path) as again:
        assert (again.data_revision, again.snapshots(), again.read_fact("recipe")) == (before, (), None)
        assert not again.is_read_only


def test_a_network_share_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.close()
    monkeypatch.setattr("annotator.project.session.network_share", lambda _: lock.Share("nfs4", "/mnt"))
    with Project.open(project.path) as shared:
        assert "network share (nfs4 at /mnt)" in shared.notes[0]
        shared.commit(KEY, [Paint("one", box(2, 2))], author="ann")
        assert not (project.path / "annotations.sqlite-wal").exists()


def test_the_protocol_is_told_while_another_has_the_project_open(project: Project) -> None:
    assert Project.protocol_of(project.path) == PROTOCOL


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    for ask in (Project.open, Project.protocol_of):
        with pytest.raises(ProjectError, match="not a project folder"):
            ask(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ProjectError, match="something here already"):
        Project.create(tmp_path, PROTOCOL)
    with pytest.raises(UnknownName):
        Project.create(tmp_path / "new", PROTOCOL, values={"heart": 3})
    assert not (tmp_path / "new").exists()


def test_unknown_clips_and_frames_are_refused(project: Project) -> None:
    with pytest.raises(UnknownName):
        project.clip("none")
    for frame in (-1, 3):
        with pytest.raises(AnnotatorError, match="frames 0 to 2"):
            project.label(FrameKey("clip", frame))


def test_a_newer_marker_is_refused(project: Project) -> None:
    project.close()
    marker = project.path / "project.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "version": 99}))
    with pytest.raises(ProjectError, match="newer version"):
        Project.open(project.path)
    marker.write_text("{}")
    with pytest.raises(ProjectError, match="marker is damaged"):
        Project.open(project.path)
