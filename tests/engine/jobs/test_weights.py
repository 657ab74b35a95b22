"""The card of exported weights: what the model saw, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annotator.core.edits import Assign
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.status import LabelStatus
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.training import TrainBudget, TrainOptions, train
from annotator.engine.jobs.weights import export_weights
from annotator.learn.preprocess import INPUT_MEAN, INPUT_STD
from annotator.project import Project
from annotator.testing.sessions import SIDE, outline_square


def _add(project: Project, domain: str, split: Split) -> str:
    image = np.random.default_rng(len(domain)).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    header = ClipHeader(domain, project.pseudonymiser.key(domain), n_frames=2, height=SIDE, width=SIDE, domain=domain)
    return project.add_clip(Recording(header, [image, image]), author="tester", split=split).clip.name


def test_the_card_counts_what_the_model_learnt_from(project: Project, tmp_path: Path) -> None:
    outline_square(project, _add(project, "ward", Split.TRAIN))
    outline_square(project, _add(project, "bedside", Split.TEST))
    rejected = Assign("la", StructureLabel(LabelStatus.REJECTED))
    project.commit(FrameKey("ward", 1), [rejected], author="tester")
    options = TrainOptions(overrides={"data.image_size": "32", "network.options.width": "8"}, device="cpu")
    train(project, options, TrainBudget(steps=1), progress=Silent())
    export_weights(project, "safetensors", tmp_path / "model.safetensors")
    card = (tmp_path / "model.safetensors.md").read_text(encoding="utf-8")
    assert "| ward | 1 |" in card
    assert "bedside" not in card
    assert "| structure | outlined |" in card
    assert "Confidence was not measured, since no patient is held aside." in card
    assert f"| values | (grey / 255 - {INPUT_MEAN}) / {INPUT_STD} |" in card
