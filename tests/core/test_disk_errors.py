"""A failed write is one sentence, from the error number or from the library's words."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from annotator.core.disk_errors import write_failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (
            OSError("Can't write data (file write failed: 'No space left on device')"),
            "full",
        ),
        (RuntimeError("itk::ERROR\nPermission denied"), "you may not write there"),
        (PermissionError(errno.EACCES, "x"), "you may not write there"),
        (RuntimeError("first\nsomething else"), "the system says 'something else'"),
        (RuntimeError(""), "RuntimeError"),
    ],
)
def test_the_reason_is_plain(error: OSError | RuntimeError, words: str) -> None:
    sentence = str(write_failure(error, Path("a.png")))
    assert sentence.startswith("a.png cannot be written: ")
    assert words in sentence
    assert "\n" not in sentence
