"""Training frames that live on the device: images and allowed sets, in storage that grows by doubling."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotator.core.identity import FrameKey

ANY_CLASS: Final = -1
"""A set of classes with every bit set: what a picture of an unknown view can show."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFrame:
    """One frame as the learner holds it.

    Parameters
    ----------
    key, patient, domain
        Identity; the domain is what must not be mistaken for anatomy.
    image
        (S, S) uint8, letterboxed by :class:`~annotator.learn.preprocess.Fit`.
    bitmap
        (S, S) uint16 allowed sets; ``None`` where the frame has no finished label.
    possible
        Bitmap of the classes that its view can show at all, background among them.
    accepted
        Structures whose label is a suggestion that a person accepted as it was.
    """

    key: FrameKey
    patient: str
    domain: str
    image: NDArray[np.uint8]
    bitmap: NDArray[np.uint16] | None = None
    possible: int = ANY_CLASS
    accepted: frozenset[str] = frozenset()


def type_of_sets(n_classes: int) -> torch.dtype:
    """What allowed sets of so many classes are held in: a byte, on which a CPU is fastest, where they fit into it."""
    return torch.uint8 if n_classes <= 8 else torch.int32


class ResidentFrames:
    """Frames of one kind (all labelled, or all unlabelled) on one device.

    The order in which frames were put never shows: rows are addressed through the sorted keys, so that a restart
    that puts them in another order trains alike.

    Parameters
    ----------
    size
        S, side of an image.
    device
        Where the frames live.
    sets
        Type of the allowed sets, from :func:`type_of_sets`; ``None`` where none are held.
    limit
        Most frames held; the oldest makes room. ``None`` for no limit.
    """

    def __init__(self, size: int, device: torch.device, *, sets: torch.dtype | None, limit: int | None = None) -> None:
        self._size = size
        self._device = device
        self._limit = limit
        self._images = torch.empty((0, size, size), dtype=torch.uint8, device=device)
        self._bitmaps = None if sets is None else torch.empty((0, size, size), dtype=sets, device=device)
        self._rows: dict[FrameKey, int] = {}
        self._possible: dict[FrameKey, int] = {}
        self._free: list[int] = []
        self._sorted: tuple[FrameKey, ...] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    @property
    def keys(self) -> tuple[FrameKey, ...]:
        """Keys in order; positions in it are what :meth:`gather` takes."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self._rows))
        return self._sorted

    def position(self, key: FrameKey) -> int:
        """Where a held frame is in :attr:`keys`."""
        return bisect_left(self.keys, key)

    @property
    def n_bytes(self) -> int:
        """Bytes held on the device."""
        return self._images.nbytes + (0 if self._bitmaps is None else self._bitmaps.nbytes)

    def put(self, frame: TrainingFrame) -> None:
        """Add or replace a frame."""
        if frame.key not in self._rows:
            if self._limit is not None and len(self._rows) >= max(1, self._limit):
                self.forget(next(iter(self._rows)))
            self._rows[frame.key] = self._new_row()
            self._sorted = None
        row = self._rows[frame.key]
        self._possible[frame.key] = frame.possible
        self._images[row] = torch.from_numpy(np.array(frame.image, dtype=np.uint8)).to(self._device)
        if self._bitmaps is not None:
            assert frame.bitmap is not None
            self._bitmaps[row] = torch.from_numpy(frame.bitmap.astype(np.int32)).to(self._device, self._bitmaps.dtype)

    def forget(self, key: FrameKey) -> None:
        """Free a frame's row; nothing happens where it is not held."""
        row = self._rows.pop(key, None)
        self._possible.pop(key, None)
        if row is not None:
            self._free.append(row)
            self._sorted = None

    def gather(self, positions: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (B, S, S) uint8 and allowed sets (B, S, S) at positions of :attr:`keys`."""
        # From pinned memory, since a copy from any other waits for whatever the device is doing.
        is_cuda = self._device.type == "cuda"
        rows = torch.tensor([self._rows[self.keys[p]] for p in positions.tolist()], pin_memory=is_cuda)
        rows = rows.to(self._device, non_blocking=True)
        return self._images[rows], None if self._bitmaps is None else self._bitmaps[rows]

    def possible(self, positions: Tensor) -> Tensor:
        """(B,) int32 on the CPU, bitmaps of the classes that the frames at positions of :attr:`keys` can show."""
        return torch.tensor([self._possible[self.keys[p]] for p in positions.tolist()], dtype=torch.int32)

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        used = len(self._rows)
        if used >= len(self._images):
            self._images = self._grown(self._images)
            self._bitmaps = None if self._bitmaps is None else self._grown(self._bitmaps)
        return used

    def _grown(self, rows: Tensor) -> Tensor:
        grown = torch.empty((max(16, 2 * len(rows)), self._size, self._size), dtype=rows.dtype, device=self._device)
        grown[: len(rows)] = rows
        return grown
