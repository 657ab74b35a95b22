"""What the operating system says of a read or write that failed, as one plain sentence, and writes that outlast it."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from annotator.core.errors import AnnotatorError

_T = TypeVar("_T")

_ACCESS_DENIED: Final = 5
_SHARED: Final = (32, 33)
"""Windows' codes where another program has a file open; a file that one is about to let go is 'access denied'."""

_NOT_FOUND: Final = (2, 3, 206)
"""Windows' codes where a path is longer than it takes, which it mostly says to be not there."""

_LONGEST_PATH: Final = 248
"""Characters that Windows takes for certain, of a folder; 12 more of a file."""

TOO_LONG: Final = "the path has more characters than Windows takes; choose a folder nearer to the drive's root"

_WAITS_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)

_REASONS: Final = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "your disk quota is used up; free some space and try again",
    errno.EROFS: "the folder is read-only; choose another folder",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.ENAMETOOLONG: "the file name is too long for this disk; choose a shorter clip name",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another folder",
    errno.EEXIST: "a file stands where a folder is needed; choose another folder",
    errno.ENOENT: "its folder is not there, as where a disk was taken out; choose another folder",
    errno.EIO: "the disk, or the way to it, has a fault; choose a folder on another disk",
}


_UNSURE: Final = {
    errno.EACCES: "it may not be read or written; change its permissions or choose another folder",
    errno.EPERM: "it may not be read or written; change its permissions or choose another folder",
    errno.ENOENT: "there is no such file or folder; check the path",
}
"""In place of those of a write, where nobody can say whether it was one."""


def failure(error: OSError) -> AnnotatorError:
    """The error to tell of in place of one of the system that nobody expected, be it of a read or of a write."""
    return AnnotatorError(f"{error.filename or 'the disk'}: {_reason(error, {**_REASONS, **_UNSURE})}.")


def write_failure(error: OSError | RuntimeError, where: Path) -> AnnotatorError:
    """The error to raise instead of one that a library or the system raised while writing.

    Parameters
    ----------
    error
        What was raised; libraries without error numbers are read by their words.
    where
        The file or folder that was being written.
    """
    return AnnotatorError(f"{where} cannot be written: {_reason(error, _REASONS)}.")


def _reason(error: OSError | RuntimeError, reasons: Mapping[int, str]) -> str:
    if is_shared(error):
        return "another program has a file there open; close it, try again"
    if is_too_long(error):
        return TOO_LONG
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        number = next((code for code, word in _WORDS.items() if word in text.lower()), None)
    if number is not None and number in reasons:
        return reasons[number]
    said = (error.strerror if isinstance(error, OSError) else None) or text
    last = said.strip().splitlines()[-1:] or [type(error).__name__]
    return f"the system says '{last[0][:200]}'; choose another folder or try again"


_WORDS: Final = {
    errno.ENOSPC: "no space left",
    errno.EROFS: "read-only file system",
    errno.EACCES: "permission denied",
}


def is_shared(error: BaseException) -> bool:
    """Whether Windows refused since another program has the file open; other systems never do."""
    return getattr(error, "winerror", None) in _SHARED


def is_too_long(error: BaseException) -> bool:
    """Whether Windows refused a path for its length; other systems have their own error for that."""
    if getattr(error, "winerror", None) not in _NOT_FOUND:
        return False
    names = (getattr(error, name, None) for name in ("filename", "filename2"))
    return any(len(str(name)) >= _LONGEST_PATH for name in names)


def patiently(change: Callable[[], _T]) -> _T:
    """Rename, replace or delete a file, again for a second and a half where Windows refuses.

    A virus scanner, an indexer or a backup opens what was just written, and Windows moves and deletes no open file.

    Parameters
    ----------
    change
        Does it; is called again only after it was refused.

    Raises
    ------
    OSError
        What the last try raised; at once where the reason is another one.
    """
    for wait in _WAITS_S:
        try:
            return change()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in (_ACCESS_DENIED, *_SHARED):
                raise
            time.sleep(wait)
    return change()


def aside_of(path: Path) -> Path:
    """Where a file is while :func:`write_aside` writes it, and what a killed program may leave of it."""
    return path.with_name(f".{path.name}.writing")


def write_aside(path: Path, *parts: bytes) -> None:
    """Write a file under another name in its folder, sync it and rename it, so that it is there whole or as it was.

    Parameters
    ----------
    path
        Of the file, in a folder that is there.
    parts
        What it shall hold, one after the other.

    Raises
    ------
    OSError
        Where the disk refuses; nothing is left beside the file then.
    """
    aside = aside_of(path)
    try:
        with aside.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        patiently(lambda: aside.replace(path))
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def delete(path: Path) -> None:
    """Delete a file that may be gone already; a virus scanner that has it open on Windows is waited for.

    Raises
    ------
    OSError
        Where the disk refuses.
    """
    patiently(lambda: path.unlink(missing_ok=True))
