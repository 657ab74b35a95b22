"""Labels of the project as the canvas needs them: cached, and with strokes that could not be saved yet.

Where a commit fails (a full disk, a lost share, a folder that may no longer be written), its edits stay here, are
shown on top of what is stored, and are tried again before the next commit: a stroke is never lost while the window
is open.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from annotator.core.edits import Edit, PaintUnsure, Restore, apply
from annotator.core.errors import AnnotatorError, ProjectError
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.status import Origin
from annotator.project import Cell, Commit, Project

_LABELS_KEPT: Final = 512


class NotSaved(AnnotatorError):
    """A change that could not be written; it is kept in memory and on screen."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Edits of one frame that belong together, with where they came from."""

    key: FrameKey
    edits: tuple[Edit, ...]
    origin: Origin = Origin.DRAWN
    snapshot: int | None = None


class Ledger:
    """Reads and writes labels for one author.

    Parameters
    ----------
    project
        What is written to.
    author
        Name that is stored beside each label.
    """

    def __init__(self, project: Project, author: str) -> None:
        self.author = author
        self._project = project
        self._labels: OrderedDict[FrameKey, PartialLabel] = OrderedDict()
        self._cells: dict[str, dict[int, Mapping[str, Cell]]] = {}
        self._unsaved: list[Change] = []

    @property
    def unsaved(self) -> tuple[FrameKey, ...]:
        """Frames with changes that are not on disk, oldest first."""
        return tuple(change.key for change in self._unsaved)

    def label(self, key: FrameKey) -> PartialLabel:
        """What was said of a frame, unsaved changes included.

        Raises
        ------
        AnnotatorError
            Where the project cannot read it.
        """
        if key not in self._labels:
            label = self._project.label(key)
            for change in self._unsaved:
                if change.key == key:
                    label = _applied(label, change.edits)
            self._labels[key] = label
            while len(self._labels) > _LABELS_KEPT:
                self._labels.popitem(last=False)
        self._labels.move_to_end(key)
        return self._labels[key]

    def cells(self, clip: str) -> Mapping[int, Mapping[str, Cell]]:
        """Frame index to structure to status and origin, for one clip.

        Raises
        ------
        AnnotatorError
            Where the project cannot read them.
        """
        if clip not in self._cells:
            self._cells = {clip: dict(self._project.statuses(clip))}
        return self._cells[clip]

    def origin(self, key: FrameKey, structure: str) -> Origin | None:
        """Origin of the current label of a structure, unsaved changes included; ``None`` where there is none."""
        waiting = self._newest_unsaved(key, structure)
        if waiting is not None:
            return waiting.origin
        cell = self.cells(key.clip).get(key.frame, {}).get(structure)
        return None if cell is None else cell.origin

    def snapshot(self, key: FrameKey, structure: str) -> int | None:
        """Model snapshot behind the current label of a structure, unsaved changes included, where one was."""
        waiting = self._newest_unsaved(key, structure)
        if waiting is not None:
            return waiting.snapshot
        cell = self.cells(key.clip).get(key.frame, {}).get(structure)
        return None if cell is None else cell.snapshot

    def forget(self, keys: tuple[FrameKey, ...], clips: tuple[str, ...] = ()) -> None:
        """Drop what is cached of changed frames and clips."""
        for key in keys:
            self._labels.pop(key, None)
        for clip in {*clips, *(key.clip for key in keys)}:
            self._cells.pop(clip, None)

    def commit(self, change: Change) -> Commit:
        """Write a change, after any that waits.

        Raises
        ------
        NotSaved
            Where it could not be written; it is kept and shown.
        AnnotatorError
            Where the project was opened read-only, or the edits do not fit the label; nothing is kept.
        """
        self.save_waiting(then=change)
        try:
            return self._write(change)
        except (ProjectError, OSError) as error:
            if self._project.is_read_only:
                raise
            self._keep(change)
            raise NotSaved(_not_saved(error)) from error

    def save_waiting(self, then: Change | None = None) -> int:
        """Write the changes that wait, in their order; how many there were.

        Parameters
        ----------
        then
            A change that follows and must wait behind them where they fail again.

        Raises
        ------
        NotSaved
            Where they still cannot be written.
        """
        n = len(self._unsaved)
        while self._unsaved:
            try:
                self._write(self._unsaved[0])
            except (AnnotatorError, OSError) as error:
                if then is not None:
                    self._keep(then)
                raise NotSaved(_not_saved(error)) from error
            self._unsaved.pop(0)
        return n

    def drop_last_unsaved(self) -> FrameKey | None:
        """Take back the newest change that waits; its frame, or ``None`` where none waits."""
        if not self._unsaved:
            return None
        key = self._unsaved.pop().key
        self._labels.pop(key, None)
        return key

    def _newest_unsaved(self, key: FrameKey, structure: str) -> Change | None:
        """The newest change that waits and names a structure of a frame."""
        waiting = (c for c in reversed(self._unsaved) if c.key == key and structure in _named(c.edits))
        return next(waiting, None)

    def _keep(self, change: Change) -> None:
        self._unsaved.append(change)
        self._labels.pop(change.key, None)

    def _write(self, change: Change) -> Commit:
        # Snapshot 0 stands for shipped starting weights, of which the project holds no row.
        snapshot = change.snapshot or None
        done = self._project.commit(
            change.key, change.edits, author=self.author, origin=change.origin, snapshot=snapshot
        )
        self.forget((change.key,))
        return done


def _applied(label: PartialLabel, edits: tuple[Edit, ...]) -> PartialLabel:
    for edit in edits:
        label = apply(label, edit)[0]
    return label


def _named(edits: tuple[Edit, ...]) -> frozenset[str]:
    """Ids of the structures that edits speak of; the unsure brush speaks of none."""
    names: set[str] = set()
    for edit in edits:
        if isinstance(edit, Restore):
            names |= edit.structures.keys()
        elif not isinstance(edit, PaintUnsure):
            names.add(edit.structure)
    return frozenset(names)


def _not_saved(error: Exception) -> str:
    return (
        f"Not saved yet: {error} What you drew stays on screen and is tried again with your next change; "
        "Undo takes it back. Do not close the window before it is saved."
    )
