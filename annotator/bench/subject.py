"""What the window's benchmarks look at: a simulated project in the real window, with its learner tapped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from annotator import registry
from annotator.app.session import RunningEngine, Session
from annotator.app.startup import application, make_window
from annotator.app.window import MainWindow
from annotator.bench.clockwork import Heartbeat, wait
from annotator.core.errors import AnnotatorError
from annotator.engine.messages import Command, Event, TrainingStatus
from annotator.engine.thread import Engine
from annotator.project import Project

PATIENTS = 6
LONG_CLIP_FRAMES = 64


@dataclass(slots=True)
class Tap:
    """A running engine whose status is written down on the way to the window."""

    engine: Engine
    status: TrainingStatus | None = None
    steps: list[tuple[float, int]] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        self.engine.start()

    def send(self, command: Command) -> None:
        """Pass a command on."""
        self.engine.send(command)

    def drain(self) -> list[Event]:
        """Events, as they came."""
        events = self.engine.drain()
        for event in events:
            if isinstance(event, TrainingStatus):
                self.status = event
                self.steps.append((time.perf_counter(), event.step))
        return events

    def close(self, *, timeout_s: float = 30.0) -> bool:
        """End; whether it ended in time."""
        return self.engine.close(timeout_s=timeout_s)

    def steps_per_s(self, since: float) -> float:
        """Steps per second since a time of ``time.perf_counter()``."""
        seen = [(at, step) for at, step in self.steps if at >= since]
        if len(seen) < 2:
            return 0.0
        (first, before), (last, after) = seen[0], seen[-1]
        return (after - before) / max(last - first, 1e-9)


@dataclass(frozen=True, slots=True)
class Subject:
    """A window with a project, a long clip on screen, and its learner (``None`` where nothing trains)."""

    window: MainWindow
    session: Session
    tap: Tap | None
    heartbeat: Heartbeat
    startup_gap_ms: float

    @property
    def canvas(self) -> QWidget:
        """The OpenGL widget."""
        return self.session.page.canvas.native

    def press(self, key: Qt.Key) -> None:
        """A real key press in the window."""
        QTest.keyClick(self.window.windowHandle(), key)

    @property
    def frame(self) -> int:
        """The frame on screen."""
        return self.session.bench.desk.frame


@contextmanager
def subject(*, trains: bool) -> Iterator[Subject]:
    """Open the window on a simulated project in a temporary folder, and close everything at the end.

    Raises
    ------
    AnnotatorError
        Where the window does not get the keyboard.
    """
    with TemporaryDirectory(prefix="annotator-bench-") as folder:
        path = Path(folder) / "project"
        long_clip = make_project(path)
        qt = application()
        heartbeat = Heartbeat()
        window = make_window(qt)
        window.show()
        window.activateWindow()
        if not wait(20.0, until=lambda: qt.activeWindow() is window):
            raise AnnotatorError("The window does not get the keyboard; close other windows and try again.")
        project = Project.open(path)
        tap = Tap(Engine(project, factory=registry.network("unet"), recipe=str(_recipe(path)))) if trains else None
        engine: RunningEngine | None = tap
        session = Session(project, window.settings, engine=engine, parent=window)
        window.show_session(session)
        session.bench.open_clip(long_clip)
        wait(1.0)
        try:
            yield Subject(window, session, tap, heartbeat, heartbeat.take())
        finally:
            window.close()
            wait(0.2)


def make_project(path: Path) -> str:
    """Simulated clips with their truth as labels, and one long clip without; the long clip's name."""
    simulator = registry.simulator("echo")
    protocol = registry.protocol(simulator.protocol)
    with Project.create(path, protocol) as project:
        for patient in range(PATIENTS):
            domain = simulator.domains[patient % 2]
            recording = simulator.simulate(patient=patient, domain=domain, seed=5, n_frames=6)
            project.add_clip(recording, author="bench")
        long = simulator.simulate(patient=PATIENTS, domain=simulator.domains[0], seed=5, n_frames=LONG_CLIP_FRAMES)
        recording = type(long)(long.header, long.frames)
        return project.add_clip(recording, author="bench").clip.name


def _recipe(path: Path) -> Path:
    """The default recipe from nothing, without its sleep on a plateau, so that training outlasts the measurement."""
    recipe = path.parent / "sleepless.toml"
    text = registry.resource("recipes/default.toml").read_text(encoding="utf-8")
    recipe.write_text(f'start = "nothing"\n{text}\n[schedule]\nplateau_patience = 1000000\n', encoding="utf-8")
    return recipe
