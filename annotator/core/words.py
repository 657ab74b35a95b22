"""Numbers and names in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile


def counted(count: int, what: str) -> str:
    """``"1 clip"``, ``"2 clips"``, ``"12,034 frames"``; ``what`` takes an s."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def ordinal(index: int) -> str:
    """``"1st"`` for 0, ``"12th"`` for 11, ``"23rd"`` for 22."""
    number = index + 1
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def listed(names: Sequence[str]) -> str:
    """``"the left atrium, the LV cavity and the aorta"`` of the names of at least one structure.

    A name loses its capital, unless it begins with an abbreviation such as LV.
    """
    spoken = [f"the {name[0].lower() + name[1:] if name[1:2].islower() else name}" for name in names]
    return " and ".join(part for part in (", ".join(spoken[:-1]), spoken[-1]) if part)


def shortened(names: Sequence[str], cut: Callable[[str], str]) -> list[str]:
    """Names that ``cut`` makes fit; where different ones would read alike, they lose what they begin with alike."""
    texts = {name: cut(name) for name in names}
    for text in set(texts.values()):
        alike = [name for name, one in texts.items() if one == text]
        if len(alike) > 1:
            shared = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*alike, strict=False)))
            texts |= {name: cut(f"…{name[shared:]}") for name in alike}
    return [texts[name] for name in names]
