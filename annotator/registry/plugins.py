"""Plugins found by entry points; the application imports none of them by name."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from annotator.core.errors import UnknownName
from annotator.core.plugin_types import Measurement, NetworkFactory, Reader, Simulator, Writer


@cache
def _all(group: str) -> dict[str, Any]:
    """Entry-point name to the object that its callable returns."""
    return {point.name: point.load()() for point in entry_points(group=f"annotator.{group}")}


def _one(group: str, kind: str, name: str) -> Any:
    found = _all(group)
    if name not in found:
        raise UnknownName(kind, name, sorted(found))
    return found[name]


def readers() -> dict[str, Reader]:
    """All readers by name."""
    return _all("readers")


def writers() -> dict[str, Writer]:
    """All writers by name."""
    return _all("writers")


def writer(name: str) -> Writer:
    """The writer of a format.

    Raises
    ------
    UnknownName
        Where no installed plugin writes it.
    """
    found: Writer = _one("writers", "export format", name)
    return found


def networks() -> dict[str, NetworkFactory]:
    """All network factories by name."""
    return _all("networks")


def network(name: str) -> NetworkFactory:
    """The network factory of a name.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    """
    found: NetworkFactory = _one("networks", "network", name)
    return found


def simulator(name: str) -> Simulator:
    """The simulator of a name.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    """
    found: Simulator = _one("simulators", "simulator", name)
    return found


def measurements() -> dict[str, Measurement]:
    """All measurements by name."""
    return _all("measurements")
