"""Benchmarks that users run too, by name: each compares within one run and returns plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from annotator.core.errors import AnnotatorError, BadInput, UnknownName

Options = Mapping[str, float]


def _latency(options: Options) -> dict[str, Any]:
    """Scrub and brush in a real window, with training off and on; options ``seconds`` and ``rate``."""
    checked = _checked(options, seconds=1.0, rate=0.1)
    _refuse_without_screen()
    from annotator.bench.latency import run  # noqa: PLC0415 - Qt and napari only where a window is wanted

    return run(checked)


def _store(options: Options) -> dict[str, Any]:
    """Commits, opening a large project, and what ``kill -9`` leaves; option ``kills``."""
    checked = _checked(options, kills=0)
    from annotator.bench.store import run  # noqa: PLC0415 - each benchmark loads only what it measures

    return run(kills=int(checked.get("kills", 200)))


def _endurance(options: Options) -> dict[str, Any]:
    """Memory over thousands of frame changes in one window; options ``changes``, ``warm_up``."""
    checked = _checked(options, changes=1, warm_up=0)
    _refuse_without_screen()
    from annotator.bench.endurance import run  # noqa: PLC0415 - as above

    return run(checked)


def _step(options: Options) -> dict[str, Any]:
    """A step beside a plain one; options ``rounds``, ``methods``, ``threads``, ``cuda``, ``size``, ``width``."""
    checked = _checked(options, rounds=1, methods=0, threads=1, cuda=0, size=1, width=1)
    from annotator.bench.step import run  # noqa: PLC0415 - as above

    return run(checked)


def _checked(options: Options, **least: float) -> Options:
    """The options, each known by name and at least so large; whole where the least is an int."""
    for name, value in options.items():
        if name not in least:
            raise UnknownName("option of this benchmark", name, tuple(least))
        is_whole = isinstance(least[name], int)
        if not math.isfinite(value) or value < least[name] or (is_whole and value != int(value)):
            kind = "a whole number" if is_whole else "a number"
            raise BadInput(f"--set {name}={value:g}", f"it must be {kind} from {least[name]:g} on", "correct it")
    return options


def _refuse_without_screen() -> None:
    from annotator.app.demo import has_screen  # noqa: PLC0415 - as above

    if not has_screen():
        raise AnnotatorError("There is no screen, and this benchmark measures a real window; run it where one is.")


BENCHMARKS: Mapping[str, Callable[[Options], dict[str, Any]]] = {
    "endurance": _endurance,
    "latency": _latency,
    "step": _step,
    "store": _store,
}
"""Name to benchmark; each takes numbers by name and returns a JSON-ready mapping."""
