"""What a step is taught: frames drawn from the pool, their allowed sets after label dropout, and their two views."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from annotator.learn import augment, losses
from annotator.learn.backmix import exchange_backgrounds
from annotator.learn.chance import Chance
from annotator.learn.label_dropout import choose_dropped, drop_labels
from annotator.learn.pool import FramePool
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import LossSection


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A batch as a step sees it.

    Parameters
    ----------
    plain, strong
        (B, 1, S, S) float32 in 0..1, the views of teacher and student, of one geometry.
    for_teacher, for_student
        The same as the network's input; the teacher's with the noise that the recipe wants.
    bitmaps
        (B, S, S) allowed sets after dropout and warp.
    possible
        (B, 1, 1), what each frame's view can show at all: the set of a pixel of which nobody said anything.
    allowed
        The sets as (B, K+1, S, S) bool.
    triples
        (N, 3) int64 rows of neighbouring frames of one clip, in order of time; ``None`` where there are none.
    """

    plain: Tensor
    strong: Tensor
    for_teacher: Tensor
    for_student: Tensor
    bitmaps: Tensor
    possible: Tensor
    allowed: Tensor
    triples: Tensor | None


def prepare(pool: FramePool, recipe: Recipe, shrink: int, chance: Chance) -> Lesson:
    """Draw a batch and make its two views, on the device; ``shrink`` divides the batch after memory ran short."""
    images, bitmaps, known, dropped, possible, rows = chance.draw_all(partial(drawn, pool, recipe.loss, shrink))
    triples = rows if len(rows) else None
    bitmaps = allowed(recipe.loss, bitmaps, known, dropped=dropped, possible=possible)
    images = exchange_backgrounds(images, recipe.augment.backmix, chance)
    grid = augment.random_grid(len(images), images.shape[-1], recipe.augment, chance)
    plain, bitmaps = augment.warp(images, bitmaps, augment.shared(grid, triples), everything=possible)
    strong = augment.strong_view(plain, recipe.augment, chance)
    for_teacher = augment.to_input(augment.teacher_view(plain, recipe.teacher.noise, chance))
    sets = losses.allowed_sets(bitmaps, pool.n_classes)
    return Lesson(plain, strong, for_teacher, augment.to_input(strong), bitmaps, possible, sets, triples)


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
    return torch.where(known.any(dim=1).view(-1, 1, 1), losses.unknown_as_background(bitmaps), bitmaps) & possible
