"""What Windows raises of files, on any system."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = 32
"""Its code where another program has a file open."""


def refused(path: Path, code: int = SHARED) -> PermissionError:
    """Of a file that may not be changed now."""
    error = PermissionError(errno.EACCES, "The process cannot access the file", str(path))
    error.winerror = code  # type: ignore[attr-defined,unused-ignore]
    return error


def lost(path: str, other: str | None = None) -> FileNotFoundError:
    """Of a path that is not there, or too long."""
    error = FileNotFoundError(errno.ENOENT, "The system cannot find the path specified", path)
    error.filename2 = other
    error.winerror = 3  # type: ignore[attr-defined,unused-ignore]
    return error


def scan(monkeypatch: pytest.MonkeyPatch, is_scanned: Callable[[Path], bool], *, times: int) -> Callable[[], int]:
    """Let a virus scanner hold files open when they are deleted, so many times; how often it still will."""
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        nonlocal times
        if times and is_scanned(path):
            times -= 1
            raise refused(path)
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    return lambda: times
