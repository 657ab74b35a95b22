"""The engine's log: a file beside the checkpoint, with its and the learner's warnings and tracebacks."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

LOG_NAME: Final = "engine.log"

_LOGGERS: Final = ("annotator.engine", "annotator.learn")


class _LogFile(logging.FileHandler):
    """A log on a disk that may go: a record that it refuses is lost, and nothing else."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)


def log_to(folder: Path) -> logging.Handler:
    """Write the engine's and the learner's warnings and tracebacks to a file of a folder; :func:`stop_logging` ends it.

    Parameters
    ----------
    folder
        Made where missing; where the disk refuses, nothing is written.
    """
    handler: logging.Handler = logging.NullHandler()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            handler = _LogFile(folder / LOG_NAME, delay=True, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """End what :func:`log_to` began."""
    for name in _LOGGERS:
        logging.getLogger(name).removeHandler(handler)
    handler.close()
