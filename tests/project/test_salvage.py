from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import h5py
import pytest

from annotator.core.edits import Assign, Paint, apply
from annotator.core.errors import CorruptProject, ProjectError, ReadOnlyProject
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus
from annotator.project import Project, database, salvage, schema
from annotator.project.pages import PAGE
from tests.project.samples import SHAPE, box, outlined, recording


@pytest.fixture
def filled(project: Project) -> Project:
    """A closed project with 31 clips, 30 of them with one labelled frame, and a snapshot."""
    for seed in range(1, 31):
        project.add_clip(recording(project, f"c{seed}", seed=seed, n_frames=1), author="ann")
        edits = [Assign("one", outlined(box(seed % 9, 2))), Assign("two", StructureLabel(LabelStatus.ABSENT))]
        project.commit(FrameKey(f"c{seed}", 0), edits, author="ann")
    project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False)
    project.close()
    return project


def test_no_two_tables_have_the_same_number_of_columns() -> None:
    tables = schema.metadata.sorted_tables
    assert len({len(table.columns) for table in tables}) == len(tables), "a lost row is told by it"


def test_a_sound_project_is_salvaged_whole(filled: Project, tmp_path: Path) -> None:
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels, saved.snapshots, saved.lost) == (31, 60, 1, ())
    with Project.open(filled.path) as before, Project.open(tmp_path / "out") as after:
        assert after.clips() == before.clips()
        assert after.all_statuses() == before.all_statuses()
        assert after.undo_sentence == before.undo_sentence
        assert after.check().is_sound
        assert after.pseudonymiser == before.pseudonymiser


@pytest.fixture
def interrupted(filled: Project) -> Path:
    """The same on a network share, after a change whose program was killed within its transaction."""
    code = (
        "import os, sqlite3, sys; raw = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "[raw.execute(text) for text in ('PRAGMA journal_mode=DELETE', 'PRAGMA cache_size=2', 'BEGIN', "
        "'DELETE FROM labels', 'DELETE FROM clip_details')]; os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(filled.path / "annotations.sqlite")], check=False)
    assert (filled.path / "annotations.sqlite-journal").exists()
    return filled.path


def test_an_unfinished_change_is_taken_back_from_what_is_salvaged(interrupted: Path, tmp_path: Path) -> None:
    saved = Project.salvage(interrupted, tmp_path / "out")
    assert (saved.clips, saved.labels, saved.lost) == (31, 60, ())


@pytest.mark.parametrize("can_write", [False, True])
def test_an_unfinished_change_is_no_damage_to_who_only_reads(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, can_write: bool
) -> None:
    monkeypatch.setattr(database, "_can_write", lambda _: can_write)
    with pytest.raises(ReadOnlyProject, match=r"a change was interrupted here .* open the project for writing once"):
        Project.open(interrupted, read_only=True)
    with Project.open(interrupted) as project:
        assert len(project.all_statuses()) == 30


def first_complaint(path: Path) -> str:
    """What opening says, or the check, where opening does not meet the damage."""
    try:
        with Project.open(path) as project:
            return next(iter(project.check().problems), "")
    except CorruptProject as error:
        return str(error)


def test_a_damaged_database_is_refused_and_salvaged(filled: Project, tmp_path: Path) -> None:
    file = filled.path / "annotations.sqlite"
    data = bytearray(file.read_bytes())
    data[8 * 4096 : 12 * 4096] = b"\xff" * (4 * 4096)
    file.write_bytes(data)
    complaint = first_complaint(filled.path)
    assert complaint
    assert "\n" not in complaint
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert saved.clips == 31
    assert saved.lost
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert len(after.clips()) == 31


def test_a_database_whose_tables_are_misspelt_is_damaged_and_salvaged(filled: Project, tmp_path: Path) -> None:
    file = filled.path / "annotations.sqlite"
    file.write_bytes(file.read_bytes().replace(b"CREATE TABLE labels", b"CR\xe9ATE TABLE labels"))
    for read_only in (False, True):
        with pytest.raises(CorruptProject, match="the annotation database is damaged"):
            Project.open(filled.path, read_only=read_only)
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 60)


def test_a_damaged_letter_of_a_name_costs_no_label(filled: Project, tmp_path: Path) -> None:
    damage(filled.path, "UPDATE labels SET author = CAST(x'61e96e' AS TEXT) WHERE clip_id = 7")
    with pytest.raises(CorruptProject, match=r"the annotation database is damaged .*--salvage OUT"):
        Project.open(filled.path)
    assert Project.salvage(filled.path, tmp_path / "out").labels == 60
    with Project.open(tmp_path / "out") as after:
        assert after.statuses("c6")[0]["one"].author == "a\ufffdn"
        assert after.label(FrameKey("c6", 0))["one"] == outlined(box(6, 2))


def test_damage_is_told_where_there_is_no_room_to_count_it(filled: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (filled.path / "annotations.sqlite").write_bytes(b"not a database" * 1000)
    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(CorruptProject, match=r"is damaged .* could not be counted \(No space left on device\)"):
        Project.open(filled.path)


@pytest.mark.parametrize("damage", ["overwritten", "gone"])
def test_clips_outlive_their_database(filled: Project, tmp_path: Path, damage: str) -> None:
    file = filled.path / "annotations.sqlite"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"not a database" * 1000)
    with pytest.raises(CorruptProject, match=r"annotator check PROJECT --salvage OUT', a command for whoever looks"):
        Project.open(filled.path)
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 0)
    with Project.open(tmp_path / "out") as after:
        assert {c.name for c in after.clips()} == {"clip", *(f"c{n}" for n in range(1, 31))}
        assert after.check().is_sound


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"format": 1}', "cut", "protocol", None])
def test_labels_outlive_the_marker(filled: Project, tmp_path: Path, damage: str | None) -> None:
    file = filled.path / "project.json"
    text = file.read_text()
    if damage is None:
        file.unlink()
    else:
        cut = {"cut": text[: len(text) // 2], "protocol": text.replace('"structures"', '"strictures"')}
        file.write_text(cut.get(damage, damage))
        with pytest.raises(
            CorruptProject, match=r"marker is damaged; restore .*, or 'annotator check PROJECT --salvage"
        ):
            Project.open(filled.path)
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels, saved.snapshots) == (31, 60, 1)
    assert saved.lost == ("The project's marker could not be read; its copy in the database took its place.",)
    assert (tmp_path / "out" / "project.json").read_text() == text


def test_a_folder_that_is_no_project_is_not_salvaged(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    with pytest.raises(ProjectError, match="not a project folder"):
        Project.salvage(tmp_path / "some", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("read_only", [False, True])
def test_an_empty_database_is_no_empty_project(filled: Project, tmp_path: Path, read_only: bool) -> None:
    for file in filled.path.glob("annotations.sqlite*"):
        file.unlink()
    (filled.path / "annotations.sqlite").touch()
    with pytest.raises(CorruptProject, match=r"the annotation database is empty; restore it .*--salvage OUT"):
        Project.open(filled.path, read_only=read_only)
    assert Project.salvage(filled.path, tmp_path / "out").clips == 31


def damage(project: Path, *statements: str) -> None:
    with closing(sqlite3.connect(project / "annotations.sqlite")) as raw, raw:
        for statement in statements:
            raw.execute(statement)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('"patient": "p', '"patient": "q', "its header is damaged"),
        ('"n_frames": 1', '"n_frames": 7', "not of these pixels"),
    ],
)
def test_labels_outlive_a_damaged_header_of_frames(
    filled: Project, tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    with Project.open(filled.path) as project:
        before, hurt = project.all_statuses(), project.clip("c6")
        with h5py.File(project._session.clip_file(hurt.content_hash), "r+") as file:
            file.attrs["header"] = file.attrs["header"].replace(was, becomes)
        assert [said in problem for problem in project.check().problems] == [True]
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 60)
    assert any(said in sentence for sentence in saved.lost)
    with Project.open(tmp_path / "out") as after:
        assert after.all_statuses() == before
        assert after.clip("c6") == hurt
        assert [said in problem for problem in after.check().problems] == [True]


def wreck_first_page(project: Path, table: str | None) -> None:
    """Overwrite the page that leads to the rows of a table, or to all tables."""
    file, page = project / "annotations.sqlite", 1
    with closing(sqlite3.connect(file)) as raw:
        if table is not None:
            (page,) = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    data = bytearray(file.read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = b"\xff" * PAGE
    file.write_bytes(data)


def test_labels_outlive_the_table_of_clips(filled: Project, tmp_path: Path) -> None:
    wreck_first_page(filled.path, "clips")
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 60)
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert after.label(FrameKey("c6", 0))["one"] == outlined(box(6, 2))


@pytest.mark.parametrize("table", ["labels", "clip_details", None])
def test_a_damaged_page_that_leads_to_rows_costs_none_of_them(
    filled: Project, tmp_path: Path, table: str | None
) -> None:
    with Project.open(filled.path) as project:
        for number in range(1, 31):
            edits = [Assign("two", outlined(box(number % 9, 12)))]
            project.commit(FrameKey(f"c{number}", 0), edits, author="a longer name " * 10)
        labels = {key: project.label(key) for key in project.all_statuses()}
    wreck_first_page(filled.path, table)
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 90)
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert {key: after.label(key) for key in labels} == labels


def test_a_clip_that_is_found_again_gets_no_details_of_another(project: Project, tmp_path: Path) -> None:
    for number in (2, 3):
        project.add_clip(recording(project, f"c{number}", patient=f"P{number}", seed=number), author="ann")
    before = {clip.content_hash: clip.header for clip in project.clips()}
    project.close()
    damage(project.path, "PRAGMA foreign_keys=OFF", "DELETE FROM clips WHERE id > 1")
    Project.salvage(project.path, tmp_path / "out")
    with Project.open(tmp_path / "out") as after:
        assert {clip.content_hash: clip.header for clip in after.clips()} == before


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("clip_id = 2", "Clip 'b': its edited details are lost; it is in 'test' with its patient."),
        ("clip_id = 2 AND revision = 3", "Clip 'b': its newest split is lost; it is in 'test' with its patient."),
        ("clip_id < 3", "Clip 'b': its edited details and split are lost; it is in 'test'."),
    ],
)
def test_a_test_patient_whose_details_are_lost_is_not_learnt_from(
    project: Project, tmp_path: Path, lost: str, sentence: str
) -> None:
    project.add_clip(recording(project, "b", seed=1), author="ann")
    project.update_clip("b", project.clip("b").header, author="ann", split=Split.TEST)
    project.add_clip(recording(project, "c", patient="P2", seed=2), author="ann", split=Split.TEST)
    project.close()
    damage(project.path, f"DELETE FROM clip_details WHERE {lost}")
    assert sentence in Project.salvage(project.path, tmp_path / "out").lost
    with Project.open(tmp_path / "out") as after:
        assert [clip.split for clip in after.clips()] == [Split.TEST] * 3
        assert after.check().is_sound


def test_a_lost_change_of_the_split_is_told(project: Project, tmp_path: Path) -> None:
    project.update_clip("clip", project.clip("clip").header, author="ann", split=Split.TEST)
    project.close()
    damage(project.path, "DELETE FROM clip_details WHERE revision = 2")
    saved = Project.salvage(project.path, tmp_path / "out")
    assert saved.lost == ("1 change of clips' details could not be read; look through the splits before you train.",)


def test_damaged_details_are_left_out(project: Project, tmp_path: Path) -> None:
    project.close()
    damage(project.path, "UPDATE clip_details SET split = 'tesu'")
    assert Project.salvage(project.path, tmp_path / "out").clips == 1
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound


def test_what_came_after_a_lost_operation_is_not_undone_with_one_before(project: Project, tmp_path: Path) -> None:
    key = FrameKey("clip", 0)
    for left in (2, 12, 22):
        project.commit(key, [Paint("one", box(2, left))], author="ann")
    project.close()
    damage(project.path, "PRAGMA foreign_keys=OFF", "DELETE FROM operations WHERE revision = 3")
    Project.salvage(project.path, tmp_path / "out")
    with Project.open(tmp_path / "out") as after:
        assert after.undo(author="ann") is not None
        assert after.undo_sentence is None
        assert after.label(key) == apply_all(Paint("one", box(2, 2)), Paint("one", box(2, 12)))


def apply_all(*edits: Paint) -> PartialLabel:
    label = PartialLabel(SHAPE)
    for edit in edits:
        label = apply(label, edit)[0]
    return label


def test_a_frame_whose_pixels_two_structures_claim_is_mended(project: Project, tmp_path: Path) -> None:
    hidden, parted = FrameKey("clip", 0), FrameKey("clip", 1)
    for edit in (Paint("one", box(2, 2)), Paint("two", box(2, 2))):
        project.commit(hidden, [edit], author="ann")
    for edit in (Paint("one", box(2, 2)), Paint("two", box(2, 6))):
        project.commit(parted, [edit], author="ann")
    labels = {key: project.label(key) for key in (hidden, parted)}
    project.close()
    damage(project.path, "DELETE FROM labels WHERE structure = 'one' AND revision IN (3, 5)")
    saved = Project.salvage(project.path, tmp_path / "out")
    assert saved.lost == ("2 frames had pixels of two structures; the newer one has them.",)
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert {key: after.label(key) for key in labels} == labels


class Circle:
    """A damaged table whose pages lead back to rows that came already, and then nowhere."""

    description = (("rowid_",), ("structure",))

    def execute(self, _: str, after: tuple[int]) -> Circle:
        self.after = after[0]
        return self

    def __iter__(self) -> Iterator[tuple[int, str]]:
        yield from ((row, "one") for row in (5, 6, 7) if row > self.after)
        yield 1, "one"
        raise sqlite3.DatabaseError("malformed")


def test_pages_that_lead_back_are_read_once() -> None:
    lost: list[str] = []
    rows = list(salvage._readable(cast(sqlite3.Connection, Circle()), "labels", lost))
    assert len(rows) == 4
    assert lost


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE labels SET origin = 'drwn' WHERE clip_id = 2",
        "UPDATE labels SET structure = 'won' || structure WHERE clip_id = 2",
        "UPDATE labels SET frame = 99 WHERE clip_id = 2",
        "UPDATE labels SET time = '2026-1\\-23' WHERE clip_id = 2",
        "UPDATE labels SET inside = 'text' WHERE clip_id = 2",
        "UPDATE labels SET author = 3.5 WHERE clip_id = 2",
        "UPDATE operations SET time = 'soon' WHERE revision = 3",
        "UPDATE operations SET kind = x'00' WHERE revision = 3",
        "UPDATE snapshots SET step = 'many'",
        "UPDATE snapshots SET metrics = '{'",
    ],
)
def test_damaged_values_cost_their_row_alone(filled: Project, tmp_path: Path, change: str) -> None:
    damage(filled.path, change)
    with suppress(CorruptProject), Project.open(filled.path) as project:
        project.check()
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert saved.labels >= 58
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert after.label(FrameKey("c6", 0))["one"] == outlined(box(6, 2))


@pytest.mark.parametrize("damage", ["empty", "gone", "pixels"])
def test_labels_outlive_the_frames_of_their_clip(filled: Project, tmp_path: Path, damage: str) -> None:
    with Project.open(filled.path) as project:
        before, header = project.all_statuses(), project.clip("c5").header
        file = project.path / "clips" / f"{project.clip('c5').content_hash}.h5"
    match damage:
        case "empty":
            file.write_bytes(b"")
        case "gone":
            file.unlink()
        case _:
            with h5py.File(file, "r+") as clip:
                clip["frames"][0, 0, 0] += 1
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (31, 60)
    assert salvage.DAMAGED_SENTENCE.format(clip="c5") in saved.lost
    with Project.open(tmp_path / "out") as after:
        assert after.all_statuses() == before
        assert after.label(FrameKey("c5", 0))["one"] == outlined(box(5, 2))
        assert len(after.check().problems) == 1
        again = after.add_clip(recording(after, "copy", seed=5, n_frames=1), author="ann")
        assert (again.is_new, again.clip.header) == (False, header)
        assert after.check().is_sound


def test_a_clip_without_frames_and_details_takes_its_labels_and_no_others(filled: Project, tmp_path: Path) -> None:
    with Project.open(filled.path) as project:
        clip_id, content_hash = project._state.ids["c5"], project.clip("c5").content_hash
    (filled.path / "clips" / f"{content_hash}.h5").write_bytes(b"")
    damage(filled.path, f"DELETE FROM clip_details WHERE clip_id = {clip_id}")
    saved = Project.salvage(filled.path, tmp_path / "out")
    assert (saved.clips, saved.labels) == (30, 58)
    assert any("'c5'" in sentence for sentence in saved.lost)
    with Project.open(tmp_path / "out") as after:
        assert after.check().is_sound
        assert after.label(FrameKey("c6", 0))["one"] == outlined(box(6, 2))


def test_salvage_does_not_write_over_anything(filled: Project) -> None:
    with pytest.raises(ProjectError, match="something here already"):
        Project.salvage(filled.path, filled.path)
