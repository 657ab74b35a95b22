"""Opening a project for a command that changes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.cli.output import tell
from annotator.core.errors import ReadOnlyProject
from annotator.project import Project


@contextmanager
def writable(path: Path) -> Iterator[Project]:
    """A project open for writing; its notes go to standard error.

    Raises
    ------
    ReadOnlyProject
        Where another process writes it, or the folder may not be written.
    ProjectError
        Where it cannot be opened.
    """
    with Project.open(path) as project:
        if project.is_read_only:
            why = "; ".join(note.rstrip(".") for note in project.notes)
            raise ReadOnlyProject(f"{path}: nothing can be changed here: {why or 'it may not be written'}.")
        tell(project.notes)
        yield project
