from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QDialog, QLabel, QWidget

from annotator.ui.dialogs import AskReplaceDialog, ReplaceQuestion

Find = Callable[[QWidget, str], QAbstractButton]
QUESTION = ReplaceQuestion({"LV cavity": 10, "Left atrium": 2}, {"a4c": 7, "a2c": 3}, drafts=1)


@pytest.fixture
def dialog(qtbot: QtBot) -> AskReplaceDialog:
    made = AskReplaceDialog(QUESTION)
    qtbot.addWidget(made)
    made.show()
    return made


def said(dialog: QDialog) -> list[str]:
    return [one.text() for one in dialog.findChildren(QLabel)]


def test_it_says_what_would_give_way(dialog: AskReplaceDialog) -> None:
    assert "12 labels here would give way to what comes in, in 10 frames of 2 clips." in said(dialog)
    assert "Structures (frames): LV cavity (10), Left atrium (2)." in said(dialog)
    assert "Clips (frames): a4c (7), a2c (3)." in said(dialog)
    assert "1 draft of the import contradicts labels here and would be left out." in said(dialog)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_enter_and_escape_keep_what_is_here(dialog: AskReplaceDialog, key: Qt.Key) -> None:
    QTest.keyClick(dialog, key)
    assert dialog.result() == int(QDialog.DialogCode.Rejected)
    assert not dialog.isVisible()


def test_each_button_says_what_it_does(dialog: AskReplaceDialog, button: Find) -> None:
    assert button(dialog, "Keep those here").isEnabled()
    QTest.mouseClick(button(dialog, "Replace 12 labels"), Qt.MouseButton.LeftButton)
    assert dialog.result() == int(QDialog.DialogCode.Accepted)


def test_of_many_clips_some_are_named(qtbot: QtBot) -> None:
    dialog = AskReplaceDialog(ReplaceQuestion({"LV cavity": 9}, {f"clip {i}": 1 for i in range(9)}))
    qtbot.addWidget(dialog)
    (named,) = [sentence for sentence in said(dialog) if sentence.startswith("Clips ")]
    assert named.endswith(", clip 5 (1) and 3 more.")


def test_where_only_drafts_contradict_nothing_is_replaced(qtbot: QtBot, button: Find) -> None:
    dialog = AskReplaceDialog(ReplaceQuestion({}, {}, drafts=2))
    qtbot.addWidget(dialog)
    assert button(dialog, "Import without the drafts").isEnabled()
    assert not [sentence for sentence in said(dialog) if "would give way" in sentence]
