from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QDialogButtonBox, QWidget

from annotator.core.identity import Split
from annotator.ui.dialogs import AskAbsentDialog, AskSplitDialog, AuthorDialog
from annotator.ui.dialogs.form import FolderField

_REJECT, _ACCEPT = QDialogButtonBox.ButtonRole.RejectRole, QDialogButtonBox.ButtonRole.AcceptRole


def press_when_open(key: Qt.Key) -> None:
    """Send a key to the modal dialog as soon as it is there."""

    def send() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            QTimer.singleShot(10, send)
        else:
            QTest.keyClick(dialog, key)

    QTimer.singleShot(0, send)


def test_enter_answers_and_escape_does_not(qtbot: QtBot) -> None:
    press_when_open(Qt.Key.Key_Return)
    assert AuthorDialog.ask("anna") == "anna"
    press_when_open(Qt.Key.Key_Escape)
    assert AuthorDialog.ask("anna") is None
    press_when_open(Qt.Key.Key_Return)
    assert AskAbsentDialog.ask("LA")
    press_when_open(Qt.Key.Key_Escape)
    assert not AskAbsentDialog.ask("LA")


def test_an_asked_dialog_does_not_outlive_its_answer(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    for _ in range(3):
        press_when_open(Qt.Key.Key_Escape)
        AuthorDialog.ask("anna", parent=window)
    qtbot.waitUntil(lambda: not window.findChildren(QDialog))


def test_a_folder_is_typed(qtbot: QtBot, tmp_path: Path) -> None:
    field = FolderField("Folder")
    qtbot.addWidget(field)
    assert field.folder() is None
    with qtbot.waitSignal(field.changed):
        field.line.setText(f" {tmp_path} ")
    assert field.folder() == tmp_path


def test_enter_presses_the_button_that_has_the_keyboard(qtbot: QtBot) -> None:
    dialogs = (AuthorDialog("anna"), AskSplitDialog(1, Split.TEST), AskSplitDialog(1, Split.TRAIN))
    for dialog in dialogs:
        for role, result in ((_REJECT, QDialog.DialogCode.Rejected), (_ACCEPT, QDialog.DialogCode.Accepted)):
            qtbot.addWidget(dialog)
            dialog.show()
            (box,) = dialog.findChildren(QDialogButtonBox)
            (button,) = (b for b in box.buttons() if box.buttonRole(b) is role)
            button.setFocus()
            QTest.keyClick(button, Qt.Key.Key_Return)
            assert (dialog.isVisible(), dialog.result()) == (False, int(result))
