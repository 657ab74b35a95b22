"""Fitted images, read from the project once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from annotator.core.identity import Clip, FrameKey
from annotator.engine.trainer_protocol import Workshop

if TYPE_CHECKING:
    from annotator.project import Project

SHELF_BYTES: Final = 256 * 2**20


class ImageShelf:
    """Fitted images by frame, read from the project once and bounded by memory.

    Parameters
    ----------
    project
        Where frames come from.
    workshop
        Fits them.
    """

    def __init__(self, project: Project, workshop: Workshop) -> None:
        self._project = project
        self._workshop = workshop
        self._bytes = 0
        self._kept: OrderedDict[FrameKey, NDArray[np.uint8]] = OrderedDict()

    def image(self, key: FrameKey, clip: Clip) -> NDArray[np.uint8]:
        """(S, S) uint8 of a frame.

        Raises
        ------
        AnnotatorError
            Where the project cannot read the frame.
        """
        found = self._kept.get(key)
        if found is None:
            found = self._workshop.image(self._project.read_frame(key), clip.header)
            self._kept[key] = found
            self._bytes += found.nbytes
            while self._bytes > SHELF_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        else:
            self._kept.move_to_end(key)
        return found

    def forget_clips(self, clips: Iterable[str]) -> None:
        """Drop the images of some clips."""
        names = set(clips)
        for key in [k for k in self._kept if k.clip in names]:
            self._bytes -= self._kept.pop(key).nbytes
