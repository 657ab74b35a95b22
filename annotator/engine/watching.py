"""Watches how large the published model predicts each structure in each domain, a frame at a time."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, ClipHeader, FrameKey
from annotator.core.protocols import LabelProtocol
from annotator.engine.roles import spread, usable_clips
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import Probabilities, ServedModel
from annotator.learn.erasure import Erasure, FrameAreas, erasures, sentences

PER_DOMAIN: Final = 12
"""Frames of a domain whose areas are compared."""

MOST_DOMAINS: Final = 20

STEPS_BETWEEN: Final = 3
"""While it trains, one frame is predicted after so many other pieces of work."""

Pairs = Collection[tuple[str, str]]
"""(domain, structure) with a finished label."""


class AreaWatch:
    """Keeps the areas that one model predicts, and the alarms that follow from them.

    Parameters
    ----------
    protocol
        Ids and names of the structures.
    shelf
        Fitted images.
    """

    def __init__(self, protocol: LabelProtocol, shelf: ImageShelf) -> None:
        self._protocol = protocol
        self._shelf = shelf
        self._areas: dict[FrameKey, FrameAreas] = {}
        self._counts: Counter[str] = Counter()
        self._waiting: deque[FrameKey] | None = None
        self._wanted: dict[str, int] = {}
        self._alarms: tuple[Erasure, ...] = ()
        self._skipped = 0

    def start_over(self) -> None:
        """Another model serves, or clips changed: all is predicted again; the alarms stand until then."""
        self._areas.clear()
        self._counts.clear()
        self._waiting = None

    def forget_model(self) -> None:
        """The alarms do not stand: the model that they speak of may serve no more."""
        self.start_over()
        self._alarms = ()

    def warnings(self, labelled: Pairs) -> tuple[str, ...]:
        """Plain sentences on the alarms whose domain still has no label of the structure, one for each domain."""
        names = {s.id: s.name for s in self._protocol.structures}
        return sentences([a for a in self._alarms if (a.domain, a.structure) not in labelled], names)

    def take(self, key: FrameKey, clip: Clip, probabilities: Probabilities) -> None:
        """Note a prediction of the model that serves, whoever made it.

        Parameters
        ----------
        key, clip
            The frame and its clip.
        probabilities
            (K+1, S, S) float32.
        """
        domain = clip.header.domain
        if key in self._areas or self._counts[domain] >= self._wanted.get(domain, PER_DOMAIN):
            return
        classes = probabilities.argmax(axis=0)
        pixels = np.bincount(classes.ravel(), minlength=self._protocol.n_classes)
        whole = classes.size * _filled(clip.header)
        visible = self._protocol.shown_in(clip.header.view)
        shares = {s: float(pixels[self._protocol.index(s)] / whole) for s in visible}
        self._areas[key] = FrameAreas(domain, shares)
        self._counts[domain] += 1

    def work(
        self, clips: Mapping[str, Clip], model: ServedModel | None, *, labelled: Pairs, is_training: bool = False
    ) -> bool:
        """Predict a frame, or decide, where there is anything to compare; whether anything was done.

        Parameters
        ----------
        clips
            All clips by name.
        model
            The snapshot that serves; ``None`` before the first.
        labelled
            What is labelled where, among the frames that are learnt from.
        is_training
            Whether steps wait meanwhile.
        """
        if model is None or (self._waiting is not None and not self._waiting):
            return False
        if self._waiting is None:
            self._plan(clips, labelled)
            return True
        self._skipped += 1
        if is_training and self._skipped <= STEPS_BETWEEN:
            return False
        self._skipped = 0
        self._predict(self._waiting.popleft(), clips, model)
        while self._waiting and self._has_enough(self._waiting[0], clips):
            self._waiting.popleft()
        if not self._waiting:
            self._decide(labelled)
        return True

    def _plan(self, clips: Mapping[str, Clip], labelled: Pairs) -> None:
        sample = frames_to_watch(tuple(clips.values()), labelled)
        self._wanted = {domain: len(keys) for domain, keys in sample.items()}
        rows = list(sample.values())
        self._waiting = deque(row[i] for i in range(PER_DOMAIN) for row in rows if i < len(row))
        if not self._waiting:
            self._alarms = ()

    def _has_enough(self, key: FrameKey, clips: Mapping[str, Clip]) -> bool:
        clip = clips.get(key.clip)
        return clip is None or self._counts[clip.header.domain] >= self._wanted.get(clip.header.domain, 0)

    def _predict(self, key: FrameKey, clips: Mapping[str, Clip], model: ServedModel) -> None:
        clip = clips.get(key.clip)
        if clip is None or key in self._areas or key.frame >= clip.header.n_frames:
            return
        try:
            image = self._shelf.image(key, clip)
        except AnnotatorError:
            return
        self.take(key, clip, model.predict(image[None], clip.header.view)[0])

    def _decide(self, labelled: Pairs) -> None:
        before = {(a.domain, a.structure) for a in self._alarms}
        self._alarms = erasures(tuple(self._areas.values()), labelled, before=before)


def frames_to_watch(clips: Collection[Clip], labelled: Pairs) -> dict[str, tuple[FrameKey, ...]]:
    """Domain to its frames, spread over clips; nothing where no domain lacks what another one labels.

    Parameters
    ----------
    clips
        All clips; those of the test split are left out.
    labelled
        What is labelled where.
    """
    by_domain: defaultdict[str, list[Clip]] = defaultdict(list)
    for clip in usable_clips(clips):
        by_domain[clip.header.domain].append(clip)
    structures = {s for _, s in labelled}
    if len(by_domain) < 2 or all((d, s) in labelled for d in by_domain for s in structures):
        return {}
    return {domain: _spread_over(by_domain[domain]) for domain in _some_domains(sorted(by_domain), labelled)}


def _some_domains(domains: list[str], labelled: Pairs) -> tuple[str, ...]:
    """Not more than can be looked at: at least half of them, where there are as many, of those that label something."""
    names = {domain for domain, _ in labelled}
    first = [domain for domain in domains if domain in names]
    rest = [domain for domain in domains if domain not in names]
    some = first[: max(MOST_DOMAINS // 2, MOST_DOMAINS - len(rest))]
    return tuple(sorted([*some, *rest[: MOST_DOMAINS - len(some)]]))


def _spread_over(clips: list[Clip]) -> tuple[FrameKey, ...]:
    chosen = spread(clips, PER_DOMAIN)
    each = -(-PER_DOMAIN // len(chosen))
    rows = [spread(clip.frame_keys, each) for clip in chosen]
    return tuple(row[i] for i in range(each) for row in rows if i < len(row))[:PER_DOMAIN]


def _filled(header: ClipHeader) -> float:
    """The part of the square input that the picture fills."""
    spacing = header.spacing
    height, width = header.height * (spacing.y if spacing else 1.0), header.width * (spacing.x if spacing else 1.0)
    return min(height, width) / max(height, width)
