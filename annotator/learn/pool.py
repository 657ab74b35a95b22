"""Labelled and unlabelled frames on the device, and the batches drawn from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotator.core.identity import FrameKey
from annotator.learn.dataset import ResidentFrames, TrainingFrame, type_of_sets
from annotator.learn.label_dropout import partially_labelled
from annotator.learn.recipe_sections import DataSection, TemporalSection
from annotator.learn.sampling import draw_labelled, draw_neighbours, draw_unlabelled, said_of


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Frames of one step, labelled ones first.

    Parameters
    ----------
    images
        (B, S, S) uint8 on the device.
    bitmaps
        (B, S, S) on the device, of :func:`~annotator.learn.dataset.type_of_sets`; everything allowed for unlabelled
        frames.
    known
        (B, K+1) bool on the CPU; no entry for unlabelled frames.
    possible
        (B,) of the same type on the CPU, bitmaps of the classes that each frame's view can show.
    triples
        (N, 3) int64 on the device: rows of neighbouring frames in order of time; ``None`` where there are none.
    """

    images: Tensor
    bitmaps: Tensor
    known: Tensor
    possible: Tensor
    triples: Tensor | None = None


class FramePool:
    """All training frames; a frame changes kind as it gains or loses labels.

    Parameters
    ----------
    n_classes
        K + 1.
    section
        Image size, batch, limit.
    device
        Where the frames live.
    temporal
        Whether, and how far from labelled frames, neighbours are drawn; not at all by default.
    """

    def __init__(
        self,
        n_classes: int,
        section: DataSection,
        *,
        device: torch.device,
        temporal: TemporalSection | None = None,
    ) -> None:
        self.n_classes, self._section, self._device = n_classes, section, device
        self._temporal = temporal or TemporalSection()
        size = section.image_size
        self._labelled = ResidentFrames(size, device, sets=type_of_sets(n_classes))
        self._unlabelled = ResidentFrames(size, device, sets=None, limit=section.max_unlabelled)
        self._said: dict[FrameKey, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {}
        self._tables: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None

    @property
    def n_labelled(self) -> int:
        """Frames with allowed sets."""
        return len(self._labelled)

    @property
    def n_unlabelled(self) -> int:
        """Frames without."""
        return len(self._unlabelled)

    @property
    def n_bytes(self) -> int:
        """Bytes held on the device."""
        return self._labelled.n_bytes + self._unlabelled.n_bytes

    def put(self, frame: TrainingFrame) -> None:
        """Add or replace a frame."""
        said = None if frame.bitmap is None else said_of(frame, self.n_classes)
        # A frame whose labels say nothing (all of it unsure) teaches as an unlabelled one.
        if said is None or not said[0].any():
            self._labelled.forget(frame.key)
            self._said.pop(frame.key, None)
            if self._section.max_unlabelled:
                self._unlabelled.put(frame)
        else:
            self._unlabelled.forget(frame.key)
            self._labelled.put(frame)
            self._said[frame.key] = said
        self._tables = None

    def forget(self, key: FrameKey) -> None:
        """Drop a frame; nothing happens where it is not held."""
        self._labelled.forget(key)
        self._unlabelled.forget(key)
        self._said.pop(key, None)
        self._tables = None

    def shown_structures(self) -> NDArray[np.bool_]:
        """(K+1,) bool: classes with a decided pixel somewhere."""
        shown = np.zeros(self.n_classes, dtype=np.bool_)
        for _, of_frame in self._said.values():
            shown |= of_frame
        return shown

    @property
    def partial(self) -> Tensor:
        """P of label dropout, (K+1,) bool on the CPU."""
        return torch.from_numpy(partially_labelled(self._known_and_shown()[0]))

    def batch_size(self, shrink: int = 1) -> int:
        """Frames that :meth:`draw` gives."""
        return sum(self._counts(shrink))

    def draw(self, shrink: int, generator: torch.Generator) -> Batch:
        """A batch, divided by ``shrink``; all of it labelled where there is no unlabelled frame.

        Parameters
        ----------
        shrink
            1, or more after memory ran short.
        generator
            On the CPU.
        """
        known, shown = self._known_and_shown()
        n_labelled, n_unlabelled = self._counts(shrink)
        everything = (1 << self.n_classes) - 1
        positions = draw_labelled(known, shown, n_labelled, generator=generator)
        images, bitmaps = self._labelled.gather(positions)
        assert bitmaps is not None
        known_batch = torch.from_numpy(known)[positions]
        possible = self._labelled.possible(positions)
        triples = None
        if n_unlabelled:
            near, triples = self._neighbours(positions, n_unlabelled, generator)
            rest = draw_unlabelled(self.n_unlabelled, n_unlabelled - len(near), generator=generator)
            others = torch.cat([near, rest])
            more, _ = self._unlabelled.gather(others)
            images = torch.cat([images, more])
            nothing = torch.full_like(more, everything, dtype=bitmaps.dtype)
            bitmaps = torch.cat([bitmaps, nothing])
            known_batch = torch.cat([known_batch, torch.zeros((n_unlabelled, self.n_classes), dtype=torch.bool)])
            possible = torch.cat([possible, self._unlabelled.possible(others)])
        return Batch(images, bitmaps, known_batch, (possible & everything).to(bitmaps.dtype), triples)

    def _neighbours(
        self, positions: Tensor, n_unlabelled: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Positions of unlabelled neighbours of the drawn labelled frames, and the rows of their triples."""
        drawn = [self._labelled.keys[p] for p in positions.tolist()]
        section = self._temporal
        count = min(n_unlabelled // 2, math.ceil(section.share * n_unlabelled / 2)) if section.is_on else 0
        found = draw_neighbours(drawn, self._unlabelled, count, reach=section.reach, generator=generator)
        near = torch.tensor([self._unlabelled.position(key) for of in found for key in of.others], dtype=torch.int64)
        rows = [[len(drawn) + 2 * i, len(drawn) + 2 * i + 1] for i in range(len(found))]
        for row, of in zip(rows, found, strict=True):
            row.insert(of.place, of.leader)
        return near, torch.tensor(rows, device=self._device) if rows else None

    def labelled_batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every labelled frame once, in key order: images (B, S, S) uint8 and bitmaps (B, S, S)."""
        for start in range(0, self.n_labelled, size):
            images, bitmaps = self._labelled.gather(torch.arange(start, min(start + size, self.n_labelled)))
            assert bitmaps is not None
            yield images, bitmaps

    def _counts(self, shrink: int) -> tuple[int, int]:
        labelled, unlabelled = self._section.labelled_batch, self._section.unlabelled_batch
        if not self.n_unlabelled:
            labelled, unlabelled = labelled + unlabelled, 0
        return max(1, labelled // shrink), unlabelled // shrink

    def _known_and_shown(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        if self._tables is None:
            rows = [self._said[key] for key in self._labelled.keys]
            empty = np.zeros((0, self.n_classes), dtype=np.bool_)
            known = np.stack([k for k, _ in rows]) if rows else empty
            shown = np.stack([s for _, s in rows]) if rows else empty
            self._tables = (known, shown)
        return self._tables
