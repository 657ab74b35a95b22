"""Pseudonyms that go with a removed patient, out of all that stays: facts, models' figures, and clips of others.

A clip that was given to another patient before has been that one's from the beginning then: in its history, in its
file's header, and in the file's name, which carries the patient where another clip has the same pixels.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from annotator.core.errors import CorruptProject
from annotator.core.identity import twin_hash
from annotator.project import schema
from annotator.project.frames import place, stage_copy
from annotator.project.headers import header_text, parse_header
from annotator.project.session import Session


def gone_pseudonyms(connection: Connection, erased: Collection[int]) -> set[str]:
    """Whose clips are erased, and whose they were before, but for those that clips which stay have or came as."""
    clips, details = schema.clips.c, schema.clip_details.c
    rows = connection.execute(sa.select(details.clip_id, details.header).order_by(details.revision)).all()
    owners = {row.clip_id: parse_header(row.header).patient for row in rows}
    came = {row.id: row.patient for row in connection.execute(sa.select(clips.id, clips.patient))}
    former = {parse_header(row.header).patient for row in rows if row.clip_id in erased}
    former |= {patient for clip_id, patient in came.items() if clip_id in erased}
    stay = {named[clip_id] for named in (owners, came) for clip_id in named.keys() - set(erased)}
    return {owners[clip_id] for clip_id in erased} | (former - stay)


def forget_names(connection: Connection, patients: AbstractSet[str]) -> None:
    """Take pseudonyms out of what is stored as JSON: who is held aside, and what models were validated on."""
    for column, key in (
        (schema.facts.c.value, schema.facts.c.name),
        (schema.snapshots.c.metrics, schema.snapshots.c.id),
    ):
        for name, text in connection.execute(sa.select(key, column)).all():
            if any(json.dumps(patient) in text for patient in patients):
                kept = json.dumps(_without(json.loads(text), patients))
                connection.execute(sa.update(key.table).where(key == name).values({column.name: kept}))


def _without(value: Any, names: AbstractSet[str]) -> Any:
    """A JSON value without some texts: as members of lists, and as keys."""
    if isinstance(value, list):
        return [_without(one, names) for one in value if not (isinstance(one, str) and one in names)]
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    return value


@contextmanager
def forget_origins(
    session: Session, connection: Connection, patients: AbstractSet[str], *, erased: Collection[int]
) -> Iterator[tuple[str, ...]]:
    """Let clips that were given to others before have been those others' from the beginning.

    Their frames get new files, which are deleted again where the transaction fails within the context. What was done
    before they were given away cannot be undone any more: it would change the split of those who have them now.

    Yields
    ------
    tuple of str
        Names of the former files, which are to be deleted.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses.
    """
    placed: list[Path] = []
    try:
        former = []
        for clip_id in _forget_history(connection, patients, erased):
            name = _moved_file(session, connection, clip_id, placed)
            former += [] if name is None else [name]
        yield tuple(former)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise


def _forget_history(connection: Connection, patients: AbstractSet[str], erased: Collection[int]) -> list[int]:
    """Take pseudonyms out of rows of clips that stay; the ids of these clips."""
    clips, details, operations = schema.clips.c, schema.clip_details.c, schema.operations.c
    rows = connection.execute(sa.select(schema.clip_details).order_by(details.revision)).all()
    of_clips = defaultdict(list)
    for row in (row for row in rows if row.clip_id not in erased):
        of_clips[row.clip_id].append((row.revision, parse_header(row.header)))
    came = set(connection.execute(sa.select(clips.id).where(clips.patient.in_(patients))).scalars())
    touched, last = [], 0
    for clip_id, history in of_clips.items():
        owner = history[-1][1].patient
        former = [n for n, (_, header) in enumerate(history) if header.patient in patients]
        for revision, header in (history[n] for n in former):
            same = (details.clip_id == clip_id, details.revision == revision)
            text = header_text(replace(header, patient=owner))
            connection.execute(sa.update(schema.clip_details).where(*same).values(header=text))
        if clip_id in came:
            connection.execute(sa.update(schema.clips).where(clips.id == clip_id).values(patient=owner))
        if former or clip_id in came:
            touched.append(clip_id)
        if former:
            last = max(last, history[former[-1] + 1][0])
    connection.execute(sa.update(schema.operations).where(operations.revision <= last).values(is_undoable=False))
    return touched


def _moved_file(session: Session, connection: Connection, clip_id: int, placed: list[Path]) -> str | None:
    """Write a clip's frames anew, under a name and a header of nobody but its patient; the former file's name.

    A file that cannot be read stays as it is, with a pseudonym of nobody: some of its frames may be saved yet.
    """
    clips, details = schema.clips.c, schema.clip_details.c
    content_hash = connection.execute(sa.select(clips.content_hash).where(clips.id == clip_id)).scalar_one()
    newest = sa.select(details.header).where(details.clip_id == clip_id).order_by(details.revision.desc())
    header = parse_header(connection.execute(newest).scalars().first() or "")
    source = session.clip_file(content_hash)
    try:
        staged = stage_copy(source, header, header_text(header))
    except CorruptProject:
        return None
    fresh = twin_hash(content_hash, session.pseudonymiser.key(secrets.token_hex()))
    place(staged, session.clip_file(fresh))
    placed.append(session.clip_file(fresh))
    connection.execute(sa.update(schema.clips).where(clips.id == clip_id).values(content_hash=fresh))
    return source.name
