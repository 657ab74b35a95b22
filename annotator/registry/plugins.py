"""Plugins found by entry points; the application imports none of them by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from annotator.core.blame import blame
from annotator.core.errors import BrokenPlugin, UnknownName
from annotator.core.plugin_types import Measurement, NetworkFactory, PictureWriter, Reader, Simulator, Writer
from annotator.core.unusable import UnusableReader
from annotator.registry.guards import GuardedReader, GuardedSimulator

if TYPE_CHECKING:
    import torch

_KINDS: Final[Mapping[str, type]] = {
    "readers": Reader,
    "writers": Writer,
    "networks": NetworkFactory,
    "simulators": Simulator,
    "measurements": Measurement,
}


@cache
def _points(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by name; several of one name where packages contend for it."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=f"annotator.{group}"):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def described(group: str, *points: EntryPoint) -> str:
    """``"'bad' (annotator.readers) of bad-tools"``, for the first of some entry points of one name."""
    packages = " and of ".join(sorted(point.dist.name for point in points if point.dist is not None))
    return f"'{points[0].name}' (annotator.{group}){packages and ' of '}{packages}"


@cache
def _plugin(group: str, name: str) -> Any:
    """The object that an entry point's callable returns.

    Raises
    ------
    BrokenPlugin
        Where it cannot be loaded, is not what its group holds, or shares its name with another.
    """
    points = _points(group)[name]
    plugin = described(group, *points)
    if len(points) > 1:
        raise BrokenPlugin(plugin, "is there more than once, and which one is meant cannot be told")
    try:
        made: Any = points[0].load()()
    except Exception as error:
        raise BrokenPlugin(plugin, blame(error)) from error
    kind = _KINDS[group]
    if not isinstance(made, kind):
        raise BrokenPlugin(plugin, f"is no {kind.__name__}, but of the type '{type(made).__name__}'")
    if (called := getattr(made, "name", None)) != name:
        # Weights and exports are found again by the name that the object says.
        raise BrokenPlugin(plugin, f"calls itself '{called}'")
    return made


def _one(group: str, kind: str, name: str) -> Any:
    known = _points(group)
    if name not in known:
        raise UnknownName(kind, name, sorted(known))
    return _plugin(group, name)


def readers() -> dict[str, Reader]:
    """All readers by name, held to their contract: what else they raise is told as BadInput.

    In place of one that cannot be used stands one that takes no file and says why.
    """
    return {name: _reader(name, points) for name, points in _points("readers").items()}


def _reader(name: str, points: Sequence[EntryPoint]) -> Reader:
    try:
        return GuardedReader(_plugin("readers", name), described("readers", *points))
    except BrokenPlugin as error:
        return UnusableReader(name, error)


def writers() -> dict[str, Writer]:
    """All writers by name that can be used."""
    found: dict[str, Writer] = {}
    for name in _points("writers"):
        try:
            found[name] = _plugin("writers", name)
        except BrokenPlugin:
            continue
    return found


def picture_formats() -> frozenset[str]:
    """Formats whose files hold the frames beside the labels, as their writers say."""
    told = ((name, made) for name, made in writers().items() if isinstance(made, PictureWriter))
    return frozenset(name for name, made in told if made.holds_pictures)


def writer(name: str) -> Writer:
    """The writer of a format.

    Raises
    ------
    UnknownName
        Where no installed plugin writes it.
    BrokenPlugin
        Where that plugin cannot be used.
    """
    found: Writer = _one("writers", "export format", name)
    return found


@dataclass(slots=True)
class _Unusable:
    """In place of a network that cannot be used: who needs it is told why, and nobody else is."""

    name: str
    error: BrokenPlugin

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> torch.nn.Module:
        """Nothing.

        Raises
        ------
        BrokenPlugin
            Always: why it cannot be used.
        """
        raise self.error


def networks() -> dict[str, NetworkFactory]:
    """All network factories by name; one that cannot be used says so where it is built."""
    found: dict[str, NetworkFactory] = {}
    for name in _points("networks"):
        try:
            found[name] = _plugin("networks", name)
        except BrokenPlugin as error:
            found[name] = _Unusable(name, error)
    return found


def network(name: str) -> NetworkFactory:
    """The network factory of a name.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    BrokenPlugin
        Where that plugin cannot be used.
    """
    found: NetworkFactory = _one("networks", "network", name)
    return found


def simulator(name: str) -> Simulator:
    """The simulator of a name, held to its contract.

    Raises
    ------
    UnknownName
        Where no installed plugin has it.
    BrokenPlugin
        Where that plugin cannot be used.
    """
    found: Simulator = _one("simulators", "simulator", name)
    return GuardedSimulator(found, described("simulators", *_points("simulators")[name]))


def measurements() -> dict[str, Measurement]:
    """All measurements by name.

    Raises
    ------
    BrokenPlugin
        Where one cannot be used.
    """
    return {name: _plugin("measurements", name) for name in _points("measurements")}
