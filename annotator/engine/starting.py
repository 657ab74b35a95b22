"""Which model serves a project, and which its training begins at: one of its own, else one that ships."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from annotator.core.errors import AnnotatorError, NoDevice
from annotator.core.protocols import LabelProtocol
from annotator.project import refuse_damaged
from annotator.registry import resource

if TYPE_CHECKING:
    from annotator.learn.weights import WeightsHeader
    from annotator.project import Project, Snapshot

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


def first_usable(
    project: Project, starting_weights: Path | None, use: Callable[[Path], T]
) -> tuple[tuple[T, int] | None, list[str]]:
    """Use the newest snapshot that can be used and is not marked, else the starting weights, else nothing.

    Parameters
    ----------
    project
        Has the snapshots.
    starting_weights
        Count as snapshot 0.
    use
        Takes the file of a model; raises an ``AnnotatorError`` where it cannot be used.

    Returns
    -------
    tuple or None
        What ``use`` gave, and the snapshot's id.
    list of str
        One plain sentence for each file that was passed over.

    Raises
    ------
    NoDevice
        Where no model could be used, whatever its file.
    """
    passed_over: list[str] = []
    for file, snapshot in _models(project, starting_weights):
        try:
            if snapshot is not None:
                refuse_damaged(snapshot)
            return (use(file), 0 if snapshot is None else snapshot.id), passed_over
        except NoDevice:
            raise
        except AnnotatorError as error:
            _LOG.exception("The model %s cannot be used.", file)
            passed_over.append(f"A model is passed over: {error}")
    return None, passed_over


def _models(project: Project, starting_weights: Path | None) -> Iterator[tuple[Path, Snapshot | None]]:
    yield from ((snapshot.file, snapshot) for snapshot in reversed(project.usable_snapshots()))
    if starting_weights is not None:
        yield starting_weights, None


def shipped_weights(
    protocol: LabelProtocol, *, network: str | None = None, options: Mapping[str, Any] | None = None
) -> Path | None:
    """The shipped weights that know most of a protocol's structures; ``None`` where they know none.

    Parameters
    ----------
    protocol
        Of the project.
    network, options
        Only weights of this network, built with these options; any where not given.
    """
    from annotator.learn.mapping import shared_structures  # noqa: PLC0415 - torch is imported late

    known = {file: len(shared_structures(header, protocol)) for file, header in _shipped(network, options)}
    best = max(known, key=lambda file: known[file], default=None)
    return best if best is not None and known[best] else None


def shipped_features(network: str, options: Mapping[str, Any]) -> Path | None:
    """Shipped weights of a network built with these options, whatever their structures; ``None`` where there are none.

    Below its head such a network knows what echoes look like, which no protocol needs to share.
    """
    return next((file for file, _ in _shipped(network, options)), None)


def _shipped(network: str | None, options: Mapping[str, Any] | None) -> Iterator[tuple[Path, WeightsHeader]]:
    from annotator.learn.weights import read_header  # noqa: PLC0415 - torch is imported late

    for file in sorted(resource("weights").glob("*.safetensors")):
        with suppress(AnnotatorError):
            header = read_header(file)
            if network is None or (header.network, dict(header.options)) == (network, dict(options or {})):
                yield file, header
