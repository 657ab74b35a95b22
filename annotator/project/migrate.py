"""Brings the annotation database to the newest format when a project is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from annotator.core.errors import ProjectError
from annotator.project.database import Database
from annotator.project.durable import PART, move_into_place, storage_errors
from annotator.project.schema import HEAD


def current_format(database: Database) -> str | None:
    """The format of the database, such as ``"0002"``; None where it is empty.

    Raises
    ------
    ProjectError
        Where the database is damaged or refuses.
    """
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def bring_up_to_date(database: Database) -> Path | None:
    """Migrate an older database; it is copied beside itself first.

    Returns
    -------
    Path or None
        The backup, where there was one to make.

    Raises
    ------
    ProjectError
        Where a newer application made the database, or the disk refuses.
    """
    found = current_format(database)
    if found == HEAD:
        return None
    refuse_newer(database, found)
    backup = None
    if found is not None and database.is_sqlite:
        backup = _back_up(database.file, found)
    _run(database)
    return backup


def refuse_newer(database: Database, found: str | None) -> None:
    """Refuse a format that this version does not know.

    Raises
    ------
    ProjectError
        Where ``found`` is newer than :data:`~annotator.project.schema.HEAD`.
    """
    if found is not None and found > HEAD:
        raise ProjectError(
            f"{database.folder}: a newer version of the application made this project (format {found}, this one "
            f"reads up to {HEAD}); update the application."
        )


def _back_up(file: Path, found: str) -> Path:
    backup = file.with_name(f"{file.stem}-format-{found}{file.suffix}")
    part = backup.with_name(backup.name + PART)
    with storage_errors(file.parent):
        part.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
                # Of a copy that is begun anew, a journal would only outlive a crash.
                target.execute("PRAGMA journal_mode=OFF")
                source.backup(target)
            move_into_place(part, backup)
        except sqlite3.Error as error:
            raise sa.exc.DatabaseError("backup", None, error) from error
        finally:
            part.unlink(missing_ok=True)
    return backup


def _run(database: Database) -> None:
    # Alembic takes a quarter of a second to import, and an up-to-date project never needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
