"""The window: open and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from annotator.cli.output import JsonOption, show


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="open")(open_)
    app.command()(demo)


def open_(
    project: Annotated[Path | None, typer.Argument(help="The project folder.", show_default=False)] = None,
) -> None:
    """Open the window.

    \f

    Raises
    ------
    typer.Exit
        With the window's status.
    """
    from annotator.app import open_window  # noqa: PLC0415 - Qt and napari only where a window is wanted

    raise typer.Exit(open_window(project))


def demo(
    folder: Annotated[Path | None, typer.Argument(help="Where to make it; a temporary folder if left out.")] = None,
    minutes: Annotated[float, typer.Option(min=0.05, help="How long to train without a window.")] = 2.0,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a window, even where there is a screen.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Simulated clips with a few labels: watch the suggestions come, or get pictures of them."""
    from annotator.app import run_demo  # noqa: PLC0415 - Qt and napari only where a window is wanted

    report = run_demo(folder, minutes=minutes, headless=headless)
    show(report.as_json(), as_json=json, lines=report.lines)
