"""Dice and HD95 of a model against the labels of a split, by patient, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey, Split
from annotator.core.plugin_types import Frame
from annotator.core.status import Origin
from annotator.engine.jobs.damage import SoundFrames
from annotator.engine.jobs.models import serving_model
from annotator.engine.jobs.progress import Progress
from annotator.learn.patient_scores import Evaluation, Score, structure_score, summarise
from annotator.project import Project

if TYPE_CHECKING:
    from annotator.learn.weights import Predictor


def evaluate(
    project: Project, split: Split, *, weights: Path | None, progress: Progress, skip_damaged: bool = False
) -> Evaluation:
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
    skip_damaged
        Leave out frames that cannot be read, and name them, unless none can.

    Raises
    ------
    ProjectError
        Where the split has no outline and no absence, or the project has no model.
    IncompatibleWeights
        Where the weights belong to another protocol.
    CorruptProject
        Where a frame is damaged and must not be left out.
    """
    cells = project.all_statuses()
    finished = project.labelled_keys(splits=(split,))
    keys = [key for key in finished if any(cell.status.is_whole for cell in cells[key].values())]
    if not keys:
        raise ProjectError(
            f"{project.path}: no clip of the split '{split}' has an outline or absence to compare with; "
            "import or draw whole labels there first."
        )
    model = serving_model(project, weights)
    sound = SoundFrames(project, skip_damaged=skip_damaged)
    scores: list[Score] = []
    for done, key in enumerate(keys):
        progress.update(done, len(keys), f"Comparing {key.clip}, frame {key.frame}")
        frame = sound.read(key)
        if frame is not None:
            scores += _frame_scores(project, key, frame, model.predictor)
    passed_over = sound.left_out()
    return replace(summarise(scores, frames=len(sound), snapshot=model.snapshot), passed_over=passed_over)


def _frame_scores(project: Project, key: FrameKey, frame: Frame, predictor: Predictor) -> Iterable[Score]:
    clip = project.clip(key.clip)
    classes = predictor.predict(frame, clip.header.spacing, clip.header.view).classes
    label, provenance = project.label(key), project.provenance(key)
    for name in project.protocol.ids:
        said = label[name]
        if said.status.is_whole:
            predicted = np.asarray(classes == project.protocol.index(name), dtype=np.bool_)
            score = structure_score(clip.header, label, name, predicted)
            yield replace(score, is_from_suggestion=provenance[name].origin in (Origin.ACCEPTED, Origin.CORRECTED))
