"""A real project, napari's model without Qt, and a learner that says what it is told to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray

from annotator.core.identity import ClipHeader, FrameKey, Spacing, SpacingStatus
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.engine.messages import Command, Event, Suggestion, SuggestionsReady
from annotator.project import Project
from annotator.viewer.brush import LEFT
from annotator.viewer.workbench import Workbench

SHAPE = (40, 50)
PROTOCOL = LabelProtocol(
    "test",
    "Test",
    (
        Structure("lv", "LV cavity", "#e4572e", "1"),
        Structure("myo", "LV myocardium", "#17bebb", "2"),
        Structure("la", "Left atrium", "#ffc914", "3", views=("a4c",)),
    ),
    views=("a4c", "a2c"),
)


@dataclass
class FakeEngine:
    """Keeps what it was sent, hands out what it was given."""

    sent: list[Command] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def drain(self) -> list[Event]:
        events, self.waiting = self.waiting, []
        return events


class Pen:
    """Strokes as the window system sends them: a press, moves and a release, in pixels of the frame."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._gesture: Iterator[None] = iter(())
        self._event: Any = None

    def down(self, row: float, column: float, button: int = LEFT) -> None:
        self._event = SimpleNamespace(
            button=button, modifiers=(), type="mouse_press", position=self._world(row, column)
        )
        (callback,) = self._bench.scene.viewer.mouse_drag_callbacks
        self._gesture = callback(self._bench.scene.viewer, self._event)
        next(self._gesture, None)

    def move(self, row: float, column: float) -> None:
        self._send("mouse_move", row, column)

    def up(self, row: float, column: float) -> None:
        self._send("mouse_release", row, column)

    def stroke(self, row: float, first: float, last: float) -> None:
        """A whole stroke along a row."""
        self.down(row, first)
        self.up(row, last)

    def _send(self, what: str, row: float, column: float) -> None:
        self._event.type, self._event.position = what, self._world(row, column)
        next(self._gesture, None)

    def _world(self, row: float, column: float) -> tuple[float, float]:
        scale = self._bench.scene.labels.scale
        return float(row * scale[0]), float(column * scale[1])


def box(rows: slice, columns: slice) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[rows, columns] = True
    return mask


def suggestion(key: FrameKey, snapshot: int = 1, **masks: NDArray[np.bool_]) -> Suggestion:
    classes = np.zeros(SHAPE, dtype=np.uint8)
    for structure, mask in masks.items():
        classes[mask] = PROTOCOL.index(structure)
    confidence = {s: 0.9 if s in masks else 0.7 for s in PROTOCOL.ids}
    return Suggestion(key, snapshot, classes, np.full(SHAPE, 200, dtype=np.uint8), confidence)


def recording(pseudonym: str, stem: str, *, n_frames: int = 4, channels: int = 1, seed: int = 0) -> Recording:
    shape = (n_frames, *SHAPE) if channels == 1 else (n_frames, *SHAPE, 3)
    frames = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    header = ClipHeader(
        stem,
        pseudonym,
        n_frames,
        *SHAPE,
        channels=channels,
        spacing=Spacing(0.5, 1.0),
        spacing_status=SpacingStatus.TRUSTED,
        frame_times_ms=tuple(float(20 * i) for i in range(n_frames)),
    )
    return Recording(header, list(frames))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project", PROTOCOL) as made:
        for i in range(2):
            patient = made.pseudonymiser.key(f"patient {i}")
            made.add_clip(recording(patient, f"clip{i}", channels=1 + 2 * i, seed=i), author="Ada")
        for step in range(7):
            made.add_snapshot(b"weights", step=step, data_revision=0, recipe="", metrics={}, is_validated=False)
        yield made


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def bench(project: Project, engine: FakeEngine) -> Iterator[Workbench]:
    made = Workbench(project, ViewerModel(), author="Ada", engine=engine)
    made.start()
    yield made
    made.close()


@pytest.fixture
def suggest(bench: Workbench, engine: FakeEngine) -> Callable[..., None]:
    """Let the learner suggest masks for the frame on screen."""

    def do(snapshot: int = 1, **masks: NDArray[np.bool_]) -> None:
        engine.waiting.append(SuggestionsReady((suggestion(bench.desk.key, snapshot, **masks),)))
        bench.pump()

    return do


@pytest.fixture
def draw(bench: Workbench) -> Callable[[NDArray[np.bool_]], None]:
    """Paint a mask with the selected structure as one stroke."""

    def do(mask: NDArray[np.bool_]) -> None:
        assert bench.begin_stroke()
        bench.scene.labels.data[mask] = PROTOCOL.index(bench.desk.structure)
        bench.end_stroke()

    return do


@pytest.fixture
def pen(bench: Workbench) -> Pen:
    bench.set_brush_size(3)
    return Pen(bench)
