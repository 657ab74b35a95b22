"""A patient leaves for good: frames, labels, history, and a mark on every model that saw them.

Rows go in one transaction that also lists the files to delete, so that a crash between the two is made good
when the project is opened again. ``secure_delete`` and VACUUM leave nothing in the database's free pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.disk_errors import delete
from annotator.core.errors import CorruptProject, ProjectError, UnknownName
from annotator.core.identity import Clip
from annotator.project import schema
from annotator.project.checking import unnamed_files
from annotator.project.durable import fsync_folder, storage_errors
from annotator.project.forgetting import forget_names, forget_origins, gone_pseudonyms
from annotator.project.frames import read_header_text
from annotator.project.headers import parse_header
from annotator.project.history import add_operation
from annotator.project.rows import utc_now
from annotator.project.session import CHECKPOINT, Session
from annotator.project.state import State
from annotator.project.tainting import mark_snapshots
from annotator.project.values import Removed


def found_of(session: Session, state: State, patient: str) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Clips of a patient, by original key or pseudonym, and names of files that an interrupted import left of them.

    Raises
    ------
    UnknownName
        Where there is neither.
    ProjectError
        Where all clips that came as the patient's were given to others.
    """
    clips, wanted = tuple(state.clips.values()), {patient, session.pseudonymiser.key(patient)}
    found = tuple(c for c in clips if c.header.patient in wanted)
    strays = tuple(file.name for file in unnamed_files(session, clips) if _patient_of(file) in wanted)
    if not found and not strays:
        owners = sorted({state.clips[name].header.patient for name, came in state.came_as.items() if came in wanted})
        if owners:
            raise ProjectError(
                f"{session.path}: the clips that came as this patient's were given to {' and '.join(owners)}; remove "
                "whom you mean of them by that name."
            )
        raise UnknownName("patient", patient)
    return found, strays


def _patient_of(file: Path) -> str | None:
    try:
        return parse_header(read_header_text(file)).patient
    except ProjectError:
        return None


def erase(
    session: Session, clips: Sequence[Clip], *, strays: Sequence[str] = (), revision: int, author: str
) -> Removed:
    """Delete every row of some clips, mark the snapshots that saw them, and forget their patients' pseudonyms.

    Parameters
    ----------
    session
        The project.
    clips
        What to erase.
    strays
        Names of files of frames that go with them, though no clip has them.
    revision, author
        Of the change.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses; nothing was changed.
    """
    names = tuple(sorted(c.name for c in clips))
    # New files of clips that stay go again where the transaction fails, be it at its very end.
    with ExitStack() as files_of_others, session.database.write() as connection:
        table = schema.clips.c
        ids = connection.execute(sa.select(table.id).where(table.name.in_(names))).scalars().all()
        tainted = mark_snapshots(connection, ids)
        gone = gone_pseudonyms(connection, ids)
        forget_names(connection, gone)
        former = files_of_others.enter_context(forget_origins(session, connection, gone, erased=ids))
        operations = _operations_of(connection, ids)
        labels = connection.execute(sa.delete(schema.labels).where(schema.labels.c.clip_id.in_(ids))).rowcount
        connection.execute(sa.delete(schema.clip_details).where(schema.clip_details.c.clip_id.in_(ids)))
        connection.execute(sa.delete(schema.clips).where(table.id.in_(ids)))
        _delete_empty(connection, operations)
        add_operation(connection, revision, "remove", is_undoable=False, author=author, time=utc_now())
        files = [*(session.clip_file(c.content_hash).name for c in clips), *strays, *former]
        # An earlier removal of the same frames may wait to be finished.
        waiting = schema.erasures.c.file.in_(files)
        connection.execute(sa.delete(schema.erasures).where(waiting))
        connection.execute(sa.insert(schema.erasures), [{"file": file} for file in files])
    return Removed(names, sum(c.header.n_frames for c in clips), labels, tainted)


def _operations_of(connection: Connection, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for table in (schema.labels, schema.clip_details):
        query = sa.select(table.c.revision).where(table.c.clip_id.in_(ids)).distinct()
        found |= set(connection.execute(query).scalars())
    return found


def _delete_empty(connection: Connection, revisions: set[int]) -> None:
    for table in (schema.labels, schema.clip_details):
        left = connection.execute(sa.select(table.c.revision).distinct()).scalars()
        revisions = revisions - set(left)
    rows = [{"gone": revision} for revision in sorted(revisions)]
    if rows:
        connection.execute(
            sa.delete(schema.operations).where(schema.operations.c.revision == sa.bindparam("gone")), rows
        )


def finish_erasures(session: Session) -> None:
    """Delete the files of removed patients and old backups, and shrink the database; does nothing where nothing waits.

    Raises
    ------
    ProjectError
        Where the disk refuses; it is tried again when the project is opened.
    """
    with session.database.read() as connection:
        files = set(connection.execute(sa.select(schema.erasures.c.file)).scalars())
        hashes = connection.execute(sa.select(schema.clips.c.content_hash)).scalars()
        # A clip that was imported again has its former file.
        unnamed = files - {session.clip_file(content_hash).name for content_hash in hashes}
    if not files:
        return
    try:
        _delete_traces(session, unnamed)
    except CorruptProject:
        raise
    except ProjectError as error:
        raise ProjectError(
            f"{session.path}: a patient was removed, but traces are left that the disk refused to delete; free some "
            "space, close other programs that use the project, and open it again."
        ) from error


def _delete_traces(session: Session, files: AbstractSet[str]) -> None:
    folder = session.path / "clips"
    with storage_errors(folder):
        for name in files:
            delete(folder / name)
        fsync_folder(folder)
        # A copy from before a migration still has the patient in it.
        for backup in session.path.glob("annotations-format-*.sqlite"):
            delete(backup)
        # Its weights learnt from the patient.
        delete(session.path / CHECKPOINT)
    session.database.shrink()
    with session.database.write() as connection:
        connection.execute(sa.delete(schema.erasures))
    session.database.empty_log()
