"""Names of files that must differ."""

from __future__ import annotations


def free_name(name: str, taken: set[str]) -> str:
    """The name, or ``name~2``, ``name~3`` ... where it is taken; it is taken from then on.

    Parameters
    ----------
    name
        Without a suffix.
    taken
        Names so far, as this function left them; upper and lower case count as equal, as on many disks.
    """
    free, count = name, 1
    while free.casefold() in taken:
        count += 1
        free = f"{name}~{count}"
    taken.add(free.casefold())
    return free
