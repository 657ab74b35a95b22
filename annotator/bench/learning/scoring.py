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
from annotator.learn.components import classes_of
from annotator.learn.metrics import Reliability, dice, expected_calibration_error, reliability
from annotator.learn.patient_scores import Score, compared, structure_score, summarise, truth_of

Probabilities = NDArray[np.float32]
"""(K+1, H, W), native size."""

_THINNED: Final = (slice(None, None, 4), slice(None, None, 4))
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
        ``dice``, ``hd95_mm``, ``hd95_missing`` (frames that it leaves out) and ``ece`` by structure,
        and ``by_domain`` with Dice by structure.
    """
    scores: list[Score] = []
    bins: dict[str, list[Reliability]] = {}
    for case, probabilities in zip(cases, found, strict=True):
        classes = classes_of(probabilities, protocol)
        for structure in _said(case):
            claimed = np.asarray(classes == protocol.index(structure), dtype=np.bool_)
            scores.append(structure_score(case.header, case.label, structure, claimed))
            sure, truth = _sure(case)[_THINNED], truth_of(case.label, structure)[_THINNED]
            thin = probabilities[protocol.index(structure)][_THINNED]
            bins.setdefault(structure, []).append(reliability(thin[sure], truth[sure]))
    result = summarise(scores, frames=len(cases), snapshot=None)
    return {
        "dice": {s: r.dice for s, r in result.structures.items()},
        "hd95_mm": {s: r.hd95_mm for s, r in result.structures.items()},
        "hd95_missing": {s: r.hd95_missing for s, r in result.structures.items()},
        "ece": {s: expected_calibration_error(_together(of)) for s, of in bins.items()},
        "by_domain": {d: {s: r.dice for s, r in of.items()} for d, of in result.by_domain.items()},
    }


def dice_only(cases: Sequence[Case], found: Iterable[Probabilities], protocol: LabelProtocol) -> dict[str, float]:
    """Dice by structure, for learning curves."""
    scores = []
    for case, probabilities in zip(cases, found, strict=True):
        classes = classes_of(probabilities, protocol)
        for structure in _said(case):
            claimed, truth = compared(case.label, structure, classes == protocol.index(structure))
            scores.append(Score(case.patient, case.header.domain, "", structure, dice(claimed, truth), math.nan))
    return {s: r.dice for s, r in summarise(scores, frames=len(cases), snapshot=None).structures.items()}


def _said(case: Case) -> Iterator[str]:
    """Structures with an outline or an absence to compare with."""
    for structure, said in case.label.structures.items():
        if said.status.is_whole:
            yield structure


def _sure(case: Case) -> Mask:
    """(H, W) bool: where the annotator was not unsure."""
    unsure = case.label.unsure
    return np.ones(case.label.shape, dtype=np.bool_) if unsure is None else ~unsure


def _together(parts: Sequence[Reliability]) -> Reliability:
    """Bins of several frames as one."""
    counts = np.stack([p.count for p in parts])
    total = counts.sum(axis=0)
    divisor = np.where(total > 0, total, np.nan)
    confidence = np.nansum(np.stack([p.confidence for p in parts]) * counts, axis=0) / divisor
    frequency = np.nansum(np.stack([p.frequency for p in parts]) * counts, axis=0) / divisor
    return Reliability(confidence, frequency, total)
