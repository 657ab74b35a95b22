"""Animated PNG: which of its pictures are frames, and when each begins (PNG, third edition, chunks acTL and fcTL)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Animation:
    """The frames of an animated PNG.

    Parameters
    ----------
    first
        Number of the first frame among the pictures that Pillow gives: 1 where the picture for programs that know no
        animation is none of it, else 0.
    starts_ms
        When each frame begins, in ms from the first.
    """

    first: int
    starts_ms: tuple[float, ...]


def animation(path: Path) -> Animation | None:
    """The frames of a PNG file; ``None`` where it has fewer than two, or is no PNG."""
    with path.open("rb") as stream:
        if stream.read(8) != _SIGNATURE:
            return None
        delays: list[float] = []
        first, is_animated = None, False
        for kind, data in _chunks(stream):
            is_animated |= kind == b"acTL"
            if kind == b"IDAT" and first is None:
                first = 0 if delays else 1
            if kind == b"fcTL" and len(data) == 26:
                numerator, denominator = struct.unpack(">HH", data[20:24])
                # A denominator of 0 stands for 100.
                delays.append(1000 * numerator / (denominator or 100))
    if len(delays) < 2 or not is_animated:
        return None
    return Animation(first or 0, tuple(accumulate([0.0, *delays[:-1]])))


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk; of those without a control of frames the kind alone."""
    while len(head := stream.read(8)) == 8:
        (length,) = struct.unpack(">L", head[:4])
        kind = head[4:]
        data = stream.read(length) if kind == b"fcTL" and length <= 26 else b""
        stream.seek(length - len(data) + 4, 1)
        yield kind, data
        if kind == b"IEND":
            return
