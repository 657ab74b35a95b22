"""Files that appear whole or not at all, and storage errors as plain sentences."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DatabaseError, DBAPIError

from annotator.core.disk_errors import TOO_LONG, is_shared, is_too_long, patiently
from annotator.core.errors import COMMAND, CorruptProject, ProjectError, ReadOnlyProject

PART: Final = ".part"
"""Suffix of a file that is being written; leftovers are deleted when a writer opens the project."""

_MALFORMED: Final = ("malformed", "not a database", "no such table", "no such column", "could not decode")
_LONGEST_REASON: Final = 120


def fsync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable; does nothing on Windows, where folders cannot be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_into_place(part: Path, path: Path) -> None:
    """Sync a finished file, rename it, and sync its folder.

    Raises
    ------
    OSError
        Where the disk refuses.
    """
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    patiently(lambda: part.replace(path))
    fsync_folder(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file aside, sync it and rename it.

    Raises
    ------
    ProjectError
        Where the disk is full or refuses; the former file stays.
    """
    part = path.with_name(path.name + PART)
    with storage_errors(path.parent):
        try:
            part.write_bytes(data)
            move_into_place(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk and the database below ``path`` into one plain sentence each.

    Raises
    ------
    ReadOnlyProject
        Where the folder may not be written.
    CorruptProject
        Where the database is damaged.
    ProjectError
        Where the disk is full, or for any other reason of the disk or the database.
    """
    try:
        yield
    except OSError as error:
        raise _from_os(path, error) from error
    except DBAPIError as error:
        raise from_database(path, error) from error
    except UnicodeDecodeError as error:
        # The database speaks of its damage in the damaged words.
        raise _damaged(path, str(error)) from error


def _from_os(path: Path, error: OSError) -> ProjectError:
    text = str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "errno = 28" in text:
        return _full(path)
    if is_shared(error):
        return ProjectError(f"{path}: another program has a file there open; close it and try again.")
    if is_too_long(error):
        return ProjectError(f"{path}: {TOO_LONG}.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnlyProject(f"{path}: the folder may not be written; ask for write permission or copy the project.")
    return ProjectError(f"{path}: the disk refused ({error.strerror or text}); nothing was changed.")


def from_database(path: Path, error: DBAPIError) -> ProjectError:
    """The sentence for an error of the database below ``path``."""
    text = str(error.orig).strip()
    lowered = text.lower()
    if "is full" in lowered:
        return _full(path)
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
        return ReadOnlyProject(
            f"{path}: a change was interrupted here and must be taken back first; open the project for writing once."
        )
    if "readonly" in lowered or "read-only" in lowered:
        return ReadOnlyProject(f"{path}: the database may not be written; ask for write permission.")
    if "unable to open" in lowered:
        return ProjectError(f"{path}: the annotation database cannot be opened; is the folder there and readable?")
    if "locked" in lowered:
        return ProjectError(f"{path}: another program holds the annotation database; close it and try again.")
    if isinstance(error, DatabaseError) and any(word in lowered for word in _MALFORMED):
        return _damaged(path, text)
    return ProjectError(f"{path}: the annotation database refused ({text}); nothing was changed.")


def _damaged(path: Path, text: str) -> CorruptProject:
    reason = " ".join(text.split())[:_LONGEST_REASON]
    return CorruptProject(
        f"{path}: the annotation database is damaged ({reason}); 'annotator check PROJECT --salvage OUT', "
        f"{COMMAND}, copies what can still be read into a new project."
    )


def _full(path: Path) -> ProjectError:
    return ProjectError(f"{path}: the disk is full and nothing was changed; free some space and try again.")
