"""Suggestions by the published model: the frame on screen first and alone, then its clip, nearest frames first."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotator.core.identity import Clip, FrameKey, Split
from annotator.core.protocols import LabelProtocol
from annotator.engine.familiarity import ClipJudge
from annotator.engine.messages import Suggestion, SuggestionsReady
from annotator.engine.predictions import PredictionCache, suggestion
from annotator.engine.roles import nearest_first
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import ServedModel, Workshop

BATCH: Final = 2
"""Frames per batch in the background: a new look waits for at most one batch or one step."""


@dataclass(frozen=True, slots=True)
class LookServed:
    """How long a look waited for its suggestion.

    Parameters
    ----------
    key
        The frame.
    seconds
        From the command's arrival to the event, in s.
    predict_s
        What the prediction itself took, in s; 0 where it was kept from before.
    """

    key: FrameKey
    seconds: float
    predict_s: float


class Server:
    """Owns the model that makes suggestions.

    Parameters
    ----------
    protocol
        Gives the structures' ids.
    workshop
        Brings probabilities to native size.
    shelf
        Fitted images.
    """

    def __init__(self, protocol: LabelProtocol, workshop: Workshop, shelf: ImageShelf) -> None:
        self._protocol = protocol
        self._workshop = workshop
        self._shelf = shelf
        self._cache = PredictionCache()
        self._judge = ClipJudge(shelf)
        self._model: ServedModel | None = None
        self._snapshot = 0
        self._clip: Clip | None = None
        self._look: tuple[FrameKey, float | None] | None = None
        self._current: FrameKey | None = None
        self._rest: deque[FrameKey] = deque()
        self._sent: set[FrameKey] = set()
        self.served: deque[LookServed] = deque(maxlen=20_000)
        """The latest looks that were served."""

    @property
    def snapshot(self) -> int | None:
        """Id of the snapshot that serves; ``None`` before the first."""
        return None if self._model is None else self._snapshot

    @property
    def model(self) -> ServedModel | None:
        """The model that serves."""
        return self._model

    @property
    def current(self) -> FrameKey | None:
        """The frame on screen."""
        return self._current

    @property
    def is_strange(self) -> bool:
        """Whether the clip on screen has no suggestions, since it is unlike what the starting weights know."""
        return self._clip is not None and self._model is not None and self._judge.has_refused(self._clip.name)

    @property
    def shows_test_clip(self) -> bool:
        """Whether the clip on screen is a test clip."""
        return self._clip is not None and self._clip.split is Split.TEST

    def use(self, model: ServedModel, snapshot: int) -> None:
        """Serve with another model from now on; the clip on screen is served again."""
        self._model = model
        self._snapshot = snapshot
        self._cache.keep_snapshot(snapshot)
        self._judge.start_over()
        self._sent.clear()
        if self._clip is not None and self._current is not None:
            self._look = (self._current, None)
            self._rest = deque(nearest_first(self._current, self._clip.header.n_frames))

    def stop_serving(self) -> None:
        """Drop the model, such as after it failed."""
        self._model = None

    def look(self, key: FrameKey, clip: Clip, *, at: float) -> None:
        """The user looks at a frame.

        Parameters
        ----------
        key, clip
            The frame and its clip.
        at
            When the command came, by ``time.perf_counter()``.
        """
        if self._clip is None or clip.name != self._clip.name:
            self._sent.clear()
        self._clip = clip
        self._current = key
        self._look = (key, at)
        self._rest = deque(k for k in nearest_first(key, clip.header.n_frames) if k not in self._sent)

    def forget_clips(self, clips: Collection[str]) -> None:
        """Clips changed or went: nothing that was predicted of them holds."""
        self._cache.forget_clips(clips)
        self._judge.forget_clips(clips)
        self._sent = {key for key in self._sent if key.clip not in clips}
        if self._clip is not None and self._clip.name in clips:
            self._clip = self._current = self._look = None
            self._rest.clear()

    def serve_first(self) -> SuggestionsReady | None:
        """The suggestion for the frame on screen, where it is awaited.

        Raises
        ------
        AnnotatorError
            Where the project cannot read the frame.
        """
        if self._look is None or self._model is None or self._clip is None:
            return None
        (key, at), self._look = self._look, None
        began = time.perf_counter()
        was_kept = self._cache.get(key, self._snapshot) is not None
        made = self._made([key], self._clip)
        now = time.perf_counter()
        if at is not None:
            self.served.append(LookServed(key, now - at, 0.0 if was_kept else now - began))
        return SuggestionsReady(made)

    def serve_more(self) -> SuggestionsReady | None:
        """Suggestions for the next few frames of the clip on screen.

        Raises
        ------
        AnnotatorError
            Where the project cannot read a frame.
        """
        if self._model is None or self._clip is None:
            return None
        keys: list[FrameKey] = []
        while self._rest and len(keys) < BATCH:
            key = self._rest.popleft()
            if key not in self._sent:
                keys.append(key)
        return SuggestionsReady(self._made(keys, self._clip)) if keys else None

    def _made(self, keys: Sequence[FrameKey], clip: Clip) -> tuple[Suggestion, ...]:
        assert self._model is not None
        # A published model learnt from the person's own labels, so only the starting weights are doubted.
        if self._snapshot == 0 and self._judge.refuses(clip, self._model):
            self._rest.clear()
            return ()
        kept = {key: self._cache.get(key, self._snapshot) for key in keys}
        missing = [key for key, made in kept.items() if made is None]
        if missing:
            images = np.stack([self._shelf.image(key, clip) for key in missing])
            for key, fitted in zip(missing, self._model.predict(images, clip.header.view), strict=True):
                native = self._workshop.native(fitted, clip.header)
                kept[key] = suggestion(key, self._snapshot, native, self._protocol)
        made = tuple(found for found in kept.values() if found is not None)
        for one in made:
            self._cache.put(one)
        self._sent.update(keys)
        return made
