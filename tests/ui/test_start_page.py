from __future__ import annotations

from collections.abc import Callable

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QListWidget, QPushButton, QWidget

from annotator.ui.start_page import StartPage

Press = Callable[[QWidget, str], None]


def test_three_ways_to_begin(qtbot: QtBot, press: Press) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.show()
    with qtbot.waitSignals([page.new_requested, page.open_requested, page.demo_requested]):
        for name in ("New project…", "Open a project…", "Try the demo"):
            press(page, name)


def test_a_recent_project_is_opened_by_a_click(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.resize(900, 600)
    page.show()
    (recent,) = page.findChildren(QListWidget)
    assert not recent.isVisible()
    page.show_state(("/data/Übersicht 1", "/data/b"))
    chosen: list[str] = []
    page.recent_chosen.connect(chosen.append)
    spot = recent.visualItemRect(recent.item(0)).center()
    QTest.mouseClick(recent.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert chosen == ["/data/Übersicht 1"]


def test_a_keyboard_begins_at_the_newest_project(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.show()
    page.show_state(("/data/a", "/data/b"))
    (recent,) = page.findChildren(QListWidget)
    chosen: list[str] = []
    page.recent_chosen.connect(chosen.append)
    QTest.keyClick(recent, Qt.Key.Key_Return)
    assert chosen == ["/data/a"]


def test_words_and_buttons_stand_together_where_nothing_was_opened_yet(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.resize(1366, 700)
    page.show()
    title = next(label for label in page.findChildren(QLabel) if label.text() == "Echo Annotator")
    demo = next(button for button in page.findChildren(QPushButton) if button.text() == "Try the demo")
    assert demo.geometry().bottom() - title.geometry().top() < 160
