from __future__ import annotations

import itertools
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QWidget

from annotator.ui.cell_looks import CELL_LOOKS
from annotator.ui.timeline import Timeline, in_lines
from annotator.ui.timeline_canvas import EMPTY
from annotator.viewer.state import CellState, TimelineState

MakeState = Callable[..., TimelineState]
Find = Callable[[QWidget, str], QAbstractButton]


def shown(qtbot: QtBot, timeline_state: MakeState, n_frames: int = 30) -> Timeline:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(800, 180)
    timeline.show_state(timeline_state(n_frames, current=5))
    timeline.show()
    qtbot.waitExposed(timeline)
    return timeline


def place(timeline: Timeline, frame: int, row: int) -> QPoint:
    geometry = timeline.canvas.geometry_now()
    x = geometry.frame_left(frame) + geometry.frame_width(frame) // 2
    return QPoint(x, geometry.row_top(row) + geometry.row_height // 2)


def test_a_click_asks_for_the_frame_and_selects_the_structure(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state)
    asked: list[int] = []
    chosen: list[str] = []
    timeline.frame_requested.connect(asked.append)
    timeline.structure_selected.connect(chosen.append)
    QTest.mouseClick(timeline.canvas, Qt.MouseButton.LeftButton, pos=place(timeline, 12, 2))
    assert (asked, chosen) == ([12], ["la"])
    QTest.mouseClick(timeline.canvas, Qt.MouseButton.RightButton, pos=place(timeline, 3, 1))
    assert asked == [12]


def test_dragging_asks_for_each_frame_once(qtbot: QtBot, timeline_state: MakeState, drag: Callable[..., None]) -> None:
    timeline = shown(qtbot, timeline_state)
    asked: list[int] = []
    timeline.frame_requested.connect(asked.append)
    drag(timeline.canvas, *(place(timeline, frame, 0) for frame in (7, 7, 8, 8, 9)))
    QTest.mouseMove(timeline.canvas, place(timeline, 20, 0))
    assert asked == [7, 8, 9]


def test_a_drag_beyond_the_end_stays_in_the_clip(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state)
    asked: list[int] = []
    timeline.frame_requested.connect(asked.append)
    QTest.mouseClick(timeline.canvas, Qt.MouseButton.LeftButton, pos=QPoint(timeline.canvas.width() - 1, 4))
    assert asked == [29]


def test_keys_and_wheel_step(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state)
    asked: list[int] = []
    chosen: list[str] = []
    timeline.frame_requested.connect(asked.append)
    timeline.structure_selected.connect(chosen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Down):
        QTest.keyClick(timeline.canvas, key)
    assert asked == [6, 7, 6, 0, 29]
    assert chosen == ["myo"]
    timeline.show_state(timeline_state(30, current=10))
    for delta in (-120, -60, -60, 120):
        centre = QPointF(timeline.canvas.rect().center())
        turn = QWheelEvent(
            centre, timeline.canvas.mapToGlobal(centre), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(timeline.canvas, turn)
    assert asked[5:] == [11, 12, 11]


def test_a_changed_cell_is_painted_anew(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state)
    timeline.canvas.grab()
    timeline.show_state(timeline_state(30, current=5, cells={(1, 20): CellState.ACCEPTED}))
    spot = place(timeline, 20, 1)
    spot.setY(timeline.canvas.geometry_now().row_top(1) + 2)
    assert timeline.canvas.grab().toImage().pixelColor(spot) == QColor(CELL_LOOKS[CellState.ACCEPTED].colour)
    fresh = shown(qtbot, timeline_state)
    fresh.show_state(timeline_state(30, current=5, cells={(1, 20): CellState.ACCEPTED}))
    assert fresh.canvas.grab().toImage() == timeline.canvas.grab().toImage()


def test_a_label_is_found_in_a_clip_of_many_frames(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state, n_frames=2000)
    before = timeline.canvas.grab().toImage()
    for labelled in ({(1, 1500): CellState.ACCEPTED}, {(1, 1500): CellState.ACCEPTED, (1, 0): CellState.ACCEPTED}):
        timeline.show_state(timeline_state(2000, current=5, cells=labelled))
        seen = timeline.canvas.grab().toImage()
        colour, y = QColor(CELL_LOOKS[CellState.ACCEPTED].colour), place(timeline, 0, 1).y()
        assert sum(seen.pixelColor(x, y) == colour for x in range(200, seen.width())) == 3
    asked: list[int] = []
    timeline.frame_requested.connect(asked.append)
    for row in (1, 2):
        click = QPoint(timeline.canvas.geometry_now().mark(1500)[0] + 2, place(timeline, 0, row).y())
        QTest.mouseClick(timeline.canvas, Qt.MouseButton.LeftButton, pos=click)
    assert asked[0] == 1500, "a click on a mark goes to its frame"
    assert asked[1] != 1500
    timeline.show_state(timeline_state(2000, current=5))
    assert timeline.canvas.grab().toImage() == before


def test_clips_of_other_lengths_replace_each_other(qtbot: QtBot, timeline_state: MakeState, button: Find) -> None:
    timeline = shown(qtbot, timeline_state, 320)
    timeline.canvas.grab()
    timeline.show_state(timeline_state(1))
    timeline.canvas.grab()
    assert not button(timeline, "Play or stop").isEnabled()
    timeline.show_state(EMPTY)
    timeline.canvas.grab()
    asked: list[int] = []
    timeline.frame_requested.connect(asked.append)
    QTest.mouseClick(timeline.canvas, Qt.MouseButton.LeftButton, pos=QPoint(300, 40))
    QTest.keyClick(timeline.canvas, Qt.Key.Key_Right)
    assert asked == []


def test_play_and_speed(qtbot: QtBot, timeline_state: MakeState, button: Find) -> None:
    timeline = shown(qtbot, timeline_state)
    play, (speed,) = button(timeline, "Play or stop"), timeline.findChildren(QComboBox)
    played: list[bool] = []
    timeline.play_toggled.connect(played.append)
    timeline.set_playing(is_playing=True)
    assert play.isChecked()
    assert played == []
    QTest.mouseClick(play, Qt.MouseButton.LeftButton)
    assert played == [False]
    with qtbot.waitSignal(timeline.speed_changed) as caught:
        speed.setFocus()
        QTest.keyClick(speed, Qt.Key.Key_Up)
    assert caught.args == [0.5]
    timeline.set_shortcuts({"play": "Space"})
    assert "Space" in play.toolTip()


def test_it_says_in_words_where_the_cursor_is(qtbot: QtBot, timeline_state: MakeState) -> None:
    timeline = shown(qtbot, timeline_state)
    timeline.show_state(timeline_state(30, current=15))
    assert timeline.canvas.accessibleDescription() == "Frame 16 of 30, 600 ms, end-systole"


@given(st.lists(st.integers(20, 120), max_size=14), st.integers(0, 700))
def test_the_legend_s_words_keep_their_order_and_their_room(widths: list[int], room: int) -> None:
    places = in_lines(widths, room)
    assert len(places) <= len(widths)
    ends = [(line, x, x + width) for (x, line), width in zip(places, widths, strict=False)]
    assert all(line in (0, 1) and x >= 0 and end <= room for line, x, end in ends)
    for (line, _, end), (next_line, x, _) in itertools.pairwise(ends):
        assert (next_line, x) > (line, end) if next_line == line else (next_line, x) == (1, 0)
    assert len(places) == len(widths) or sum(widths) > room / 2


def test_eleven_states_are_all_explained_in_a_small_window() -> None:
    assert len(in_lines([75] * 11, 530)) == 11
