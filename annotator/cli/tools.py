"""The benchmarks, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from annotator.bench import BENCHMARKS
from annotator.cli.output import JsonOption, show
from annotator.core.errors import UnknownName


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(bench)


def bench(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(BENCHMARKS)}.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="option=number; see the benchmark's text.")] = None,
    json: JsonOption = False,
) -> None:
    """Measure this computer: comparisons within one run, as ratios and medians."""
    if name not in BENCHMARKS:
        raise UnknownName("benchmark", name, sorted(BENCHMARKS))
    result = BENCHMARKS[name](_numbers(set_ or []))
    show(result, as_json=json, lines=_lines(result))


def _numbers(pairs: list[str]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (pair.split("=", 1) for pair in pairs)}
    except ValueError:
        raise typer.BadParameter("--set takes option=number") from None


def _lines(result: object, indent: str = "") -> list[str]:
    if not isinstance(result, dict):
        return [f"{indent}{result}"]
    lines: list[str] = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        else:
            text = f"{value:.3g}" if isinstance(value, float) else str(value)
            lines.append(f"{indent}{name}: {text}")
    return lines
