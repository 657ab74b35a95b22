from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel, QWidget

from annotator.ui import message_bar
from annotator.ui.message_bar import MessageBar
from annotator.viewer.state import Message, MessageAction, MessageLevel

Press = Callable[[QWidget, str], None]
INFO = Message("Three clips were imported.")
ERROR = Message("The disk is full.", MessageLevel.ERROR, MessageAction.RETRY)


@pytest.fixture
def bar(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> MessageBar:
    monkeypatch.setattr(message_bar, "INFO_MS", 60)
    made = MessageBar()
    qtbot.addWidget(made)
    return made


def texts(bar: MessageBar) -> set[str]:
    return {label.text() for label in bar.findChildren(QLabel) if label.isVisible()}


def test_an_info_goes_by_itself_and_an_error_stays(qtbot: QtBot, bar: MessageBar, press: Press) -> None:
    bar.show_message(ERROR)
    bar.show_message(INFO)
    assert {"The disk is full.", "1 more"} <= texts(bar)
    qtbot.waitUntil(lambda: bar.messages == (ERROR,))
    assert bar.isVisible()
    with qtbot.waitSignal(bar.dismissed) as caught:
        press(bar, "Dismiss this message")
    assert caught.args == [ERROR]
    assert not bar.isVisible()


def test_an_info_is_seen_for_its_time_before_a_warning_that_nobody_dismissed(qtbot: QtBot, bar: MessageBar) -> None:
    warning = Message("One file was left out.", MessageLevel.WARNING)
    bar.show_message(warning)
    bar.show_message(INFO)
    assert {INFO.sentence, "1 more"} <= texts(bar)
    qtbot.waitUntil(lambda: warning.sentence in texts(bar))
    assert bar.messages == (warning,)


def test_the_action_names_its_message(qtbot: QtBot, bar: MessageBar, press: Press) -> None:
    bar.show_message(ERROR)
    with qtbot.waitSignal(bar.action_chosen) as caught:
        press(bar, "Retry")
    assert caught.args == [ERROR]
    assert bar.messages == ()


def test_messages_whose_button_would_do_nothing_any_more_are_withdrawn(bar: MessageBar) -> None:
    bar.show_message(INFO)
    bar.show_message(ERROR)
    bar.withdraw(MessageAction.RETRY)
    assert bar.messages == (INFO,)
    assert INFO.sentence in texts(bar)
    bar.withdraw(MessageAction.SHOW_SUGGESTIONS)
    assert bar.messages == (INFO,)


def test_the_same_message_stands_once(qtbot: QtBot, bar: MessageBar) -> None:
    for _ in range(5):
        bar.show_message(ERROR)
    assert bar.messages == (ERROR,)
    bar.withdraw(ERROR.action)
    assert not bar.isVisible()


def test_markup_in_a_sentence_is_shown_as_it_is(qtbot: QtBot, bar: MessageBar) -> None:
    bar.show_message(Message("<b>a.dcm</b> is empty.", MessageLevel.WARNING))
    assert "<b>a.dcm</b> is empty." in texts(bar)
