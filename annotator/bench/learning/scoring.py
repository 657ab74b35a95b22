"""Scores of the learning benchmark on test frames: Dice and HD95 by patient, and how honest confidence is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from annotator.bench.learning.cases import Case
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.learn.metrics import Reliability, dice, expected_calibration_error, hd95_mm, reliability
from annotator.learn.patient_scores import Score, summarise

Probabilities = NDArray[np.float32]
"""(K+1, H, W), native size."""

_THIN: Final = 4
"""Every so many rows and columns count for the calibration error; neighbouring pixels say nearly the same."""


def score(cases: Sequence[Case], found: Iterable[Probabilities], protocol: LabelProtocol) -> dict[str, Any]:
    """Everything that a row of the table needs.

    Parameters
    ----------
    cases
        Labelled frames.
    found
        Probabilities of each, in the same order.
    protocol
        Names the classes.

    Returns
    -------
    dict
        ``dice``, ``hd95_mm``, ``missed`` (frames where a structure that is there is found nowhere) and ``ece`` by
        structure, and ``by_domain`` with Dice by structure.
    """
    scores: list[Score] = []
    bins: dict[str, list[Reliability]] = {}
    missed: dict[str, int] = {}
    for case, probabilities in zip(cases, found, strict=True):
        classes = probabilities.argmax(axis=0)
        for structure, truth in _truths(case):
            claimed = np.asarray(classes == protocol.index(structure), dtype=np.bool_)
            scores.append(_score(case, structure, claimed, truth))
            missed[structure] = missed.get(structure, 0) + int(truth.any() and not claimed.any())
            thin = probabilities[protocol.index(structure), ::_THIN, ::_THIN].ravel()
            bins.setdefault(structure, []).append(reliability(thin, truth[::_THIN, ::_THIN].ravel()))
    result = summarise(scores, frames=len(cases), snapshot=None)
    return {
        "dice": {s: r.dice for s, r in result.structures.items()},
        "hd95_mm": {s: r.hd95_mm for s, r in result.structures.items()},
        "missed": missed,
        "ece": {s: expected_calibration_error(_together(of)) for s, of in bins.items()},
        "by_domain": {d: {s: r.dice for s, r in of.items()} for d, of in result.by_domain.items()},
    }


def dice_only(cases: Sequence[Case], found: Iterable[Probabilities], protocol: LabelProtocol) -> dict[str, float]:
    """Dice by structure, for learning curves."""
    scores = [
        Score(
            case.patient, case.header.domain, "", structure, dice(classes == protocol.index(structure), truth), math.nan
        )
        for case, classes in zip(cases, (p.argmax(axis=0) for p in found), strict=True)
        for structure, truth in _truths(case)
    ]
    return {s: r.dice for s, r in summarise(scores, frames=len(cases), snapshot=None).structures.items()}


def _truths(case: Case) -> Iterator[tuple[str, Mask]]:
    for structure, said in case.label.structures.items():
        if said.status in (LabelStatus.OUTLINED, LabelStatus.ABSENT):
            yield structure, np.zeros(case.label.shape, dtype=np.bool_) if said.inside is None else said.inside


def _score(case: Case, structure: str, claimed: Mask, truth: Mask) -> Score:
    spacing = case.header.spacing
    distance = math.nan if spacing is None else hd95_mm(claimed, truth, spacing)
    return Score(case.patient, case.header.domain, case.header.view or "", structure, dice(claimed, truth), distance)


def _together(parts: Sequence[Reliability]) -> Reliability:
    """Bins of several frames as one."""
    counts = np.stack([p.count for p in parts])
    total = counts.sum(axis=0)
    divisor = np.where(total > 0, total, np.nan)
    confidence = np.nansum(np.stack([p.confidence for p in parts]) * counts, axis=0) / divisor
    frequency = np.nansum(np.stack([p.frequency for p in parts]) * counts, axis=0) / divisor
    return Reliability(confidence, frequency, total)
