"""Rows of a SQLite file read page by page, for where the pages that lead to them are damaged.

A leaf of a table holds whole rows; what is long of one goes on in overflow pages (SQLite's database file format,
sections 1.5 to 2.1). Deleted rows are not met: ``secure_delete`` overwrites them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

PAGE: Final = 4096
"""Bytes of a page, as SQLite makes them where nobody asks for another size."""

_LEAF: Final = 0x0D
_FILE_HEADER: Final = 100
_WHOLE: Final = PAGE - 35
"""Longest row that has no overflow page, in bytes."""
_LEAST: Final = (PAGE - 12) * 32 // 255 - 23
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Serial type of an integer to its bytes."""


def scattered_rows(data: bytes) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Number and values of every row that stands in a leaf of some table.

    Parameters
    ----------
    data
        The whole file.

    Yields
    ------
    tuple of (int, tuple)
        The row's number, and its values in the order of the columns; the primary key that is the number is ``None``
        among them. What cannot be read is left out.
    """
    for start in range(0, len(data) - PAGE + 1, PAGE):
        head = start + (_FILE_HEADER if start == 0 else 0)
        if data[head] != _LEAF:
            continue
        for number in range(_unsigned(data, head + 3, 2)):
            try:
                yield _row(data, start + _unsigned(data, head + 8 + 2 * number, 2), start + PAGE)
            except (ValueError, IndexError):
                continue


def _row(data: bytes, at: int, end: int) -> tuple[int, tuple[Any, ...]]:
    length, at = _varint(data, at)
    number, at = _varint(data, at)
    spilt = _LEAST + (length - _LEAST) % (PAGE - 4)
    here = length if length <= _WHOLE else spilt if spilt <= _WHOLE else _LEAST
    if at + here > end:
        raise ValueError("a row is longer than its page")
    payload = data[at : at + here]
    if here < length:
        payload += _overflow(data, _unsigned(data, at + here, 4), length - here)
    return number, tuple(_values(payload))


def _overflow(data: bytes, page: int, missing: int) -> bytes:
    if missing > len(data):
        raise ValueError("a row is longer than its file")
    parts = []
    while missing > 0:
        start = (page - 1) * PAGE
        if page < 1 or start + PAGE > len(data):
            raise ValueError("an overflow page is not there")
        parts.append(data[start + 4 : start + 4 + min(missing, PAGE - 4)])
        missing -= len(parts[-1])
        page = _unsigned(data, start, 4)
    return b"".join(parts)


def _values(payload: bytes) -> Iterator[Any]:
    body, at = _varint(payload, 0)
    end = body
    while at < end:
        kind, at = _varint(payload, at)
        size = _size(kind)
        if body + size > len(payload):
            raise ValueError("a value is longer than its row")
        yield _value(kind, payload[body : body + size])
        body += size


def _size(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INTEGERS.get(kind, 0)


def _value(kind: int, raw: bytes) -> Any:
    if kind in _INTEGERS:
        return int.from_bytes(raw, "big", signed=True)
    if kind >= 12:
        return raw.decode(errors="replace") if kind % 2 else raw
    match kind:
        case 0:
            return None
        case 7:
            return struct.unpack(">d", raw)[0]
        case 8 | 9:
            return kind - 8
        case _:
            raise ValueError(f"no value is of the kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _unsigned(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
