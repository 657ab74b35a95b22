"""How a recording becomes a clip: staged, recognised by content, named, placed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.errors import AnnotatorError, BadInput, ProjectError
from annotator.core.identity import PIXEL_DIGITS, Clip, ClipHeader, FrameKey, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus, Origin
from annotator.project import schema
from annotator.project.frames import Staged, place, stage_frames, verify, with_header
from annotator.project.headers import header_text
from annotator.project.history import add_operation
from annotator.project.rows import NOTHING_SAID, plan_import, utc_now
from annotator.project.session import Session
from annotator.project.tainting import forget_clips, held_aside
from annotator.project.values import Cell

__all__ = [
    "Incoming",
    "discarded_at_failure",
    "insert_clips",
    "placed",
    "prepare",
    "refuse_unfit_labels",
    "repair",
]


NAMED: Final = "named"
"""Action of an import that names patients for sure; every other one is an ``"import"``."""


def refuse_unfit_labels(protocol: LabelProtocol, recording: Recording) -> None:
    """Refuse labels of unknown structures, missing frames or another size, before anything is written.

    Raises
    ------
    UnknownName
        Where the protocol lacks a structure.
    AnnotatorError
        Where a frame does not exist or has another size.
    """
    header = recording.header
    for frame, label in recording.labels.items():
        if not 0 <= frame < header.n_frames:
            raise AnnotatorError(f"'{header.stem}' has a label for frame {frame}; it has {header.n_frames} frames.")
        if label.shape != header.shape:
            raise AnnotatorError(f"'{header.stem}': the label of frame {frame} is {label.shape}, not {header.shape}.")
        for structure in label.structures:
            protocol.index(structure)


@dataclass(frozen=True, slots=True, eq=False)
class Incoming:
    """A recording on its way in: frames written aside, labels packed as rows that lack clip, revision and time.

    ``is_exported`` says that it comes from an export, which names the patient.
    """

    header: ClipHeader
    split: Split
    staged: Staged
    labels: tuple[Mapping[str, Any], ...]
    is_exported: bool

    @property
    def pixels(self) -> str:
        """As :attr:`~annotator.core.identity.Clip.pixels`."""
        return self.staged.content_hash[:PIXEL_DIGITS]

    def discard(self) -> None:
        """Drop the frames that were written aside."""
        self.staged.part.unlink(missing_ok=True)


@contextmanager
def discarded_at_failure(incoming: Sequence[Incoming]) -> Iterator[None]:
    """Drop the staged frames of recordings where what is done with them fails."""
    try:
        yield
    except BaseException:
        for one in incoming:
            one.discard()
        raise


def prepare(
    session: Session,
    protocol: LabelProtocol,
    recordings: Iterable[tuple[Recording, Split]],
    *,
    author: str,
    leave_out: Callable[[Recording, BadInput], None] | None = None,
) -> list[Incoming]:
    """Write the frames of recordings aside and pack their labels; where one fails, nothing is left of any.

    Where ``leave_out`` is given, a recording that cannot be read is left out, unless all are: it is called with the
    recording and what is wrong of it, before the next one is asked for.

    Raises
    ------
    BadInput
        Where frames are not as declared, and the recording must not be left out.
    UnknownName, AnnotatorError
        Where a label does not fit the protocol or the clip.
    ProjectError
        Where the disk is full or refuses.
    """
    incoming: list[Incoming] = []
    damage: BadInput | None = None
    with discarded_at_failure(incoming):
        for recording, split in recordings:
            try:
                incoming.append(_staged(session, protocol, recording, split, author=author))
            except BadInput as error:
                if leave_out is None:
                    raise
                leave_out(recording, error)
                damage = damage or error
        if damage is not None and not incoming:
            raise damage
    return incoming


def _staged(session: Session, protocol: LabelProtocol, recording: Recording, split: Split, *, author: str) -> Incoming:
    refuse_unfit_labels(protocol, recording)
    header, labels = recording.header, _packed(recording, author)
    staged = stage_frames(session.path / "clips", header, recording.frames, header_text(header))
    return Incoming(header, split, staged, labels, is_exported=recording.split is not None)


def _packed(recording: Recording, author: str) -> tuple[Mapping[str, Any], ...]:
    made = Cell(LabelStatus.UNKNOWN, Origin.IMPORTED, author=author)
    nothing, said = PartialLabel(recording.header.shape), recording.provenance
    changes = (
        plan_import(
            FrameKey(recording.header.stem, frame), nothing, label, made=made, said=said.get(frame, NOTHING_SAID)
        )
        for frame, label in sorted(recording.labels.items())
    )
    return tuple(row for change in changes for row in change.rows(0, utc_now()))


def repair(session: Session, known: Clip, staged: Staged) -> bool:
    """Give a clip of the project its frames back where its own file is damaged; whether it was.

    Raises
    ------
    ProjectError
        Where the disk refuses.
    """
    path = session.clip_file(known.content_hash)
    if path.is_file() and verify(path) is None:
        return False
    session.frames.forget(known.content_hash)
    place(with_header(staged, known.header, header_text(known.header)), path)
    return True


@contextmanager
def placed(session: Session, entries: Sequence[tuple[Clip, Incoming]]) -> Iterator[None]:
    """Put the files of new clips in place, where :func:`insert_clips` follows; where that fails, they go again.

    A crash between the two leaves files that nothing names; importing again uses their place.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses.
    """
    try:
        for clip, incoming in entries:
            place(incoming.staged, session.clip_file(clip.content_hash))
        yield
    except BaseException:
        _drop_files(session, entries)
        raise


def insert_clips(
    session: Session,
    connection: Connection,
    entries: Sequence[tuple[Clip, Incoming]],
    *,
    known: Mapping[int, Clip],
    revision: int,
    author: str,
    is_named: bool,
) -> tuple[list[tuple[int, Sequence[Mapping[str, Any]]]], str]:
    """Add clips whose files are :func:`placed`, with their labels.

    Parameters
    ----------
    session, connection
        The project, and the transaction that adds them.
    entries
        The new clips.
    known
        The clips that the project has, by id: where a new one is set apart, nothing that may have learnt from the same
        picture under another patient is used any more.
    revision, author
        Of the change.
    is_named
        Whether the patients are known for sure, as from a manifest.

    Returns
    -------
    list of (int, rows)
        Each clip's id in the database, and its rows of the labels table.
    str
        What that means, as the end of a sentence; often empty.

    Raises
    ------
    ProjectError
        Where the disk refuses.
    """
    time, action = utc_now(), NAMED if is_named else "import"
    add_operation(connection, revision, "import", action=action, is_undoable=False, author=author, time=time)
    inserted = [_insert(connection, entry, revision=revision, time=time) for entry in entries]
    held = held_aside(connection)
    apart = [c for c, _ in entries if c.split is not Split.TRAIN or c.header.patient in held]
    return inserted, forget_clips(session, connection, apart, known)


def _drop_files(session: Session, entries: Sequence[tuple[Clip, Incoming]]) -> None:
    """Remove the files of clips that did not come; those that did keep theirs, as where ctrl-C follows the commit."""
    for _, incoming in entries:
        incoming.discard()
    # Where the database does not say who came, a file that nothing names is the smaller harm.
    with suppress(ProjectError), session.database.read() as connection:
        named = set(connection.execute(sa.select(schema.clips.c.content_hash)).scalars())
        for clip in (clip for clip, _ in entries if clip.content_hash not in named):
            session.clip_file(clip.content_hash).unlink(missing_ok=True)


def _insert(
    connection: Connection, entry: tuple[Clip, Incoming], *, revision: int, time: datetime
) -> tuple[int, Sequence[Mapping[str, Any]]]:
    clip, incoming = entry
    columns = {"name": clip.name, "patient": clip.header.patient, "content_hash": clip.content_hash}
    connection.execute(sa.insert(schema.clips).values(**columns, added_revision=revision))
    clip_id = int(connection.execute(sa.select(sa.func.max(schema.clips.c.id))).scalar_one())
    details = {"split": clip.split.value, "header": header_text(clip.header), "revision": revision}
    connection.execute(sa.insert(schema.clip_details).values(clip_id=clip_id, **details))
    rows = [{**row, "clip_id": clip_id, "revision": revision, "time": time} for row in incoming.labels]
    if rows:
        connection.execute(sa.insert(schema.labels), rows)
    return clip_id, rows
