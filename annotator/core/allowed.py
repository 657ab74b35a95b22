"""The allowed set: for every pixel, the classes that it may still be.

Bit *c* of a pixel's uint16 bitmap is set where class *c* is still possible (0 is background, 1..K the
structures). The rules, for structure *c* of a frame:

=========  =========================================  =====================================
status     pixels of its mask                         all other pixels
=========  =========================================  =====================================
unknown    --                                         *c* stays possible
outlined   only *c*                                   *c* is not possible
absent     --                                         *c* is not possible
partial    only *c* where 'is'; not *c* where 'is not'  unchanged
unsure     every class that is not absent             --
=========  =========================================  =====================================

Drafts and rejected suggestions say nothing. The set is never empty.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from annotator.core.labels import PartialLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus

Bitmap = NDArray[np.uint16]
"""(H, W) uint16; bit c is set where class c is possible."""


def allowed_bitmap(label: PartialLabel, protocol: LabelProtocol) -> Bitmap:
    """Turn what is known of a frame into the set of possible classes per pixel.

    Parameters
    ----------
    label
        What was said of the frame.
    protocol
        Gives the class index of each structure.

    Returns
    -------
    (H, W) uint16
        Never 0 anywhere.

    Raises
    ------
    UnknownName
        Where the label speaks of a structure that the protocol does not have.
    """
    everything = everything_allowed(protocol)
    excluded = 0
    absent = 0
    for name, said in label.structures.items():
        bit = 1 << protocol.index(name)
        if said.status.is_whole:
            excluded |= bit
        if said.status is LabelStatus.ABSENT:
            absent |= bit
    bitmap = np.full(label.shape, everything & ~excluded, dtype=np.uint16)
    _remove_outside(bitmap, label, protocol)
    for name, said in label.structures.items():
        if said.inside is not None and said.status.is_finished:
            bitmap[said.inside] = 1 << protocol.index(name)
    if label.unsure is not None:
        bitmap[label.unsure] = everything & ~absent
    return bitmap


def _remove_outside(bitmap: Bitmap, label: PartialLabel, protocol: LabelProtocol) -> None:
    for name, said in label.structures.items():
        if said.outside is not None and said.status.is_finished:
            bitmap[said.outside] &= np.uint16(~(1 << protocol.index(name)) & 0xFFFF)


def everything_allowed(protocol: LabelProtocol) -> int:
    """The bitmap value of a pixel of which nothing is known: bits 0..K set."""
    return (1 << protocol.n_classes) - 1


def possible_classes(protocol: LabelProtocol, view: str | None, *, said: Collection[str] = ()) -> int:
    """The bitmap of the classes that a picture can show at all.

    Parameters
    ----------
    protocol
        Says which views show which structure.
    view
        Of the picture; every class is possible where it is not known.
    said
        Structures that a person spoke of in this picture, who knows better than the protocol.
    """
    possible = 1
    for name in {*protocol.shown_in(view), *said}:
        possible |= 1 << protocol.index(name)
    return possible


def conditioned(probabilities: NDArray[np.float32], possible: int) -> NDArray[np.float32]:
    """Probabilities, given that only some classes are possible: p(c) / sum of p over the possible ones.

    Parameters
    ----------
    probabilities
        (..., K+1, H, W) float32; returned as they are where every class is possible.
    possible
        Bitmap of classes, background among them, as :func:`possible_classes` gives it.

    Returns
    -------
    (..., K+1, H, W) float32
        Background where nothing else is left.
    """
    n_classes = probabilities.shape[-3]
    out = [c for c in range(n_classes) if not possible >> c & 1]
    if not out:
        return probabilities
    found = probabilities.copy()
    found[..., out, :, :] = 0
    left = found.sum(axis=-3, keepdims=True)
    found[..., :1, :, :] += left == 0
    return np.asarray(found / np.where(left == 0, 1, left), dtype=np.float32)


def decided(bitmap: Bitmap) -> Mask:
    """(H, W) bool: where exactly one class is left."""
    return np.asarray((bitmap & (bitmap - np.uint16(1))) == 0, dtype=np.bool_)


def decided_class(bitmap: Bitmap) -> NDArray[np.uint8]:
    """(H, W) uint8: the class where one is left, 255 where more are."""
    classes = np.full(bitmap.shape, 255, dtype=np.uint8)
    for c in range(16):
        classes[bitmap == (1 << c)] = c
    return classes
