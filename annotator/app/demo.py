"""The demo: a project that teaches itself before one's eyes, and how well it did against the simulated truth."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from annotator.app.demo_project import DemoTruth, make_demo_project
from annotator.app.pictures import overlay_picture
from annotator.core.identity import FrameKey
from annotator.engine.jobs.models import serving_model
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.training import TrainBudget, TrainOptions, train
from annotator.project import Project

_JUDGED_FRAMES: Final = 48
_PICTURES: Final = 6


@dataclass(frozen=True, slots=True)
class DemoReport:
    """How the suggestions compare with the simulated truth, where nobody labelled.

    Parameters
    ----------
    project
        The project's folder.
    dice
        Structure id to mean Dice over frames; empty where no model was published.
    frames
        Frames that were judged.
    pictures
        Overlays that were written.
    seconds
        Spent on training, or in the window.
    """

    project: Path
    dice: dict[str, float]
    frames: int
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def mean_dice(self) -> float | None:
        """Mean over structures, ``None`` before the first model."""
        return sum(self.dice.values()) / len(self.dice) if self.dice else None

    @property
    def lines(self) -> tuple[str, ...]:
        """The report in plain sentences."""
        mean = self.mean_dice
        if mean is None:
            return (f"No model was published yet; the project is in {self.project}.",)
        each = ", ".join(f"{name} {value:.2f}" for name, value in self.dice.items())
        said = [
            f"Suggestions for {self.frames} frames, only where nobody labelled the structure: "
            f"mean Dice {mean:.2f} against the simulated truth ({each}), after {self.seconds:.0f} s.",
            f"The project is in {self.project}.",
        ]
        if self.pictures:
            said.append(f"Pictures are in {self.pictures[0].parent}.")
        return tuple(said)

    def as_json(self) -> dict[str, Any]:
        """The report for ``--json``."""
        return {
            "project": str(self.project),
            "mean_dice": self.mean_dice,
            "dice": self.dice,
            "frames": self.frames,
            "pictures": [str(p) for p in self.pictures],
            "seconds": self.seconds,
        }


def run_demo(folder: Path | None = None, *, minutes: float = 2.0, headless: bool = False) -> DemoReport:
    """Make the demo's project and show it learning, in the window or, without a screen, in pictures.

    Parameters
    ----------
    folder
        Where to make it; a temporary folder where there is none.
    minutes
        How long to train without a window.
    headless
        No window, even where there is a screen.

    Raises
    ------
    AnnotatorError
        Where the folder cannot be written or training fails.
    """
    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="annotator-demo-"))
    path = place / "demo"
    print("Simulating clips…", file=sys.stderr)
    truth = make_demo_project(path)
    began = time.monotonic()
    if headless or not has_screen():
        print(f"Training for {minutes:g} minutes without a window…", file=sys.stderr)
        with Project.open(path) as project:
            train(project, TrainOptions(), TrainBudget(minutes=minutes), progress=Silent())
    else:
        from annotator.app.startup import open_window  # noqa: PLC0415 - Qt only where a window is wanted

        open_window(path)
    return judge(path, truth, seconds=time.monotonic() - began)


def has_screen() -> bool:
    """Whether a window can be opened."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def judge(path: Path, truth: DemoTruth, *, seconds: float) -> DemoReport:
    """Compare the latest model with the simulated truth where nobody labelled, and write pictures.

    Raises
    ------
    AnnotatorError
        Where the project cannot be read.
    """
    with Project.open(path, read_only=True) as project:
        if project.latest_snapshot() is None:
            return DemoReport(path, {}, 0, (), seconds)
        predictor = serving_model(project).predictor
        wanted: dict[FrameKey, list[str]] = {}
        for key, structure in truth.unlabelled():
            wanted.setdefault(key, []).append(structure)
        keys = _spread(sorted(wanted), _JUDGED_FRAMES)
        scores: dict[str, list[float]] = {s: [] for s in truth.structures}
        pictures = []
        shown = set(_spread(keys, _PICTURES))
        for key in keys:
            frame, header = project.read_frame(key), project.clip(key.clip).header
            classes = predictor.predict(frame, header.spacing, header.view).classes
            for structure in wanted[key]:
                found = classes == project.protocol.index(structure)
                scores[structure].append(_dice(found, truth.masks[key][structure]))
            if key in shown:
                out = path.parent / "pictures" / f"{key.file_stem}.png"
                pictures.append(overlay_picture(frame, classes, truth.masks[key], project.protocol, out))
    dice = {s: sum(values) / len(values) for s, values in scores.items() if values}
    return DemoReport(path, dice, len(keys), tuple(pictures), seconds)


def _spread(keys: Sequence[FrameKey], n: int) -> list[FrameKey]:
    if len(keys) <= n:
        return list(keys)
    return [keys[i] for i in np.linspace(0, len(keys) - 1, n).round().astype(int).tolist()]


def _dice(found: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    """2 |A and B| / (|A| + |B|); 1 where both are empty."""
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 2.0 * int(np.count_nonzero(found & truth)) / total if total else 1.0
