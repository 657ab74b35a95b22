"""A network decides pixel by pixel; anatomy comes in one piece. What a model shows, without its scraps.

Keeping the largest connected component is the usual post-processing of segmentations (Isensee et al. 2021, nnU-Net,
doi 10.1038/s41592-020-01008-z). Here a second large piece stays, since a wall that leaves the sector for a while is
rightly in two, and what is dropped goes to the class around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.core.protocols import BACKGROUND, LabelProtocol

SCRAP: Final = 0.2
"""Share of a structure's largest piece below which another piece of it, or a hole in it, is a mistake."""

_TOUCHING: Final = np.ones((3, 3), dtype=np.uint8)


def classes_of(probabilities: NDArray[np.float32], protocol: LabelProtocol) -> NDArray[np.uint8]:
    """The most probable class of each pixel, without scraps of structures that are one piece.

    Parameters
    ----------
    probabilities
        (K+1, H, W) float32.
    protocol
        Says which structures are connected.

    Returns
    -------
    (H, W) uint8
    """
    found: NDArray[np.uint8] = probabilities.argmax(axis=0).astype(np.uint8)
    connected = [protocol.index(structure.id) for structure in protocol.structures if structure.connected]
    for index in connected:
        _drop_pieces(found, index)
    if connected:
        _fill_holes(found, connected)
    return found


def _drop_pieces(classes: NDArray[np.uint8], index: int) -> None:
    """Give small pieces of a class, in place, to the class that most of their border has."""
    mask = np.asarray(classes == index, dtype=np.uint8)
    box = _around(cv2.boundingRect(mask), mask.shape)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask[box], connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    part = classes[box]
    for piece in range(1, count):
        if sizes[piece - 1] < SCRAP * sizes.max():
            near = _around(stats[piece], part.shape)
            inside = pieces[near] == piece
            border = part[near][_border(inside)]
            part[near][inside] = np.bincount(border).argmax() if border.size else BACKGROUND


def _fill_holes(classes: NDArray[np.uint8], connected: Sequence[int]) -> None:
    """Fill small background holes that lie wholly inside one class, in place."""
    sizes = np.bincount(classes.ravel(), minlength=max(connected) + 1)
    background = np.asarray(classes == BACKGROUND, dtype=np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    for piece in range(1, count):
        near = _around(stats[piece], classes.shape)
        inside = pieces[near] == piece
        if not _is_framed(inside):
            continue
        around = np.unique(classes[near][_border(inside)])
        if len(around) == 1 and int(around[0]) in connected and inside.sum() < SCRAP * sizes[around[0]]:
            classes[near][inside] = around[0]


def _around(box: Sequence[int] | NDArray[np.int32], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A rectangle (x, y, width, height, ...) and a pixel more on each side."""
    x, y, width, height = (int(box[k]) for k in range(4))
    return slice(max(0, y - 1), min(shape[0], y + height + 1)), slice(max(0, x - 1), min(shape[1], x + width + 1))


def _is_framed(inside: NDArray[np.bool_]) -> bool:
    """Whether a piece keeps off the edges of its rectangle, which are the picture's where it does not."""
    return not (inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())


def _border(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray((cv2.dilate(inside.astype(np.uint8), _TOUCHING) > 0) & ~inside, dtype=np.bool_)
