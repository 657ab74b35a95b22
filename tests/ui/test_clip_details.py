from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QWidget

from annotator.core.identity import SpacingStatus
from annotator.ui.clip_details import ClipDetailsPanel
from annotator.viewer.state import ClipDetails

Press = Callable[[QWidget, str], None]


@pytest.fixture
def panel(qtbot: QtBot, details: ClipDetails) -> ClipDetailsPanel:
    made = ClipDetailsPanel()
    qtbot.addWidget(made)
    made.show()
    made.show_state(details)
    return made


def boxes(panel: ClipDetailsPanel) -> tuple[QComboBox, QComboBox]:
    view, domain = sorted(panel.findChildren(QComboBox), key=lambda box: box.isEditable())
    return view, domain


def texts(panel: ClipDetailsPanel) -> list[str]:
    return [label.text() for label in panel.findChildren(QLabel)]


def test_facts_are_shown_and_nothing_is_emitted(qtbot: QtBot, details: ClipDetails) -> None:
    panel = ClipDetailsPanel()
    qtbot.addWidget(panel)
    assert not panel.isEnabled()
    with qtbot.assertNotEmitted(panel.view_chosen), qtbot.assertNotEmitted(panel.domain_chosen):
        panel.show_state(details)
        panel.show_state(replace(details, view="", domain="unheard-of"))
    view, domain = boxes(panel)
    assert (view.currentText(), domain.currentText()) == ("not set", "unheard-of")
    panel.show_state(None)
    assert not panel.isEnabled()


def test_facts_that_cannot_be_changed_are_shown_and_no_more(panel: ClipDetailsPanel, details: ClipDetails) -> None:
    panel.show_state(replace(details, can_change=False))
    assert details.name in texts(panel)
    asking = [*boxes(panel), *panel.findChildren(QPushButton)]
    assert not any(widget.isEnabled() for widget in asking)
    panel.show_state(details)
    assert all(widget.isEnabled() for widget in asking)


def test_a_view_is_chosen_by_key(qtbot: QtBot, panel: ClipDetailsPanel) -> None:
    view, _ = boxes(panel)
    chosen: list[str] = []
    panel.view_chosen.connect(chosen.append)
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert chosen == ["a2c", ""]


def test_a_new_domain_is_typed_once(qtbot: QtBot, panel: ClipDetailsPanel, details: ClipDetails) -> None:
    _, domain = boxes(panel)
    chosen: list[str] = []
    panel.domain_chosen.connect(chosen.append)
    line = domain.lineEdit()
    assert isinstance(line, QLineEdit)
    with qtbot.waitActive(panel):
        panel.activateWindow()
    QTest.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    QTest.keyClicks(line, "vendor-c")
    panel.show_state(replace(details, frame_rate="50 Hz"))
    assert line.text() == "vendor-c", "a refresh leaves alone what is being typed"
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert chosen == ["vendor-c"]
    QTest.keyClicks(line, "-2")
    panel.show_state(replace(details, name="another clip"))
    assert line.text() == details.domain, "what was typed for one clip is not said of another"
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert chosen == ["vendor-c"]


def test_a_long_domain_is_read_from_its_beginning(panel: ClipDetailsPanel, details: ClipDetails) -> None:
    name = "echo laboratory of the second department of internal medicine"
    _, domain = boxes(panel)
    line = domain.lineEdit()
    assert isinstance(line, QLineEdit)
    panel.show_state(replace(details, domain=name))
    assert (line.text(), line.cursorPosition()) == (name, 0)
    QTest.keyClicks(line, "a")
    QTest.keyClick(line, Qt.Key.Key_End)
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert line.cursorPosition() == 0


def test_a_doubted_spacing_asks_to_be_confirmed(
    qtbot: QtBot, panel: ClipDetailsPanel, details: ClipDetails, press: Press
) -> None:
    with qtbot.waitSignal(panel.spacing_requested):
        press(panel, "Confirm pixel size")
    assert details.spacing in texts(panel)
    confirmed = replace(details, spacing="0.31 x 0.31 mm/px", spacing_status=SpacingStatus.CONFIRMED)
    panel.show_state(confirmed)
    with qtbot.waitSignal(panel.spacing_requested):
        press(panel, "Change pixel size")


def test_a_spacing_that_is_only_proposed_is_offered(
    qtbot: QtBot, panel: ClipDetailsPanel, details: ClipDetails, press: Press
) -> None:
    panel.show_state(replace(details, spacing="not set: only proposed", spacing_status=SpacingStatus.UNKNOWN))
    with qtbot.waitSignal(panel.spacing_requested):
        press(panel, "Confirm pixel size")
    panel.show_state(replace(details, spacing_status=SpacingStatus.UNKNOWN, proposed_spacing=""))
    with qtbot.waitSignal(panel.spacing_requested):
        press(panel, "Set pixel size")


def test_marks(qtbot: QtBot, panel: ClipDetailsPanel, press: Press) -> None:
    marked: list[str] = []
    panel.mark_requested.connect(marked.append)
    press(panel, "Mark ED")
    press(panel, "Mark ES")
    assert marked == ["ed", "es"]


def test_the_marks_name_their_keys(panel: ClipDetailsPanel) -> None:
    marks = {b.text(): b for b in panel.findChildren(QPushButton)}
    assert marks["Mark ED"].toolTip() == "Mark this frame as end-diastole, or take the mark away"
    panel.set_shortcuts({"mark_ed": "Ctrl+D", "mark_es": "Ctrl+E"})
    assert marks["Mark ED"].toolTip().endswith("(Ctrl+D)")
    assert marks["Mark ES"].toolTip().endswith("(Ctrl+E)")
