"""Names that must differ, of clips, files and folders."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import count
from typing import Final

LITTER: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that a system leaves in a folder that somebody looked at: it is as good as empty."""


def free_name(name: str, taken: set[str]) -> str:
    """The name, or ``name~2``, ``name~3`` ... where it is taken; it is taken from then on.

    Parameters
    ----------
    name
        Without a suffix.
    taken
        Names so far, as this function left them; upper and lower case count as equal, as on many disks.
    """
    free = next(one for one in numbered_names(name) if one.casefold() not in taken)
    taken.add(free.casefold())
    return free


def numbered_names(name: str) -> Iterator[str]:
    """The name, ``name~2``, ``name~3`` ... without end."""
    yield name
    yield from (f"{name}~{number}" for number in count(2))


def passing_name(prefix: str) -> str:
    """A name that no other file has, for a folder that is there only while files are written.

    ``tempfile`` makes such folders too; where Windows refuses one, it takes that for a name in use, and tries on for
    hours.
    """
    return prefix + secrets.token_hex(6)
