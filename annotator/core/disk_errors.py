"""What the operating system says of a write that failed, as one plain sentence."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from annotator.core.errors import AnnotatorError

_REASONS: Final = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "your disk quota is used up; free some space and try again",
    errno.EROFS: "the folder is read-only; choose another folder",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.ENAMETOOLONG: "the file name is too long for this disk; choose a shorter clip name",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another folder",
}


def write_failure(error: OSError | RuntimeError, where: Path) -> AnnotatorError:
    """The error to raise instead of one that a library or the system raised while writing.

    Parameters
    ----------
    error
        What was raised; libraries without error numbers are read by their words.
    where
        The file or folder that was being written.
    """
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        number = next((code for code, word in _WORDS.items() if word in text.lower()), None)
    reason = _REASONS.get(number) if number is not None else None
    if reason is None:
        last = text.strip().splitlines()[-1:] or [type(error).__name__]
        reason = f"the system says '{last[0][:200]}'; choose another folder or try again"
    return AnnotatorError(f"{where} cannot be written: {reason}.")


_WORDS: Final = {
    errno.ENOSPC: "no space left",
    errno.EROFS: "read-only file system",
    errno.EACCES: "permission denied",
}
