"""The command line: every command, and how errors end it."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import traceback
from pathlib import Path

import typer

import annotator
from annotator.cli import benchmarks, data, editing, learning, pretraining, window
from annotator.cli.output import errors
from annotator.core.disk_errors import failure
from annotator.core.errors import AnnotatorError

_INTERRUPTED = 130
"""Exit status that typer gives to ctrl-C."""

_STOPPED = "Stopped; nothing half-written was left behind."

app = typer.Typer(
    name="annotator",
    help="Label some structures of some ultrasound frames; a model learns in the background and suggests the rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(annotator.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    pass


for room in (data, editing, learning, pretraining, benchmarks, window):
    room.register(app)


def run() -> None:
    """Run the command line: 0 where it worked, 2 for a usage error, 1 with one sentence otherwise.

    Raises
    ------
    SystemExit
        Always, with that status.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A pipe or file on Windows takes only the letters of its code page; a name with others must not end a command.
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.ERROR, handlers=[logging.NullHandler()])
    try:
        app()
    except AnnotatorError as error:
        _end(str(error))
    except OSError as error:
        _end(str(failure(error)))
    except MemoryError:
        _end("there is not enough memory for this; close other programs or use smaller files.")
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            errors.print(_STOPPED)
        raise
    except KeyboardInterrupt:
        errors.print(_STOPPED)
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        what = str(error) or type(error).__name__
        _end(f"something unexpected went wrong ({what}); the details are in {_write_log()}.")


def _end(sentence: str) -> None:
    errors.print(f"error: {' '.join(sentence.split())}", markup=False)
    raise SystemExit(1) from None


def _write_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="annotator-", suffix=".log")
    with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - an open descriptor, not a path
        file.write(f"annotator {annotator.__version__}, Python {sys.version}\n{sys.argv}\n\n")
        file.write(traceback.format_exc())
    return Path(name)
