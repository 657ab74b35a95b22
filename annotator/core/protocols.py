"""Labelling protocols: which structures exist, in which order, and what is derived from them.

A protocol is a value. Its TOML form is read by :mod:`annotator.registry`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from annotator.core.errors import AnnotatorError, UnknownName

MAX_STRUCTURES: Final = 15
"""Background and fifteen structures fill the sixteen bits of an allowed-class bitmap."""

BACKGROUND: Final = 0
"""Class index of 'known to be none of the structures'."""

UNSURE: Final = "unsure"
"""Reserved structure id under which the unsure brush is stored."""

_ID = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")
_COLOUR = re.compile(r"^#[0-9a-f]{6}$")


@dataclass(frozen=True, slots=True)
class Structure:
    """One anatomical structure.

    Parameters
    ----------
    id
        Stable lower-case identifier, such as ``"lv"``; stored in files.
    name
        What a person reads, such as ``"LV cavity"``.
    colour
        ``"#rrggbb"``, lower case.
    key
        The single character that selects the structure in the window.
    connected
        Whether it is one piece in a picture, so that small pieces apart from it and small holes in it are a model's
        mistakes; a person may draw what there is.
    views
        Views that can show it, such as ``("a4c",)``; every view of the protocol where none is named.

    Raises
    ------
    AnnotatorError
        Where the id, colour or key is malformed or the id is reserved.
    """

    id: str
    name: str
    colour: str
    key: str
    connected: bool = False
    views: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.match(self.id) or self.id in (UNSURE, "background"):
            raise AnnotatorError(
                f"The structure id '{self.id}' cannot be used: an id is lower-case letters, digits, "
                f"'-' and '_', and is neither '{UNSURE}' nor 'background'."
            )
        if not _COLOUR.match(self.colour):
            raise AnnotatorError(f"Structure '{self.id}' needs a colour like '#e4572e', not '{self.colour}'.")
        if len(self.key) != 1:
            raise AnnotatorError(f"Structure '{self.id}' needs a key of one character, not '{self.key}'.")

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue in 0..1."""
        red, green, blue = (int(self.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return red, green, blue


@dataclass(frozen=True, slots=True)
class DerivedStructure:
    """A union of structures, such as LV epicardium = cavity + myocardium; shown and exported, never stored."""

    id: str
    name: str
    colour: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelProtocol:
    """An ordered set of mutually exclusive structures with views and derived structures.

    Class index 0 is background; structure *i* of ``structures`` has class index *i* + 1.

    Raises
    ------
    AnnotatorError
        Where ids or keys repeat, there is no structure or more than :data:`MAX_STRUCTURES`, a derived
        structure names an unknown member, or a structure an unknown view.
    """

    name: str
    title: str
    structures: tuple[Structure, ...]
    derived: tuple[DerivedStructure, ...] = ()
    views: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.structures) <= MAX_STRUCTURES:
            raise AnnotatorError(
                f"Protocol '{self.name}' has {len(self.structures)} structures; it needs 1 to {MAX_STRUCTURES}."
            )
        ids = [*self.ids, *(d.id for d in self.derived)]
        if len(set(ids)) != len(ids):
            raise AnnotatorError(f"Protocol '{self.name}' uses a structure id twice.")
        keys = [s.key for s in self.structures]
        if len(set(keys)) != len(keys):
            raise AnnotatorError(f"Protocol '{self.name}' uses a key twice.")
        for derived in self.derived:
            missing = [m for m in derived.members if m not in self.ids]
            if missing:
                raise AnnotatorError(
                    f"Protocol '{self.name}' derives '{derived.id}' from '{missing[0]}', which it does not have."
                )
        for structure in self.structures:
            strange = [v for v in structure.views if v not in self.views]
            if strange:
                raise AnnotatorError(
                    f"Protocol '{self.name}' shows '{structure.id}' in the view '{strange[0]}', which it does not have."
                )

    @property
    def ids(self) -> tuple[str, ...]:
        """Structure ids in class order."""
        return tuple(s.id for s in self.structures)

    @property
    def n_classes(self) -> int:
        """K + 1: the structures and background."""
        return len(self.structures) + 1

    def index(self, structure: str) -> int:
        """Class index 1..K of a structure id.

        Raises
        ------
        UnknownName
            Where the protocol has no such structure.
        """
        try:
            return self.ids.index(structure) + 1
        except ValueError:
            raise UnknownName("structure", structure, self.ids) from None

    def structure(self, structure: str) -> Structure:
        """The structure with this id.

        Raises
        ------
        UnknownName
            Where the protocol has no such structure.
        """
        return self.structures[self.index(structure) - 1]

    def derived_structure(self, name: str) -> DerivedStructure:
        """The derived structure with this id.

        Raises
        ------
        UnknownName
            Where the protocol derives no such structure.
        """
        for found in self.derived:
            if found.id == name:
                return found
        raise UnknownName("derived structure", name, tuple(d.id for d in self.derived))

    def shown_in(self, view: str | None) -> tuple[str, ...]:
        """Ids of the structures that a picture of a view can show; all where the view is not known or not its own."""
        if view not in self.views:
            return self.ids
        return tuple(s.id for s in self.structures if not s.views or view in s.views)

    def default_values(self) -> dict[str, int]:
        """Value of each structure in an indexed mask where the project names none: protocol order from 1."""
        return {s: i for i, s in enumerate(self.ids, start=1)}
