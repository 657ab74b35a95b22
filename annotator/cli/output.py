"""What the command line prints: one JSON object or plain lines on standard output, messages on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from annotator.engine.jobs.progress import Progress
from annotator.settings import load_settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ProjectArgument = Annotated[Path, typer.Argument(help="The project folder.", show_default=False)]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Your name beside the labels.", show_default=False)]

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def show(result: Any, *, as_json: bool, lines: Sequence[str]) -> None:
    """Print a result: as JSON, or as lines for a person."""
    if as_json:
        # Escaped, so that every name goes through a terminal or pipe of any encoding.
        json.dump(result, sys.stdout, indent=2, default=str, allow_nan=False)
        sys.stdout.write("\n")
    else:
        for line in lines:
            sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(sentences: Sequence[str]) -> None:
    """Print sentences on standard error."""
    for sentence in sentences:
        errors.print(sentence, markup=False)


def author_name(given: str | None) -> str:
    """The author given on the command line, else the one in the settings."""
    return given or load_settings().author


class _BarProgress:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def update(self, done: int, total: int, sentence: str) -> None:
        self._bar.update(self._task, completed=done, total=total or None, description=sentence)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on standard error; silent where that is not a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        yield _BarProgress(bar)


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Rows with equal keys as aligned lines under a header."""
    if not rows:
        return []
    names = list(rows[0])
    widths = [max(len(n), *(len(r[n]) for r in rows)) for n in names]
    lines = ["  ".join(n.ljust(w) for n, w in zip(names, widths, strict=True)).rstrip()]
    lines += ["  ".join(r[n].ljust(w) for n, w in zip(names, widths, strict=True)).rstrip() for r in rows]
    return lines
