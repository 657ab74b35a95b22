from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QDialog, QLabel, QWidget

from annotator.ui.dialogs import AuthorDialog, Choice, DomainDialog, NewProject, NewProjectDialog

Find = Callable[[QWidget, str], QAbstractButton]
PROTOCOLS = (Choice("apical", "Apical views", "LV cavity, LA"), Choice("plax", "Long axis", "LV"))


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> NewProjectDialog:
    made = NewProjectDialog(PROTOCOLS, folder=tmp_path)
    qtbot.addWidget(made)
    made.show()
    return made


def test_name_place_and_protocol_make_a_value(dialog: NewProjectDialog, tmp_path: Path, button: Find) -> None:
    dialog.name.clear()
    assert not button(dialog, "Create project").isEnabled()
    QTest.keyClicks(dialog.name, "Herz 1")
    QTest.keyClick(dialog.protocol, Qt.Key.Key_Down)
    assert "LV" in {label.text() for label in dialog.findChildren(QLabel)}
    QTest.mouseClick(button(dialog, "Create project"), Qt.MouseButton.LeftButton)
    assert dialog.result() == int(QDialog.DialogCode.Accepted)
    assert dialog.value() == NewProject(tmp_path / "Herz 1", "plax")


def test_the_first_field_has_the_keyboard(qtbot: QtBot, tmp_path: Path) -> None:
    for made, name in (
        (NewProjectDialog(PROTOCOLS, folder=tmp_path), "Name"),
        (AuthorDialog(""), "Name or initials"),
        (DomainDialog(), "Domain"),
    ):
        qtbot.addWidget(made)
        made.show()
        has_keyboard = made.focusWidget()
        assert has_keyboard is not None
        assert has_keyboard.accessibleName() == name


def test_a_domain_has_a_name(qtbot: QtBot, button: Find) -> None:
    dialog = DomainDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    assert not button(dialog, "Use this domain").isEnabled()
    QTest.keyClicks(dialog.line, " GE Vivid & Sons ")
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert (dialog.result(), dialog.value()) == (int(QDialog.DialogCode.Accepted), "GE Vivid & Sons")


def test_what_cannot_be_made_is_said(dialog: NewProjectDialog, tmp_path: Path, button: Find) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    for name, words in (("a/b", "without"), ("..", "without"), ("taken", "exists there already")):
        dialog.name.setText(name)
        assert words in dialog.problem()
        assert not button(dialog, "Create project").isEnabled()
    dialog.name.setText("free")
    assert dialog.problem() == ""
    dialog.place.line.setText(str(tmp_path / "nowhere"))
    assert "folder that exists" in dialog.problem()


def test_without_protocols_nothing_can_be_made(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = NewProjectDialog((), folder=tmp_path)
    qtbot.addWidget(dialog)
    assert "plugin" in dialog.problem()


def test_an_author_needs_a_name(qtbot: QtBot, button: Find) -> None:
    dialog = AuthorDialog("")
    qtbot.addWidget(dialog)
    assert not button(dialog, "Use this name").isEnabled()
    QTest.keyClicks(dialog.line, " Dr. Ä ")
    assert (dialog.value(), button(dialog, "Use this name").isEnabled()) == ("Dr. Ä", True)
