"""Model snapshots: a safetensors file, then a row with its lineage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotator.core.errors import COMMAND, CorruptProject
from annotator.project import schema
from annotator.project.durable import write_whole
from annotator.project.rows import utc_now
from annotator.project.session import Session
from annotator.project.tainting import came_too_late
from annotator.project.thinning import note_superfluous, read_thinned, rows_of, take_files_away, with_file
from annotator.project.values import Snapshot


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a snapshot came from; see :class:`~annotator.project.values.Snapshot`."""

    step: int
    data_revision: int
    recipe: str
    metrics: Mapping[str, Any]
    is_validated: bool


def read_snapshots(session: Session, *, newest: int | None = None) -> tuple[Snapshot, ...]:
    """Snapshots, oldest first: all of them, or those that have a file and so many of the newest.

    Years of labelling leave tens of thousands, of which a few hundred have a file; to read all takes seconds.

    Raises
    ------
    CorruptProject
        Where a snapshot's metrics are damaged.
    ProjectError
        Where the database is damaged or refuses.
    """
    table = schema.snapshots
    with session.database.read() as connection:
        ids = connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars().all()
        there = with_file(connection)
        wanted = ids if newest is None else there.union(ids[max(0, len(ids) - newest) :])
        rows = rows_of(connection, tuple(table.c), set(wanted))
    folder = session.path / "snapshots"
    return tuple(_from_row(folder, row, has_file=row.id in there) for row in rows)


def is_snapshot(session: Session, number: int) -> bool:
    """Whether a model of this number was published.

    Raises
    ------
    ProjectError
        Where the database is damaged or refuses.
    """
    table = schema.snapshots
    with session.database.read() as connection:
        return connection.execute(sa.select(table.c.id).where(table.c.id == number)).first() is not None


def _from_row(folder: Path, row: Any, *, has_file: bool = True) -> Snapshot:
    try:
        metrics = json.loads(row.metrics)
    except (ValueError, TypeError) as error:
        raise CorruptProject(
            f"{folder.parent}: the metrics of snapshot {row.id} are damaged ({error}); 'annotator check PROJECT "
            f"--salvage OUT', {COMMAND}, copies the rest into a new project."
        ) from error
    return Snapshot(
        row.id,
        row.step,
        row.data_revision,
        row.recipe,
        metrics,
        row.is_validated,
        folder / row.file,
        row.sha256,
        row.time.replace(tzinfo=UTC),
        row.is_tainted,
        has_file,
    )


def store_snapshot(session: Session, data: bytes, lineage: Lineage) -> Snapshot:
    """Write a snapshot's file, then its row; a crash between the two leaves a file that nothing names.

    A model that was in the making while one of its patients was removed or set apart is marked at once. Files of
    older models that nobody needs go (:mod:`annotator.project.thinning`).

    Raises
    ------
    ProjectError
        Where the disk is full or refuses.
    """
    table = schema.snapshots
    with session.database.read() as connection:
        last = connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0
        # Rows that were lost to damage leave their numbers there, which no new model may have.
        last = max(last, *read_thinned(connection), 0)
    file = session.path / "snapshots" / f"{last + 1:05d}-step-{lineage.step}.safetensors"
    write_whole(file, data)
    row: dict[str, Any] = {
        "id": last + 1,
        "step": lineage.step,
        "data_revision": lineage.data_revision,
        "recipe": lineage.recipe,
        "metrics": json.dumps(dict(lineage.metrics)),
        "is_validated": lineage.is_validated,
        "file": file.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "time": utc_now(),
    }
    with session.database.write() as connection:
        row["is_tainted"] = came_too_late(connection, lineage.data_revision)
        connection.execute(sa.insert(table).values(**row))
        stored = connection.execute(sa.select(table).where(table.c.id == last + 1)).one()
        note_superfluous(connection)
    with session.database.read() as connection:
        take_files_away(connection, file.parent)
    return _from_row(file.parent, stored)
