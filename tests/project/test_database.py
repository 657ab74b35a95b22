from __future__ import annotations

import sqlite3
from pathlib import Path, PureWindowsPath

import pytest

from annotator.project.database import file_address


@pytest.mark.parametrize(
    "path", [r"\\server\echo labs\50%\a.sqlite", r"\\?\UNC\server\a.sqlite", r"C:\Jörg #1\a.sqlite"]
)
def test_sqlite_takes_the_address_of_every_windows_path(path: str) -> None:
    # There is no such folder here; an address that SQLite cannot read fails with another sentence.
    with pytest.raises(sqlite3.OperationalError, match="unable to open database file"):
        sqlite3.connect(f"{file_address(PureWindowsPath(path))}?mode=rw", uri=True)


def test_an_address_leads_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "Jörg #1 50% ?.sqlite"
    sqlite3.connect(f"{file_address(file)}?mode=rwc", uri=True).close()
    assert file.is_file()
