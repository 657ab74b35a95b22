"""Models that may have learnt from a patient who was removed, or became a test patient since, and so serve no more.

A mark is for good: where a patient is for training again, or the change is undone, what was learnt before stays marked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.identity import Split
from annotator.core.words import counted
from annotator.project import schema
from annotator.project.durable import storage_errors
from annotator.project.session import CHECKPOINT, Session


def mark_snapshots(connection: Connection, ids: Collection[int]) -> tuple[int, ...]:
    """Mark snapshots younger than the first time that one of the clips was no test clip."""
    details, snapshots = schema.clip_details.c, schema.snapshots.c
    seen = sa.select(sa.func.min(details.revision)).where(details.clip_id.in_(ids), details.split != Split.TEST.value)
    first = connection.execute(seen).scalar()
    if first is None:
        return ()
    saw = snapshots.data_revision >= first
    marked = connection.execute(sa.select(snapshots.id).where(saw).order_by(snapshots.id)).scalars().all()
    connection.execute(sa.update(schema.snapshots).where(saw).values(is_tainted=True))
    return tuple(marked)


def set_apart(session: Session, connection: Connection, ids: Collection[int]) -> str:
    """Let nothing that may have learnt from clips serve or be trained on, since they become test clips.

    Returns
    -------
    str
        What that means, as the end of a sentence; empty where nothing may have learnt from them.

    Raises
    ------
    ProjectError
        Where the disk refuses; a checkpoint that is gone while the rest fails costs time only.
    """
    table = schema.snapshots.c
    before = set(connection.execute(sa.select(table.id).where(table.is_tainted.is_(True))).scalars())
    marked = set(mark_snapshots(connection, ids)) - before
    checkpoint = session.path / CHECKPOINT
    parts = ["the state of training"] if checkpoint.is_file() else []
    parts += [counted(len(marked), "model")] if marked else []
    with storage_errors(session.path):
        checkpoint.unlink(missing_ok=True)
    whom = "it" if len(ids) == 1 else "them"
    return f"; {' and '.join(parts)} that may have learnt from {whom} will not be used any more" if parts else ""


def came_too_late(connection: Connection, data_revision: int) -> bool:
    """Whether a patient was removed, or became a test patient, after the labels that a new model learnt from."""
    operations, details = schema.operations.c, schema.clip_details.c
    removed = sa.select(operations.revision).where(operations.kind == "remove", operations.revision > data_revision)
    if connection.execute(removed).first() is not None:
        return True
    query = sa.select(details.clip_id, details.revision, details.split).order_by(details.revision)
    rows: Sequence[tuple[int, int, str]] = [tuple(row) for row in connection.execute(query)]
    learnt = {clip: split for clip, revision, split in rows if revision <= data_revision}
    now = {clip: split for clip, _, split in rows}
    return any(split != Split.TEST.value == now[clip] for clip, split in learnt.items())
