"""The reading half of a project."""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from annotator.core.errors import COMMAND, AnnotatorError, CorruptProject, UnknownName
from annotator.core.identity import Clip, FrameKey, Pseudonymiser, Split
from annotator.core.indexed import complete_values
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Frame
from annotator.core.protocols import UNSURE, LabelProtocol
from annotator.core.status import Origin, Provenance
from annotator.core.words import counted
from annotator.project import schema
from annotator.project.headers import parse_header
from annotator.project.history import sentence
from annotator.project.patients import parted_patients, patient_now
from annotator.project.rows import label_from_rows, provenance_from_row, read_label
from annotator.project.session import CHECKPOINT, Session
from annotator.project.snapshots import read_snapshots
from annotator.project.state import FrameCells, State, load_state
from annotator.project.tainting import came_too_late, held_aside
from annotator.project.values import Cell, Counts, Snapshot

_CACHED_LABELS: Final = 32

_MOST_NAMED: Final = 3
"""Clips that a sentence names; more are counted."""


class ProjectReader:
    """Everything that can be asked of a project; any thread may ask."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_closed = False
        self._lock = threading.RLock()
        self._labels: OrderedDict[FrameKey, PartialLabel] = OrderedDict()
        self._sentences: dict[int, str] = {}
        with session.database.read() as connection:
            self._state: State = load_state(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close files and connections; others may then open the project, and nothing more is written here."""
        with self._lock:
            self._is_closed = True
            self._session.close()

    @property
    def path(self) -> Path:
        """The project folder."""
        return self._session.path

    @property
    def protocol(self) -> LabelProtocol:
        """Structures and views, as stored in the project."""
        return self._session.marker.protocol

    @property
    def values(self) -> Mapping[str, int]:
        """Value of each structure in an indexed mask, whichever process set it last.

        Raises
        ------
        CorruptProject
            Where the stored values are damaged.
        """
        try:
            return complete_values(self.protocol, json.loads(self.read_fact("values") or "{}"))
        except (ValueError, TypeError, UnknownName) as error:
            raise CorruptProject(
                f"{self.path}: the mask values of the structures are damaged ({error}); set them again by 'annotator "
                f"import' with --manifest and --values, {COMMAND}."
            ) from error

    @property
    def pseudonymiser(self) -> Pseudonymiser:
        """The project's own, with its secret salt."""
        return self._session.pseudonymiser

    @property
    def is_read_only(self) -> bool:
        """Whether this process may only read."""
        return self._session.is_read_only

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences: who else has the project, what a network share costs, a migration's backup."""
        return self._session.notes

    @property
    def checkpoint_path(self) -> Path:
        """Where the learner keeps its checkpoint."""
        return self.path / CHECKPOINT

    @property
    def data_revision(self) -> int:
        """Revision of the last change."""
        return self._state.revision

    @property
    def undo_sentence(self) -> str | None:
        """What :meth:`Project.undo` would undo."""
        return self._stack_sentence(self._state.stacks.undo)

    @property
    def redo_sentence(self) -> str | None:
        """What :meth:`Project.redo` would do again."""
        return self._stack_sentence(self._state.stacks.redo)

    def clips(self) -> tuple[Clip, ...]:
        """All clips in the order of their import."""
        return tuple(self._state.clips.values())

    def dated_clips(self) -> tuple[int, tuple[Clip, ...]]:
        """The revision of the last change, and all clips as they are then, whoever is writing meanwhile."""
        with self._lock:
            return self.data_revision, self.clips()

    def clip(self, name: str) -> Clip:
        """The clip of a name.

        Raises
        ------
        UnknownName
            Where there is none.
        """
        found = self._state.clips.get(name)
        if found is None:
            raise UnknownName("clip", name)
        return found

    def patient_now(self, patient: str) -> str:
        """The pseudonym that new recordings of a patient, by pseudonym, count for; see :meth:`Project.give_clips`."""
        return patient_now(self._state, patient)

    def parted_patients(self) -> Mapping[str, Split]:
        """Patients, by pseudonym, all of whose clips were given to several others, and where what comes yet belongs."""
        return parted_patients(self._state)

    def read_frame(self, key: FrameKey) -> Frame:
        """(H, W) or (H, W, 3) uint8, read-only.

        Raises
        ------
        UnknownName
            Where there is no such clip.
        AnnotatorError
            Where the clip has no such frame.
        CorruptProject
            Where its file is damaged.
        """
        with _of_clip(key.clip):
            return self._session.frames.frame(self._refuse_missing(key).content_hash, key.frame)

    def read_frames(self, clip: str, start: int, stop: int) -> NDArray[np.uint8]:
        """(T, H, W) or (T, H, W, 3) uint8, read-only; frames ``start`` to ``stop`` (exclusive).

        Raises
        ------
        UnknownName
            Where there is no such clip.
        CorruptProject
            Where its file is damaged.
        """
        with _of_clip(clip):
            return self._session.frames.frames(self.clip(clip).content_hash, start, stop)

    def label(self, key: FrameKey) -> PartialLabel:
        """Everything that is known of a frame now.

        Raises
        ------
        UnknownName
            Where there is no such clip.
        AnnotatorError
            Where the clip has no such frame.
        CorruptProject
            Where a stored mask is damaged.
        """
        shape = self._refuse_missing(key).header.shape
        with self._lock:
            cells = self._state.frame_cells(key)
            known = self._labels.get(key)
        if known is not None:
            return known
        label = label_from_rows(shape, self._rows(key, cells).values()) if cells else PartialLabel(shape)
        with self._lock:
            if self._state.frame_cells(key) is cells:
                self._remember(key, label)
        return label

    def provenance(self, key: FrameKey) -> Mapping[str, Provenance]:
        """Who made each current label of a frame, when and how; the unsure brush included.

        Raises
        ------
        UnknownName
            Where there is no such clip.
        AnnotatorError
            Where the clip has no such frame.
        """
        self._refuse_missing(key)
        cells = self._state.frame_cells(key)
        return {s: provenance_from_row(row, Origin) for s, row in self._rows(key, cells).items()} if cells else {}

    def statuses(self, clip: str) -> Mapping[int, Mapping[str, Cell]]:
        """Frame to structure to current cell, without masks; frames of which nothing is said are left out."""
        return {frame: _without_unsure(cells) for frame, cells in self._state.cells.get(clip, {}).items()}

    def all_statuses(self) -> Mapping[FrameKey, Mapping[str, Cell]]:
        """The same for every frame of the project."""
        return {
            FrameKey(clip, frame): _without_unsure(cells)
            for clip, frames in tuple(self._state.cells.items())
            for frame, cells in frames.items()
        }

    def labelled_keys(self, *, splits: Collection[Split] = tuple(Split)) -> tuple[FrameKey, ...]:
        """Frames with at least one finished label, sorted; only of clips in ``splits``."""
        clips = self._state.clips
        return tuple(
            sorted(
                key
                for key, cells in self.all_statuses().items()
                if clips[key.clip].split in splits and any(c.status.is_finished for c in cells.values())
            )
        )

    def counts(self) -> Counts:
        """How much there is, by structure, status, domain, author and origin."""
        clips = self.clips()
        labels: dict[Split, dict[str, Counter[str]]] = {s: {i: Counter() for i in self.protocol.ids} for s in Split}
        domains: dict[str, Counter[str]] = {}
        authors, origins = Counter[str](), Counter[str]()
        for clip in clips:
            domains.setdefault(clip.header.domain, Counter()).update(clips=1, frames=clip.header.n_frames, labels=0)
        for key, cells in self.all_statuses().items():
            clip = self._state.clips[key.clip]
            for structure, cell in cells.items():
                labels[clip.split][structure][cell.status.value] += 1
                if cell.status.is_finished:
                    domains[clip.header.domain]["labels"] += 1
                if cell.status.is_finished and clip.split is not Split.TEST:
                    authors[cell.author] += 1
                    origins[cell.origin.value] += 1
        learnt = {s: labels[Split.TRAIN][s] + labels[Split.VALIDATION][s] for s in self.protocol.ids}
        frames = sum(c.header.n_frames for c in clips)
        tested = {s: dict(n) for s, n in labels[Split.TEST].items()}
        by_domain = {d: dict(n) for d, n in domains.items()}
        by_structure = {s: dict(n) for s, n in learnt.items()}
        return Counts(len(clips), frames, by_structure, tested, by_domain, dict(authors), dict(origins))

    def snapshots(self, *, newest: int | None = None) -> tuple[Snapshot, ...]:
        """Published models, oldest first: all of them, or those that have a file and so many of the newest."""
        return read_snapshots(self._session, newest=newest)

    def usable_snapshots(self) -> tuple[Snapshot, ...]:
        """Models that may serve, and can, oldest first: none that saw a patient who was removed or set apart since."""
        return tuple(s for s in self.snapshots(newest=0) if s.is_usable)

    def latest_snapshot(self) -> Snapshot | None:
        """The newest model that may serve, and can."""
        return next(reversed(self.usable_snapshots()), None)

    def has_set_apart_since(self, data_revision: int) -> bool:
        """Whether what was learnt at a revision may know a patient who was removed or set apart after it."""
        with self._session.database.read() as connection:
            return came_too_late(connection, data_revision)

    def held_patients(self) -> AbstractSet[str]:
        """Pseudonyms of the patients that the learner holds aside for validation."""
        with self._session.database.read() as connection:
            return held_aside(connection)

    def time_of(self, data_revision: int) -> str | None:
        """When the change of a revision was made, in UTC; ``None`` where there is none of that number."""
        operations = schema.operations.c
        with self._session.database.read() as connection:
            found = connection.execute(sa.select(operations.time).where(operations.revision == data_revision)).scalar()
        return None if found is None else str(found)

    def read_fact(self, name: str) -> str | None:
        """A small stored text, or None."""
        with self._session.database.read() as connection:
            found = connection.execute(sa.select(schema.facts.c.value).where(schema.facts.c.name == name)).scalar()
        return None if found is None else str(found)

    def _refuse_missing(self, key: FrameKey) -> Clip:
        clip = self.clip(key.clip)
        if not 0 <= key.frame < clip.header.n_frames:
            raise AnnotatorError(f"Clip '{key.clip}' has frames 0 to {clip.header.n_frames - 1}, not {key.frame}.")
        return clip

    def _rows(self, key: FrameKey, cells: FrameCells) -> dict[str, Any]:
        with self._session.database.read() as connection:
            return read_label(connection, self._state.ids[key.clip], key.frame, cells)

    def _remember(self, key: FrameKey, label: PartialLabel) -> None:
        self._labels[key] = label
        self._labels.move_to_end(key)
        if len(self._labels) > _CACHED_LABELS:
            self._labels.popitem(last=False)

    def _stack_sentence(self, stack: list[int]) -> str | None:
        return self._operation_sentence(stack[-1]) if stack else None

    def _operation_sentence(self, revision: int) -> str:
        """What an operation did; read once: it may have written thousands of labels, and is shown at every frame."""
        known = self._sentences.get(revision)
        if known is None:
            known = self._sentences[revision] = self._read_sentence(revision)
        return known

    def _read_sentence(self, revision: int) -> str:
        labels, details, operations = schema.labels.c, schema.clip_details.c, schema.operations.c
        written = sa.select(labels.clip_id, labels.frame, labels.structure).where(labels.revision == revision)
        of_clips = sa.select(details.clip_id, details.header).where(details.revision == revision)
        with self._session.database.read() as connection:
            action = connection.execute(sa.select(operations.action).where(operations.revision == revision)).scalar()
            cells = connection.execute(written).all()
            edited = connection.execute(of_clips).all()
        names = self._state.names
        if not cells:
            named = ", ".join(f"'{names[row.clip_id]}'" for row in edited)
            which = named if len(edited) <= _MOST_NAMED else counted(len(edited), "clip")
            if action == "patient" and edited:
                owners = {parse_header(row.header).patient for row in edited}
                return f"Gave {which} to {f'{len(owners)} patients' if len(owners) > 1 else f'patient {owners.pop()}'}"
            return f"Changed the details of {which}"
        keys = tuple(sorted({FrameKey(names[clip], frame) for clip, frame, _ in cells}))
        return sentence(self.protocol, str(action), (c.structure for c in cells), keys)


@contextmanager
def _of_clip(name: str) -> Iterator[None]:
    """Say which clip a damaged file is of, since its own name is a number."""
    try:
        yield
    except CorruptProject as error:
        raise CorruptProject(f"Clip '{name}': {error}") from error


def _without_unsure(cells: FrameCells) -> FrameCells:
    return {s: c for s, c in cells.items() if s != UNSURE} if UNSURE in cells else cells
