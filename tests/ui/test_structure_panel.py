from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from annotator.ui.cell_looks import CELL_LOOKS
from annotator.ui.controls import ElidedLabel
from annotator.ui.structure_panel import StructurePanel
from annotator.ui.structure_row import ConfidenceBar, StructureLine
from annotator.ui.style import TARGET, apply_style
from annotator.viewer.state import CellState, LabelAction, StructureRow, allowed_actions

MakeRows = Callable[..., tuple[StructureRow, ...]]
Find = Callable[[QWidget, str], QAbstractButton]
Press = Callable[[QWidget, str], None]
C = CellState


@pytest.fixture
def panel(qtbot: QtBot) -> StructurePanel:
    made = StructurePanel()
    apply_style(made)
    qtbot.addWidget(made)
    made.resize(270, 420)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_state_is_said_in_words(panel: StructurePanel, structure_rows: MakeRows) -> None:
    panel.show_state(structure_rows(C.ACCEPTED, C.SUGGESTED, C.UNKNOWN, confidence=0.87))
    shown = {label.text() for label in panel.findChildren(QLabel)}
    assert {"LV cavity", "Q", "accepted", "suggested", "unknown", "12.3 cm²"} <= shown
    assert "confidence of the suggestion: 87%" in {w.accessibleName() for w in panel.findChildren(QWidget)}


@pytest.mark.parametrize("action", list(LabelAction))
@pytest.mark.parametrize("state", list(CellState))
def test_buttons_are_enabled_only_where_the_value_allows(
    panel: StructurePanel, structure_rows: MakeRows, button: Find, action: LabelAction, state: CellState
) -> None:
    panel.show_state(structure_rows(C.UNKNOWN, state, C.UNKNOWN, selected="myo"))
    found = button(panel, action.value.capitalize())
    emitted: list[str] = []
    getattr(panel, action.value).connect(emitted.append)
    QTest.mouseClick(found, Qt.MouseButton.LeftButton)
    assert emitted == (["myo"] if action in allowed_actions(state) else [])


def test_no_button_works_where_nothing_can_be_changed(panel: StructurePanel, structure_rows: MakeRows) -> None:
    rows = structure_rows(C.DRAWN, C.UNKNOWN, C.UNKNOWN)
    panel.show_state(tuple(replace(row, can_change=False) for row in rows))
    names = {action.value.capitalize() for action in LabelAction} | {"Draw"}
    buttons = [b for b in panel.findChildren(QAbstractButton) if b.text() in names]
    assert len(buttons) == len(LabelAction)
    assert not any(b.isEnabled() for b in buttons)


def test_a_long_name_makes_the_panel_no_wider(panel: StructurePanel, structure_rows: MakeRows) -> None:
    rows = structure_rows(C.UNKNOWN, C.UNKNOWN, C.UNKNOWN)
    panel.show_state(rows)
    width = panel.minimumSizeHint().width()
    name = "LV cavity including papillary muscles and trabeculae at end-diastole"
    panel.show_state(tuple(replace(row, name=name) for row in rows))
    assert panel.minimumSizeHint().width() == width
    assert name in {label.toolTip() for label in panel.findChildren(QLabel)}


@pytest.mark.parametrize("state", [state for state in C if state is not C.SUGGESTED])
def test_a_narrow_panel_has_room_for_the_state_where_there_is_no_confidence(
    panel: StructurePanel, structure_rows: MakeRows, state: CellState
) -> None:
    panel.show_state(structure_rows(state, C.SUGGESTED, state))
    panel.resize(panel.minimumSizeHint().width(), panel.height())
    QApplication.processEvents()
    words = [label for label in panel.findChildren(ElidedLabel) if label.text() == CELL_LOOKS[state].word]
    assert len(words) == 2
    assert {label.fitting() for label in words} == {CELL_LOOKS[state].word}


def test_a_state_ends_before_the_confidence(panel: StructurePanel, structure_rows: MakeRows) -> None:
    panel.show_state(structure_rows(C.UNKNOWN, C.SUGGESTED, C.UNKNOWN))
    panel.resize(panel.minimumSizeHint().width(), panel.height())
    QApplication.processEvents()
    line = panel.findChildren(StructureLine)[1]
    (word,) = (label for label in line.findChildren(ElidedLabel) if label.text() == "suggested")
    (bar,) = line.findChildren(ConfidenceBar)
    assert word.geometry().left() + word.fontMetrics().horizontalAdvance(word.fitting()) <= bar.geometry().left()
    panel.show_state(structure_rows(C.UNKNOWN, C.UNKNOWN, C.UNKNOWN))
    assert word.fitting() == "unknown"


def test_buttons_for_all_need_a_suggestion(
    qtbot: QtBot, panel: StructurePanel, structure_rows: MakeRows, button: Find, press: Press
) -> None:
    panel.show_state(structure_rows(C.DRAWN, C.REJECTED, C.UNKNOWN))
    assert not button(panel, "Accept all").isEnabled()
    panel.show_state(structure_rows(C.DRAWN, C.SUGGESTED, C.UNKNOWN))
    with qtbot.waitSignals([panel.accept_all, panel.reject_all]):
        press(panel, "Accept all")
        press(panel, "Reject all")


def test_a_line_is_selected_by_mouse_and_keys(panel: StructurePanel, structure_rows: MakeRows) -> None:
    panel.show_state(structure_rows(C.DRAWN, C.SUGGESTED, C.UNKNOWN, selected="myo"))
    chosen: list[str] = []
    panel.selected.connect(chosen.append)
    lines = panel.findChildren(StructureLine)
    QTest.mouseClick(lines[2], Qt.MouseButton.LeftButton)
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
        QTest.keyClick(panel, key)
    assert chosen == ["la", "lv", "la"]
    assert [line.property("chosen") for line in lines] == [False, True, False]


def test_the_eye_hides_and_shows(panel: StructurePanel, structure_rows: MakeRows, press: Press) -> None:
    rows = structure_rows(C.DRAWN, C.SUGGESTED, C.UNKNOWN)
    panel.show_state((rows[0], replace(rows[1], is_visible=False), rows[2]))
    toggled: list[tuple[str, bool]] = []
    panel.visibility_toggled.connect(lambda structure, is_visible: toggled.append((structure, is_visible)))
    press(panel, "Hide LV cavity")
    press(panel, "Show LV myocardium")
    assert toggled == [("lv", False), ("myo", True)]


def test_lines_are_reused_and_superfluous_ones_go(
    qtbot: QtBot, panel: StructurePanel, structure_rows: MakeRows
) -> None:
    panel.show_state(structure_rows(C.DRAWN, C.SUGGESTED, C.UNKNOWN))
    before = panel.findChildren(StructureLine)
    for state in CellState:
        panel.show_state(structure_rows(state, C.SUGGESTED, state))
    assert panel.findChildren(StructureLine) == before
    panel.show_state(structure_rows(C.DRAWN))
    qtbot.waitUntil(lambda: len(panel.findChildren(StructureLine)) == 1)


def test_nothing_is_wider_than_the_panel(panel: StructurePanel, structure_rows: MakeRows) -> None:
    rows = structure_rows(C.PROPAGATED, C.SUGGESTED, C.UNKNOWN, confidence=1.0)
    panel.show_state((replace(rows[0], name="Right ventricular outflow tract", area="123 456 px"), *rows[1:]))
    panel.grab()
    for child in panel.findChildren(QWidget):
        if child.isVisible():
            assert child.mapTo(panel, child.rect().topRight()).x() < panel.width()


def test_tooltips_name_the_keys(panel: StructurePanel, button: Find) -> None:
    panel.set_shortcuts({"accept": "A", "accept_all": "Shift+A"})
    assert button(panel, "Accept").toolTip().endswith("(A)")
    assert button(panel, "Accept all").toolTip().endswith("(Shift+A)")
    assert "(" not in button(panel, "Reject").toolTip()


def test_targets_are_large_enough_for_a_finger(panel: StructurePanel, structure_rows: MakeRows) -> None:
    panel.show_state(structure_rows(C.DRAWN, C.SUGGESTED, C.UNKNOWN))
    panel.grab()
    assert all(min(b.width(), b.height()) >= TARGET for b in panel.findChildren(QAbstractButton))
