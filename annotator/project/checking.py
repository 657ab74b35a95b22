"""Reads every file and row of a project."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotator.core.errors import AnnotatorError, CorruptProject
from annotator.core.identity import Clip, FrameKey
from annotator.project import schema
from annotator.project.frames import verify
from annotator.project.rows import label_from_rows, read_label
from annotator.project.session import Session
from annotator.project.snapshots import read_snapshots
from annotator.project.state import State
from annotator.project.values import CheckReport, Snapshot


def check(session: Session, clips: Sequence[Clip], state: State, told: Callable[[int, int], None]) -> CheckReport:
    """Compare every file with its hash, unpack every mask, and ask the database for its own check.

    ``told`` hears how many of all clips' files were read.
    """
    problems: list[str] = []
    sound_clips = []
    for done, clip in enumerate(clips):
        told(done, len(clips))
        sound_clips += [clip] if _is_clip_sound(session, clip, problems) else []
    told(len(clips), len(clips))
    labels = 0
    try:
        _check_database(session, problems)
        labels = _check_masks(session, clips, state, problems)
        _check_current(session, clips, state, problems)
        snapshots = _check_snapshots(session, problems)
    except AnnotatorError as error:
        problems.append(str(error))
        snapshots = 0
    except ValueError as error:
        problems.append(f"annotations.sqlite: a value cannot be read ({error}).")
        snapshots = 0
    frames = sum(clip.header.n_frames for clip in sound_clips)
    unnamed = tuple(file.name for file in unnamed_files(session, clips))
    return CheckReport(not problems, tuple(problems), len(sound_clips), frames, labels, snapshots, unnamed)


def unnamed_files(session: Session, clips: Sequence[Clip]) -> list[Path]:
    """Files of frames that no clip has, as an interrupted import leaves them, in order."""
    named = {session.clip_file(clip.content_hash) for clip in clips}
    return sorted({*(session.path / "clips").glob("*.h5")} - named)


def _is_clip_sound(session: Session, clip: Clip, problems: list[str]) -> bool:
    problem = verify(session.clip_file(clip.content_hash))
    if problem is not None:
        problems.append(f"Clip '{clip.name}': {problem}")
    return problem is None


def _check_database(session: Session, problems: list[str]) -> None:
    if not session.database.is_sqlite:
        return
    for (finding,) in session.database.pragma("PRAGMA integrity_check"):
        if finding != "ok":
            problems.append(f"annotations.sqlite: {finding}.")
    broken = len(session.database.pragma("PRAGMA foreign_key_check"))
    if broken:
        problems.append(f"annotations.sqlite: {broken} rows refer to rows that are missing.")


def _check_masks(session: Session, clips: Sequence[Clip], state: State, problems: list[str]) -> int:
    """Unpack the masks of every revision, old ones too; the number of sound rows."""
    shapes = {state.ids[clip.name]: (clip.name, clip.header.shape) for clip in clips}
    count = 0
    with session.database.read() as connection:
        for row in connection.execution_options(yield_per=500).execute(sa.select(schema.labels)):
            name, shape = shapes.get(row.clip_id, ("?", (0, 0)))
            problem = row_problem(row, shape)
            if problem is None:
                count += 1
            else:
                problems.append(f"Frame {row.frame} of '{name}', '{row.structure}', revision {row.revision}: {problem}")
    return count


def row_problem(row: Any, shape: tuple[int, int]) -> str | None:
    """What is wrong with a row of labels, in a frame of ``shape`` (H, W); None where it is sound."""
    try:
        label_from_rows(shape, [row])
    except AnnotatorError as error:
        return str(error)
    return None


def _check_current(session: Session, clips: Sequence[Clip], state: State, problems: list[str]) -> None:
    """Put each frame's current labels together: no pixel may be claimed twice."""
    shapes = {clip.name: clip.header.shape for clip in clips}
    with session.database.read() as connection:
        for clip, frames in state.cells.items():
            for frame in frames:
                cells = state.frame_cells(FrameKey(clip, frame))
                rows = read_label(connection, state.ids[clip], frame, cells)
                if len(rows) != len(cells):
                    problems.append(f"Frame {frame} of '{clip}': a current label is missing from the database.")
                try:
                    label_from_rows(shapes[clip], rows.values())
                except AnnotatorError as error:
                    problems.append(f"Frame {frame} of '{clip}': {error}")


def _check_snapshots(session: Session, problems: list[str]) -> int:
    found = [snapshot_problem(s.id, s.file, s.sha256) if s.has_file else None for s in read_snapshots(session)]
    problems += [problem for problem in found if problem is not None]
    return found.count(None)


def refuse_damaged(snapshot: Snapshot) -> None:
    """Refuse a snapshot that is not as it was published, be it in one byte.

    Raises
    ------
    CorruptProject
        Where its file is missing or has changed.
    """
    problem = snapshot_problem(snapshot.id, snapshot.file, snapshot.sha256)
    if problem is not None:
        raise CorruptProject(f"{snapshot.file}: {problem.rstrip('.')}; restore it from a backup, or train on.")


def snapshot_problem(number: int, file: Path, sha256: str) -> str | None:
    """What is wrong with a snapshot's file; None where it is the one that was published."""
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return f"Snapshot {number}: its file cannot be read ({error.strerror})."
    return None if found == sha256 else f"Snapshot {number}: its file is not the one that was published."
