"""Validation on patients held aside: Dice per structure and domain, over pixels that a person decided.

A suggestion that was accepted as it was is right, but it is the outline of the model that made it: whatever has learnt
more since overlaps with it less. So accepted ones measure a structure only where nobody drew or corrected any.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from annotator.core.protocols import LabelProtocol
from annotator.learn.components import classes_of
from annotator.learn.dataset import TrainingFrame
from annotator.learn.label_dropout import known_structures

_Scores = dict[tuple[str, str, str], list[float]]


@dataclass(frozen=True, slots=True)
class Validation:
    """What the teacher is worth on the patients held aside.

    Parameters
    ----------
    dice
        Structure id to the mean over patients of each patient's mean Dice; a structure that no held frame
        knows is missing.
    by_domain
        Domain to the same.
    loss
        1 - mean Dice, so that less is better; NaN where nothing could be measured.
    n_frames, n_patients
        What it was measured on.
    patients_of
        Structure id to the number of patients behind its figure.
    measured_on_accepted
        Structures whose figure rests on accepted suggestions alone.
    """

    dice: Mapping[str, float] = field(default_factory=dict)
    by_domain: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    loss: float = float("nan")
    n_frames: int = 0
    n_patients: int = 0
    patients_of: Mapping[str, int] = field(default_factory=dict)
    measured_on_accepted: frozenset[str] = frozenset()

    @property
    def mean_dice(self) -> float:
        """Mean over structures; NaN where nothing could be measured."""
        return 1.0 - self.loss


def score(
    frames: Sequence[TrainingFrame], classes: Sequence[NDArray[np.integer]], protocol: LabelProtocol
) -> Validation:
    """Compare predicted classes with what is known.

    Parameters
    ----------
    frames
        Labelled frames.
    classes
        (S, S) integer per frame, the predicted class.
    protocol
        Names the structures.
    """
    own: _Scores = defaultdict(list)
    accepted: _Scores = defaultdict(list)
    for frame, predicted in zip(frames, classes, strict=True):
        assert frame.bitmap is not None
        known = known_structures(frame.bitmap, protocol.n_classes)
        for structure in protocol.ids:
            c = protocol.index(structure)
            value = _dice(frame.bitmap, predicted, c) if known[c] else float("nan")
            if np.isfinite(value):
                (accepted if structure in frame.accepted else own)[frame.domain, structure, frame.patient].append(value)
    only_accepted = frozenset(of for _, of, _ in accepted) - {of for _, of, _ in own}
    scores = own | {place: values for place, values in accepted.items() if place[1] in only_accepted}
    pooled = _means(scores, protocol.ids, domain=None)
    domains = sorted({domain for domain, _, _ in scores})
    loss = 1.0 - float(np.mean(list(pooled.values()))) if pooled else float("nan")
    by_domain = {domain: _means(scores, protocol.ids, domain=domain) for domain in domains}
    patients_of = Counter(structure for structure, _ in {(of, patient) for _, of, patient in scores})
    n_patients = len({f.patient for f in frames})
    return Validation(pooled, by_domain, loss, len(frames), n_patients, patients_of, only_accepted)


def score_probabilities(
    frames: Sequence[TrainingFrame], found: Iterable[NDArray[np.float32]], protocol: LabelProtocol
) -> Validation:
    """The same of what a model shows in each frame's view for its probabilities (or logits), (K+1, S, S) float32."""
    classes = [
        classes_of(_masked(probabilities, frame.possible), protocol)
        for frame, probabilities in zip(frames, found, strict=True)
    ]
    return score(frames, classes, protocol)


def _masked(found: NDArray[np.float32], possible: int) -> NDArray[np.float32]:
    is_possible = np.array([possible >> c & 1 for c in range(len(found))], dtype=np.bool_)
    return found if is_possible.all() else np.where(is_possible[:, None, None], found, np.float32(-np.inf))


def _dice(bitmap: NDArray[np.uint16], predicted: NDArray[np.integer], c: int) -> float:
    positive = bitmap == (1 << c)
    says = positive | ((bitmap >> c) & 1 == 0)
    claimed = (predicted == c) & says
    size = int(positive.sum()) + int(claimed.sum())
    return 2.0 * int((claimed & positive).sum()) / size if size else float("nan")


def _means(scores: _Scores, structures: Sequence[str], *, domain: str | None) -> dict[str, float]:
    means: dict[str, float] = {}
    for structure in structures:
        patients: dict[str, list[float]] = defaultdict(list)
        for (in_domain, of, patient), values in scores.items():
            if of == structure and domain in (None, in_domain):
                patients[patient] += values
        if patients:
            means[structure] = float(np.mean([np.mean(values) for values in patients.values()]))
    return means
