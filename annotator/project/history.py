"""Undo and redo as new revisions, and the sentences that describe operations.

Undo is a stack: an operation is undone only after all later ones, so its cells still hold what it wrote,
and the rows before it are what to restore. A redo writes its rows again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.edits import Assign, Edit, Erase, Finish, Paint, PaintUnsure, Restore, Scribble, Unmark
from annotator.core.identity import FrameKey
from annotator.core.protocols import UNSURE, LabelProtocol
from annotator.core.status import LabelStatus, Origin
from annotator.project import schema

Stamp = tuple[str, datetime]
"""An author and a UTC time."""

_VERBS: Final = {
    "drew": "Drew",
    "erased": "Erased",
    "scribbled": "Scribbled",
    "unmarked": "Took back 'is not' of",
    "finished": "Finished",
    "accepted": "Accepted",
    "propagated": "Propagated",
    "absent": "Marked absent:",
    "rejected": "Rejected",
    "cleared": "Cleared",
    "set": "Set",
    "unsure": "Marked",
    "restored": "Restored",
    "imported": "Imported",
    "replaced": "Imported and replaced",
}


def add_operation(connection: Connection, revision: int, kind: str, **columns: Any) -> None:
    """Insert the row of an operation; ``columns`` are those of the table."""
    row = {"action": kind, "target": None, "is_undoable": True, **columns}
    connection.execute(sa.insert(schema.operations).values(revision=revision, kind=kind, **row))


def action_of(edits: Iterable[Edit], origin: Origin) -> str:
    """One word for a group of edits, from its first one."""
    first = next(iter(edits), None)
    match first:
        case Assign(_, said) if said.status in (LabelStatus.ABSENT, LabelStatus.REJECTED):
            return said.status.value
        case Assign(_, said) if said.status is LabelStatus.UNKNOWN:
            return "cleared"
        case Assign() if origin in (Origin.ACCEPTED, Origin.PROPAGATED, Origin.IMPORTED):
            return origin.value
        case _:
            words = {Paint: "drew", Erase: "erased", Scribble: "scribbled", Unmark: "unmarked", Finish: "finished"}
            words |= {PaintUnsure: "unsure", Restore: "restored"}
            return "set" if first is None else words.get(type(first), "set")


def sentence(protocol: LabelProtocol, action: str, structures: Iterable[str], keys: tuple[FrameKey, ...]) -> str:
    """What an edit did, such as ``"Drew LV cavity in frame 3 of 'a4c'"``, structures in the order of the protocol.

    Frames count from 1, as in the window.
    """
    ordered = sorted(set(structures), key=(*protocol.ids, UNSURE).index)
    names = ", ".join("unsure pixels" if s == UNSURE else protocol.structure(s).name for s in ordered)
    where = f"in frame {keys[0].frame + 1} of '{keys[0].clip}'" if len(keys) == 1 else f"in {len(keys)} frames"
    return f"{_VERBS.get(action, 'Changed')} {names or 'nothing'} {where}"


def copy_labels(
    connection: Connection,
    target: int,
    which: Literal["before", "after"],
    *,
    revision: int,
    stamp: tuple[str, datetime],
) -> None:
    """Write, as a new revision, the labels before or after operation ``target``.

    ``stamp`` is the author and UTC time of cells that become unknown; a restored label keeps its author.
    """
    table, former = schema.labels, schema.labels.alias("former")
    source = _source(table, ("clip_id", "frame", "structure"), target, which)
    same = sa.and_(*(former.c[n] == source.c[n] for n in ("clip_id", "frame", "structure", "revision")))
    columns = [
        source.c.clip_id,
        source.c.frame,
        source.c.structure,
        sa.literal(revision),
        sa.func.coalesce(former.c.status, LabelStatus.UNKNOWN.value),
        sa.func.coalesce(former.c.origin, Origin.DRAWN.value),
        former.c.snapshot_id,
        sa.func.coalesce(former.c.author, stamp[0]),
        sa.literal(stamp[1], sa.DateTime),
        former.c.inside,
        former.c.outside,
    ]
    chosen = sa.select(*columns).select_from(source.outerjoin(former, same))
    connection.execute(sa.insert(table).from_select([c.name for c in table.c], chosen))


def copy_details(connection: Connection, target: int, which: Literal["before", "after"], *, revision: int) -> None:
    """Write, as a new revision, clips' details before or after operation ``target``."""
    table, former = schema.clip_details, schema.clip_details.alias("former")
    source = _source(table, ("clip_id",), target, which)
    same = sa.and_(former.c.clip_id == source.c.clip_id, former.c.revision == source.c.revision)
    chosen = sa.select(source.c.clip_id, sa.literal(revision), former.c.split, former.c.header).select_from(
        source.join(former, same)
    )
    connection.execute(sa.insert(table).from_select(["clip_id", "revision", "split", "header"], chosen))


def _source(table: sa.Table, names: tuple[str, ...], target: int, which: str) -> sa.Subquery:
    """Cells that ``target`` wrote, each with the revision to copy (NULL where there was nothing before)."""
    written, earlier = table.alias("written"), table.alias("earlier")
    cells = [written.c[n] for n in names]
    if which == "after":
        return sa.select(*cells, written.c.revision).where(written.c.revision == target).subquery()
    same = sa.and_(*(earlier.c[n] == written.c[n] for n in names), earlier.c.revision < target)
    return (
        sa.select(*cells, sa.func.max(earlier.c.revision).label("revision"))
        .select_from(written.outerjoin(earlier, same))
        .where(written.c.revision == target)
        .group_by(*cells)
        .subquery()
    )
