"""The benchmarks, each a command of ``annotator bench``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from annotator.bench import BENCHMARKS
from annotator.cli.data import ProtocolOption, chosen_protocol, parse_values
from annotator.cli.output import JsonOption, progress_bar, show

SetOption = Annotated[list[str] | None, typer.Option("--set", help="option=number; the text above lists them.")]


def register(app: typer.Typer) -> None:
    """Add the command and its subcommands to the application."""
    bench = typer.Typer(help="Measure this computer or the learner: comparisons within one run.", no_args_is_help=True)
    for name, measure in BENCHMARKS.items():
        bench.command(name, help=(measure.__doc__ or "").replace("``", "'"))(_command(measure))
    bench.command()(learning)
    app.add_typer(bench, name="bench")


def _command(measure: Callable[[Mapping[str, float]], dict[str, Any]]) -> Callable[..., None]:
    def run(set_: SetOption = None, json: JsonOption = False) -> None:
        result = measure(_numbers(set_ or []))
        show(result, as_json=json, lines=_lines(result))

    return run


def learning(
    manifest: Annotated[Path, typer.Option(help="CSV manifest with labels, and whole patients as 'test'.")],
    out: Annotated[Path, typer.Option(help="Folder for results; a run that was cut off goes on there.")],
    protocol: ProtocolOption = "apical",
    values: Annotated[str | None, typer.Option(help="Mask values, such as lv=1,myo=2,la=3.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="'recipe path=value ...' or 'title: recipe path=value ...'; may repeat.")
    ] = None,
    labels: Annotated[str, typer.Option(help="Budgets of structure labels; 'all' for every label.")] = "12,60,300",
    layout: Annotated[
        str, typer.Option(help="Where labels go: spread (one a frame), frames (whole ones), patients (all frames of).")
    ] = "spread",
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, from 0.")] = 3,
    minutes: Annotated[float | None, typer.Option(help="Training time of each; or give --steps.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps of each.")] = None,
    at: Annotated[str, typer.Option(help="Seconds, or steps, at which the learning curve is measured.")] = "",
    pattern: Annotated[
        str, typer.Option(help="Structures that each domain labels: 'a=*;b=lv'. Unknown domains are simulated.")
    ] = "",
    shift: Annotated[
        str,
        typer.Option(
            help="Appearance of all but the first simulated domain: none, mild, moderate, strong, inverted, or several "
            "with commas."
        ),
    ] = "none",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each.")] = 1,
    json: JsonOption = False,
) -> None:
    """Compare recipes on real frames: label budgets, seeds, partial labels by domain, shifts of appearance."""
    from annotator.bench import learning as bench  # noqa: PLC0415 - torch is imported late

    design = bench.Design(
        rows=tuple(bench.Row.parse(text) for text in recipe or ["default", "supervised"]),
        labels=bench.parse_labels(labels),
        seeds=tuple(range(seeds)),
        spending=bench.Spending(None if minutes is None else 60.0 * minutes, steps, tuple(_list(at))),
        layouts=bench.parse_layouts(layout),
        shifts=bench.parse_shifts(shift),
        pattern=bench.parse_pattern(pattern),
        device=device,
    )
    data = bench.Data(manifest, chosen_protocol(protocol), parse_values(values) if values else None)
    with progress_bar() as progress:
        result = bench.run(design, data, out, machine=bench.Machine(jobs, threads), progress=progress)
    lines = [(out / "learning.md").read_text(encoding="utf-8"), f"Written to {out}."]
    show(result, as_json=json, lines=lines)


def _list(text: str) -> Sequence[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no comma-separated list of numbers") from None


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
