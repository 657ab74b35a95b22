"""What all dialogs share: a sentence on top, fields, a problem in words, and two buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from annotator.ui.controls import label, push_button
from annotator.ui.style import GAP, TIGHT, WIDE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose from a list: an id, what the user reads, and one line that explains it."""

    id: str
    name: str
    note: str = ""


def asked(dialog: QDialog, value: Callable[[], T]) -> T | None:
    """Run a dialog and return its value, ``None`` where it was cancelled; the dialog is deleted."""
    try:
        is_accepted = dialog.exec() == int(QDialog.DialogCode.Accepted)
        return value() if is_accepted else None
    finally:
        # A dialog with a parent would otherwise live as long as the window.
        dialog.deleteLater()


class FormDialog(QDialog):
    """A dialog whose accepting button is enabled only while :meth:`problem` finds nothing.

    Parameters
    ----------
    title, intro
        Window title, and one sentence above the fields.
    accept
        Text of the accepting button.
    refuse
        Text of the other button, which Enter then presses; without it that one is Cancel, and Enter accepts. The button
        that has the keyboard comes before both.
    parent
        The window that it belongs to.
    """

    def __init__(self, title: str, intro: str, *, accept: str, refuse: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(460)
        self.fields = QVBoxLayout()
        self.fields.setSpacing(TIGHT)
        self._problem = label(role="warning", is_wrapped=True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._accept = push_button(accept, role="" if refuse else "primary")
        self._buttons.addButton(self._accept, QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.accepted.connect(self._on_accepted)
        self._buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        layout.setSpacing(GAP)
        if intro:
            layout.addWidget(label(intro, is_wrapped=True))
        layout.addLayout(self.fields, 1)
        layout.addWidget(self._problem)
        layout.addWidget(self._buttons)
        cancel = self._buttons.button(QDialogButtonBox.StandardButton.Cancel)
        if refuse:
            cancel.setText(refuse)
            cancel.setAccessibleName(refuse)
            cancel.setProperty("role", "primary")
            cancel.setIcon(QIcon())
        # Only a button that is already in its dialog becomes what Enter presses.
        (cancel if refuse else self._accept).setDefault(True)

    def problem(self) -> str:
        """What is still wrong or missing, as a sentence; empty where the dialog may be accepted."""
        return ""

    def refresh(self) -> None:
        """Show the problem, and enable the accepting button where there is none."""
        problem = self.problem()
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._accept.setEnabled(not problem)

    def _on_accepted(self) -> None:
        self.refresh()
        if not self.problem():
            self.accept()

    def add_field(self, name: str, field: QWidget) -> QWidget:
        """Add a field below the others, and return its label; the first one has the keyboard."""
        is_first = self.fields.isEmpty()
        text = label(name, role="heading")
        text.setBuddy(field)
        if not field.accessibleName():
            field.setAccessibleName(name)
        self.fields.addWidget(text)
        self.fields.addWidget(field)
        self.fields.addSpacing(TIGHT)
        if is_first:
            field.setFocus()
        return text


class NameDialog(FormDialog):
    """Asks for one name, which is needed.

    Parameters
    ----------
    title, intro, accept
        See :class:`FormDialog`.
    field
        What the name is called.
    name
        The present one.
    parent
        The window that it belongs to.
    """

    def __init__(
        self, title: str, intro: str, *, accept: str, field: str, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(title, intro, accept=accept, parent=parent)
        self.line = QLineEdit(name)
        self.line.setMaxLength(80)
        self.add_field(field, self.line)
        self.line.textChanged.connect(self.refresh)
        self.refresh()

    def problem(self) -> str:
        """A name is needed."""
        return "" if self.line.text().strip() else "Enter a name."

    def value(self) -> str:
        """What was entered."""
        return self.line.text().strip()


class FolderField(QWidget):
    """A folder, typed or browsed for.

    Signals
    -------
    changed()
        The text changed.
    """

    changed = Signal()

    def __init__(self, name: str, folder: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self.line = QLineEdit(folder)
        self.line.setAccessibleName(name)
        self.line.textChanged.connect(self.changed)
        browse = push_button("Browse…")
        browse.clicked.connect(self._on_browse)
        self.setFocusProxy(self.line)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(TIGHT)
        row.addWidget(self.line, 1)
        row.addWidget(browse)

    def folder(self) -> Path | None:
        """The folder that was entered, ``None`` for none."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    def _on_browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self._name, self.line.text())
        if chosen:
            self.line.setText(chosen)
