"""Which published models keep their files: a day of labelling publishes hundreds, of some MB each.

A model whose file is taken away keeps its row: labels go on saying which model they came from, and its figures stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from annotator.project import schema

THINNED_FACT: Final = "thinned"
"""Where the database says which models have no file any more, by their numbers."""

NEWEST_KEPT: Final = 20
"""So many of the newest models keep their files, and of those that may be used; of earlier days the last one does."""


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


def note_superfluous(connection: Connection) -> list[str]:
    """Note in the database which models lose their files, and give the names of those that do only now."""
    table, facts = schema.snapshots, schema.facts
    columns = (table.c.id, table.c.time, table.c.is_tainted, table.c.file)
    models = connection.execute(sa.select(*columns).order_by(table.c.id)).all()
    before = read_thinned(connection)
    gone = superfluous(models) | before
    if gone != before:
        connection.execute(sa.delete(facts).where(facts.c.name == THINNED_FACT))
        connection.execute(sa.insert(facts).values(name=THINNED_FACT, value=json.dumps(sorted(gone))))
    return [model.file for model in models if model.id in gone - before]
