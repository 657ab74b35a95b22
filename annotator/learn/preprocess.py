"""Native frames to the square that the network reads, and its probabilities back to native size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.core.identity import Spacing

INPUT_MEAN = 0.2
INPUT_STD = 0.2
"""The network reads (grey / 255 - INPUT_MEAN) / INPUT_STD."""


def to_grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) uint8 to (H, W) uint8, by luminance (ITU-R BT.601)."""
    if frame.ndim == 2:
        return frame
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def ground(grey: NDArray[np.uint8]) -> int:
    """The grey around the sector: 255 where the edge of an (H, W) uint8 frame is light (inverted contrast), else 0."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return 255 if edge.mean() > 127.5 else 0


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a native frame lies in the (size, size) input: centred, square in mm.

    Parameters
    ----------
    shape
        (H, W) of the native frame, in pixels.
    size
        Side of the input.
    inner
        (h, w) of the frame inside the input.
    """

    shape: tuple[int, int]
    size: int
    inner: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, int], size: int, *, spacing: Spacing | None = None) -> Fit:
        """The letterbox of a frame; pixels count as square where the spacing is not known."""
        extent_y = shape[0] * (spacing.y if spacing else 1.0)
        extent_x = shape[1] * (spacing.x if spacing else 1.0)
        scale = size / max(extent_y, extent_x)
        inner = (max(1, round(extent_y * scale)), max(1, round(extent_x * scale)))
        return cls(shape, size, inner)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the input that the frame fills."""
        top, left = (self.size - self.inner[0]) // 2, (self.size - self.inner[1]) // 2
        return slice(top, top + self.inner[0]), slice(left, left + self.inner[1])

    def fit_image(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W[, 3]) uint8 to (size, size) uint8 grey; its :func:`ground` outside the frame."""
        grey = to_grey(frame)
        image = np.full((self.size, self.size), ground(grey), dtype=np.uint8)
        height, width = self.inner
        shrinks = height <= self.shape[0] and width <= self.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image[self.window] = cv2.resize(grey, (width, height), interpolation=how)
        return image

    def fit_bitmap(self, bitmap: NDArray[np.uint16], everything: int) -> NDArray[np.uint16]:
        """(H, W) uint16 allowed sets to (size, size), each taken from the nearest pixel.

        Parameters
        ----------
        bitmap
            Allowed sets at native size.
        everything
            The set outside the frame, where nothing is known.
        """
        fitted = np.full((self.size, self.size), everything, dtype=np.uint16)
        rows, columns = (_nearest(native, inner) for native, inner in zip(self.shape, self.inner, strict=True))
        fitted[self.window] = bitmap[rows[:, None], columns]
        return fitted

    def unfit_probabilities(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K+1, size, size) float32 to native (K+1, H, W), bilinear."""
        rows, columns = self.window
        height, width = self.shape
        native = np.empty((len(probabilities), height, width), dtype=np.float32)
        for c, plane in enumerate(probabilities):
            inner = np.ascontiguousarray(plane[rows, columns])
            native[c] = cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
        return native


def _nearest(native: int, inner: int) -> NDArray[np.intp]:
    centres = (np.arange(inner) + 0.5) * native / inner
    return np.minimum(centres.astype(np.intp), native - 1)
