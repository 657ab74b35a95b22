"""Making and opening a project folder: its marker, its writer's lock, its database."""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from annotator.core.errors import COMMAND, CorruptProject, ProjectError
from annotator.core.identity import Pseudonymiser
from annotator.core.protocols import LabelProtocol
from annotator.project import schema
from annotator.project.database import Access, Database
from annotator.project.durable import PART, storage_errors, write_whole
from annotator.project.frames import FrameStore
from annotator.project.headers import parse_protocol_value, protocol_value
from annotator.project.lock import WriterLock, network_share, share_note
from annotator.project.migrate import bring_up_to_date, current_format, refuse_newer
from annotator.project.schema import HEAD

FORMAT: Final = "echo-annotator-project"
VERSION: Final = 1
MARKER: Final = "project.json"
FOLDERS: Final = ("clips", "snapshots", "training")
CHECKPOINT: Final = "training/checkpoint.pt"

MARKER_FACT: Final = "marker"
"""Where the database of a project keeps a copy of the marker; one on a server keeps none, since the salt is secret."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What ``project.json`` holds: all that never changes, so that it outlives a damaged database."""

    protocol: LabelProtocol
    salt: bytes
    database_url: str | None = None

    def text(self) -> str:
        """The file's content."""
        value = {
            "format": FORMAT,
            "version": VERSION,
            "protocol": protocol_value(self.protocol),
            "salt": self.salt.hex(),
            "database_url": self.database_url,
        }
        return json.dumps(value, indent=1, ensure_ascii=False)


def read_marker(path: Path) -> Marker:
    """The marker of a project folder.

    Raises
    ------
    ProjectError
        Where the folder is not a project, or a newer application made it.
    CorruptProject
        Where the marker is damaged.
    """
    file = path / MARKER
    if not file.is_file():
        raise ProjectError(f"{path}: this is not a project folder; choose another, or make a new project.")
    with storage_errors(path):
        data = file.read_bytes()
    return parse_marker(data, file)


def parse_marker(data: bytes | str, file: Path) -> Marker:
    """Inverse of :meth:`Marker.text`.

    Parameters
    ----------
    data
        The text.
    file
        Named where it cannot be used.

    Raises
    ------
    ProjectError
        Where a newer application wrote it.
    CorruptProject
        Where it is damaged.
    """
    try:
        value: dict[str, Any] = json.loads(data)
        if value["format"] != FORMAT:
            raise KeyError(FORMAT)
        if int(value["version"]) > VERSION:
            raise ProjectError(
                f"{file.parent}: a newer version of the application made this project; update the application."
            )
        return Marker(parse_protocol_value(value["protocol"]), bytes.fromhex(value["salt"]), value["database_url"])
    except (ValueError, KeyError, TypeError, CorruptProject) as error:
        raise CorruptProject(
            f"{file}: the project's marker is damaged; restore this file from a backup, or 'annotator check PROJECT "
            f"--salvage OUT', {COMMAND}, makes a new project from the rest."
        ) from error


@dataclass(frozen=True, slots=True)
class Session:
    """An open project's parts."""

    path: Path
    marker: Marker
    lock: WriterLock
    database: Database
    frames: FrameStore
    is_read_only: bool
    notes: tuple[str, ...]

    @property
    def pseudonymiser(self) -> Pseudonymiser:
        """The project's own."""
        return Pseudonymiser(self.marker.salt)

    def clip_file(self, content_hash: str) -> Path:
        """Where the frames of a clip are."""
        return self.path / "clips" / f"{content_hash}.h5"

    def close(self) -> None:
        """Close files and connections and give the lock back."""
        self.frames.close()
        self.database.close()
        if not self.is_read_only:
            self.lock.release()


def is_project_folder(path: Path) -> bool:
    """Whether a folder has a project's marker."""
    return (path / MARKER).is_file()


def make_folder(path: Path, marker: Marker) -> None:
    """Make a project folder; the marker comes last, so an interrupted one is not a project.

    Raises
    ------
    ProjectError
        Where the folder has something in it, or the disk refuses; nothing is left behind.
    """
    with storage_errors(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ProjectError(f"{path}: there is something here already; choose a new or empty folder.")
    was_there = path.exists()
    try:
        with storage_errors(path):
            for name in FOLDERS:
                (path / name).mkdir(parents=True)
        database = Database(path, Access(marker.database_url, is_on_share=network_share(path) is not None))
        try:
            bring_up_to_date(database)
        finally:
            database.close()
        write_whole(path / MARKER, marker.text().encode())
    except BaseException:
        for child in () if not path.exists() else tuple(path.iterdir()):
            shutil.rmtree(child, ignore_errors=True) if child.is_dir() else child.unlink(missing_ok=True)
        if path.exists() and not was_there:
            path.rmdir()
        raise


def new_marker(protocol: LabelProtocol, database_url: str | None) -> Marker:
    """A marker with a fresh secret salt."""
    return Marker(protocol, secrets.token_bytes(32), database_url)


def open_session(path: Path, *, read_only: bool) -> Session:
    """Open a project folder, for writing where nobody else has it.

    Raises
    ------
    ProjectError
        Where it is not a project, is damaged, or is of a newer format.
    """
    marker = read_marker(path)
    lock = WriterLock(path)
    refusal = "The project was opened for reading only." if read_only else lock.acquire()
    try:
        return _open_with(path, marker, lock, refusal)
    except BaseException:
        lock.release()
        raise


def _open_with(path: Path, marker: Marker, lock: WriterLock, refusal: str | None) -> Session:
    notes = [] if refusal is None else [refusal]
    share = network_share(path)
    if share is not None:
        notes.append(share_note(share))
    is_read_only = refusal is not None
    if marker.database_url is None and not (path / "annotations.sqlite").is_file():
        raise CorruptProject(
            f"{path}: the annotation database is missing; restore 'annotations.sqlite' from a backup, or "
            f"'annotator check PROJECT --salvage OUT', {COMMAND}, makes a new project from the clips."
        )
    database = Database(path, Access(marker.database_url, is_read_only, share is not None))
    try:
        _refuse_empty(database)
        if is_read_only:
            _refuse_other_format(database)
        else:
            backup = bring_up_to_date(database)
            if backup is not None:
                notes.append(f"The project was brought to the newest format; the former database is '{backup.name}'.")
            _copy_marker(database, marker)
            _clear_leftovers(path)
    except BaseException:
        database.close()
        raise
    return Session(path, marker, lock, database, FrameStore(path / "clips"), is_read_only, tuple(notes))


def _copy_marker(database: Database, marker: Marker) -> None:
    """Let what never changes outlive a damaged marker, as it outlives a damaged database."""
    facts, copy = schema.facts, {"name": MARKER_FACT, "value": marker.text()}
    if not database.is_sqlite:
        return
    with database.read() as connection:
        found = connection.execute(sa.select(facts.c.value).where(facts.c.name == MARKER_FACT)).scalar()
    if found != copy["value"]:
        with database.write() as connection:
            connection.execute(sa.delete(facts).where(facts.c.name == MARKER_FACT))
            connection.execute(sa.insert(facts).values(**copy))


def _refuse_empty(database: Database) -> None:
    # A project has had its tables from the moment on that it has its marker.
    if current_format(database) is None:
        raise CorruptProject(
            f"{database.folder}: the annotation database is empty; restore it from a backup, or "
            f"'annotator check PROJECT --salvage OUT', {COMMAND}, makes a new project from the clips."
        )


def _refuse_other_format(database: Database) -> None:
    found = current_format(database)
    refuse_newer(database, found)
    if found != HEAD:
        raise ProjectError(
            f"{database.folder}: this project has an older format and must be opened for writing once to be read."
        )


def _clear_leftovers(path: Path) -> None:
    for name in FOLDERS:
        (path / name).mkdir(exist_ok=True)
        for part in (path / name).glob(f"*{PART}"):
            # One that a virus scanner looks at goes the next time.
            with suppress(OSError):
                part.unlink(missing_ok=True)
