"""How a recording becomes a clip: staged, recognised by content, named, placed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.identity import Clip, ClipHeader, Split
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.project import schema
from annotator.project.frames import Staged, place, stage_frames, verify
from annotator.project.headers import header_text
from annotator.project.history import add_operation
from annotator.project.rows import utc_now
from annotator.project.session import Session
from annotator.project.state import State
from annotator.project.values import Cell

__all__ = ["Staged", "discard_or_repair", "insert_clip", "new_clip", "refuse_unfit_labels", "stage"]


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


def stage(session: Session, recording: Recording) -> Staged:
    """Write a recording's frames aside.

    Raises
    ------
    BadInput
        Where the frames are not as declared.
    ProjectError
        Where the disk is full or refuses.
    """
    header = recording.header
    return stage_frames(session.path / "clips", header, recording.frames, header_text(header))


def discard_or_repair(session: Session, staged: Staged) -> None:
    """Drop frames that the project has; where its own file is damaged, they take its place.

    Raises
    ------
    ProjectError
        Where the disk refuses.
    """
    path = session.clip_file(staged.content_hash)
    if path.is_file() and verify(path) is None:
        staged.part.unlink(missing_ok=True)
    else:
        session.frames.forget(staged.content_hash)
        place(staged, path)


def new_clip(state: State, header: ClipHeader, staged: Staged, *, split: Split) -> Clip:
    """A clip with a name of its own.

    Raises
    ------
    BadInput
        Where the patient's other clips are in another split; the staged file is dropped.
    """
    of_patient = [c for c in state.clips.values() if c.header.patient == header.patient]
    if of_patient and of_patient[0].split is not split:
        staged.part.unlink(missing_ok=True)
        raise BadInput(
            header.stem,
            f"patient {header.patient} is already in '{of_patient[0].split}' and cannot be in '{split}' too",
            f"import it with split '{of_patient[0].split}'",
        )
    name, count = header.stem, 1
    while name in state.clips:
        count += 1
        name = f"{header.stem}~{count}"
    return Clip(name, header, split, staged.content_hash)


def insert_clip(
    session: Session,
    clip: Clip,
    staged: Staged,
    *,
    made: Cell,
    rows: Sequence[Callable[[int, datetime], list[dict[str, Any]]]],
) -> int:
    """Put the file in place, then the clip and its labels in one transaction.

    A crash between the two leaves a file that nothing names; importing again uses its place.

    Returns
    -------
    int
        The clip's id in the database.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses; the file is removed again.
    """
    path, time = session.clip_file(clip.content_hash), utc_now()
    try:
        place(staged, path)
        with session.database.write() as connection:
            add_operation(connection, made.revision, "import", is_undoable=False, author=made.author, time=time)
            columns = {"name": clip.name, "patient": clip.header.patient, "content_hash": clip.content_hash}
            connection.execute(sa.insert(schema.clips).values(**columns, added_revision=made.revision))
            clip_id = int(connection.execute(sa.select(sa.func.max(schema.clips.c.id))).scalar_one())
            details = {"split": clip.split.value, "header": header_text(clip.header), "revision": made.revision}
            connection.execute(sa.insert(schema.clip_details).values(clip_id=clip_id, **details))
            labels = [row for make in rows for row in make(clip_id, time)]
            if labels:
                connection.execute(sa.insert(schema.labels), labels)
    except BaseException:
        staged.part.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise
    return clip_id
