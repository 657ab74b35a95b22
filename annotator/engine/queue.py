"""The review queue: which (frame, structure) to label next, spread over patients and clips, with a reason in words."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from annotator.core.identity import FrameKey
from annotator.core.status import LabelStatus
from annotator.core.words import counted
from annotator.engine.messages import QueueItem

UNCERTAINTY_WEIGHT: Final = 0.7
INCONSISTENCY_WEIGHT: Final = 0.3

REPEAT_CLIP: Final = 0.6
REPEAT_PATIENT: Final = 0.8
NEAR_FRAMES: Final = 3
NEAR: Final = 0.3
"""Factors on the score for each earlier item of the same clip, of the same patient, and within three frames of one."""

REPEAT_STRUCTURE: Final = 0.95
"""The factor for each earlier item of the same structure: what is nearly as worthwhile elsewhere comes between."""

NEW: Final = 0.5
REPEAT_NEW: Final = 0.5
"""Score of a structure that the model does not know, and the factor for each earlier item of one that nobody labels.

It comes among what the model is unsure of, since perhaps nobody means to label it, and a few times only, since a few
labels make it known. What only the starting weights know is asked for as rarely, however unsure they are of it.
"""

NEW_REASON: Final = "the model does not know this structure yet"
RANDOM_REASON: Final = "chosen at random, since there is no checked model yet"
UNSEEN_REASON: Final = "at random, until the model has seen more frames"


@dataclass(frozen=True, slots=True)
class FrameScore:
    """What a model finds hard in one frame.

    Parameters
    ----------
    key
        The frame.
    patient
        Its pseudonym.
    structures
        Ids of those that its view can show.
    uncertainty
        Structure id to 0..1, without those that the model does not know; empty where there is no model.
    inconsistency
        Structure id to 0..1; empty where there is no model.
    """

    key: FrameKey
    patient: str
    structures: tuple[str, ...]
    uncertainty: Mapping[str, float] = field(default_factory=dict)
    inconsistency: Mapping[str, float] = field(default_factory=dict)


def review_queue(
    scores: Sequence[FrameScore],
    said: Mapping[FrameKey, Mapping[str, LabelStatus]],
    *,
    limit: int = 30,
    seed: int | None = None,
    random_reason: str = RANDOM_REASON,
) -> tuple[QueueItem, ...]:
    """Order what is worth labelling, best first.

    Chosen greedily; each choice makes further ones of the same clip, patient, neighbourhood and structure less worth.
    What is finished or rejected never comes.

    Parameters
    ----------
    scores
        A sample of frames; test clips must not be in it.
    said
        Frame to structure to status, of all frames that anything was said of.
    limit
        Most items.
    seed
        Where given, the order is random and scores are not read.
    random_reason
        Why, where it is.
    """
    chance = None if seed is None else random.Random(seed)
    labels = _labelled_frames(said)
    labelled = {structure for _, structure in labels}
    open_items = [
        _item(score, structure, labels.get((score.key.clip, structure), ()), is_labelled=structure in labelled)
        if chance is None
        else QueueItem(score.key, structure, chance.uniform(0.01, 1.0), random_reason)
        for score in sorted(scores, key=lambda s: s.key)
        for structure in score.structures
        if is_open(said.get(score.key, {}).get(structure, LabelStatus.UNKNOWN))
    ]
    patients = {score.key.clip: score.patient for score in scores}
    repeats = _Repeats(patients, frozenset(labelled))
    return _spread([item for item in open_items if item.score > 0], repeats, limit)


def is_open(status: LabelStatus) -> bool:
    """Whether a structure of this status may still be asked for."""
    return not status.is_finished and status is not LabelStatus.REJECTED


def _labelled_frames(said: Mapping[FrameKey, Mapping[str, LabelStatus]]) -> Mapping[tuple[str, str], Sequence[int]]:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for key, of_frame in said.items():
        for structure, status in of_frame.items():
            if status.is_finished:
                found[key.clip, structure].append(key.frame)
    return found


def _item(score: FrameScore, structure: str, labelled: Sequence[int], *, is_labelled: bool) -> QueueItem:
    if structure not in score.uncertainty:
        return QueueItem(score.key, structure, NEW, NEW_REASON)
    unsure = UNCERTAINTY_WEIGHT * score.uncertainty[structure]
    jumpy = INCONSISTENCY_WEIGHT * score.inconsistency.get(structure, 0.0)
    distance = min((abs(score.key.frame - frame) for frame in labelled), default=None)
    # Beside a label of the same structure a second one teaches little that is new.
    nearness = 1.0 if distance is None else min(1.0, 0.5 + distance / 10)
    what = "outline uncertain" if unsure >= jumpy else "outline jumps here"
    reason = f"{what}, {_where(distance, is_labelled=is_labelled)}"
    return QueueItem(score.key, structure, (unsure + jumpy) * nearness, reason)


def _where(distance: int | None, *, is_labelled: bool) -> str:
    if distance is None:
        return f"not labelled in {'this' if is_labelled else 'any'} clip yet"
    return f"{counted(distance, 'frame')} from the nearest label"


def _spread(items: Sequence[QueueItem], repeats: _Repeats, limit: int) -> tuple[QueueItem, ...]:
    left = list(items)
    values = [item.score for item in left]
    chosen: list[QueueItem] = []
    while left and len(chosen) < limit:
        best = max(range(len(left)), key=values.__getitem__)
        item = left.pop(best)
        values.pop(best)
        chosen.append(item)
        for i, other in enumerate(left):
            values[i] *= repeats.factor(item, other)
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class _Repeats:
    """What an item costs the others: ``patients`` by clip, and the structures that have a finished label anywhere."""

    patients: Mapping[str, str]
    labelled: frozenset[str]

    def factor(self, item: QueueItem, other: QueueItem) -> float:
        """By which ``other`` is less worth after ``item``."""
        is_same = other.structure == item.structure
        factor = REPEAT_PATIENT if self.patients[other.key.clip] == self.patients[item.key.clip] else 1.0
        if is_same:
            factor *= REPEAT_NEW if self._is_new(other) else REPEAT_STRUCTURE
        if other.key.clip == item.key.clip:
            factor *= REPEAT_CLIP
            if is_same and abs(other.key.frame - item.key.frame) <= NEAR_FRAMES:
                factor *= NEAR
        return factor

    def _is_new(self, item: QueueItem) -> bool:
        # Where nothing is labelled yet, nothing tells what somebody means to label.
        return item.reason == NEW_REASON or (bool(self.labelled) and item.structure not in self.labelled)
