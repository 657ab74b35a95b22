from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QListView, QWidget

from annotator.ui.next_up import NextUpList
from annotator.viewer.state import QueueRow

MakeRow = Callable[[int], QueueRow]


@pytest.fixture
def queue(qtbot: QtBot) -> NextUpList:
    made = NextUpList()
    qtbot.addWidget(made)
    made.resize(270, 300)
    made.show()
    return made


def view(queue: NextUpList) -> QListView:
    (found,) = queue.findChildren(QListView)
    return found


def test_a_line_is_opened_by_mouse_and_key(queue: NextUpList, queue_row: MakeRow) -> None:
    queue.show_state(tuple(queue_row(i) for i in range(20)))
    queue.grab()
    opened: list[int] = []
    queue.activated.connect(opened.append)
    spot = view(queue).visualRect(view(queue).model().index(1, 0)).center()
    QTest.mouseClick(view(queue).viewport(), Qt.MouseButton.LeftButton, pos=spot)
    QTest.keyClick(view(queue), Qt.Key.Key_Down)
    QTest.keyClick(view(queue), Qt.Key.Key_Return)
    assert opened == [1, 2]


def test_a_refresh_keeps_the_chosen_line(queue: NextUpList, queue_row: MakeRow) -> None:
    queue.show_state(tuple(queue_row(i) for i in range(20)))
    view(queue).setCurrentIndex(view(queue).model().index(4, 0))
    queue.show_state(tuple(queue_row(i) for i in range(2, 22)))
    assert view(queue).currentIndex().row() == 2
    queue.show_state(tuple(queue_row(i) for i in range(50, 60)))
    assert not view(queue).currentIndex().isValid()


def test_the_heading_names_the_key(queue: NextUpList) -> None:
    heading, _ = queue.findChildren(QLabel)
    assert heading.text() == "Next up"
    queue.set_shortcuts({"next_up": "N"})
    assert heading.text() == "Next up (N)"


def test_the_heading_gives_way_before_the_first_line_does(qtbot: QtBot, queue_row: MakeRow) -> None:
    panel = QWidget()
    qtbot.addWidget(panel)
    queue = NextUpList(panel)
    panel.show()
    heading, _ = queue.findChildren(QLabel)
    queue.show_state((queue_row(0),))
    queue.resize(270, 300)
    least = queue.minimumSizeHint()
    assert heading.isVisible()
    queue.resize(270, 60)
    assert not heading.isVisible()
    assert queue.minimumSizeHint() == least


def test_an_empty_queue_says_so(queue: NextUpList, queue_row: MakeRow) -> None:
    _, words = queue.findChildren(QLabel)
    assert words.isVisible()
    queue.show_state((queue_row(0),))
    assert not words.isVisible()
    queue.show_state(())
    assert words.isVisible()


def test_a_screen_reader_hears_the_reason(queue: NextUpList, queue_row: MakeRow) -> None:
    queue.show_state((queue_row(4),))
    heard = view(queue).model().index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert heard == "LV cavity in clip-a, frame 5: the model is unsure along the border"
