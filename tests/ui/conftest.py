"""Values that a window would show."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QWidget

from annotator.core.identity import SpacingStatus
from annotator.viewer.state import (
    CellState,
    ClipDetails,
    ClipRow,
    Curve,
    CurvePoint,
    QueueRow,
    StructureRow,
    TimelineRow,
    TimelineState,
    TrainingView,
)

# Widgets are tested on no screen; whoever wants to watch sets the variable.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

STRUCTURES = (
    ("lv", "LV cavity", "#e4572e", "q"),
    ("myo", "LV myocardium", "#3ddc97", "w"),
    ("la", "LA", "#4aa8ff", "e"),
)


def make_clip_row(name: str, *, patient: str = "p1", current: str = "", labelled: int = 0) -> ClipRow:
    return ClipRow(name, patient, "a4c", "vendor-a", "train", 30, labelled, labelled, name == current)


def make_structure_rows(
    *states: CellState, selected: str = "lv", confidence: float | None = None
) -> tuple[StructureRow, ...]:
    return tuple(
        StructureRow(i, name, colour, key, state, confidence, i == selected, True, "12.3 cm²")
        for (i, name, colour, key), state in zip(STRUCTURES, states, strict=False)
    )


def make_timeline_state(
    n_frames: int = 30,
    *,
    current: int = 0,
    cells: dict[tuple[int, int], CellState] | None = None,
    selected: str = "lv",
) -> TimelineState:
    painted = cells or {}
    rows = tuple(
        TimelineRow(i, name, colour, tuple(painted.get((r, f), CellState.UNKNOWN) for f in range(n_frames)))
        for r, (i, name, colour, _) in enumerate(STRUCTURES)
    )
    times = tuple(40.0 * f for f in range(n_frames))
    return TimelineState(rows, n_frames, current, (0,), (n_frames // 2,), times, selected)


def make_queue_row(frame: int) -> QueueRow:
    return QueueRow("clip-a", frame, "lv", "LV cavity", "#e4572e", "the model is unsure along the border")


def button_named(widget: QWidget, name: str) -> QAbstractButton:
    """The one button with this accessible name, as a screen reader finds it."""
    (found,) = (b for b in widget.findChildren(QAbstractButton) if b.accessibleName() == name)
    return found


@pytest.fixture
def button() -> Callable[[QWidget, str], QAbstractButton]:
    return button_named


@pytest.fixture
def press(button: Callable[[QWidget, str], QAbstractButton]) -> Callable[[QWidget, str], None]:
    """Click the button with this accessible name with the mouse."""

    def click(widget: QWidget, name: str) -> None:
        QTest.mouseClick(button(widget, name), Qt.MouseButton.LeftButton)

    return click


@pytest.fixture
def drag() -> Callable[..., None]:
    """Press the mouse on a widget, move it and let it go: ``drag(widget, first, *others)``, places as QPoint."""

    def move(widget: QWidget, first: QPoint, *others: QPoint) -> None:
        held = Qt.MouseButton.LeftButton
        QTest.mousePress(widget, held, pos=first)
        for place in others:
            # QTest.mouseMove holds no button down.
            spot = QPointF(place)
            event = QMouseEvent(
                QEvent.Type.MouseMove, spot, widget.mapToGlobal(spot), held, held, Qt.KeyboardModifier.NoModifier
            )
            QApplication.sendEvent(widget, event)
        QTest.mouseRelease(widget, held, pos=others[-1])

    return move


@pytest.fixture
def clip_row() -> Callable[..., ClipRow]:
    return make_clip_row


@pytest.fixture
def structure_rows() -> Callable[..., tuple[StructureRow, ...]]:
    return make_structure_rows


@pytest.fixture
def timeline_state() -> Callable[..., TimelineState]:
    return make_timeline_state


@pytest.fixture
def queue_row() -> Callable[..., QueueRow]:
    return make_queue_row


@pytest.fixture
def details() -> ClipDetails:
    return ClipDetails(
        name="clip-a",
        patient="p0123456789ab",
        view="a4c",
        views=("a4c", "a2c"),
        domain="vendor-a",
        domains=("vendor-a", "vendor-b"),
        spacing="not set: the region lies partly outside the frame",
        spacing_status=SpacingStatus.DOUBTED,
        proposed_spacing="0.31 x 0.31 mm/px",
        frame_rate="25 Hz",
        size="636 x 422 px",
    )


@pytest.fixture
def training() -> TrainingView:
    points = tuple(CurvePoint(step, 1.0 / (1 + step)) for step in range(5))
    dice = (Curve("LV cavity", "#e4572e", points), Curve("LA", "#4aa8ff", ()))
    loss = Curve("loss", "#a9b1ba", points)
    facts = ("step 5", "CPU")
    return TrainingView("training", "Learning from 3 frames.", facts, loss, dice, True, False, False, recipe="default")
