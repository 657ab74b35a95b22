"""A failed write is one sentence, from the error number or from the library's words."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from annotator.core.disk_errors import patiently, write_failure
from tests.windows import lost, refused


def after(errors: list[OSError]) -> Callable[[], str]:
    """Fails with each error in turn, then does not."""

    def change() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    return change


@pytest.mark.parametrize("code", [5, 32, 33])
def test_what_windows_refuses_for_a_moment_is_done_again(code: int) -> None:
    assert patiently(after([refused(Path("a.png"), code) for _ in range(3)])) == "done"


def test_what_it_refuses_for_good_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = list[float]()
    monkeypatch.setattr("time.sleep", waits.append)
    with pytest.raises(PermissionError):
        patiently(after([refused(Path("a.png")) for _ in range(100)]))
    assert 1 < sum(waits) < 3


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "x"), OSError(errno.ENOSPC, "full")])
def test_another_reason_is_raised_at_once(error: OSError) -> None:
    change = after([error])
    with pytest.raises(type(error)):
        patiently(change)
    assert change() == "done"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused(Path("a.png")), "another program has a file there open"),
        (lost("C:/" + "x" * 260), "more characters than Windows takes"),
        (lost("C:/short.part", "C:/" + "x" * 260), "more characters than Windows takes"),
        (lost("C:/short"), "its folder is not there"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/media/stick"), "its folder is not there"),
        (FileExistsError(errno.EEXIST, "File exists", "/media/stick"), "a file stands where a folder is needed"),
        (OSError(errno.EIO, "Input/output error", "/media/stick"), "has a fault"),
        (OSError(errno.EBUSY, "Device or resource busy", "/media/stick"), "the system says 'Device or resource busy';"),
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
