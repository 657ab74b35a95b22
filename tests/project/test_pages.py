from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from annotator.project.pages import PAGE, scattered_rows

ROWS = [
    (None, 0, 1, -1, 127, -129, 40_000),
    (2**23, -(2**31), 2**40, -(2**60), 1.5, "text", "hört auf"),
    (b"", b"\0" * 5, "", "x" * 4061, None, None, None),
    (b"y" * 4070, b"z" * 20_000, "w" * 9_000, 3, -0.25, None, "end"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A table of seven columns whose rows fill many pages, some of them overflow pages."""
    path = tmp_path / "some.sqlite"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE t (a, b, c, d, e, f, g)")
        raw.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS * 40)
        raw.execute("INSERT INTO t (rowid, a) VALUES (?, 'far')", (2**50,))
    return path


def found(data: bytes | bytearray) -> list[tuple[int, tuple[object, ...]]]:
    return sorted((row for row in scattered_rows(bytes(data)) if len(row[1]) == 7), key=lambda row: row[0])


def test_every_row_is_found_without_the_pages_that_lead_to_it(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        wanted = [(row[0], row[1:]) for row in raw.execute("SELECT rowid, * FROM t ORDER BY rowid")]
    data = bytearray(file.read_bytes())
    assert found(data) == wanted
    data[: 2 * PAGE] = b"\xff" * 2 * PAGE
    assert found(data) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_damage_is_passed_over(file: Path, seed: int) -> None:
    data, chance = bytearray(file.read_bytes()), random.Random(seed)
    for _ in range(300):
        data[chance.randrange(len(data))] = chance.randrange(256)
    assert len(found(data[: -chance.randrange(PAGE)])) <= 2 * len(ROWS) * 40


def test_a_file_that_is_no_database_has_no_rows() -> None:
    assert found(b"") == found(b"\x0d" * 5) == []
    assert found(b"\x0d" * 3 * PAGE) == []
