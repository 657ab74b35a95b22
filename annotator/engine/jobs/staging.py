"""A folder of results that appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from annotator.core.disk_errors import patiently, write_failure
from annotator.core.errors import BadInput
from annotator.core.names import passing_name
from annotator.project import Project

ASIDE: Final = ".writing-"
"""How the name of a folder begins that is being filled."""


@contextmanager
def staged(out: Path, *, last: str) -> Iterator[Path]:
    """An empty folder inside ``out``; what is in it at the end is moved to ``out``, and what a kill left there goes.

    Parameters
    ----------
    out
        Made where it is absent; where anything fails or is cancelled, it ends as it was.
    last
        Name of the file that lists the others; it is moved after them.

    Raises
    ------
    BadInput
        Where ``out`` is a file, or lies in a project.
    AnnotatorError
        Where the disk does not take the files.
    """
    if out.exists() and not out.is_dir():
        raise BadInput(out, "it is a file, not a folder", "choose a folder to write to")
    refuse_project(out)
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    aside: Path | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{ASIDE}*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = out / passing_name(ASIDE)
        aside.mkdir()
        yield aside
        for file in sorted((p for p in aside.rglob("*") if p.is_file()), key=lambda p: (p.name == last, p)):
            place = out / file.relative_to(aside)
            place.parent.mkdir(exist_ok=True)
            patiently(partial(file.replace, place))
    except OSError as error:
        raise write_failure(error, out) from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def refuse_project(out: Path) -> None:
    """Refuse to write results into a project, where they would fall among its files or replace one.

    Raises
    ------
    BadInput
        Where ``out`` is a project, or lies in one.
    """
    place = out.resolve()
    for folder in (place, *place.parents):
        if Project.is_project(folder):
            what = "it is a project" if folder == place else f"it lies in the project {folder}"
            raise BadInput(out, f"{what}, whose files results must not fall among", "choose another folder")
