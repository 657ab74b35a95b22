"""A person at the real window: keys and pointer go through the window system's path, not into widgets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytestqt.exceptions
from numpy.typing import NDArray
from PySide6.QtGui import QWindow
from PySide6.QtTest import QTest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QWidget

from annotator import registry
from annotator.app.session import Session
from annotator.app.window import MainWindow
from annotator.core.identity import FrameKey
from annotator.engine import Engine
from annotator.project import Project
from annotator.settings import UserSettings
from annotator.ui.timeline_canvas import TimelineCanvas
from annotator.viewer.resolve import suggestion_mask
from annotator.viewer.state import CellState

NO_KEYS = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton
PATIENCE_MS = 240_000
"""A machine that is busy with other things is no failure."""

Point = tuple[float, float]
"""(row, column) in pixels of the recording."""

QUICK_RECIPE = """
name = "quick"
[network]
name = "unet"
options = { width = 16 }
[data]
image_size = 64
labelled_batch = 5
unlabelled_batch = 0
[optimiser]
learning_rate = 5e-3
warm_up_steps = 5
[teacher]
ema_limit = 0.85
weight = 0.0
[loss]
label_dropout = 0.0
[augment]
rotation = 4.0
scale = 0.04
shift = 0.02
elastic = 0.0
gamma = 0.0
gain = 0.0
time_gain = 0.0
blur = 0.0
noise = 0.0
"""
"""Learns one clip by heart in some twenty steps, so that a busy machine gets there too."""


class Person:
    """Works at one window.

    Parameters
    ----------
    qtbot
        Of pytest-qt; runs the event loop while waiting.
    pictures
        Folder for screenshots.
    recipe
        What the background learner trains by.
    """

    def __init__(self, qtbot: Any, pictures: Path, recipe: Path) -> None:
        self.window: MainWindow | None = None
        self._qtbot = qtbot
        self._pictures = pictures
        self._recipe = recipe
        self._number = count(1)

    # --- the window -----------------------------------------------------------------------------------

    def open(self, folder: Path) -> None:
        """Open a project in a new window, with its learner."""
        window = MainWindow(UserSettings(author="Ada", brush_size=5))
        self.window = window
        window.show()
        window.activateWindow()
        self.wait(lambda: QApplication.activeWindow() is window)
        project = Project.open(folder)
        engine = Engine(project, factory=registry.network("unet"), recipe=str(self._recipe), device="cpu", seed=1)
        window.show_session(Session(project, window.settings, engine=engine, parent=window))
        self.settle()
        assert QApplication.activeWindow() is window, "the project's canvas leaves the keyboard with the window"

    def close(self) -> None:
        """Close the window as the button of its frame does."""
        if self.window is not None:
            self._system_window.close()
            self.wait(lambda: self.window is None or not self.window.isVisible())
            self.window.deleteLater()
            self.window = None

    @property
    def session(self) -> Session:
        assert self.window is not None
        assert self.window.session is not None
        return self.window.session

    @property
    def _system_window(self) -> QWindow:
        assert self.window is not None
        handle: QWindow = self.window.windowHandle()
        return handle

    def wait(self, until: Callable[[], bool]) -> None:
        """Let the window run until something holds."""
        try:
            self._qtbot.waitUntil(until, timeout=PATIENCE_MS)
        except pytestqt.exceptions.TimeoutError:
            self.look("waited-in-vain")
            raise

    def settle(self) -> None:
        """Let the window draw what it was told."""
        self._qtbot.wait(120)

    # --- keys and pointer -----------------------------------------------------------------------------

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEYS, *, times: int = 1) -> None:
        """Type a key."""
        for _ in range(times):
            QTest.keyClick(self._system_window, key, modifier)

    def stroke(self, points: Sequence[Point]) -> None:
        """Press at the first point, move along the others, let go at the last."""
        places = [self._place(*point) for point in points]
        window = self._system_window
        QTest.mouseMove(window, places[0])
        QTest.mousePress(window, LEFT, NO_KEYS, places[0])
        for place in places[1:]:
            QTest.mouseMove(window, place)
            QApplication.processEvents()
        QTest.mouseRelease(window, LEFT, NO_KEYS, places[-1])
        QApplication.processEvents()

    def click(self, widget: QWidget, at: QPoint) -> None:
        """Click a place of a widget."""
        assert self.window is not None
        place = widget.mapTo(self.window, at)
        QTest.mouseMove(self._system_window, place)
        QTest.mouseClick(self._system_window, LEFT, NO_KEYS, place)
        QApplication.processEvents()

    def go_to(self, frame: int) -> None:
        """Click a frame's cell in the timeline."""
        (cells,) = self.session.page.timeline.findChildren(TimelineCanvas)
        geometry = cells.geometry_now()
        x = geometry.frame_left(frame) + geometry.frame_width(frame) // 2
        self.click(cells, QPoint(x, geometry.rows_bottom + 6))
        self.wait(lambda: self.session.bench.desk.frame == frame)

    def _place(self, row: float, column: float) -> QPoint:
        """Where a pixel of the recording is in the window."""
        assert self.window is not None
        canvas = self.session.page.canvas
        scale = self.session.bench.scene.labels.scale
        transform = canvas.canvas.view.transform * canvas.canvas.view.scene.transform
        x, y = transform.map([column * scale[1], row * scale[0]])[:2]
        return canvas.native.mapTo(self.window, QPoint(round(float(x)), round(float(y))))

    # --- eyes -----------------------------------------------------------------------------------------

    def look(self, name: str) -> None:
        """Keep a picture of the screen."""
        self.settle()
        path = self._pictures / f"{next(self._number):02d}-{name}.png"
        assert self._screen().save(str(path))

    def states(self) -> dict[str, CellState]:
        """State of each structure in the frame on screen, as the panel says it."""
        return dict(self.session.bench.desk.view().states)

    def key(self) -> FrameKey:
        """The frame on screen."""
        return self.session.bench.desk.key

    def suggested(self, structure: str) -> NDArray[np.bool_]:
        """(H, W) bool: the suggestion of a structure that the picture shows."""
        bench = self.session.bench
        shown = suggestion_mask(bench.desk.view(), structure, bench.desk.protocol)
        return np.asarray(shown & (np.asarray(bench.scene.suggestions.data) != 0), dtype=np.bool_)

    def colours_spread(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(N,): how far the screen is from grey at each pixel of a mask, 0 to 255; the cine itself is grey."""
        # Into a corner with the brush's white ring.
        QTest.mouseMove(self._system_window, self._place(2.0, 2.0))
        self.settle()
        image = self._screen().convertToFormat(QImage.Format.Format_RGB888)
        ratio = image.width() / self._system_window.width()
        spread = []
        for row, column in np.argwhere(mask):
            at = self._place(float(row), float(column)) * ratio
            colour = image.pixelColor(at)
            channels = (colour.red(), colour.green(), colour.blue())
            spread.append(max(channels) - min(channels))
        return np.array(spread, dtype=np.int64)

    def _screen(self) -> QImage:
        assert self.window is not None
        return self.window.screen().grabWindow(self.window.winId()).toImage()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folder for screenshots; ``ANNOTATOR_SCREENSHOTS`` names one that stays."""
    folder = Path(os.environ.get("ANNOTATOR_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def person(qtbot: Any, tmp_path: Path, pictures: Path) -> Any:
    recipe = tmp_path / "quick.toml"
    recipe.write_text(QUICK_RECIPE, encoding="utf-8")
    made = Person(qtbot, pictures, recipe)
    yield made
    made.close()
