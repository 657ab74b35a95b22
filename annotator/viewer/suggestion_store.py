"""Suggestions that the engine sent, newest per frame, within a bound of memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from annotator.core.identity import FrameKey
from annotator.core.protocols import LabelProtocol
from annotator.engine.messages import Suggestion

_MAX_BYTES: Final = 256 * 2**20


class SuggestionStore:
    """Newest suggestion of each frame; the least recently used go first where memory is full.

    Parameters
    ----------
    protocol
        Gives the structures' class indices.
    max_bytes
        Bytes of pixels that may be kept.
    """

    def __init__(self, protocol: LabelProtocol, max_bytes: int = _MAX_BYTES) -> None:
        self._protocol = protocol
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[FrameKey, Suggestion] = OrderedDict()
        self._found: dict[FrameKey, frozenset[str]] = {}

    def put(self, made: Suggestion) -> bool:
        """Keep a suggestion unless a newer model's is here; whether it was kept."""
        old = self._kept.get(made.key)
        if old is not None and old.snapshot > made.snapshot:
            return False
        self.drop(made.key)
        self._kept[made.key] = made
        self._bytes += _size(made)
        present = np.bincount(made.classes.ravel(), minlength=self._protocol.n_classes)
        self._found[made.key] = frozenset(s for i, s in enumerate(self._protocol.ids, start=1) if present[i])
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            self.drop(next(iter(self._kept)))
        return True

    def get(self, key: FrameKey) -> Suggestion | None:
        """The suggestion of a frame, where there is one."""
        return self._kept.get(key)

    def found(self, key: FrameKey) -> frozenset[str]:
        """Ids of the structures that the model sees in a frame; empty where nothing is known."""
        return self._found.get(key, frozenset())

    def drop(self, key: FrameKey) -> None:
        """Forget the suggestion of a frame."""
        old = self._kept.pop(key, None)
        self._found.pop(key, None)
        if old is not None:
            self._bytes -= _size(old)

    def clear(self) -> tuple[FrameKey, ...]:
        """Forget every suggestion; the frames that had one."""
        keys = tuple(self._kept)
        for key in keys:
            self.drop(key)
        return keys


def _size(made: Suggestion) -> int:
    return made.classes.nbytes + made.certainty.nbytes
