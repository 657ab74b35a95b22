"""Which published models keep their files: a day of labelling publishes hundreds, of some MB each.

A model whose file is taken away keeps its row: labels go on saying which model they came from, and its figures stay.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from annotator.project import schema

THINNED_FACT: Final = "thinned"
"""Where the database says which models have no file any more, by their numbers."""

NEWEST_KEPT: Final = 20
"""So many of the newest models keep their files, and of those that may be used; of earlier days the last one does."""

_MOST_NAMED: Final = 10_000
"""So many numbers are asked for by name; a database takes no end of them in one question."""


class Published(Protocol):
    """What tells whether a model keeps its file."""

    @property
    def id(self) -> int:
        """Its number within the project."""
        ...

    @property
    def time(self) -> datetime:
        """When it was published."""
        ...

    @property
    def is_tainted(self) -> bool:
        """Whether it is not to be used any more."""
        ...


def superfluous(models: Sequence[Published]) -> frozenset[int]:
    """Numbers of the models, oldest first, whose files nobody needs any more."""
    usable = [model for model in models if not model.is_tainted]
    last_of_day = {model.time.date(): model for model in usable}
    kept = (*models[-NEWEST_KEPT:], *usable[-NEWEST_KEPT:], *last_of_day.values())
    return frozenset(model.id for model in models) - {model.id for model in kept}


def thinned_in(facts: Iterable[Any]) -> frozenset[int]:
    """The models without a file that a table of facts names; none where it is damaged there."""
    text = next((fact["value"] for fact in facts if fact["name"] == THINNED_FACT), None)
    try:
        return frozenset(int(number) for number in json.loads(text or "[]"))
    except (ValueError, TypeError):
        return frozenset()


def read_thinned(connection: Connection) -> frozenset[int]:
    """The models that have no file any more."""
    facts = schema.facts
    return thinned_in(connection.execute(sa.select(facts).where(facts.c.name == THINNED_FACT)).mappings())


def rows_of(connection: Connection, columns: Sequence[Any], ids: Collection[int]) -> list[Any]:
    """Columns of some models, oldest first; each row has its ``id``."""
    query = sa.select(*columns).order_by(schema.snapshots.c.id)
    if len(ids) <= _MOST_NAMED:
        query = query.where(schema.snapshots.c.id.in_(ids))
    return [row for row in connection.execute(query) if row.id in ids]


def with_file(connection: Connection) -> set[int]:
    """The models that have a file; to read the rows of the others takes seconds after a year."""
    return set(connection.execute(sa.select(schema.snapshots.c.id)).scalars()) - read_thinned(connection)


def note_superfluous(connection: Connection) -> None:
    """Note in the database which models lose their files now."""
    table, facts = schema.snapshots.c, schema.facts
    gone = superfluous(rows_of(connection, (table.id, table.time, table.is_tainted), with_file(connection)))
    if gone:
        value = json.dumps(sorted(gone | read_thinned(connection)))
        connection.execute(sa.delete(facts).where(facts.c.name == THINNED_FACT))
        connection.execute(sa.insert(facts).values(name=THINNED_FACT, value=value))


def take_files_away(connection: Connection, folder: Path) -> None:
    """Delete what is still there of models that have no file any more: a session may have ended before it did so.

    Parameters
    ----------
    connection
        Sees what :func:`note_superfluous` wrote, on disk.
    folder
        Holds the files.
    """
    with suppress(OSError):
        numbers = {file.name.partition("-")[0] for file in folder.iterdir()}
        there = {int(number) for number in numbers if number.isdecimal()} & read_thinned(connection)
        for row in rows_of(connection, (schema.snapshots.c.id, schema.snapshots.c.file), there):
            # One that another program holds open stays until the next time, and is not missed.
            with suppress(OSError):
                (folder / row.file).unlink(missing_ok=True)
