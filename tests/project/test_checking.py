from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

import pytest

from annotator.core.edits import Assign
from annotator.core.errors import Cancelled, CorruptProject
from annotator.core.identity import FrameKey
from annotator.core.packing import pack
from annotator.project import Project
from tests.project.samples import box, outlined

KEY = FrameKey("clip", 1)


def test_a_sound_project_has_no_problem(project: Project) -> None:
    project.commit(KEY, [Assign("one", outlined(box(2, 2)))], author="ann")
    project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False)
    report = project.check()
    assert (report.is_sound, report.problems) == (True, ())
    assert (report.clips, report.frames, report.labels, report.snapshots) == (1, 3, 1, 1)


def test_a_check_tells_how_far_it_is_and_can_be_ended(project: Project) -> None:
    told: list[tuple[int, int]] = []
    project.check(lambda done, total: told.append((done, total)))
    assert told == [(0, 1), (1, 1)]

    def ended(done: int, total: int) -> None:
        raise Cancelled("The check")

    with pytest.raises(Cancelled):
        project.check(ended)


@pytest.mark.parametrize(
    ("sql", "values", "said"),
    [
        ("UPDATE labels SET inside = ?", (b"noise",), "cannot be decompressed"),
        ("UPDATE labels SET inside = ?", (pack(box(0, 0)[:4]),), "bytes where"),
        ("UPDATE labels SET status = 'nonsense'", (), "nonsense"),
        ("UPDATE labels SET status = 'absent'", (), "has no mask"),
        (
            "INSERT INTO labels SELECT clip_id, frame, 'two', revision, status, origin, snapshot_id, author, time, "
            "inside, outside FROM labels",
            (),
            "claimed by both",
        ),
        ("UPDATE labels SET clip_id = 77", (), "rows refer to rows that are missing"),
        ("UPDATE snapshots SET sha256 = 'x'", (), "not the one that was published"),
        ("UPDATE snapshots SET file = 'x'", (), "cannot be read"),
        ("UPDATE snapshots SET metrics = '{'", (), "the metrics of snapshot 1 are damaged"),
        ("UPDATE labels SET time = '2026-1\\-23'", (), "a value cannot be read"),
        ("UPDATE labels SET inside = 'text'", (), "cannot be decompressed"),
    ],
)
def test_each_kind_of_damage_is_named(project: Project, sql: str, values: tuple[bytes, ...], said: str) -> None:
    project.commit(KEY, [Assign("one", outlined(box(2, 2)))], author="ann")
    project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False)
    with closing(sqlite3.connect(project.path / "annotations.sqlite")) as raw, raw:
        raw.execute(sql, values)
    # A status that does not exist is met on the way to the check, and again by it.
    with suppress(CorruptProject):
        project._reload()
    problems = project.check().problems
    assert any(said in problem for problem in problems), problems
