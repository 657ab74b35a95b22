"""Benchmarks that users run too, by name: each compares within one run and returns plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, float]


def _latency(options: Options) -> dict[str, Any]:
    """Scrub and brush in a real window, with training off and on; options ``seconds`` and ``rate``."""
    from annotator.bench.latency import run  # noqa: PLC0415 - Qt and napari only where a window is wanted

    return run(options)


def _store(options: Options) -> dict[str, Any]:
    """Commits, opening a large project, and what ``kill -9`` leaves; option ``kills``."""
    from annotator.bench.store import run  # noqa: PLC0415 - each benchmark loads only what it measures

    return run(kills=int(options.get("kills", 200)))


def _endurance(options: Options) -> dict[str, Any]:
    """Memory over thousands of frame changes in one window; option ``changes``."""
    from annotator.bench.endurance import run  # noqa: PLC0415 - as above

    return run(options)


def _step(options: Options) -> dict[str, Any]:
    """A training step beside a plain one; options ``rounds``, ``methods``, ``threads``, ``cuda``, ``size``."""
    from annotator.bench.step import run  # noqa: PLC0415 - as above

    return run(options)


BENCHMARKS: Mapping[str, Callable[[Options], dict[str, Any]]] = {
    "endurance": _endurance,
    "latency": _latency,
    "step": _step,
    "store": _store,
}
"""Name to benchmark; each takes numbers by name and returns a JSON-ready mapping."""
