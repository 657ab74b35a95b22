"""Which clips are so unlike what the starting weights know that their suggestions would mean nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np

from annotator.core.identity import Clip
from annotator.engine.roles import spread
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import ServedModel

JUDGED: Final = 3
"""Frames by which a clip is judged: suggestions that come and go from frame to frame would be worse than none."""

STRANGE_ABOVE: Final = 1.0
"""Strangeness above which a model's outlines mean nothing."""

UNLIKE_SENTENCE: Final = (
    "This clip is unlike the pictures that the starting weights know, so nothing is suggested in it."
)

STRANGE_SENTENCE: Final = (
    f"{UNLIKE_SENTENCE} Outline one structure in it and press Enter: the learner goes on from your labels."
)
"""The same of a clip whose labels teach, as a test clip's never do."""


class ClipJudge:
    """Judges each clip once by the median of a few of its frames.

    Parameters
    ----------
    shelf
        Fitted images.
    """

    def __init__(self, shelf: ImageShelf) -> None:
        self._shelf = shelf
        self._refused: dict[str, bool] = {}

    def start_over(self) -> None:
        """Another model serves."""
        self._refused.clear()

    def forget_clips(self, clips: Collection[str]) -> None:
        """Clips changed or went."""
        for name in clips:
            self._refused.pop(name, None)

    def has_refused(self, name: str) -> bool:
        """Whether a clip was judged, and refused."""
        return self._refused.get(name, False)

    def refuses(self, clip: Clip, model: ServedModel) -> bool:
        """Whether a model should suggest nothing in a clip.

        Raises
        ------
        AnnotatorError
            Where the project cannot read a frame.
        """
        if clip.name not in self._refused:
            images = np.stack([self._shelf.image(key, clip) for key in spread(clip.frame_keys, JUDGED)])
            self._refused[clip.name] = float(np.median(model.strangeness(images))) > STRANGE_ABOVE
        return self._refused[clip.name]
