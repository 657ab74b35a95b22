"""The weights that ship: which of them, if any, a project without a model begins with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.protocols import LabelProtocol
from annotator.registry import resource


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
    from annotator.learn.weights import read_header  # noqa: PLC0415

    best: tuple[int, Path] | None = None
    with suppress(AnnotatorError):
        for file in sorted(resource("weights").glob("*.safetensors")):
            header = read_header(file)
            is_other = network is not None and (header.network, dict(header.options)) != (network, dict(options or {}))
            known = 0 if is_other else len(shared_structures(header, protocol))
            if known > (best[0] if best else 0):
                best = (known, file)
    return best[1] if best else None
