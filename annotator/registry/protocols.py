"""Labelling protocols read from TOML files that plugins ship."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from annotator.core.blame import blame
from annotator.core.errors import AnnotatorError, BadInput, BrokenPlugin, UnknownName
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure
from annotator.registry.plugins import described


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
    """All protocols of all installed plugins, by name.

    Raises
    ------
    BrokenPlugin
        Where a plugin's protocols cannot be read, or two plugins have one of the same name.
    """
    found: dict[str, LabelProtocol] = {}
    origin: dict[str, EntryPoint] = {}
    for point in entry_points(group="annotator.protocols"):
        for read in _protocols_of(point):
            if read.name in found:
                other = described("protocols", origin[read.name])
                raise BrokenPlugin(described("protocols", point), f"has a protocol '{read.name}', as {other} has")
            found[read.name], origin[read.name] = read, point
    return found


def _protocols_of(point: EntryPoint) -> list[LabelProtocol]:
    try:
        entries = sorted(files(point.value).iterdir(), key=lambda item: item.name)
        return [parse_protocol(e.read_text(encoding="utf-8"), e.name) for e in entries if e.name.endswith(".toml")]
    except AnnotatorError as error:
        raise BrokenPlugin(described("protocols", point), f"has a protocol that cannot be used ({error})") from None
    except Exception as error:
        raise BrokenPlugin(described("protocols", point), blame(error)) from error


def protocol(name: str) -> LabelProtocol:
    """The protocol of a name.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    BrokenPlugin
        Where a plugin's protocols cannot be used.
    """
    found = protocols()
    if name not in found:
        raise UnknownName("protocol", name, sorted(found))
    return found[name]
