from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QSlider, QToolButton, QWidget

from annotator.ui.tool_bar import ToolBar
from annotator.viewer.state import Tool, ToolState

Find = Callable[[QWidget, str], QAbstractButton]
ICON_ONLY = Qt.ToolButtonStyle.ToolButtonIconOnly
Press = Callable[[QWidget, str], None]


@pytest.fixture
def bar(qtbot: QtBot) -> ToolBar:
    made = ToolBar()
    qtbot.addWidget(made)
    made.show()
    return made


def slider(bar: ToolBar, name: str) -> QSlider:
    (found,) = (s for s in bar.findChildren(QSlider) if s.accessibleName() == name)
    return found


def test_each_tool_is_chosen_by_its_button(bar: ToolBar, press: Press) -> None:
    chosen: list[str] = []
    bar.tool_chosen.connect(chosen.append)
    for name in ("Move and zoom the picture", "Eraser", "Fill", "Unsure", "Is not", "Brush"):
        press(bar, name)
    assert chosen == ["move", "eraser", "fill", "unsure", "is_not", "brush"]


def test_where_nothing_can_be_drawn_the_picture_can_still_be_moved(bar: ToolBar, button: Find) -> None:
    bar.show_state(ToolState(tool=Tool.MOVE, can_draw=False))
    assert button(bar, "Move and zoom the picture").isEnabled()
    assert not any(button(bar, name).isEnabled() for name in ("Eraser", "Fill", "Unsure", "Is not", "Brush"))
    assert not slider(bar, "Brush size").isEnabled()
    bar.show_state(ToolState())
    assert button(bar, "Brush").isEnabled()


def test_showing_a_state_emits_nothing(qtbot: QtBot, bar: ToolBar, button: Find) -> None:
    with qtbot.assertNotEmitted(bar.size_changed), qtbot.assertNotEmitted(bar.opacity_changed):
        bar.show_state(ToolState(Tool.ERASER, 33, 0.2, are_suggestions_hidden=True))
    assert button(bar, "Eraser").isChecked()
    assert (slider(bar, "Brush size").value(), slider(bar, "Strength of suggestions").value()) == (33, 20)
    assert "33 px" in {label.text() for label in bar.findChildren(QLabel)}
    assert not slider(bar, "Strength of suggestions").isEnabled()


def test_sliders_move_by_key(bar: ToolBar) -> None:
    sizes: list[int] = []
    strengths: list[float] = []
    bar.size_changed.connect(sizes.append)
    bar.opacity_changed.connect(strengths.append)
    QTest.keyClick(slider(bar, "Brush size"), Qt.Key.Key_Right)
    QTest.keyClick(slider(bar, "Strength of suggestions"), Qt.Key.Key_End)
    assert (sizes, strengths) == ([15], [1.0])


def test_undo_redo_and_finish_follow_the_state(qtbot: QtBot, bar: ToolBar, button: Find, press: Press) -> None:
    assert not any(button(bar, name).isEnabled() for name in ("Undo", "Redo", "Finish"))
    bar.set_shortcuts({"undo": "Ctrl+Z", "brush": "B"})
    bar.show_state(ToolState(undo="the stroke on LV cavity", redo="accepting LA", can_finish=True))
    assert button(bar, "Undo").toolTip() == "Undo: the stroke on LV cavity (Ctrl+Z)"
    assert button(bar, "Redo").toolTip() == "Redo: accepting LA"
    assert button(bar, "Brush").toolTip().endswith("(B)")
    with qtbot.waitSignals([bar.undo_requested, bar.redo_requested, bar.finish_requested]):
        for name in ("Undo", "Redo", "Finish"):
            press(bar, name)


def test_suggestions_are_hidden_and_shown(bar: ToolBar, press: Press) -> None:
    hidden: list[bool] = []
    bar.suggestions_hidden.connect(hidden.append)
    press(bar, "Hide suggestions")
    press(bar, "Hide suggestions")
    assert hidden == [True, False]


def test_it_fits_between_two_side_panels(bar: ToolBar) -> None:
    assert bar.minimumSizeHint().width() <= 1366 - 2 * 300


def test_it_leaves_the_side_panels_their_room_on_a_small_screen_with_large_letters(bar: ToolBar) -> None:
    # 1366 pixels at a scale of 1.5, panels of 231 and 221, and two lines between.
    assert bar.minimumSizeHint().width() <= 911 - 231 - 221 - 8


def test_nothing_lies_on_another_where_it_is_narrow_and_the_sliders_are_long_elsewhere(
    qtbot: QtBot, bar: ToolBar, button: Find
) -> None:
    bar.show_state(ToolState(brush_size=368))
    lengths = []
    for width in (bar.minimumSizeHint().width(), 500, 600, 800):
        bar.resize(width, bar.height())
        qtbot.wait(1)
        places = [w.geometry() for w in bar.findChildren(QWidget) if w.isVisible() and w.parent() is bar]
        assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[:i])
        assert max(p.right() for p in places) < bar.width()
        lengths.append(slider(bar, "Brush size").width())
        finish = button(bar, "Finish")
        assert isinstance(finish, QToolButton)
        assert finish.width() >= finish.sizeHint().width() or finish.toolButtonStyle() is ICON_ONLY
    assert (lengths[0], lengths[-1]) == (40, 92)


def test_words_give_way_in_a_narrow_bar_and_the_size_of_the_brush_is_in_the_tooltip(bar: ToolBar) -> None:
    bar.set_shortcuts({"smaller_brush": "[", "larger_brush": "]"})
    bar.show_state(ToolState(brush_size=33))
    for width, has_words in ((440, False), (800, True), (440, False)):
        bar.resize(width, bar.height())
        shown = {label.text() for label in bar.findChildren(QLabel) if label.isVisible()}
        assert ({"Size", "33 px"} <= shown) is has_words
    assert slider(bar, "Brush size").toolTip() == "Brush size: 33 px ([ ])"
