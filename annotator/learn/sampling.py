"""Which frames a step sees: every structure as often as every other, however unevenly they are labelled."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotator.core.identity import FrameKey
from annotator.learn.dataset import TrainingFrame
from annotator.learn.label_dropout import known_structures

ABSENT_SHARE = 0.25
"""Weight of 'a frame that lacks the structure' beside 'a frame that shows it'."""


def said_of(frame: TrainingFrame, n_classes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Known structures, and those with a positive pixel, of a labelled frame; each (K+1,) bool."""
    assert frame.bitmap is not None
    shown = np.zeros(n_classes, dtype=np.bool_)
    for value in np.unique(frame.bitmap).tolist():
        if value & (value - 1) == 0:
            shown[value.bit_length() - 1] = True
    return known_structures(frame.bitmap, n_classes), shown


def draw_labelled(
    known: NDArray[np.bool_], shown: NDArray[np.bool_], count: int, *, generator: torch.Generator
) -> Tensor:
    """Positions of ``count`` labelled frames, with replacement.

    First a structure is drawn (evenly), then one of the frames that show it, or, less often, that lack it.

    Parameters
    ----------
    known, shown
        (N, K+1) bool.
    count
        How many to draw.
    generator
        On the CPU.
    """
    groups = [(np.flatnonzero(shown[:, c]), 1.0) for c in range(1, known.shape[1])]
    groups += [(np.flatnonzero(known[:, c] & ~shown[:, c]), ABSENT_SHARE) for c in range(1, known.shape[1])]
    groups = [(members, weight) for members, weight in groups if len(members)]
    if not groups:
        return torch.randint(len(known), (count,), generator=generator)
    weights = torch.tensor([weight for _, weight in groups])
    chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
    fractions = torch.rand(count, generator=generator, dtype=torch.float64)
    members = [groups[g][0] for g in chosen.tolist()]
    picked = [int(m[min(int(f * len(m)), len(m) - 1)]) for m, f in zip(members, fractions.tolist(), strict=True)]
    return torch.tensor(picked)


def draw_unlabelled(n_frames: int, count: int, *, generator: torch.Generator) -> Tensor:
    """Positions of ``count`` of ``n_frames`` frames, evenly, with replacement."""
    return torch.randint(max(1, n_frames), (count,), generator=generator)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two unlabelled frames that make an evenly spaced triple with a labelled one.

    Parameters
    ----------
    leader
        Position of the labelled frame among those drawn.
    place
        Its place in the triple, 0 to 2 in order of time.
    others
        The other two, in order of time.
    """

    leader: int
    place: int
    others: tuple[FrameKey, FrameKey]


def neighbours_within(key: FrameKey, held: Container[FrameKey], reach: int) -> list[tuple[int, tuple[FrameKey, ...]]]:
    """Place of ``key`` and the two others of every triple around it that is held, spaced by 1 to ``reach`` frames."""
    found = []
    for spacing in range(1, reach + 1):
        for place, offsets in enumerate(((1, 2), (-1, 1), (-2, -1))):
            frames = [key.frame + offset * spacing for offset in offsets]
            others = tuple(FrameKey(key.clip, frame) for frame in frames if frame >= 0)
            if len(others) == len(offsets) and all(other in held for other in others):
                found.append((place, others))
    return found


def draw_neighbours(
    drawn: Sequence[FrameKey], held: Container[FrameKey], count: int, *, reach: int, generator: torch.Generator
) -> tuple[Neighbours, ...]:
    """Neighbours of the first ``count`` labelled frames of a step that have any; no chance is used where none has.

    Parameters
    ----------
    drawn
        Labelled frames, in the order in which they were drawn.
    held
        Unlabelled frames.
    count
        Most triples.
    reach
        Largest spacing in frames.
    generator
        On the CPU.
    """
    chosen: list[Neighbours] = []
    for leader, key in enumerate(drawn):
        if len(chosen) == count:
            break
        if around := neighbours_within(key, held, reach):
            place, (first, second) = around[int(torch.randint(len(around), (1,), generator=generator))]
            chosen.append(Neighbours(leader, place, (first, second)))
    return tuple(chosen)
