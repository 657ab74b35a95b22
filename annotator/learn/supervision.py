"""What a step is taught: frames drawn from the pool, and their allowed sets after label dropout."""

from __future__ import annotations

import torch
from torch import Tensor

from annotator.learn.label_dropout import choose_dropped, drop_labels
from annotator.learn.losses import unknown_as_background
from annotator.learn.pool import FramePool
from annotator.learn.recipe_sections import LossSection


def drawn(pool: FramePool, section: LossSection, shrink: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """A batch, and what is dropped of its labels.

    Parameters
    ----------
    pool
        Frames.
    section
        Of the recipe.
    shrink
        1, or more after memory ran short.
    generator
        On the CPU.

    Returns
    -------
    tuple
        Images (B, S, S) uint8 and allowed sets (B, S, S) on the device; which structures are known and which of them
        are dropped, (B, K+1) bool; which classes each frame can show at all, (B, 1, 1) of the sets' type; rows of
        neighbouring frames, (N, 3) int64.
    """
    batch = pool.draw(shrink, generator)
    dropped = torch.zeros_like(batch.known)
    if section.unknown != "background":
        dropped = choose_dropped(batch.known, pool.partial, section.label_dropout, generator)
    triples = torch.zeros((0, 3), dtype=torch.int64) if batch.triples is None else batch.triples
    return batch.images, batch.bitmaps, batch.known, dropped, batch.possible.view(-1, 1, 1), triples


def allowed(section: LossSection, bitmaps: Tensor, known: Tensor, *, dropped: Tensor, possible: Tensor) -> Tensor:
    """Allowed sets as the losses see them: with dropped labels, or with the naive reading for comparison.

    What a view cannot show is the protocol's knowledge, not a label, and so is not dropped.

    Parameters
    ----------
    section
        Of the recipe.
    bitmaps
        (B, S, S) integer.
    known, dropped
        (B, K+1) bool on the same device.
    possible
        (B, 1, 1) of the same type, bitmaps of the classes that each frame can show at all.
    """
    if section.unknown != "background":
        return drop_labels(bitmaps, known, dropped) & possible
    return torch.where(known.any(dim=1).view(-1, 1, 1), unknown_as_background(bitmaps), bitmaps) & possible
