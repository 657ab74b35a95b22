"""Small real projects and sessions with fake trainers, run without a thread, for tests of the engine."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from annotator.core.edits import Assign
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import Event, RunState
from annotator.engine.options import SessionOptions
from annotator.engine.session import TrainingSession
from annotator.project import Project
from annotator.testing.trainers import FakeTrainer, FakeWorkshop

SIDE: Final = 32
"""Of a frame, in pixels."""

PAIR: Final = LabelProtocol(
    name="pair",
    title="A pair",
    structures=(Structure("lv", "LV", "#e4572e", "1"), Structure("la", "LA", "#2e86e4", "2")),
)


def add_moving_square(
    project: Project, name: str, *, patient: str = "", frames: int = 5, split: Split = Split.TRAIN
) -> str:
    """A clip whose bright square moves; every name has other pixels."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    images = rng.integers(0, 40, (frames, SIDE, SIDE), dtype=np.uint8)
    for i in range(frames):
        images[i, 8 + i % 4 : 20 + i % 4, 8:20] += 180
    header = ClipHeader(
        stem=name, patient=project.pseudonymiser.key(patient or name), n_frames=frames, height=SIDE, width=SIDE
    )
    added = project.add_clip(Recording(header, list(images)), author="tester", split=split)
    return added.clip.name


def add_twin(project: Project, of: str, name: str, *, patient: str, split: Split = Split.TRAIN) -> None:
    """A clip of the same pictures as another under another patient, as a manifest names it."""
    clip = project.clip(of)
    frames = [project.read_frame(key) for key in clip.frame_keys]
    header = replace(clip.header, stem=name, patient=project.pseudonymiser.key(patient))
    project.add_clips([(Recording(header, frames), split)], author="tester", patients_are_named=True)


def outline_square(
    project: Project,
    clip: str,
    frame: int = 0,
    *,
    structure: str = "lv",
    top: int = 8,
    origin: Origin = Origin.DRAWN,
) -> FrameKey:
    """Outline the square of a frame."""
    mask = np.zeros((SIDE, SIDE), dtype=np.bool_)
    mask[top + frame % 4 : top + 12 + frame % 4, 8:20] = True
    key = FrameKey(clip, frame)
    said = Assign(structure, StructureLabel(LabelStatus.OUTLINED, mask))
    project.commit(key, [said], author="tester", origin=origin)
    return key


class Driver:
    """Runs a session without a thread and keeps what it said."""

    def __init__(self, session: TrainingSession) -> None:
        self.session = session
        self.events: list[Event] = []

    def run(self, until: Callable[[], bool], *, ticks: int = 3000) -> None:
        """Tick until a condition holds.

        Raises
        ------
        AssertionError
            Where it never does.
        """
        for _ in range(ticks):
            if until():
                return
            events, _ = self.session.tick()
            self.events += events
        raise AssertionError(f"It did not happen in {ticks} ticks; the state is {self.session.state}.")

    def run_to(self, state: RunState) -> None:
        """Tick until a state."""
        self.run(lambda: self.session.state is state)

    def settle(self, ticks: int = 60) -> None:
        """Tick some more."""
        for _ in range(ticks):
            self.events += self.session.tick()[0]


def driven(
    project: Project,
    make: Callable[[int], FakeTrainer] = lambda _: FakeTrainer(),
    *,
    options: SessionOptions | None = None,
) -> tuple[Driver, FakeWorkshop]:
    """A session with fake trainers, and the workshop that keeps them."""
    workshop = FakeWorkshop(project.protocol, make)
    return Driver(TrainingSession(project, lambda _: workshop, options=options)), workshop
