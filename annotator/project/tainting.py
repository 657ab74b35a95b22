"""Models that may have learnt from a patient who was removed, or is for tests or validation now, and serve no more.

As a test no picture is fair that a model saw, outlined or not. Validation asks for less: that the labels it compares
with taught nothing, under this patient or, where the same picture is there twice, another one.

A mark is for good: where a patient is for training again, or the change is undone, what was learnt before stays marked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.disk_errors import delete
from annotator.core.identity import PIXEL_DIGITS, Clip, Split
from annotator.core.words import counted
from annotator.project import schema
from annotator.project.durable import storage_errors
from annotator.project.headers import parse_header
from annotator.project.session import CHECKPOINT, Session

TRAINED_FACT: Final = "trained_patients"
"""Where the learner keeps the patients whose labels it was trained on: a JSON list of pseudonyms."""

HELD_FACT: Final = "held_patients"
"""Where the learner keeps the patients that it holds aside for validation: a JSON list of pseudonyms."""


def mark_snapshots(connection: Connection, ids: Collection[int]) -> tuple[int, ...]:
    """Mark snapshots younger than the first time that one of the clips was no test clip."""
    details = schema.clip_details.c
    seen = sa.select(sa.func.min(details.revision)).where(details.clip_id.in_(ids), details.split != Split.TEST.value)
    return _mark_since(connection, connection.execute(seen).scalar())


def mark_taught(connection: Connection, ids: Collection[int]) -> tuple[int, ...]:
    """Mark snapshots younger than the first time that one of the clips was a training clip with a label."""
    details, labels = schema.clip_details.c, schema.labels.c
    trained = sa.select(details.clip_id, sa.func.min(details.revision)).where(details.split == Split.TRAIN.value)
    labelled = sa.select(labels.clip_id, sa.func.min(labels.revision))
    since = _by_clip(connection, trained.where(details.clip_id.in_(ids)).group_by(details.clip_id))
    said = _by_clip(connection, labelled.where(labels.clip_id.in_(ids)).group_by(labels.clip_id))
    return _mark_since(connection, min((max(since[c], said[c]) for c in since.keys() & said.keys()), default=None))


def _by_clip(connection: Connection, query: sa.Select[Any]) -> dict[int, int]:
    return {clip: revision for clip, revision in connection.execute(query)}  # noqa: C416  (rows are no pairs to mypy)


def _mark_since(connection: Connection, first: int | None) -> tuple[int, ...]:
    if first is None:
        return ()
    snapshots = schema.snapshots.c
    saw = snapshots.data_revision >= first
    marked = connection.execute(sa.select(snapshots.id).where(saw).order_by(snapshots.id)).scalars().all()
    connection.execute(sa.update(schema.snapshots).where(saw).values(is_tainted=True))
    return tuple(marked)


def forget_clips(session: Session, connection: Connection, apart: Collection[Clip], known: Mapping[int, Clip]) -> str:
    """Let nothing serve that may have learnt from clips that are set apart now, or from the same pictures elsewhere.

    From validation clips only labels teach, those that were taken back too, and only where the learner was trained
    on their patient; from test clips anything does.

    Parameters
    ----------
    session, connection
        The project, and the transaction that changes the clips.
    apart
        The clips, as they become.
    known
        All clips by id, as they were.

    Returns
    -------
    str
        What that means, as the end of a sentence; empty where nothing may have learnt from them.

    Raises
    ------
    ProjectError
        Where the disk refuses; a checkpoint that is gone while the rest fails costs time only.
    """
    tested = {clip.pixels for clip in apart if clip.split is Split.TEST}
    seen = {clip_id for clip_id, clip in known.items() if clip.pixels in tested}
    aside = [clip for clip in apart if clip.split is not Split.TEST]
    names, pictures = {clip.name for clip in aside}, {clip.pixels for clip in aside}
    patients = {
        clip_id: clip.header.patient
        for clip_id, clip in known.items()
        if clip.name in names or (clip.pixels in pictures and clip.split is Split.TRAIN)
    }
    taught = with_labels(connection, _of(patients.items(), trained_on(connection, patients.values())))
    return _forget(session, connection, seen, taught) if seen or taught else ""


def _of(clips: Iterable[tuple[int, str]], patients: Collection[str]) -> set[int]:
    """Those of some clips, with their patients, that are of certain patients."""
    return {clip_id for clip_id, patient in clips if patient in patients}


def _forget(session: Session, connection: Connection, seen: Collection[int], taught: Collection[int]) -> str:
    """Mark what may have seen some clips, or learnt from labels of others, and drop the state of training."""
    table = schema.snapshots.c
    before = set(connection.execute(sa.select(table.id).where(table.is_tainted.is_(True))).scalars())
    marked = {*mark_snapshots(connection, seen), *mark_taught(connection, taught)} - before
    checkpoint = session.path / CHECKPOINT
    parts = ["the state of training"] if checkpoint.is_file() else []
    parts += [counted(len(marked), "model")] if marked else []
    with storage_errors(session.path):
        delete(checkpoint)
    whom = "it" if len({*seen, *taught}) == 1 else "them"
    return f"; {' and '.join(parts)} that may have learnt from {whom} will not be used any more" if parts else ""


def trained_on(connection: Connection, patients: Collection[str]) -> set[str]:
    """Patients whose labels the learner was trained on; where it never said, it may have been on all of them."""
    trained = _patients_in(connection, TRAINED_FACT)
    return set(patients) if trained is None else set(patients) & trained


def held_aside(connection: Connection) -> set[str]:
    """Patients that the learner holds aside for validation."""
    return _patients_in(connection, HELD_FACT) or set()


def follow_moves(connection: Connection, moves: Iterable[tuple[str, str]]) -> None:
    """Take whom the learner was trained on along, where clips of a patient become another's: pairs of pseudonyms."""
    trained = _patients_in(connection, TRAINED_FACT)
    taught = {after for before, after in moves if trained and before in trained}
    if trained is not None and not taught <= trained:
        text = json.dumps(sorted(trained | taught))
        connection.execute(sa.update(schema.facts).where(schema.facts.c.name == TRAINED_FACT).values(value=text))


def _patients_in(connection: Connection, fact: str) -> set[str] | None:
    facts = schema.facts.c
    text = connection.execute(sa.select(facts.value).where(facts.name == fact)).scalar()
    return None if text is None else set(json.loads(text))


def came_too_late(connection: Connection, data_revision: int) -> bool:
    """Whether a patient was removed, or set apart for however short a time, after the labels that something learnt."""
    operations, clips, details = schema.operations.c, schema.clips.c, schema.clip_details.c
    removed = sa.select(operations.revision).where(operations.kind == "remove", operations.revision > data_revision)
    if connection.execute(removed).first() is not None:
        return True
    if (connection.execute(sa.select(sa.func.max(details.revision))).scalar() or 0) <= data_revision:
        return False
    columns = (clips.id, clips.content_hash, details.revision, details.split, details.header)
    query = sa.select(*columns).where(clips.id == details.clip_id)
    rows = connection.execute(query.order_by(details.revision)).all()
    then = {row.id: row for row in rows if row.revision <= data_revision}
    later = [row for row in rows if row.revision > data_revision]
    if (_tested(later) - _tested(then.values())) & {row.content_hash[:PIXEL_DIGITS] for row in then.values()}:
        return True
    apart = _set_apart_since(connection, data_revision, {row.id for row in later} & then.keys())
    held = held_aside(connection)
    copied = apart | _copies(then.values(), later, {clip_id for clip_id, _ in apart}, held)
    if with_labels(connection, _of(copied, trained_on(connection, {patient for _, patient in copied}))):
        return True
    # The learner forgets whom it was trained on as soon as they are set apart; what it made before is not told so.
    others = {clip_id for clip_id, patient in apart if patient not in held}
    return bool(with_labels(connection, others, until=data_revision))


def _copies(
    then: Collection[Any], later: Iterable[Any], apart: Collection[int], held: Collection[str]
) -> set[tuple[int, str]]:
    """Training clips of then, by number, with the picture of one that was set apart or came for validation later."""
    there = {row.id for row in then}
    pictures = {
        row.content_hash[:PIXEL_DIGITS]
        for row in later
        if row.id in apart
        or (row.id not in there and (row.split != Split.TRAIN.value or parse_header(row.header).patient in held))
    }
    same = (row for row in then if row.split == Split.TRAIN.value and row.content_hash[:PIXEL_DIGITS] in pictures)
    return {(row.id, parse_header(row.header).patient) for row in same}


def _set_apart_since(connection: Connection, data_revision: int, ids: Collection[int]) -> set[tuple[int, str]]:
    """Clips, by number, that were set apart at any change after a revision, and whose they were before."""
    details, held = schema.clip_details.c, held_aside(connection)
    query = sa.select(schema.clip_details).where(details.clip_id.in_(ids)).order_by(details.revision)
    before: dict[int, Clip] = {}
    apart = set()
    for row in connection.execute(query):
        clip, former = Clip("", parse_header(row.header), Split(row.split)), before.get(row.clip_id)
        if former is not None and row.revision > data_revision and clip.is_set_apart_since(former, held=held):
            apart.add((row.clip_id, former.header.patient))
        before[row.clip_id] = clip
    return apart


def with_labels(connection: Connection, ids: Collection[int], *, until: int | None = None) -> set[int]:
    """Of some clips those of which anything was said up to a revision, be it taken back: it may have taught before."""
    labels = schema.labels.c
    query = sa.select(labels.clip_id).where(labels.clip_id.in_(ids)).distinct()
    said = query if until is None else query.where(labels.revision <= until)
    return set(connection.execute(said).scalars())


def _tested(rows: Iterable[Any]) -> set[str]:
    """Pixels of the test clips among rows with a content hash and a split."""
    return {row.content_hash[:PIXEL_DIGITS] for row in rows if row.split == Split.TEST.value}
