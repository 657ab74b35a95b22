"""The demo's project: simulated hearts on two scanners, each with other structures labelled, in a few frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from annotator import registry
from annotator.core.edits import Assign
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.packing import Mask
from annotator.core.plugin_types import Recording
from annotator.engine.recipes import remember_recipe
from annotator.project import Project

RECIPE: Final = "demo"
SIMULATOR: Final = "echo"
AUTHOR: Final = "demo"
N_FRAMES: Final = 12
PATIENTS: Final = 12
_SEED: Final = 7
_LABELLED_FRAMES: Final = (0, 5)
_UNLABELLED_PATIENTS: Final = (5, 11)
"""The last patient of each scanner has no label at all."""


@dataclass(slots=True)
class DemoTruth:
    """What the simulator knows and the project is not told.

    Parameters
    ----------
    masks
        Frame to structure to (H, W) bool.
    labelled
        Frame to the structures that were labelled in it.
    structures
        Structures that were labelled somewhere, in protocol order.
    """

    masks: dict[FrameKey, Mapping[str, Mask]] = field(default_factory=dict)
    labelled: dict[FrameKey, tuple[str, ...]] = field(default_factory=dict)
    structures: tuple[str, ...] = ()

    def unlabelled(self) -> Iterator[tuple[FrameKey, str]]:
        """Frames and structures that nobody labelled, among structures that were labelled somewhere."""
        for key in sorted(self.masks):
            yield from ((key, s) for s in self.structures if s not in self.labelled.get(key, ()))


def make_demo_project(folder: Path) -> DemoTruth:
    """Simulate the clips, import them without labels, and label a few parts of a few frames.

    Parameters
    ----------
    folder
        The project to make; it must not exist, or be empty.

    Raises
    ------
    AnnotatorError
        Where the simulator is not installed or the folder cannot be written.
    """
    simulator = registry.simulator(SIMULATOR)
    protocol = registry.protocol(simulator.protocol)
    by_domain = _taught(protocol.ids)
    truth = DemoTruth(structures=tuple(s for s in protocol.ids if any(s in taught for taught in by_domain)))
    with Project.create(folder, protocol) as project:
        remember_recipe(project, RECIPE)
        for patient in range(PATIENTS):
            scanner = patient * len(by_domain) // PATIENTS
            made = simulator.simulate(patient=patient, domain=simulator.domains[scanner], seed=_SEED, n_frames=N_FRAMES)
            taught = () if patient in _UNLABELLED_PATIENTS else by_domain[scanner]
            _add(project, made, truth, taught)
    return truth


def _taught(structures: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What each of two scanners' frames are labelled with: the first and third structure, and the second."""
    return (structures[0], *structures[2:3]), structures[1:2]


def _add(project: Project, made: Recording, truth: DemoTruth, taught: tuple[str, ...]) -> None:
    pseudonym = project.pseudonymiser.key(made.header.stem)
    bare = replace(made, header=replace(made.header, patient=pseudonym), labels={})
    clip = project.add_clip(bare, author=AUTHOR).clip
    for frame, label in made.labels.items():
        key = FrameKey(clip.name, frame)
        truth.masks[key] = _masks(label, truth.structures)
    for frame in _LABELLED_FRAMES if taught else ():
        key, label = FrameKey(clip.name, frame), made.labels[frame]
        project.commit(key, [Assign(s, label[s]) for s in taught], author=AUTHOR)
        truth.labelled[key] = taught


def _masks(label: PartialLabel, structures: tuple[str, ...]) -> dict[str, Mask]:
    nothing = np.zeros(label.shape, dtype=np.bool_)
    masks = {s: label[s].inside for s in structures}
    return {s: nothing if mask is None else mask for s, mask in masks.items()}
