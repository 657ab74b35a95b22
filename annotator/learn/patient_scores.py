"""Dice and HD95 of many frames as means over patients, with bootstrap intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotator.learn.metrics import bootstrap_ci


@dataclass(frozen=True, slots=True)
class Score:
    """One structure in one frame: Dice 0..1, and HD95 in mm where spacing and both outlines exist."""

    patient: str
    domain: str
    view: str
    structure: str
    dice: float
    hd95_mm: float


@dataclass(frozen=True, slots=True)
class StructureResult:
    """One structure over patients: means, the 95% bootstrap interval of Dice, and how many patients."""

    dice: float
    ci95: tuple[float, float]
    hd95_mm: float | None
    patients: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ``annotator evaluate`` reports."""

    structures: Mapping[str, StructureResult]
    mean_dice: float | None
    by_domain: Mapping[str, Mapping[str, StructureResult]]
    by_view: Mapping[str, Mapping[str, StructureResult]]
    frames: int
    snapshot: int | None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers under the public names."""
        return {
            "structures": _json(self.structures),
            "mean_dice": self.mean_dice,
            "by_domain": {name: _json(results) for name, results in self.by_domain.items()},
            "by_view": {name: _json(results) for name, results in self.by_view.items()},
            "frames": self.frames,
            "snapshot": self.snapshot,
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
        patients=len(dices),
    )


def _json(results: Mapping[str, StructureResult]) -> dict[str, Any]:
    return {
        name: {"dice": r.dice, "ci95": list(r.ci95), "hd95_mm": r.hd95_mm, "patients": r.patients}
        for name, r in results.items()
    }
