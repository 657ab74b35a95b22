"""Label dropout: known structures are made unknown again, so that 'this scanner has no atrium' cannot be learnt.

Islam et al. 2024, arXiv 2403.07818. Which structures are dropped follows from the data: those that are unknown in
at least one training frame that has any label. Dropped pixels become *unknown*, never background; an absent
structure is knowledge and is dropped like a label; the last thing known about a frame stays.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def known_structures(bitmap: NDArray[np.uint16], n_classes: int) -> NDArray[np.bool_]:
    """Of which structures a frame's allowed sets say something.

    Structure *c* is known where some pixel is decided as *c*, or may be background but not *c*.

    Parameters
    ----------
    bitmap
        (H, W) uint16.
    n_classes
        K + 1.

    Returns
    -------
    (K+1,) bool
        Entry 0 (background) is False.
    """
    sets = np.unique(bitmap)
    known = np.zeros(n_classes, dtype=np.bool_)
    for c in range(1, n_classes):
        decided = sets == (1 << c)
        excluded = ((sets & 1) != 0) & ((sets >> c) & 1 == 0)
        known[c] = bool((decided | excluded).any())
    return known


def partially_labelled(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """P, (K+1,) bool: the structures unknown in at least one frame that has any label.

    Parameters
    ----------
    known
        (N, K+1) bool from :func:`known_structures`, one row per labelled frame.
    """
    some = known[known.any(axis=1)]
    partial = np.zeros(known.shape[1], dtype=np.bool_)
    if len(some):
        partial[1:] = ~some[:, 1:].all(axis=0)
    return partial


def choose_dropped(known: Tensor, partial: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Which structures to drop in each frame, (B, K+1) bool; at least one known structure is always left.

    Parameters
    ----------
    known
        (B, K+1) bool, on the CPU.
    partial
        (K+1,) bool, on the CPU.
    probability
        Chance of each known structure of ``partial``.
    generator
        On the CPU.
    """
    chance = torch.rand(known.shape, generator=generator)
    dropped = known & partial & (chance < probability)
    bare = (known & ~dropped).sum(dim=1) == 0
    keeper = torch.where(known, chance, torch.full_like(chance, -1.0)).argmax(dim=1)
    dropped[bare, keeper[bare]] = False
    return dropped


def drop_labels(bitmaps: Tensor, known: Tensor, dropped: Tensor) -> Tensor:
    """Allowed sets in which the dropped structures are unknown again.

    A pixel decided as dropped *c* becomes 'background, *c*, or anything else that is unknown in this frame'; a pixel
    that may be background may also be *c* again.

    Parameters
    ----------
    bitmaps
        (B, H, W) integer.
    known, dropped
        (B, K+1) bool; ``dropped`` is a subset of ``known``.
    """
    bits = 1 << torch.arange(known.shape[1], device=bitmaps.device, dtype=bitmaps.dtype)
    dropped_bits = (dropped * bits).sum(dim=1).to(bitmaps.dtype).view(-1, 1, 1)
    unknown = ~known | dropped
    unknown[:, 0] = True
    open_bits = (unknown * bits).sum(dim=1).to(bitmaps.dtype).view(-1, 1, 1)
    was_decided = ((bitmaps & (bitmaps - 1)) == 0) & ((bitmaps & dropped_bits) != 0)
    # Only ever more bits, and so no choosing between two values of each pixel, which costs a CPU ten times as long.
    return bitmaps | (bitmaps & 1) * dropped_bits | was_decided * open_bits
