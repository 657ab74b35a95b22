"""A failed write is one sentence, from the error number or from the library's words."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.disk_errors import aside_of, failure, patiently, write_aside, write_failure
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


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), "a.csv: there is no such file or folder; check"),
        (PermissionError(errno.EACCES, "Denied", "a.csv"), "a.csv: it may not be read or written; change its"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk: the disk is full; free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a"), "a: your disk quota is used up; free some space"),
        (OSError(errno.EBUSY, "Device or resource busy", "a"), "a: the system says 'Device or resource busy'; "),
        (refused(Path("a.png")), "a.png: another program has a file there open; close it"),
    ],
)
def test_what_nobody_expected_may_have_been_a_read(error: OSError, sentence: str) -> None:
    assert str(failure(error)).startswith(sentence)


@given(st.lists(st.binary(max_size=50), max_size=4), st.binary(max_size=50))
def test_a_file_is_there_whole_or_as_it_was(parts: list[bytes], before: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        path.write_bytes(before)
        with mock.patch("os.fsync", side_effect=OSError(errno.ENOSPC, "full")), pytest.raises(OSError, match="full"):
            write_aside(path, *parts)
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == {path.name: before}
        write_aside(path, *parts)
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == {path.name: b"".join(parts)}


def test_what_stands_in_the_way_of_writing_aside_is_told_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    aside_of(path).mkdir()
    with pytest.raises(OSError, match=r"\.state\.json\.writing"):
        write_aside(path, b"new")
    assert list(tmp_path.iterdir()) == [aside_of(path)]
