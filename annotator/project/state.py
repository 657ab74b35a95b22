"""What is kept in memory of a project: clips, current cells without masks, and the undo stacks.

Frames' cells are replaced, never changed, so a reader in another thread needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.errors import CorruptProject
from annotator.core.identity import Clip, FrameKey, Split
from annotator.core.status import LabelStatus, Origin
from annotator.project import schema
from annotator.project.headers import parse_header
from annotator.project.values import Cell

FrameCells = Mapping[str, Cell]
"""Structure id to its current cell; the unsure brush included."""

NO_CELLS: Final[FrameCells] = MappingProxyType({})

_STATUS: Final = {s.value: s for s in LabelStatus}
_ORIGIN: Final = {o.value: o for o in Origin}


@dataclass(slots=True)
class Stacks:
    """Revisions that can be undone and redone, the next one last."""

    undo: list[int] = field(default_factory=list)
    redo: list[int] = field(default_factory=list)

    def push(self, kind: str, revision: int, target: int | None) -> None:
        """Follow one operation."""
        if kind == "undo" and target in self.undo:
            self.undo.remove(target)
            self.redo.append(target)
        elif kind == "redo" and target in self.redo:
            self.redo.remove(target)
            self.undo.append(target)
        elif kind not in ("undo", "redo"):
            self.undo.append(revision)
            self.redo.clear()


@dataclass(slots=True)
class State:
    """The project in memory; ``came_as`` has the patient of each clip as it was imported, ``clips`` as it is now."""

    revision: int = 0
    clips: dict[str, Clip] = field(default_factory=dict)
    came_as: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    cells: dict[str, dict[int, FrameCells]] = field(default_factory=dict)
    stacks: Stacks = field(default_factory=Stacks)

    def frame_cells(self, key: FrameKey) -> FrameCells:
        """Current cells of a frame, the unsure brush included."""
        return self.cells.get(key.clip, {}).get(key.frame, NO_CELLS)

    def put_clip(self, clip_id: int, clip: Clip) -> None:
        """Add or replace a clip."""
        self.clips = {**self.clips, clip.name: clip}
        self.came_as.setdefault(clip.name, clip.header.patient)
        self.ids[clip.name] = clip_id
        self.names[clip_id] = clip.name

    def put_cells(self, clip: str, frame: int, changes: Mapping[str, Cell]) -> None:
        """Replace some cells of a frame; unknown ones vanish."""
        cells = {**self.frame_cells(FrameKey(clip, frame)), **changes}
        kept = {s: c for s, c in cells.items() if c.status is not LabelStatus.UNKNOWN}
        frames = dict(self.cells.get(clip, {}))
        if kept:
            frames[frame] = MappingProxyType(kept)
        else:
            frames.pop(frame, None)
        self.cells[clip] = frames


def load_state(connection: Connection) -> State:
    """Read everything but masks.

    Raises
    ------
    CorruptProject
        Where a clip's details or a label are damaged.
    """
    state = State()
    _load_clips(connection, state)
    _load_cells(connection, state)
    _load_operations(connection, state)
    return state


@dataclass(frozen=True, slots=True)
class News:
    """What other processes changed: the state after, frames, structures and clips."""

    state: State
    keys: frozenset[FrameKey]
    structures: frozenset[str]
    clips: frozenset[str]


def read_news(connection: Connection, state: State) -> News | None:
    """What was written since a state was read; ``None`` where nothing was. The state is not changed.

    Raises
    ------
    CorruptProject
        Where a clip's details or a label are damaged.
    """
    operations, before = schema.operations.c, state.revision
    query = sa.select(operations.revision, operations.kind).where(operations.revision > before)
    done = connection.execute(query).all()
    if not done:
        return None
    if any(row.kind == "remove" for row in done):
        fresh = load_state(connection)
        return News(fresh, frozenset(), frozenset(), frozenset({*state.clips, *fresh.clips}))
    after = replace(
        state,
        revision=max(row.revision for row in done),
        clips=dict(state.clips),
        came_as=dict(state.came_as),
        ids=dict(state.ids),
        names=dict(state.names),
        cells=dict(state.cells),
        stacks=Stacks(),
    )
    _load_clips(connection, after, since=before)
    table = schema.labels
    cells = sa.select(*cell_columns()).where(table.c.revision > before).order_by(table.c.revision)
    keys, structures = set(), set()
    for clip_id, frame, structure, cell in read_cells(connection.execute(cells)):
        key = FrameKey(after.names[clip_id], frame)
        after.put_cells(key.clip, frame, {structure: cell})
        keys.add(key)
        structures.add(structure)
    _load_operations(connection, after)
    changed = {name for name, clip in after.clips.items() if state.clips.get(name) != clip}
    return News(after, frozenset(keys), frozenset(structures), frozenset(changed | {key.clip for key in keys}))


def _load_clips(connection: Connection, state: State, *, since: int = -1) -> None:
    clips, details = schema.clips, schema.clip_details
    query = (
        sa.select(clips.c.id, clips.c.name, clips.c.patient, clips.c.content_hash, details.c.split, details.c.header)
        .join(details, details.c.clip_id == clips.c.id)
        .where(details.c.revision > since)
        .order_by(clips.c.id, details.c.revision)
    )
    found: dict[int, Any] = {row.id: row for row in connection.execute(query)}
    for row in found.values():
        state.clips[row.name] = Clip(row.name, parse_header(row.header), Split(row.split), row.content_hash)
        state.came_as[row.name] = row.patient
        state.ids[row.name] = row.id
        state.names[row.id] = row.name


def _load_cells(connection: Connection, state: State) -> None:
    table = schema.labels
    query = sa.select(*cell_columns()).order_by(table.c.clip_id, table.c.frame, table.c.structure, table.c.revision)
    gathered: dict[int, dict[int, dict[str, Cell]]] = {}
    for clip_id, frame, structure, cell in read_cells(connection.execute(query)):
        gathered.setdefault(clip_id, {}).setdefault(frame, {})[structure] = cell
    for clip_id, frames in gathered.items():
        kept: dict[int, FrameCells] = {}
        for frame, cells in frames.items():
            known = {s: c for s, c in cells.items() if c.status is not LabelStatus.UNKNOWN}
            if known:
                kept[frame] = MappingProxyType(known)
        if clip_id in state.names:
            state.cells[state.names[clip_id]] = kept


def cell_columns() -> tuple[sa.Column[Any], ...]:
    """The columns of a cell: all of them are in one index, so that no mask is read."""
    c = schema.labels.c
    return c.clip_id, c.frame, c.structure, c.revision, c.status, c.origin, c.snapshot_id, c.author


def read_cells(rows: Iterable[Any]) -> Iterable[tuple[int, int, str, Cell]]:
    """(clip id, frame, structure, cell) from rows of :func:`cell_columns`.

    Raises
    ------
    CorruptProject
        Where a status or an origin does not exist.
    """
    for clip_id, frame, structure, revision, status, origin, snapshot, author in rows:
        if status not in _STATUS or origin not in _ORIGIN:
            raise CorruptProject(f"A stored label has the status '{status}' or the origin '{origin}'; one is damaged.")
        yield clip_id, frame, structure, Cell(_STATUS[status], _ORIGIN[origin], snapshot, revision, author)


def _load_operations(connection: Connection, state: State) -> None:
    c = schema.operations.c
    query = sa.select(c.revision, c.kind, c.target, c.is_undoable).order_by(c.revision)
    for revision, kind, target, is_undoable in connection.execute(query):
        if is_undoable:
            state.stacks.push(kind, revision, target)
        state.revision = revision
