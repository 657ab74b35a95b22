from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QWidget

from annotator.ui.dialogs import ActionKey, ShortcutsDialog

Find = Callable[[QWidget, str], QAbstractButton]
Press = Callable[[QWidget, str], None]
ACTIONS = (
    ActionKey("lv", "Select LV cavity", "Q", "Q", is_fixed=True),
    ActionKey("accept", "Accept", "A", "A"),
    ActionKey("reject", "Reject", "N", "X"),
    ActionKey("undo", "Undo", "Ctrl+Z", "Ctrl+Z"),
)


@pytest.fixture
def dialog(qtbot: QtBot) -> ShortcutsDialog:
    made = ShortcutsDialog(ACTIONS)
    qtbot.addWidget(made)
    made.show()
    return made


def type_key(qtbot: QtBot, dialog: ShortcutsDialog, key: Qt.Key) -> None:
    dialog.edit.setFocus()
    with qtbot.waitSignal(dialog.edit.editingFinished, timeout=3000):
        QTest.keyClick(dialog.edit, key)


def test_only_what_differs_from_the_default_is_the_value(dialog: ShortcutsDialog) -> None:
    assert dict(dialog.value()) == {"reject": "N"}


def test_a_new_key_is_pressed(qtbot: QtBot, dialog: ShortcutsDialog) -> None:
    dialog.table.selectRow(1)
    type_key(qtbot, dialog, Qt.Key.Key_K)
    assert dict(dialog.value()) == {"accept": "K", "reject": "N"}
    item = dialog.table.item(1, 1)
    assert item is not None
    assert item.text() == "K"


@pytest.mark.parametrize("key", [Qt.Key.Key_A, Qt.Key.Key_Q])
def test_a_key_that_is_taken_is_refused(qtbot: QtBot, dialog: ShortcutsDialog, button: Find, key: Qt.Key) -> None:
    dialog.table.selectRow(2)
    type_key(qtbot, dialog, key)
    assert "already" in dialog.refusal()
    assert dict(dialog.value()) == {"reject": "N"}
    assert button(dialog, "Save").isEnabled()
    dialog.table.selectRow(1)
    assert dialog.refusal() == ""


def test_default_and_none(dialog: ShortcutsDialog, press: Press) -> None:
    dialog.table.selectRow(2)
    press(dialog, "Default")
    assert dict(dialog.value()) == {}
    press(dialog, "No key")
    assert dict(dialog.value()) == {"reject": ""}


def test_keys_of_the_protocol_are_not_edited(dialog: ShortcutsDialog, button: Find) -> None:
    dialog.table.selectRow(0)
    assert not dialog.edit.isEnabled()
    assert not button(dialog, "Default").isEnabled()


def test_the_first_action_whose_key_can_be_changed_is_selected(dialog: ShortcutsDialog) -> None:
    assert dialog.table.currentRow() == 1
    assert dialog.edit.isEnabled()


def test_why_a_key_cannot_be_changed_is_said(dialog: ShortcutsDialog) -> None:
    dialog.table.selectRow(0)
    said = [label.text() for label in dialog.findChildren(QLabel) if label.isVisible()]
    assert any("stays as it is; choose another action" in words for words in said)
    assert not dialog.edit.isEnabled()


def test_escape_leaves_the_dialog_and_is_nobodys_key(dialog: ShortcutsDialog) -> None:
    dialog.edit.setFocus()
    QTest.keyClick(dialog.edit, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert dict(dialog.value()) == {"reject": "N"}
