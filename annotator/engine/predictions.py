"""Suggestions from probabilities, and a cache of them that is bounded by memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

import numpy as np

from annotator.core.identity import FrameKey
from annotator.core.protocols import LabelProtocol
from annotator.engine.messages import Suggestion
from annotator.engine.trainer_protocol import Probabilities

CACHE_BYTES: Final = 192 * 2**20


def suggestion(key: FrameKey, snapshot: int, probabilities: Probabilities, protocol: LabelProtocol) -> Suggestion:
    """What a model thinks of one frame.

    Parameters
    ----------
    key
        The frame.
    snapshot
        Id of the model snapshot.
    probabilities
        (K+1, H, W) float32 at native size.
    protocol
        Gives the structures' ids, and says which are connected.
    """
    from annotator.learn.components import classes_of  # noqa: PLC0415 - OpenCV is imported late

    classes = classes_of(probabilities, protocol)
    certainty = np.take_along_axis(probabilities, classes[None], axis=0)[0]
    confidence = {}
    for index, structure in enumerate(protocol.ids, start=1):
        # A softmax gives every structure that its model knows, and the view can show, something everywhere.
        if not probabilities[index].any():
            continue
        pixels = certainty[classes == index]
        value = float(pixels.mean()) if pixels.size else 1.0 - float(probabilities[index].max())
        confidence[structure] = min(max(value, 0.0), 1.0)
    return Suggestion(key, snapshot, classes, np.round(certainty * 255).clip(0, 255).astype(np.uint8), confidence)


class PredictionCache:
    """Suggestions by frame and snapshot; the least recently used go first where memory is full.

    Parameters
    ----------
    max_bytes
        Bytes of pixels that may be kept.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[FrameKey, int], Suggestion] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def n_bytes(self) -> int:
        """Bytes of pixels that are kept."""
        return self._bytes

    def get(self, key: FrameKey, snapshot: int) -> Suggestion | None:
        """The suggestion of a frame by a snapshot, where it is kept."""
        found = self._kept.get((key, snapshot))
        if found is not None:
            self._kept.move_to_end((key, snapshot))
        return found

    def put(self, made: Suggestion) -> None:
        """Keep a suggestion; others may go, the newest stays whatever its size."""
        place = (made.key, made.snapshot)
        self._drop(place)
        self._kept[place] = made
        self._bytes += _size(made)
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))

    def keep_snapshot(self, snapshot: int) -> None:
        """Drop what other snapshots made."""
        for place in [p for p in self._kept if p[1] != snapshot]:
            self._drop(place)

    def forget_clips(self, clips: Collection[str]) -> None:
        """Drop every suggestion of some clips."""
        for place in [p for p in self._kept if p[0].clip in clips]:
            self._drop(place)

    def _drop(self, place: tuple[FrameKey, int]) -> None:
        gone = self._kept.pop(place, None)
        if gone is not None:
            self._bytes -= _size(gone)


def _size(made: Suggestion) -> int:
    return made.classes.nbytes + made.certainty.nbytes
