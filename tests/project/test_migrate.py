from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from annotator.core.edits import Paint
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus, Origin
from annotator.project import Project, migrate, schema
from annotator.project.database import Access, Database
from tests.project.samples import PROTOCOL, SHAPE, box, outlined, recording

DATA = Path(__file__).parent / "data"


@pytest.fixture
def first_format(tmp_path: Path) -> Path:
    """A project that the first version wrote."""
    return Path(shutil.copytree(DATA / "format-0001", tmp_path / "old"))


def test_a_project_of_the_first_format_opens_for_ever(first_format: Path) -> None:
    with Project.open(first_format) as project:
        key = FrameKey("clip", 1)
        assert project.protocol == PROTOCOL
        assert project.values == {"one": 4, "two": 1}
        wanted = {"one": outlined(box(2, 2)), "two": StructureLabel(LabelStatus.ABSENT)}
        assert project.label(key) == PartialLabel(SHAPE, wanted)
        made = project.provenance(key)
        assert (made["two"].author, made["two"].origin, made["two"].snapshot) == ("bob", Origin.ACCEPTED, 1)
        assert project.redo_sentence == "Scribbled Left chamber in frame 1 of 'clip'"
        assert not project.add_clip(recording(project), author="ann").is_new
        assert project.check().is_sound
        assert "annotations-format-0001.sqlite" in project.notes[0]
    with closing(sqlite3.connect(first_format / "annotations-format-0001.sqlite")) as backup:
        assert backup.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    with Project.open(first_format) as again:
        assert again.notes == ()
        again.commit(FrameKey("clip", 2), [Paint("one", box(2, 2))], author="ann")


def test_a_backup_that_was_cut_short_is_made_again(first_format: Path) -> None:
    for name in ("annotations-format-0001.sqlite", "annotations-format-0001.sqlite.part"):
        (first_format / name).write_bytes(b"half a database")
    with Project.open(first_format) as project:
        assert project.check().is_sound
    assert not list(first_format.glob("*.part*"))
    with closing(sqlite3.connect(first_format / "annotations-format-0001.sqlite")) as backup:
        assert backup.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_backup_without_room_is_one_sentence_and_the_project_as_it_was(
    first_format: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (first_format / "annotations.sqlite").read_bytes()
    real = sqlite3.connect

    def cramped(database: str | Path, **options: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = real(database, **options)
        if str(database).endswith(".part"):
            made.execute("PRAGMA max_page_count=2")
        return made

    monkeypatch.setattr(sqlite3, "connect", cramped)
    with pytest.raises(ProjectError, match="the disk is full and nothing was changed"):
        Project.open(first_format)
    assert (first_format / "annotations.sqlite").read_bytes() == before
    assert not list(first_format.glob("annotations-format-*"))


def test_a_removed_patient_is_in_no_backup(first_format: Path) -> None:
    with Project.open(first_format) as project:
        assert (first_format / "annotations-format-0001.sqlite").exists()
        project.remove_patient("P1", author="ann")
    assert not (first_format / "annotations-format-0001.sqlite").exists()


def test_an_old_project_cannot_be_read_without_bringing_it_up_to_date(first_format: Path) -> None:
    with pytest.raises(ProjectError, match="older format"):
        Project.open(first_format, read_only=True)


def test_a_newer_database_is_refused_and_left_alone(first_format: Path) -> None:
    file = first_format / "annotations.sqlite"
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ProjectError, match="newer version"):
            Project.open(first_format, read_only=read_only)
    assert file.read_bytes() == before


def test_a_failing_migration_leaves_the_database_as_it_was(first_format: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = first_format / "annotations.sqlite"
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("CREATE INDEX ix_labels_cells ON labels (clip_id)")
    with pytest.raises(ProjectError, match="already exists"):
        Project.open(first_format)
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


def test_migrations_make_the_declared_tables(project: Project) -> None:
    database = Database(project.path, Access(is_read_only=True))
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    database.close()


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
