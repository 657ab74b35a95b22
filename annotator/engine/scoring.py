"""Scores of a sample of frames for the review queue, a few at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, ClipHeader, FrameKey, Split
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.engine.messages import QueueReady
from annotator.engine.queue import RANDOM_REASON, UNSEEN_REASON, FrameScore, is_open, review_queue
from annotator.engine.roles import in_turn, usable_clips
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import Probabilities, ServedModel

if TYPE_CHECKING:
    from annotator.project import Project

SAMPLE: Final = 320
"""Frames that are scored: some seconds of prediction on two cores, and more than anybody labels in a day."""

PER_CLIP: Final = 6
FEWEST_SCORES: Final = 8
"""Scores without which the order is still random."""

REPORT_EVERY_S: Final = 2.0
"""The queue is said at most so often, and once more when the last frame of the sample is scored."""

STEPS_BETWEEN: Final = 3
"""While it trains, one frame is scored after so many other pieces of work."""

Said = Mapping[FrameKey, Mapping[str, LabelStatus]]
"""Frame to structure to status, of all frames that anything was said of."""

Taker = Callable[[FrameKey, Clip, Probabilities], None]


def sample_frames(
    clips: Collection[Clip],
    *,
    held: Collection[str] = (),
    done: Collection[FrameKey] = (),
    behind: Collection[FrameKey] = (),
) -> tuple[FrameKey, ...]:
    """Frames to score: evenly spaced in each training clip, one of every clip before the second of any.

    The first one is early in some clips and late in others: where there are too many clips for a second one, all of
    the beat is asked for all the same. In place of those that are done others come, and in place of clips that are.

    Parameters
    ----------
    clips
        All clips; those of the test and validation splits are left out, and pictures of theirs.
    held
        Patients held aside, whose labels would teach nothing.
    done
        Frames in which nothing is left to ask for.
    behind
        Frames that come after all others of their clip, and clips that have no others after those that have.
    """
    usable = usable_clips(clips)
    seen = {c.pixels for c in usable if c.pixels and (c.split is not Split.TRAIN or c.header.patient in held)}
    teaching = [c for c in usable if c.split is Split.TRAIN and c.header.patient not in held]
    open_clips = [c for c in teaching if c.pixels not in seen]
    every = (in_turn(c.frame_keys, PER_CLIP, first=crc32(c.name.encode())) for c in in_turn(open_clips, SAMPLE))
    rows = _first_rows((_first_of((key for key in row if key not in done), behind) for row in every), behind)
    columns = max((len(row) for row in rows), default=0)
    return tuple(row[i] for i in range(columns) for row in rows if i < len(row))[:SAMPLE]


def _first_rows(rows: Iterable[tuple[FrameKey, ...]], behind: Collection[FrameKey]) -> list[tuple[FrameKey, ...]]:
    """Rows that are not empty, those of nothing but frames behind last; no more of them are made than are taken."""
    before: list[tuple[FrameKey, ...]] = []
    after: list[tuple[FrameKey, ...]] = []
    for row in filter(None, rows):
        (after if row[0] in behind else before).append(row)
        if len(before) == SAMPLE:
            break
    return [*before, *after][:SAMPLE]


def _first_of(keys: Iterable[FrameKey], behind: Collection[FrameKey]) -> tuple[FrameKey, ...]:
    before: list[FrameKey] = []
    after: list[FrameKey] = []
    for key in keys:
        (after if key in behind else before).append(key)
        if len(before) == PER_CLIP:
            break
    return (*before, *after)[:PER_CLIP]


def frames_behind(clips: Mapping[str, Clip], said: Said, protocol: LabelProtocol) -> set[FrameKey]:
    """Frames of which all is finished or rejected that anybody labels at all and their view can show.

    They could only be asked for what perhaps nobody means to label, and would keep the others from being asked for
    what is labelled.
    """
    labelled = {s for of_frame in said.values() for s, status in of_frame.items() if status.is_finished}
    return {
        key
        for key, of_frame in said.items()
        if key.clip in clips
        and any(not is_open(status) for status in of_frame.values())
        and not any(
            structure in labelled and is_open(of_frame.get(structure, LabelStatus.UNKNOWN))
            for structure in protocol.shown_in(clips[key.clip].header.view)
        )
    }


def frames_done(clips: Mapping[str, Clip], said: Said, protocol: LabelProtocol) -> set[FrameKey]:
    """Frames of which everything that their view can show is finished or rejected."""
    return {
        key
        for key, of_frame in said.items()
        if key.clip in clips
        and not any(
            is_open(of_frame.get(structure, LabelStatus.UNKNOWN))
            for structure in protocol.shown_in(clips[key.clip].header.view)
        )
    }


def frame_score(key: FrameKey, header: ClipHeader, *, frames: Probabilities, protocol: LabelProtocol) -> FrameScore:
    """Score one frame.

    Parameters
    ----------
    key, header
        The frame, and its clip's patient and view.
    frames
        (1 or 2, K+1, S, S) float32: its probabilities, and those of a neighbouring frame where there is one.
    protocol
        Gives the structures' ids, and says which a view can show.
    """
    from annotator.learn.acquisition import temporal_inconsistency, uncertainty  # noqa: PLC0415

    jumps = temporal_inconsistency(frames[0], frames[-1], protocol.ids)
    unsure = uncertainty(frames[0], protocol.ids)
    # A softmax gives every structure that its model knows something everywhere.
    known = {s: value for s, value in unsure.items() if frames[0][protocol.index(s)].any()}
    return FrameScore(key, header.patient, protocol.shown_in(header.view), known, jumps)


class Scorer:
    """Keeps scores of a sample of frames and says the queue from time to time.

    Parameters
    ----------
    project
        For the current statuses.
    shelf
        Fitted images.
    seed
        Of the random order before the first snapshot.
    also
        Is given each frame with its clip and probabilities (K+1, S, S), since they were predicted anyway.
    """

    def __init__(self, project: Project, shelf: ImageShelf, *, seed: int, also: Taker = lambda *_: None) -> None:
        self._project = project
        self._shelf = shelf
        self._seed = seed
        self._also = also
        self._scores: dict[FrameKey, FrameScore] = {}
        self._fresh: set[FrameKey] = set()
        self._waiting: list[FrameKey] = []
        self._is_new = True
        self._has_news = True
        self._said_at = float("-inf")
        self._skipped = 0
        self._is_complete = False

    def start_over(self) -> None:
        """Another model serves: every frame is scored again; old scores hold until then."""
        self._is_new = True
        self._fresh.clear()

    def forget_model(self) -> None:
        """Old scores do not hold: the model that made them may serve no more."""
        self.start_over()
        self._scores.clear()

    def note_change(self, clips: Collection[str]) -> None:
        """Labels changed, so that the queue has to be said again; of ``clips`` the frames too are others."""
        self._has_news = self._is_new = True
        self._fresh = {key for key in self._fresh if key.clip not in clips}

    def work(
        self, clips: Mapping[str, Clip], model: ServedModel | None, *, held: Collection[str], is_training: bool
    ) -> tuple[bool, QueueReady | None]:
        """Score a frame, or say the queue, where it is time.

        Parameters
        ----------
        clips
            All clips by name.
        model
            The snapshot that serves; ``None`` before the first, when the order is random.
        held
            Patients held aside.
        is_training
            Whether steps wait meanwhile.

        Returns
        -------
        bool
            Whether anything was done.
        QueueReady or None
            The queue, where it is time to say it.
        """
        if self._is_new:
            self._is_new = False
            sample = self._sample(clips, self._said(), held=held)
            self._waiting = [key for key in reversed(sample) if key not in self._fresh]
            self._has_news = True
        self._skipped += 1
        if model is not None and self._waiting and (not is_training or self._skipped > STEPS_BETWEEN):
            self._skipped = 0
            self._score(self._waiting.pop(), clips, model)
            self._has_news = True
            self._is_complete = not self._waiting
            return True, None
        now = time.perf_counter()
        if not self._has_news or (not self._is_complete and now - self._said_at < REPORT_EVERY_S):
            return False, None
        self._has_news = self._is_complete = False
        self._said_at = now
        return True, self._queue(clips, held, has_model=model is not None)

    def _score(self, key: FrameKey, clips: Mapping[str, Clip], model: ServedModel) -> None:
        clip = clips.get(key.clip)
        if clip is None or key.frame >= clip.header.n_frames:
            return
        neighbour = key.frame + 1 if key.frame + 1 < clip.header.n_frames else key.frame - 1
        keys = [key, *([FrameKey(key.clip, neighbour)] if neighbour >= 0 else [])]
        try:
            images = np.stack([self._shelf.image(k, clip) for k in keys])
        except AnnotatorError:
            return
        self._fresh.add(key)
        frames = model.predict(images, clip.header.view)
        self._scores[key] = frame_score(key, clip.header, frames=frames, protocol=self._project.protocol)
        self._also(key, clip, frames[0])

    def _queue(self, clips: Mapping[str, Clip], held: Collection[str], *, has_model: bool) -> QueueReady:
        """The queue as the scores have it, or at random where they are too few."""
        said = self._said()
        wanted = self._sample(clips, said, held=held)
        known = [self._scores[key] for key in wanted if key in self._scores]
        waiting = set(self._waiting) - self._scores.keys()
        if not has_model or len(known) < min(FEWEST_SCORES, len(known) + len(waiting)):
            random_reason = UNSEEN_REASON if has_model else RANDOM_REASON
            shown_in = self._project.protocol.shown_in
            headers = {key: clips[key.clip].header for key in wanted}
            blank = [FrameScore(key, header.patient, shown_in(header.view)) for key, header in headers.items()]
            items = review_queue(blank, said, seed=self._seed, random_reason=random_reason)
        else:
            items = review_queue(known, said)
        return QueueReady(items)

    def _said(self) -> Said:
        return {k: {s: cell.status for s, cell in cells.items()} for k, cells in self._project.all_statuses().items()}

    def _sample(self, clips: Mapping[str, Clip], said: Said, *, held: Collection[str]) -> tuple[FrameKey, ...]:
        protocol = self._project.protocol
        done, behind = frames_done(clips, said, protocol), frames_behind(clips, said, protocol)
        return sample_frames(tuple(clips.values()), held=held, done=done, behind=behind)
