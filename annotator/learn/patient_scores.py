"""Dice and HD95 of many frames as means over patients, with bootstrap intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotator.core.identity import ClipHeader
from annotator.core.labels import PartialLabel
from annotator.core.packing import Mask
from annotator.learn.metrics import bootstrap_ci, dice, hd95_mm


@dataclass(frozen=True, slots=True)
class Score:
    """One structure in one frame.

    Parameters
    ----------
    dice
        0..1; NaN where neither model nor label has the structure.
    hd95_mm
        In mm; NaN without a spacing, or where only one of the two has the structure.
    is_hd95_missing
        Whether there is a spacing, and only one of the two has the structure.
    is_from_suggestion
        Whether the label began as a model's suggestion.
    """

    patient: str
    domain: str
    view: str
    structure: str
    dice: float
    hd95_mm: float
    is_hd95_missing: bool = False
    is_from_suggestion: bool = False


def truth_of(label: PartialLabel, structure: str) -> Mask:
    """(H, W) bool: where a person said that a structure is; nowhere where it is absent."""
    inside = label[structure].inside
    return np.zeros(label.shape, dtype=np.bool_) if inside is None else inside


def compared(label: PartialLabel, structure: str, predicted: Mask) -> tuple[Mask, Mask]:
    """What a model predicts of a structure and what a person said of it, both (H, W) bool, without unsure pixels."""
    truth = truth_of(label, structure)
    return (predicted, truth) if label.unsure is None else (predicted & ~label.unsure, truth & ~label.unsure)


def structure_score(header: ClipHeader, label: PartialLabel, structure: str, predicted: Mask) -> Score:
    """Compare what a model predicts of a structure with a finished outline or absence; unsure pixels count neither way.

    Parameters
    ----------
    header
        Of the frame's clip.
    label, structure
        What was said, and of what.
    predicted
        (H, W) bool.
    """
    (predicted, truth), spacing = compared(label, structure, predicted), header.spacing
    return Score(
        patient=header.patient,
        domain=header.domain,
        view=header.view or "unknown",
        structure=structure,
        dice=dice(predicted, truth),
        hd95_mm=hd95_mm(predicted, truth, spacing) if spacing else math.nan,
        is_hd95_missing=spacing is not None and bool(predicted.any()) != bool(truth.any()),
    )


@dataclass(frozen=True, slots=True)
class StructureResult:
    """One structure over patients: means, the 95% bootstrap interval of Dice, and how many patients.

    ``hd95_missing`` counts the frames that ``hd95_mm`` leaves out since only the model or only the label has the
    structure there: no distance says how wrong that is. ``hd95_patients`` counts those with a distance, which frames
    without a pixel size have not.
    """

    dice: float
    ci95: tuple[float, float]
    hd95_mm: float | None
    hd95_missing: int
    hd95_patients: int
    patients: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``annotator evaluate`` reports.

    ``labels_from_suggestions`` of the ``labels`` began as a model's suggestion that was accepted or corrected; they
    agree with a model more than independent ones would. ``passed_over`` says in plain sentences which frames could not
    be read and count nowhere.
    """

    structures: Mapping[str, StructureResult]
    mean_dice: float | None
    by_domain: Mapping[str, Mapping[str, StructureResult]]
    by_view: Mapping[str, Mapping[str, StructureResult]]
    frames: int
    labels: int
    labels_from_suggestions: int
    snapshot: int | None
    passed_over: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain numbers under the public names."""
        return {
            "structures": _json(self.structures),
            "mean_dice": self.mean_dice,
            "by_domain": {name: _json(results) for name, results in self.by_domain.items()},
            "by_view": {name: _json(results) for name, results in self.by_view.items()},
            "frames": self.frames,
            "labels": self.labels,
            "labels_from_suggestions": self.labels_from_suggestions,
            "snapshot": self.snapshot,
            "passed_over": list(self.passed_over),
        }


def summarise(scores: Iterable[Score], *, frames: int, snapshot: int | None) -> Evaluation:
    """Means over patients (of each patient's mean over frames), overall, by domain and by view."""
    kept = [s for s in scores if not math.isnan(s.dice)]
    structures = _by_structure(kept)
    return Evaluation(
        structures=structures,
        mean_dice=float(np.mean([r.dice for r in structures.values()])) if structures else None,
        by_domain={d: _by_structure(s for s in kept if s.domain == d) for d in sorted({s.domain for s in kept})},
        by_view={v: _by_structure(s for s in kept if s.view == v) for v in sorted({s.view for s in kept})},
        frames=frames,
        labels=len(kept),
        labels_from_suggestions=sum(score.is_from_suggestion for score in kept),
        snapshot=snapshot,
    )


def _by_structure(scores: Iterable[Score]) -> dict[str, StructureResult]:
    grouped: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        grouped[score.structure].append(score)
    return {name: _over_patients(found) for name, found in grouped.items()}


def _over_patients(scores: list[Score]) -> StructureResult:
    dices: dict[str, list[float]] = defaultdict(list)
    distances: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        dices[score.patient].append(score.dice)
        if not math.isnan(score.hd95_mm):
            distances[score.patient].append(score.hd95_mm)
    means = np.asarray([np.mean(values) for values in dices.values()])
    return StructureResult(
        dice=float(means.mean()),
        ci95=bootstrap_ci(means),
        hd95_mm=float(np.mean([np.mean(v) for v in distances.values()])) if distances else None,
        hd95_missing=sum(score.is_hd95_missing for score in scores),
        hd95_patients=len(distances),
        patients=len(dices),
    )


def _json(results: Mapping[str, StructureResult]) -> dict[str, Any]:
    return {
        name: {
            "dice": r.dice,
            "ci95": list(r.ci95),
            "hd95_mm": r.hd95_mm,
            "hd95_missing": r.hd95_missing,
            "hd95_patients": r.hd95_patients,
            "patients": r.patients,
        }
        for name, r in results.items()
    }
