"""Old models lose their files, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.edits import Assign
from annotator.core.errors import CorruptProject, UnknownName
from annotator.core.identity import FrameKey
from annotator.core.status import Origin
from annotator.engine.starting import first_usable
from annotator.project import Project, Snapshot, thinning
from annotator.project.thinning import NEWEST_KEPT, superfluous
from tests.project.samples import PROTOCOL, box, outlined, recording


class Model(NamedTuple):
    id: int
    time: datetime
    is_tainted: bool


def publish(project: Project, step: int) -> Snapshot:
    return project.add_snapshot(
        str(step).encode(), step=step, data_revision=0, recipe="", metrics={"dice": {"one": 0.5}}, is_validated=True
    )


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=120))
def test_the_newest_and_the_last_of_each_day_keep_their_files(published: list[tuple[int, bool]]) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    hours = sorted(hour for hour, _ in published)
    models = [
        Model(n, begin + timedelta(hours=h), t) for n, (h, (_, t)) in enumerate(zip(hours, published, strict=True))
    ]
    gone = superfluous(models)
    kept = [model for model in models if model.id not in gone]
    usable = [model for model in models if not model.is_tainted]
    assert set(models[-NEWEST_KEPT:]) | set(usable[-NEWEST_KEPT:]) <= set(kept)
    assert {model.time.date() for model in usable} == {model.time.date() for model in kept if not model.is_tainted}
    assert len(kept) <= 2 * NEWEST_KEPT + len({model.time.date() for model in usable})


def test_a_model_without_its_file_keeps_everything_else(tmp_path: Path) -> None:
    with Project.create(tmp_path / "project", PROTOCOL) as project:
        project.add_clip(recording(project), author="ann")
        first = publish(project, 1)
        key = FrameKey("clip", 0)
        project.commit(
            key, [Assign("one", outlined(box(2, 2)))], author="ann", origin=Origin.ACCEPTED, snapshot=first.id
        )
        for step in range(2, NEWEST_KEPT + 6):
            publish(project, step)
        found = project.snapshots()
        assert [s.has_file for s in found] == [False] * 5 + [True] * NEWEST_KEPT
        assert [s.file.exists() for s in found] == [s.has_file for s in found]
        assert [s.metrics["dice"] for s in found] == [{"one": 0.5}] * len(found)
        assert project.provenance(key)["one"].snapshot == first.id
        assert project.check().is_sound
        for kept in found[5:]:
            kept.file.write_bytes(b"damaged")
        used, sentences = first_usable(project, None, Path.read_bytes)
        assert (used, len(sentences)) == (None, NEWEST_KEPT), "only files that should be there are missed"
        for kept in found[5:]:
            kept.file.write_bytes(str(kept.step).encode())
    salvaged = Project.salvage(tmp_path / "project", tmp_path / "salvaged")
    assert (salvaged.snapshots, salvaged.lost) == (NEWEST_KEPT + 5, ())
    with Project.open(tmp_path / "salvaged") as again:
        assert [s.has_file for s in again.snapshots()] == [s.has_file for s in found]
        assert again.provenance(key)["one"].snapshot == first.id
        assert again.check().is_sound


def test_what_is_read_all_day_reads_no_model_that_lost_its_file(tmp_path: Path) -> None:
    """Tens of thousands of them are there after a year; to read them took seconds at every accepted suggestion."""
    with Project.create(tmp_path / "project", PROTOCOL) as project:
        project.add_clip(recording(project), author="ann")
        for step in range(1, NEWEST_KEPT + 6):
            publish(project, step)
        with closing(sqlite3.connect(project.path / "annotations.sqlite")) as raw, raw:
            raw.execute("UPDATE snapshots SET metrics = 'not to be read' WHERE id <= 5")
        with pytest.raises(CorruptProject):
            project.snapshots()
        key = FrameKey("clip", 0)
        accepted = [Assign("one", outlined(box(2, 2)))]
        project.commit(key, accepted, author="ann", origin=Origin.ACCEPTED, snapshot=3)
        assert project.provenance(key)["one"].snapshot == 3
        with pytest.raises(UnknownName):
            project.commit(key, accepted, author="ann", origin=Origin.ACCEPTED, snapshot=99)
        newest = publish(project, 99)
        assert project.latest_snapshot() == newest
        assert [s.id for s in project.usable_snapshots()] == list(range(7, 27))
        assert [s.id for s in project.snapshots(newest=21)] == list(range(6, 27))


def test_a_model_after_a_salvage_has_no_number_of_one_without_a_file(tmp_path: Path) -> None:
    with Project.create(tmp_path / "project", PROTOCOL) as project:
        for step in range(1, NEWEST_KEPT + 11):
            publish(project, step)
    with closing(sqlite3.connect(tmp_path / "project" / "annotations.sqlite")) as raw, raw:
        raw.execute("UPDATE snapshots SET metrics = 'damaged' WHERE id >= 9")
    Project.salvage(tmp_path / "project", tmp_path / "salvaged")
    with Project.open(tmp_path / "salvaged") as again:
        assert [s.id for s in again.snapshots()] == list(range(1, 9))
        made = publish(again, 99)
        assert again.latest_snapshot() == made
        assert made.file.exists()


def test_a_file_that_a_killed_session_left_goes_with_the_next_ones(tmp_path: Path) -> None:
    with Project.create(tmp_path / "project", PROTOCOL) as project:
        first = publish(project, 1)
        for step in range(2, NEWEST_KEPT + 2):
            publish(project, step)
        strange = first.file.with_name("00001-step-999.safetensors")
        for file in (first.file, strange):
            file.write_bytes(b"1")
        publish(project, 99)
        assert not first.file.exists()
        assert strange.exists(), "which no row names: it is of another history, or somebody's own"


def test_where_the_newest_are_marked_an_older_one_serves(tmp_path: Path) -> None:
    models = [Model(n, datetime(2026, 1, 1, tzinfo=UTC), n >= 30) for n in range(60)]
    kept = {model.id for model in models} - superfluous(models)
    assert kept == {*range(10, 30), *range(40, 60)}


def test_more_models_than_can_be_asked_for_by_name_are_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinning, "_MOST_NAMED", 3)
    with Project.create(tmp_path / "project", PROTOCOL) as project:
        for step in range(1, NEWEST_KEPT + 6):
            publish(project, step)
        assert [s.id for s in project.usable_snapshots()] == list(range(6, 26))
        assert [s.has_file for s in project.snapshots()] == [False] * 5 + [True] * NEWEST_KEPT
        assert len(list((project.path / "snapshots").iterdir())) == NEWEST_KEPT
