"""Files that appear whole or not at all: written under another name, synced, renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from annotator.plugin import passing_name, patiently, write_failure


@contextmanager
def written_aside(target: Path, written: list[Path] | None = None) -> Iterator[Path]:
    """A path to write to, with ``target``'s name in a hidden folder beside it; renamed when the block ends well.

    Side files written beside the path, such as a header's pixels, are moved too, before it.

    Parameters
    ----------
    target
        Where the file shall be.
    written
        Gets the path of every file that was put in place.

    Raises
    ------
    AnnotatorError
        Where the disk does not take the file; nothing of it is left then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / passing_name(".writing-")
        aside.mkdir()
    except OSError as error:
        raise write_failure(error, target) from None
    try:
        yield aside / target.name
        for file in sorted(aside.iterdir(), key=lambda found: found.name == target.name):
            _sync(file)
            patiently(partial(file.replace, target.parent / file.name))
            if written is not None:
                written.append(target.parent / file.name)
    except (OSError, RuntimeError) as error:
        raise write_failure(error, target) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
