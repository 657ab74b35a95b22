"""Masks as bytes: packed bits for the database, run lengths for JSON."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from annotator.core.errors import COMMAND, CorruptProject

Mask = NDArray[np.bool_]
"""(H, W) bool."""


def pack(mask: Mask) -> bytes:
    """Pack a mask into compressed bits.

    Parameters
    ----------
    mask
        (H, W) bool.

    Returns
    -------
    bytes
        zlib stream of ``numpy.packbits`` in row-major order.
    """
    return zlib.compress(np.packbits(np.ascontiguousarray(mask)).tobytes(), level=1)


def unpack(data: bytes, shape: tuple[int, int]) -> Mask:
    """Inverse of :func:`pack`.

    Raises
    ------
    CorruptProject
        Where the bytes do not hold a mask of that shape.
    """
    height, width = shape
    try:
        bits = np.frombuffer(zlib.decompress(data), dtype=np.uint8)
    except (zlib.error, TypeError) as error:
        what = f"A stored mask cannot be decompressed ({error})"
        raise CorruptProject(f"{what}; run 'annotator check', {COMMAND}.") from None
    if bits.size != (height * width + 7) // 8:
        raise CorruptProject(
            f"A stored mask holds {bits.size} bytes where {height} x {width} pixels need "
            f"{(height * width + 7) // 8}; run 'annotator check', {COMMAND}."
        )
    return np.unpackbits(bits, count=height * width).reshape(shape).astype(np.bool_)


def run_lengths(mask: Mask) -> list[int]:
    """Row-major run lengths of a mask, the first run counting False pixels (it may be 0)."""
    flat = np.ascontiguousarray(mask).ravel()
    if flat.size == 0:
        return []
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = [0, *changes.tolist(), int(flat.size)]
    runs = [b - a for a, b in pairwise(edges)]
    return [0, *runs] if flat[0] else runs


def from_run_lengths(runs: Sequence[int], shape: tuple[int, int]) -> Mask:
    """Inverse of :func:`run_lengths`.

    Raises
    ------
    CorruptProject
        Where a run is negative or the runs do not add up to the shape.
    """
    if any(run < 0 for run in runs) or sum(runs) != shape[0] * shape[1]:
        raise CorruptProject(f"Run lengths add up to {sum(runs)} pixels; {shape[0]} x {shape[1]} were declared.")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, np.asarray(runs, dtype=np.int64)).reshape(shape)
