"""The size that a JPEG, JPEG-LS or JPEG 2000 code stream itself declares."""

from __future__ import annotations

import struct
from typing import Final

_SOI: Final = b"\xff\xd8"
_J2K: Final = b"\xff\x4f\xff\x51"
_NO_PAYLOAD: Final = frozenset({0x01, *range(0xD0, 0xD9)})
# SOF0..SOF15 without DHT (C4), JPG (C8) and DAC (CC), and SOF55 of JPEG-LS (ITU-T T.81 table B.1, T.87 annex C).
_FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})


def declared_shape(head: bytes) -> tuple[int, int] | None:
    """(H, W) that a code stream declares in its first bytes, None where it is of another kind or goes on later."""
    if head.startswith(_J2K) and len(head) >= 24:
        right, bottom, left, top = struct.unpack(">4L", head[8:24])
        return bottom - top, right - left
    if not head.startswith(_SOI):
        return None
    position = 2
    while position + 9 <= len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", head[position + 5 : position + 9])
            return height, width
        if marker == 0xFF:
            position += 1
        elif marker in _NO_PAYLOAD:
            position += 2
        else:
            position += 2 + int.from_bytes(head[position + 2 : position + 4], "big")
    return None
