"""All actions with their keys; a key can be changed, and belongs to one action only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from annotator.ui.controls import label, push_button
from annotator.ui.dialogs.form import FormDialog, asked
from annotator.ui.style import TIGHT

_FIXED: Final = "This key is the protocol's or a menu's, and stays as it is; choose another action."


@dataclass(frozen=True, slots=True)
class ActionKey:
    """An action with its key sequence in Qt's portable text (``"Ctrl+Z"``), empty for none.

    ``is_fixed`` holds for keys of the protocol and the menus: shown, never edited, and not free for others.
    """

    id: str
    name: str
    key: str
    default: str
    is_fixed: bool = False


class _KeyField(QKeySequenceEdit):
    """Takes any key but Escape, which leaves the dialog as it leaves every other."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the key."""
        if event.key() == Qt.Key.Key_Escape and not event.modifiers():
            event.ignore()
        else:
            super().keyPressEvent(event)


class ShortcutsDialog(FormDialog):
    """A table of actions and keys, and a field that takes the new key of the selected one."""

    def __init__(self, actions: tuple[ActionKey, ...], *, parent: QWidget | None = None) -> None:
        intro = "Select an action, click into the field below and press its new key."
        super().__init__("Keyboard shortcuts", intro, accept="Save", parent=parent)
        self.resize(QSize(520, 520).boundedTo(self.screen().availableSize()))
        self._actions = actions
        self._keys = {action.id: _portable(action.key) for action in actions}
        self._refusal = ""
        self.table = self._make_table()
        self.edit = _KeyField()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New key of the selected action")
        self.edit.editingFinished.connect(self._on_edited)
        self._reset = push_button("Default")
        self._none = push_button("No key")
        for button, slot in ((self._reset, self._on_reset), (self._none, self._on_none)):
            button.clicked.connect(slot)
        row = QHBoxLayout()
        row.setSpacing(TIGHT)
        row.addWidget(label("New key", role="heading"))
        row.addWidget(self.edit, 1)
        row.addWidget(self._reset)
        row.addWidget(self._none)
        self.fields.addWidget(self.table, 1)
        self.fields.addLayout(row)
        self.table.currentCellChanged.connect(self._on_row)
        self.table.selectRow(next((row for row, action in enumerate(actions) if not action.is_fixed), 0))
        self._on_row()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(len(self._actions), 2)
        table.setHorizontalHeaderLabels(["Action", "Key"])
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setColumnWidth(1, 140)
        table.setAccessibleName("Actions and their keys")
        for row, action in enumerate(self._actions):
            table.setItem(row, 0, QTableWidgetItem(action.name))
            item = QTableWidgetItem(_shown(self._keys[action.id]))
            if action.is_fixed:
                item.setToolTip(_FIXED)
                item.setForeground(Qt.GlobalColor.gray)
            table.setItem(row, 1, item)
        return table

    def refusal(self) -> str:
        """Why the last key was not taken, empty where it was."""
        return self._refusal

    def refresh(self) -> None:
        """Show the refusal, which does not block saving: the old key is still in force."""
        super().refresh()
        action = self._selected()
        said = _FIXED if action is not None and action.is_fixed else self._refusal
        self._problem.setText(said)
        self._problem.setVisible(bool(said))

    def _selected(self) -> ActionKey | None:
        row = self.table.currentRow()
        return self._actions[row] if 0 <= row < len(self._actions) else None

    def _on_row(self) -> None:
        action = self._selected()
        is_editable = action is not None and not action.is_fixed
        for widget in (self.edit, self._reset, self._none):
            widget.setEnabled(is_editable)
        self.edit.setKeySequence(QKeySequence(self._keys[action.id] if action is not None else ""))
        self._refusal = ""
        self.refresh()

    def _on_edited(self) -> None:
        self._take(_portable(self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)))

    def _on_reset(self) -> None:
        action = self._selected()
        if action is not None:
            self._take(_portable(action.default))

    def _on_none(self) -> None:
        self._take("")

    def _take(self, key: str) -> None:
        action = self._selected()
        if action is None or action.is_fixed:
            return
        owner = next((a for a in self._actions if key and a.id != action.id and self._keys[a.id] == key), None)
        if owner is not None:
            self._refusal = f"'{_shown(key)}' belongs to '{owner.name}' already; choose another key."
        else:
            self._refusal = ""
            self._keys[action.id] = key
            self.table.setItem(self.table.currentRow(), 1, QTableWidgetItem(_shown(key)))
        self.edit.setKeySequence(QKeySequence(self._keys[action.id]))
        self.refresh()

    def value(self) -> Mapping[str, str]:
        """Action id to key, only where it differs from the default."""
        edited = {a.id: self._keys[a.id] for a in self._actions if self._keys[a.id] != _portable(a.default)}
        return MappingProxyType(edited)

    @classmethod
    def ask(cls, actions: tuple[ActionKey, ...], *, parent: QWidget | None = None) -> Mapping[str, str] | None:
        """Ask for edited shortcuts."""
        dialog = cls(actions, parent=parent)
        return asked(dialog, dialog.value)


def _portable(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def _shown(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) or "—"
