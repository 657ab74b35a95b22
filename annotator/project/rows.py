"""Labels as rows of the database, and what a commit adds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.edits import (
    Assign,
    Edit,
    Erase,
    Finish,
    Paint,
    PaintUnsure,
    Restore,
    Scribble,
    Unmark,
    apply,
    changed_structures,
)
from annotator.core.errors import AnnotatorError, CorruptProject
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask, pack, unpack
from annotator.core.protocols import UNSURE, LabelProtocol
from annotator.core.status import LabelStatus, Provenance
from annotator.project import schema
from annotator.project.state import FrameCells
from annotator.project.values import Cell

NOTHING_SAID: Final[Mapping[str, Provenance]] = MappingProxyType({})
"""No structure has a known author and origin."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameChange:
    """New revisions of one frame: the label after, and a cell for every structure that changed.

    ``replaced`` and ``left_out`` are those of :class:`~annotator.project.merging.Joined`.
    """

    key: FrameKey
    after: PartialLabel
    cells: Mapping[str, Cell]
    replaced: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def rows(self, clip_id: int, time: datetime) -> list[dict[str, Any]]:
        """Rows of the labels table."""
        return [self._row(clip_id, time, structure, cell) for structure, cell in self.cells.items()]

    def _row(self, clip_id: int, time: datetime, structure: str, cell: Cell) -> dict[str, Any]:
        inside, outside = self.after[structure].inside, self.after[structure].outside
        if structure == UNSURE:
            inside = self.after.unsure
        return {
            "clip_id": clip_id,
            "frame": self.key.frame,
            "structure": structure,
            "revision": cell.revision,
            "status": cell.status.value,
            "origin": cell.origin.value,
            "snapshot_id": cell.snapshot,
            "author": cell.author,
            "time": time,
            "inside": None if inside is None else pack(inside),
            "outside": None if outside is None else pack(outside),
        }


def utc_now() -> datetime:
    """Now in UTC, without a zone, as both databases store it alike."""
    return datetime.now(UTC).replace(tzinfo=None)


def plan_edits(
    key: FrameKey, before: PartialLabel, edits: Sequence[Edit], *, cells: FrameCells, made: Cell
) -> FrameChange:
    """Apply edits to a frame and find every structure that needs a new revision.

    Parameters
    ----------
    key, before, cells
        The frame, its label and its cells now.
    edits
        Applied in order.
    made
        Revision, author, origin and snapshot of structures that an edit names. A structure that is only
        finished, or only loses pixels, keeps its origin and snapshot.

    Raises
    ------
    AnnotatorError
        Where a mask has another shape than the frame, or an edit does not fit.
    """
    after = before
    for edit in edits:
        _refuse_shape(key, before.shape, edit)
        after = apply(after, edit)[0]
    drawn = {s for edit in edits if not isinstance(edit, Finish) for s in named_structures(edit)}
    changes: dict[str, Cell] = {}
    for structure in changed_structures(before, after):
        former = cells.get(structure)
        keeps = former is not None and structure not in drawn
        cell = replace(made, origin=former.origin, snapshot=former.snapshot) if keeps and former else made
        changes[structure] = replace(cell, status=after.status(structure))
    if not _same(before.unsure, after.unsure):
        status = LabelStatus.UNKNOWN if after.unsure is None else LabelStatus.PARTIAL
        changes[UNSURE] = replace(made, status=status)
    return FrameChange(key, after, changes)


def plan_import(
    key: FrameKey,
    before: PartialLabel,
    after: PartialLabel,
    *,
    made: Cell,
    said: Mapping[str, Provenance] = NOTHING_SAID,
) -> FrameChange:
    """The revisions that turn a label of a frame into one that was joined with labels from outside.

    Parameters
    ----------
    key, before, after
        The frame and its two labels.
    made
        Revision, author and origin of what ``said`` does not name.
    said
        Author and origin of structures that come from outside as they were there, the unsure brush included. Models
        have numbers of their own in each project, so the one that made a suggestion elsewhere is not taken over.
    """
    changes = {s: replace(made, status=after.status(s)) for s in changed_structures(before, after)}
    if not _same(before.unsure, after.unsure):
        status = LabelStatus.UNKNOWN if after.unsure is None else LabelStatus.PARTIAL
        changes[UNSURE] = replace(made, status=status)
    named = {s: replace(changes[s], author=said[s].author, origin=said[s].origin) for s in changes.keys() & said.keys()}
    return FrameChange(key, after, {s: named.get(s, cell) for s, cell in changes.items()})


def taken_over(after: PartialLabel, theirs: PartialLabel) -> frozenset[str]:
    """Structures of a joined label that are as they came from outside, the unsure brush included."""
    same = {s for s, said in theirs.structures.items() if after[s] == said}
    return frozenset(same | {UNSURE} if _same(after.unsure, theirs.unsure) else same)


def _same(one: Mask | None, two: Mask | None) -> bool:
    return one is two if one is None or two is None else bool(np.array_equal(one, two))


def named_structures(edit: Edit) -> tuple[str, ...]:
    """Structures that an edit speaks of itself."""
    match edit:
        case Restore(structures):
            return tuple(structures)
        case PaintUnsure():
            return ()
        case _:
            return (edit.structure,)


def _refuse_shape(key: FrameKey, shape: tuple[int, int], edit: Edit) -> None:
    masks: list[Mask | None] = []
    match edit:
        case Paint(_, where) | Erase(_, where) | Scribble(_, where) | Unmark(_, where) | PaintUnsure(where):
            masks = [where]
        case Assign(_, said):
            masks = [said.inside, said.outside]
        case _:
            pass
    for mask in masks:
        if mask is not None and mask.shape != shape:
            raise AnnotatorError(f"A mask is {mask.shape} where {key.in_words} is {shape}; nothing was changed.")


def read_label(connection: Connection, clip_id: int, frame: int, cells: FrameCells) -> dict[str, Any]:
    """Rows of the current cells of a frame, masks included, by structure."""
    c = schema.labels.c
    wanted = {(structure, cell.revision) for structure, cell in cells.items()}
    query = sa.select(schema.labels).where(
        c.clip_id == clip_id, c.frame == frame, c.revision.in_({revision for _, revision in wanted})
    )
    return {row.structure: row for row in connection.execute(query) if (row.structure, row.revision) in wanted}


def label_from_rows(shape: tuple[int, int], rows: Iterable[Any]) -> PartialLabel:
    """A label from rows of the labels table.

    Raises
    ------
    CorruptProject
        Where a mask cannot be unpacked or a status does not exist.
    AnnotatorError
        Where the rows contradict each other.
    """
    structures: dict[str, StructureLabel] = {}
    unsure: Mask | None = None
    for row in rows:
        inside = None if row.inside is None else unpack(row.inside, shape)
        outside = None if row.outside is None else unpack(row.outside, shape)
        if row.structure == UNSURE:
            unsure = inside
        else:
            structures[row.structure] = StructureLabel(_status(row.status), inside, outside)
    return PartialLabel(shape, structures, unsure)


def _status(text: str) -> LabelStatus:
    try:
        return LabelStatus(text)
    except ValueError:
        raise CorruptProject(f"A stored label has the status '{text}', which does not exist.") from None


def provenance_from_row(row: Any, origin: Callable[[str], Any]) -> Provenance:
    """Who made a row, when and how."""
    return Provenance(row.revision, row.author, row.time.replace(tzinfo=UTC), origin(row.origin), row.snapshot_id)


def refuse_unknown_structures(protocol: LabelProtocol, edits: Iterable[Edit]) -> None:
    """Refuse edits of structures that the protocol does not have.

    Raises
    ------
    UnknownName
        With the structures that there are.
    """
    for edit in edits:
        for structure in named_structures(edit):
            protocol.index(structure)
