from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from annotator.ui.warning_list import LEAST_HEIGHT, WarningList

LONG = "In 'vendor-b' the left atrium has nearly vanished from the suggestions (1% of the picture; 9% elsewhere)."


@pytest.fixture
def panel(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    layout = QVBoxLayout(made)
    layout.addWidget(WarningList())
    layout.addStretch()
    made.resize(270, 600)
    made.show()
    return made


def sentences(shown: WarningList) -> list[str]:
    return [label.text() for label in shown.findChildren(QLabel) if label.isVisible() and label.text()]


def test_warnings_come_wrap_and_go(panel: QWidget, qtbot: QtBot) -> None:
    (shown,) = panel.findChildren(WarningList)
    shown.show_warnings((LONG,))
    assert sentences(shown) == [LONG]
    (note,) = shown.findChildren(QFrame, "warningNote")
    assert note.accessibleName() == f"warning: {LONG}"
    qtbot.waitUntil(lambda: shown.height() == shown.room)
    assert shown.room > 3 * note.fontMetrics().height()
    shown.show_warnings(())
    assert not shown.isVisible()
    assert shown.room == 0
    qtbot.waitUntil(lambda: not shown.findChildren(QFrame, "warningNote"))


def test_many_take_what_room_there_is_and_are_scrolled_in_a_low_panel(panel: QWidget, qtbot: QtBot) -> None:
    (shown,) = panel.findChildren(WarningList)
    shown.show_warnings((LONG, LONG + " ", LONG + "  "))
    qtbot.waitUntil(lambda: shown.height() == shown.room)
    assert shown.minimumSizeHint().height() == LEAST_HEIGHT < shown.room
    panel.resize(270, LEAST_HEIGHT + 30)
    qtbot.waitUntil(lambda: shown.verticalScrollBar().maximum() > 0)
    assert not shown.horizontalScrollBar().isVisible()
