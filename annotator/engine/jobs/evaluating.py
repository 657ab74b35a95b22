"""Dice and HD95 of a model against the labels of a split, by patient, with bootstrap intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.core.errors import ProjectError
from annotator.core.identity import Clip, FrameKey, Spacing, Split
from annotator.core.labels import PartialLabel
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus
from annotator.engine.jobs.models import serving_model
from annotator.engine.jobs.progress import Progress
from annotator.learn.metrics import bootstrap_ci, dice, hd95_mm
from annotator.project import Project

if TYPE_CHECKING:
    from annotator.learn.weights import Predictor


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


def evaluate(project: Project, split: Split, *, weights: Path | None, progress: Progress) -> Evaluation:
    """Compare a model with the finished outlines and absences of a split.

    Parameters
    ----------
    project
        Whose labels are the truth.
    split
        Which clips; labels of other splits are not looked at.
    weights
        A weights file, or ``None`` for the project's latest snapshot.
    progress
        Told after every frame.

    Raises
    ------
    ProjectError
        Where the split has no finished label or the project has no model.
    IncompatibleWeights
        Where the weights belong to another protocol.
    """
    keys = project.labelled_keys(splits=(split,))
    if not keys:
        raise ProjectError(
            f"{project.path}: no clip of the split '{split}' has a finished label; import or draw labels there first."
        )
    model = serving_model(project, weights)
    scores: list[Score] = []
    for done, key in enumerate(keys):
        progress.update(done, len(keys), f"Comparing {key.clip}, frame {key.frame}")
        scores += _frame_scores(project, key, model.predictor)
    return summarise(scores, frames=len(keys), snapshot=model.snapshot)


def _frame_scores(project: Project, key: FrameKey, predictor: Predictor) -> Iterable[Score]:
    clip = project.clip(key.clip)
    classes = predictor.predict(project.read_frame(key), spacing=clip.header.spacing).classes
    label = project.label(key)
    for name in project.protocol.ids:
        said = label[name]
        if said.status in (LabelStatus.OUTLINED, LabelStatus.ABSENT):
            predicted = np.asarray(classes == project.protocol.index(name), dtype=np.bool_)
            yield _score(clip, name, predicted=predicted, truth=_truth(label, name), unsure=label.unsure)


def _truth(label: PartialLabel, name: str) -> Mask:
    inside = label[name].inside
    return np.zeros(label.shape, dtype=np.bool_) if inside is None else inside


def _score(clip: Clip, name: str, *, predicted: Mask, truth: Mask, unsure: Mask | None) -> Score:
    if unsure is not None:
        predicted, truth = predicted & ~unsure, truth & ~unsure
    spacing: Spacing | None = clip.header.spacing
    return Score(
        patient=clip.header.patient,
        domain=clip.header.domain,
        view=clip.header.view or "unknown",
        structure=name,
        dice=dice(predicted, truth),
        hd95_mm=hd95_mm(predicted, truth, spacing) if spacing else math.nan,
    )


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
