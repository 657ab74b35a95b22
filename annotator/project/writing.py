"""The writing half of a project, as far as labels and history go.

Every change is one transaction that is on disk before its method returns; ``committed`` emits afterwards, in
the thread that made the change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import psygnal
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.edits import Edit
from annotator.core.errors import ProjectError, ReadOnlyProject, UnknownName
from annotator.core.identity import Clip, FrameKey, Split, strictest
from annotator.core.indexed import complete_values
from annotator.core.status import LabelStatus, Origin
from annotator.project import schema, tainting
from annotator.project.headers import header_text, parse_header
from annotator.project.history import action_of, add_operation, copy_details, copy_labels, sentence
from annotator.project.reading import ProjectReader
from annotator.project.rows import FrameChange, plan_edits, refuse_unknown_structures, utc_now
from annotator.project.snapshots import is_snapshot
from annotator.project.state import cell_columns, read_cells
from annotator.project.values import Cell, Commit


class LabelWriter(ProjectReader):
    """Commits, undo and redo; writes of several threads take turns."""

    committed: ClassVar[psygnal.Signal] = psygnal.Signal(Commit)

    def set_values(self, values: Mapping[str, int]) -> None:
        """Store the value of structures in indexed masks; the others take the next free ones.

        Raises
        ------
        UnknownName
            Where a structure is not in the protocol.
        AnnotatorError
            Where a value is used twice or lies outside 1..254.
        """
        self.write_fact("values", json.dumps(complete_values(self.protocol, values)))

    def write_fact(self, name: str, value: str) -> None:
        """Store a small text under a name.

        Raises
        ------
        ReadOnlyProject
            Where this process may only read.
        ProjectError
            Where the disk is full or refuses.
        """
        self._refuse_read_only()
        with self._session.database.write() as connection:
            connection.execute(sa.delete(schema.facts).where(schema.facts.c.name == name))
            connection.execute(sa.insert(schema.facts).values(name=name, value=value))

    def commit(
        self,
        key: FrameKey,
        edits: Sequence[Edit],
        *,
        author: str,
        origin: Origin = Origin.DRAWN,
        snapshot: int | None = None,
    ) -> Commit:
        """Apply edits to one frame, durably, as one undo step; see :meth:`commit_many`.

        Raises
        ------
        UnknownName, AnnotatorError
            Where the clip, frame, structure or snapshot does not exist, or an edit does not fit.
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        return self.commit_many([(key, edits)], author=author, origin=origin, snapshot=snapshot)

    def commit_many(
        self,
        changes: Sequence[tuple[FrameKey, Sequence[Edit]]],
        *,
        author: str,
        origin: Origin,
        snapshot: int | None = None,
    ) -> Commit:
        """Apply edits to several frames, durably, as one undo step.

        Structures that an edit names get ``origin`` and ``snapshot``; those that are only finished, or only
        lose pixels to another, keep theirs. Where nothing changes, nothing is stored and nothing emitted.

        Raises
        ------
        UnknownName, AnnotatorError
            Where a clip, frame, structure or snapshot does not exist, or an edit does not fit.
        ReadOnlyProject, ProjectError
            Where the project cannot be written; nothing was changed.
        """
        self._refuse_read_only()
        edits_of: dict[FrameKey, list[Edit]] = {}
        for key, edits in changes:
            refuse_unknown_structures(self.protocol, edits)
            edits_of.setdefault(key, []).extend(edits)
        with self._lock:
            made = self._made(author, origin, snapshot)
            plans = [
                plan_edits(key, self.label(key), edits, cells=self._state.frame_cells(key), made=made)
                for key, edits in edits_of.items()
            ]
            action = action_of((e for edits in edits_of.values() for e in edits), origin)
            commit = self._store("edit", action, plans, made)
        return self._emitted(commit)

    def undo(self, *, author: str) -> Commit | None:
        """Take back the last operation as a new revision; None where there is none.

        Raises
        ------
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        return self._step_history("undo", author)

    def redo(self, *, author: str) -> Commit | None:
        """Do again what was undone last, as a new revision; None where there is nothing.

        Raises
        ------
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        return self._step_history("redo", author)

    def _step_history(self, kind: Literal["undo", "redo"], author: str) -> Commit | None:
        self._refuse_read_only()
        with self._lock:
            stack = self._state.stacks.undo if kind == "undo" else self._state.stacks.redo
            if not stack:
                return None
            target, revision = stack[-1], self.data_revision + 1
            which: Literal["before", "after"] = "before" if kind == "undo" else "after"
            text = f"{'Undid' if kind == 'undo' else 'Redid'}: {self._operation_sentence(target)}"
            with self._session.database.write() as connection:
                stamp = (author, utc_now())
                add_operation(connection, revision, kind, target=target, author=author, time=stamp[1])
                copy_labels(connection, target, which, revision=revision, stamp=stamp)
                copy_details(connection, target, which, revision=revision)
                self._take_patients_along(connection, revision, target)
                cells, details = _written(connection, revision)
                text += self._set_apart(connection, self._clips_in(details))
            commit = self._follow_copies(revision, cells, details)
            self._follow(kind, revision, target)
        return self._emitted(replace(commit, kind=kind, sentence=text))

    def _take_patients_along(self, connection: Connection, revision: int, target: int) -> None:
        """Give all clips of the patients that a revision changes one split, since others were imported meanwhile.

        It is that of the changed clips; where these were given to or taken from another patient, they may also follow
        the others, so that no test clip is learnt from because somebody changed his mind on whose it is.
        """
        changed = {clip.name: clip for clip in self._clips_in(_written(connection, revision)[1])}
        if not changed:
            return
        operations = schema.operations.c
        action = connection.execute(sa.select(operations.action).where(operations.revision == target)).scalar()
        owns: dict[str, list[Clip]] = {clip.header.patient: [] for clip in changed.values()}
        for clip in {**self._state.clips, **changed}.values():
            if clip.header.patient in owns:
                owns[clip.header.patient].append(clip)
        moved: list[Clip] = []
        for own in owns.values():
            split = strictest(clip.split for clip in own if action == "patient" or clip.name in changed)
            moved += [replace(clip, split=split) for clip in own if clip.split is not split]
        details = schema.clip_details.c
        rewritten = details.clip_id.in_([self._state.ids[clip.name] for clip in moved])
        connection.execute(sa.delete(schema.clip_details).where(rewritten, details.revision == revision))
        self._insert_details(connection, moved, revision)

    def _clips_in(self, details: Iterable[Any]) -> list[Clip]:
        """Clips that memory has, as rows of the details' table describe them."""
        named = ((self._state.clips[self._state.names[row.clip_id]], row) for row in details)
        return [replace(clip, header=parse_header(row.header), split=Split(row.split)) for clip, row in named]

    def _insert_details(self, connection: Connection, clips: Sequence[Clip], revision: int) -> None:
        """Store headers and splits of clips that the project has."""
        ids = self._state.ids
        rows = [
            {"clip_id": ids[c.name], "revision": revision, "split": c.split.value, "header": header_text(c.header)}
            for c in clips
        ]
        if rows:
            connection.execute(sa.insert(schema.clip_details), rows)

    def _set_apart(self, connection: Connection, changed: Iterable[Clip]) -> str:
        """Forget what was learnt from clips that become test or validation clips, or a patient's who is held aside.

        Parameters
        ----------
        connection
            Of the transaction that changes the splits.
        changed
            Clips as they become; memory still has what they were.

        Returns
        -------
        str
            What became of it, as the end of a sentence; often empty.

        Raises
        ------
        ProjectError
            Where the disk refuses.
        """
        changed = tuple(changed)
        if not changed:
            return ""
        clips, held = self._state.clips, tainting.held_aside(connection)
        apart = [clip for clip in changed if clip.is_set_apart_since(clips[clip.name], held=held)]
        known = {self._state.ids[name]: clip for name, clip in clips.items()}
        consequence = tainting.forget_clips(self._session, connection, apart, known)
        gone = {clip.name for clip in apart}
        moves = ((clips[c.name].header.patient, c.header.patient) for c in changed if c.name not in gone)
        tainting.follow_moves(connection, moves)
        return consequence

    def _follow_copies(self, revision: int, cells: Sequence[Any], details: Sequence[Any]) -> Commit:
        """Bring memory up to rows that the database copied for an undo or a redo."""
        keys, structures, names = set(), set(), set()
        for clip_id, frame, structure, cell in read_cells(cells):
            key = FrameKey(self._state.names[clip_id], frame)
            self._state.put_cells(key.clip, frame, {structure: cell})
            self._labels.pop(key, None)
            keys.add(key)
            structures.add(structure)
            names.add(key.clip)
        for clip in self._clips_in(details):
            self._state.put_clip(self._state.ids[clip.name], clip)
            names.add(clip.name)
        return Commit(revision, "undo", tuple(sorted(keys)), tuple(sorted(structures)), tuple(sorted(names)), "")

    def _store(self, kind: Literal["edit", "import"], action: str, plans: Sequence[FrameChange], made: Cell) -> Commit:
        plans = [plan for plan in plans if plan.cells]
        if not plans:
            return self._nothing(kind)
        time = utc_now()
        rows = [row for plan in plans for row in plan.rows(self._state.ids[plan.key.clip], time)]
        with self._session.database.write() as connection:
            add_operation(connection, made.revision, kind, action=action, author=made.author, time=time)
            connection.execute(sa.insert(schema.labels), rows)
        self._adopt(made.revision, plans)
        self._state.stacks.push(kind, made.revision, None)
        keys, structures = touched(plans)
        clips = tuple(sorted({key.clip for key in keys}))
        return Commit(made.revision, kind, keys, structures, clips, sentence(self.protocol, action, structures, keys))

    def _adopt(self, revision: int, plans: Sequence[FrameChange]) -> None:
        for plan in plans:
            self._state.put_cells(plan.key.clip, plan.key.frame, plan.cells)
            self._remember(plan.key, plan.after)
        self._state.revision = revision

    def _follow(self, kind: str, revision: int, target: int | None) -> None:
        self._state.stacks.push(kind, revision, target)
        self._state.revision = revision

    def _made(self, author: str, origin: Origin, snapshot: int | None) -> Cell:
        if snapshot is not None and not is_snapshot(self._session, snapshot):
            raise UnknownName("model snapshot", str(snapshot))
        return Cell(LabelStatus.UNKNOWN, origin, snapshot, self.data_revision + 1, author)

    def _nothing(self, kind: Literal["edit", "import", "clip"]) -> Commit:
        return Commit(self.data_revision, kind, (), (), (), "Nothing changed")

    def _emitted(self, commit: Commit) -> Commit:
        if commit.keys or commit.clips:
            self.committed.emit(commit)
        return commit

    def _refuse_read_only(self) -> None:
        if self._is_closed:
            # The writer's lock is given back: another process may have it.
            raise ProjectError(f"{self.path}: the project was closed, so nothing can be changed; open it again.")
        if self.is_read_only:
            why = self.notes[0] if self.notes else "it was opened for reading only."
            raise ReadOnlyProject(f"{self.path}: nothing can be changed here: {why}")


def _written(connection: Connection, revision: int) -> tuple[Sequence[Any], Sequence[Any]]:
    cells = connection.execute(sa.select(*cell_columns()).where(schema.labels.c.revision == revision)).all()
    table = schema.clip_details
    return cells, connection.execute(sa.select(table).where(table.c.revision == revision)).all()


def touched(plans: Sequence[FrameChange]) -> tuple[tuple[FrameKey, ...], tuple[str, ...]]:
    """Frames and structures of some changes, each sorted."""
    keys = tuple(sorted(plan.key for plan in plans))
    return keys, tuple(sorted({structure for plan in plans for structure in plan.cells}))
