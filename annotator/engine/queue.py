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

NEW: Final = 0.5
REPEAT_NEW: Final = 0.5
"""Score of a structure that the model does not know, and the factor for each earlier item of it.

It comes among what the model is unsure of, since perhaps nobody means to label it, and a few times only, since a few
labels make it known.
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

    Chosen greedily; each choice makes further ones of the same clip, patient and neighbourhood less worth. What
    is finished or rejected never comes.

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
    open_items = [
        _item(score, structure, labels[score.key.clip, structure])
        if chance is None
        else QueueItem(score.key, structure, chance.uniform(0.01, 1.0), random_reason)
        for score in sorted(scores, key=lambda s: s.key)
        for structure in score.structures
        if is_open(said.get(score.key, {}).get(structure, LabelStatus.UNKNOWN))
    ]
    patients = {score.key.clip: score.patient for score in scores}
    return _spread([item for item in open_items if item.score > 0], patients, limit)


def is_open(status: LabelStatus) -> bool:
    """Whether a structure of this status may still be asked for."""
    return not status.is_finished and status is not LabelStatus.REJECTED


def _labelled_frames(said: Mapping[FrameKey, Mapping[str, LabelStatus]]) -> defaultdict[tuple[str, str], list[int]]:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for key, of_frame in said.items():
        for structure, status in of_frame.items():
            if status.is_finished:
                found[key.clip, structure].append(key.frame)
    return found


def _item(score: FrameScore, structure: str, labelled: Sequence[int]) -> QueueItem:
    if structure not in score.uncertainty:
        return QueueItem(score.key, structure, NEW, NEW_REASON)
    unsure = UNCERTAINTY_WEIGHT * score.uncertainty[structure]
    jumpy = INCONSISTENCY_WEIGHT * score.inconsistency.get(structure, 0.0)
    distance = min((abs(score.key.frame - frame) for frame in labelled), default=None)
    # Beside a label of the same structure a second one teaches little that is new.
    nearness = 1.0 if distance is None else min(1.0, 0.5 + distance / 10)
    what = "outline uncertain" if unsure >= jumpy else "outline jumps here"
    return QueueItem(score.key, structure, (unsure + jumpy) * nearness, f"{what}, {_where(distance)}")


def _where(distance: int | None) -> str:
    if distance is None:
        return "not labelled in this clip yet"
    return f"{counted(distance, 'frame')} from the nearest label"


def _spread(items: Sequence[QueueItem], patients: Mapping[str, str], limit: int) -> tuple[QueueItem, ...]:
    left = list(items)
    values = [item.score for item in left]
    chosen: list[QueueItem] = []
    while left and len(chosen) < limit:
        best = max(range(len(left)), key=values.__getitem__)
        item = left.pop(best)
        values.pop(best)
        chosen.append(item)
        patient = patients[item.key.clip]
        for i, other in enumerate(left):
            values[i] *= _repeat_factor(item, other, is_same_patient=patients[other.key.clip] == patient)
    return tuple(chosen)


def _repeat_factor(item: QueueItem, other: QueueItem, *, is_same_patient: bool) -> float:
    factor = REPEAT_PATIENT if is_same_patient else 1.0
    if other.structure == item.structure and other.reason == NEW_REASON:
        factor *= REPEAT_NEW
    if other.key.clip == item.key.clip:
        factor *= REPEAT_CLIP
        if other.structure == item.structure and abs(other.key.frame - item.key.frame) <= NEAR_FRAMES:
            factor *= NEAR
    return factor
