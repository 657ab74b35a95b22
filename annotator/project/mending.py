"""Rows of a damaged project made to fit each other again, where some of them are lost.

Every patient is in one split, no pixel is claimed twice, and nothing is undone across what is lost.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import sqlalchemy as sa

from annotator.core.errors import CorruptProject
from annotator.core.identity import ClipHeader, Split
from annotator.core.packing import pack, unpack
from annotator.core.protocols import UNSURE
from annotator.core.status import LabelStatus, Origin
from annotator.core.words import counted
from annotator.project.checking import row_problem
from annotator.project.headers import header_text, parse_header

Row = dict[str, Any]
"""A row of a table by its columns."""


def fits(table: sa.Table, row: Row) -> bool:
    """Whether each value of a row is one that its column can hold."""
    return all(column.name in row and _fits(column, row[column.name]) for column in table.columns)


def _fits(column: sa.Column[Any], value: Any) -> bool:
    kind = column.type.python_type
    if value is None:
        return bool(column.nullable)
    if kind is bool:
        return value in (0, 1)
    if kind is datetime:
        return isinstance(value, str) and _is_time(value)
    return isinstance(value, kind)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def sound_details(details: Sequence[Row]) -> list[Row]:
    """Rows of clips' details that can be read back."""
    return [row for row in details if _is_readable(row)]


def _is_readable(row: Row) -> bool:
    try:
        parse_header(row["header"])
    except CorruptProject:
        return False
    return row["split"] in tuple(Split)


def metrics_problem(snapshot: Row) -> str | None:
    """What is wrong with the metrics of a snapshot; None where they can be read back."""
    try:
        json.loads(snapshot["metrics"])
    except ValueError as error:
        return f"Snapshot {snapshot['id']}: its metrics are damaged ({error})."
    return None


def is_sound_label(row: Row, header: ClipHeader) -> bool:
    """Whether a row of labels can be read back, and speaks of a frame of its clip."""
    is_known = row["origin"] in tuple(Origin) and 0 <= row["frame"] < header.n_frames
    return is_known and row_problem(SimpleNamespace(**row), header.shape) is None


def missing_details(
    clips: Sequence[Row], details: Sequence[Row], headers: Mapping[str, ClipHeader]
) -> tuple[list[Row], list[str]]:
    """Rows that give details to clips that have none, and to clips of one patient the split that they had last.

    Parameters
    ----------
    clips, details
        Rows of the two tables.
    headers
        What the clips' files say, by content hash.

    Returns
    -------
    list of Row
        To add to ``details``.
    list of str
        A sentence for each.
    """
    newest = {row["clip_id"]: row for row in sorted(details, key=_revision)}
    patients = {clip["id"]: clip["patient"] for clip in clips}
    patients |= {clip_id: parse_header(row["header"]).patient for clip_id, row in newest.items()}
    last = {patients[row["clip_id"]]: row for row in sorted(newest.values(), key=_revision)}
    # What is a test clip by mistake can still be learnt from; what was learnt from is a fair test no more.
    unknown = Split.TEST if any(row["split"] == Split.TEST for row in details) else Split.TRAIN
    rows, sentences = [], []
    for clip in clips:
        own, told = newest.get(clip["id"]), last.get(patients[clip["id"]])
        split = told["split"] if told else unknown.value
        where = f"it is in '{split}'{' with its patient' if told else ''}."
        if own is None:
            text = header_text(headers[clip["content_hash"]])
            rows.append({"clip_id": clip["id"], "revision": clip["added_revision"], "split": split, "header": text})
            what = "edited details" if told else "edited details and split"
            sentences.append(f"Clip '{clip['name']}': its {what} are lost; {where}")
        elif told and own["split"] != split:
            rows.append({**own, "revision": told["revision"], "split": split})
            sentences.append(f"Clip '{clip['name']}': its newest split is lost; {where}")
    return rows, sentences


def lost_changes(operations: Sequence[Row], details: Sequence[Row]) -> list[str]:
    """How many changes of clips' details are known by their operation alone, as a sentence; empty where none is."""
    there = {row["revision"] for row in details}
    count = sum(row["kind"] == "clip" and row["revision"] not in there for row in operations)
    sentence = (
        f"{counted(count, 'change')} of clips' details could not be read; look through the splits before you train."
    )
    return [sentence] if count else []


def ceded_pixels(labels: Sequence[Row], shapes: Mapping[int, tuple[int, int]]) -> tuple[list[Row], list[str]]:
    """Rows that take from a structure the pixels that a newer outline claims, where the row that took them is lost.

    Parameters
    ----------
    labels
        Sound rows of the labels table.
    shapes
        (H, W) of the frames by the clip's number.

    Returns
    -------
    list of Row
        To add to ``labels``.
    list of str
        How many frames that is about, as a sentence; empty where there is none.
    """
    frames: dict[tuple[int, int], dict[str, Row]] = {}
    for row in sorted(labels, key=_revision):
        frames.setdefault((row["clip_id"], row["frame"]), {})[row["structure"]] = row
    ceded = [row for (clip, _), current in frames.items() for row in _ceded(current, shapes[clip])]
    count = len({(row["clip_id"], row["frame"]) for row in ceded})
    sentence = f"{counted(count, 'frame')} had pixels of two structures; the newer one has them."
    return ceded, [sentence] if ceded else []


def _ceded(current: Mapping[str, Row], shape: tuple[int, int]) -> list[Row]:
    claimed, newest = np.zeros(shape, dtype=np.bool_), 0
    found = []
    for row in sorted(current.values(), key=_revision, reverse=True):
        if row["inside"] is None or row["structure"] == UNSURE:
            continue
        newest = max(newest, row["revision"])
        inside = unpack(row["inside"], shape)
        left = inside & ~claimed
        if (inside & claimed).any():
            is_gone = not left.any() and row["outside"] is None
            said = {"status": LabelStatus.UNKNOWN.value, "inside": None} if is_gone else {"inside": pack(left)}
            found.append({**row, "revision": newest, **said})
        claimed |= inside
    return found


def undone_no_more(operations: Sequence[Row], lost: Collection[int]) -> list[Row]:
    """Operations, of which those before a lost one cannot be undone: it may have changed what they wrote."""
    last = max(lost, default=0)
    return [{**row, "is_undoable": 0} if row["revision"] < last else row for row in operations]


def _revision(row: Row) -> int:
    return int(row["revision"])
