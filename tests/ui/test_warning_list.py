from __future__ import annotations

from html import unescape

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
    qtbot.waitUntil(lambda: shown.height() == shown.room(is_brief=False))
    assert shown.room(is_brief=False) > 3 * note.fontMetrics().height()
    shown.show_warnings(())
    assert not shown.isVisible()
    assert shown.room(is_brief=False) == 0
    qtbot.waitUntil(lambda: not shown.findChildren(QFrame, "warningNote"))


def test_many_take_what_room_there_is_and_are_scrolled_in_a_low_panel(panel: QWidget, qtbot: QtBot) -> None:
    (shown,) = panel.findChildren(WarningList)
    shown.show_warnings((LONG, LONG + " ", LONG + "  "))
    qtbot.waitUntil(lambda: shown.height() == shown.room(is_brief=False))
    assert shown.minimumSizeHint().height() == LEAST_HEIGHT < shown.room(is_brief=False)
    panel.resize(270, LEAST_HEIGHT + 30)
    qtbot.waitUntil(lambda: shown.verticalScrollBar().maximum() > 0)
    assert not shown.horizontalScrollBar().isVisible()


def test_a_brief_note_has_two_lines_a_tooltip_and_a_way_to_the_rest(panel: QWidget, qtbot: QtBot) -> None:
    (shown,) = panel.findChildren(WarningList)
    shown.show_warnings((LONG,))
    shown.set_brief(is_brief=True)
    qtbot.waitUntil(lambda: shown.height() == shown.room(is_brief=True) < shown.room(is_brief=False))
    (note,) = shown.findChildren(QFrame, "warningNote")
    (text,) = (found for found in note.findChildren(QLabel) if found.isVisible() and found.text())
    qtbot.waitUntil(lambda: text.height() <= 2.5 * text.fontMetrics().height())
    assert text.height() >= text.heightForWidth(text.width())
    kept, cut = text.text().split("\N{HORIZONTAL ELLIPSIS}")
    assert LONG.startswith(unescape(kept))
    assert len(kept) > 20
    assert text.toolTip() == LONG
    with qtbot.waitSignal(shown.more):
        text.linkActivated.emit(cut)
    panel.resize(900, 600)
    qtbot.waitUntil(lambda: unescape(text.text()) == LONG)
    assert text.toolTip() == ""
    shown.set_brief(is_brief=False)
    (whole,) = (found for found in note.findChildren(QLabel) if found.isVisible() and found.text())
    assert whole.text() == LONG
    panel.resize(270, 600)
    qtbot.waitUntil(lambda: whole.height() >= whole.heightForWidth(whole.width()) > 40)


def test_a_brief_note_shows_a_domain_with_signs_of_markup_as_it_is(panel: QWidget) -> None:
    (shown,) = panel.findChildren(WarningList)
    shown.set_brief(is_brief=True)
    shown.show_warnings(("In <b>GE</b> & more it is wrong.",))
    assert unescape(sentences(shown)[0]) == "In <b>GE</b> & more it is wrong."
