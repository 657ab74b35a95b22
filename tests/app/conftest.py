"""A project of simulated-looking clips and a window that is closed whatever happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from annotator.app import farewell
from annotator.core.identity import ClipHeader, FrameKey, Spacing, SpacingStatus
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.engine.messages import Command, Event, Look, Suggestion, SuggestionsReady
from annotator.project import Project

SHAPE = (60, 80)
PROTOCOL = LabelProtocol(
    "test",
    "Test",
    (Structure("lv", "LV cavity", "#e4572e", "q"), Structure("la", "Left atrium", "#4aa8ff", "e")),
    views=("a4c",),
)


class SuggestingEngine:
    """Suggests a box for every structure in each frame that is looked at."""

    def __init__(self) -> None:
        self.is_started = self.is_closed = False
        self._events: list[Event] = []
        self.sent: list[Command] = []
        self.shapes: dict[str, tuple[int, int]] = {}
        """Clip to the size of its frames, where that is another."""

    def start(self) -> None:
        self.is_started = True

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def send(self, command: Command) -> None:
        self.sent.append(command)
        if isinstance(command, Look):
            self._events.append(SuggestionsReady((boxes(command.key, self.shapes.get(command.key.clip, SHAPE)),)))

    def drain(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def close(self, *, timeout_s: float = 1.0) -> bool:
        self.is_closed = True
        return timeout_s > 0


def boxes(key: FrameKey, shape: tuple[int, int] = SHAPE) -> Suggestion:
    classes = np.zeros(shape, dtype=np.uint8)
    classes[10:30, 20 : 60 - 5 * key.frame] = 1
    classes[35:55, 20 : 60 - 5 * key.frame] = 2
    return Suggestion(key, 0, classes, np.full(shape, 220, dtype=np.uint8), {"lv": 0.9 - key.frame / 10, "la": 0.5})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with two clips of four frames, and settings of its own."""
    monkeypatch.setenv("ANNOTATOR_CONFIG_DIR", str(tmp_path / "config"))
    path = tmp_path / "project"
    with Project.create(path, PROTOCOL) as made:
        for i in range(2):
            frames = np.random.default_rng(i).integers(0, 255, (4, *SHAPE), dtype=np.uint8)
            header = ClipHeader(
                f"clip{i}",
                made.pseudonymiser.key(f"patient {i}"),
                4,
                *SHAPE,
                spacing=Spacing(0.5, 0.5),
                spacing_status=SpacingStatus.TRUSTED,
            )
            made.add_clip(Recording(header, list(frames)), author="Ada")
    return path


@pytest.fixture
def suggesting() -> SuggestingEngine:
    return SuggestingEngine()


@pytest.fixture
def window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QWidget:
    """An empty window that says at once what it waits for."""
    monkeypatch.setattr(farewell, "SHOW_AFTER_MS", 0)
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made
