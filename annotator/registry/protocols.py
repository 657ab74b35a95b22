"""Labelling protocols read from TOML files that plugins ship."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from annotator.core.errors import BadInput, UnknownName
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure


class _StructureText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    colour: str
    key: str
    connected: bool = False
    views: tuple[str, ...] = ()


class _DerivedText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    colour: str
    members: tuple[str, ...]


class _ProtocolText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    title: str
    views: tuple[str, ...] = ()
    structures: tuple[_StructureText, ...]
    derived: tuple[_DerivedText, ...] = ()


def parse_protocol(text: str, where: str | Path) -> LabelProtocol:
    """A protocol from its TOML text.

    Raises
    ------
    BadInput
        Where the text is not TOML or does not describe a protocol.
    AnnotatorError
        Where a structure breaks a rule of :class:`~annotator.core.protocols.LabelProtocol`.
    """
    try:
        parsed = _ProtocolText.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(where, f"it is not valid TOML ({error})", "correct the protocol file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(where, f"'{place}': {first['msg']}", "correct the protocol file") from None
    return LabelProtocol(
        name=parsed.name,
        title=parsed.title,
        structures=tuple(Structure(**s.model_dump()) for s in parsed.structures),
        derived=tuple(DerivedStructure(**d.model_dump()) for d in parsed.derived),
        views=parsed.views,
    )


def read_protocol(path: Path) -> LabelProtocol:
    """A protocol from a TOML file.

    Raises
    ------
    BadInput
        Where the file cannot be read or does not describe a protocol.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(path, f"it cannot be read ({error})", "name a protocol's TOML file") from None
    return parse_protocol(text, path)


@cache
def protocols() -> dict[str, LabelProtocol]:
    """All protocols of all installed plugins, by name."""
    found: dict[str, LabelProtocol] = {}
    for point in entry_points(group="annotator.protocols"):
        folder = files(point.value)
        for entry in sorted(folder.iterdir(), key=lambda item: item.name):
            if entry.name.endswith(".toml"):
                read = parse_protocol(entry.read_text(encoding="utf-8"), entry.name)
                found[read.name] = read
    return found


def protocol(name: str) -> LabelProtocol:
    """The protocol of a name.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    """
    found = protocols()
    if name not in found:
        raise UnknownName("protocol", name, sorted(found))
    return found[name]
