"""Names that must differ, of clips and of files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count


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
