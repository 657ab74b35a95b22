"""The structures of the frame on screen, and what can be done to each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QFrame, QGridLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from annotator.ui.controls import ElidedLabel, divider, push_button
from annotator.ui.structure_row import StructureLine
from annotator.ui.style import GAP, TIGHT
from annotator.viewer.state import CellState, LabelAction, StructureRow, allowed_actions

_BUTTONS: Final = {
    LabelAction.ACCEPT: ("Accept", "Take the model's suggestion as it is"),
    LabelAction.CORRECT: ("Correct", "Paint on it with the brush"),
    LabelAction.REJECT: ("Reject", "Refuse the suggestion; it is not offered again in this frame"),
    LabelAction.ABSENT: ("Absent", "I looked: this structure is not in this frame"),
    LabelAction.CLEAR: ("Clear", "Take my label away; the structure is unknown again"),
}
_PLACES: Final = {
    LabelAction.ACCEPT: (0, 0, 1, 2),
    LabelAction.CORRECT: (0, 2, 1, 2),
    LabelAction.REJECT: (0, 4, 1, 2),
    LabelAction.ABSENT: (1, 0, 1, 3),
    LabelAction.CLEAR: (1, 3, 1, 3),
}


class StructurePanel(QWidget):
    """One line per structure; buttons for the selected one and for all.

    Signals
    -------
    selected(str), accept(str), correct(str), reject(str), absent(str), clear(str)
        With the structure's id.
    accept_all(), reject_all()
        For every suggestion of the frame.
    visibility_toggled(str, bool)
        The structure's id, and whether it shall be visible.
    """

    selected = Signal(str)
    accept = Signal(str)
    correct = Signal(str)
    reject = Signal(str)
    absent = Signal(str)
    clear = Signal(str)
    accept_all = Signal()
    reject_all = Signal()
    visibility_toggled = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("structurePanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Structures in this frame")
        self._rows: tuple[StructureRow, ...] = ()
        self._lines: list[StructureLine] = []
        self._shortcuts: dict[str, str] = {}
        self._chosen = ElidedLabel(Qt.TextElideMode.ElideMiddle, role="heading")
        self._buttons = {action: self._make_button(action) for action in LabelAction}
        self._accept_all = push_button("Accept all", icon_name="accept")
        self._accept_all.clicked.connect(self.accept_all)
        self._reject_all = push_button("Reject all", icon_name="reject")
        self._reject_all.clicked.connect(self.reject_all)
        self._list = QVBoxLayout()
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._lay_out()
        self.set_shortcuts({})
        self._show_buttons()

    def _make_button(self, action: LabelAction) -> QPushButton:
        button = push_button(_BUTTONS[action][0], role="primary" if action is LabelAction.ACCEPT else "")
        button.clicked.connect(partial(self._on_button, action))
        return button

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._list)
        column.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        grid = QGridLayout()
        grid.setSpacing(TIGHT)
        for action, place in _PLACES.items():
            grid.addWidget(self._buttons[action], *place)
        grid.addWidget(self._accept_all, 2, 0, 1, 3)
        grid.addWidget(self._reject_all, 2, 3, 1, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GAP, GAP, GAP, GAP)
        layout.setSpacing(TIGHT)
        layout.addWidget(scroll, 1)
        layout.addWidget(divider())
        layout.addWidget(self._chosen)
        layout.addLayout(grid)

    def set_shortcuts(self, shortcuts: Mapping[str, str]) -> None:
        """Name the keys in the tooltips.

        Parameters
        ----------
        shortcuts
            ``"accept"``, ``"correct"``, ``"reject"``, ``"absent"``, ``"clear"``, ``"accept_all"`` and
            ``"reject_all"`` to key sequences such as ``"A"``; missing ones are not named.
        """
        self._shortcuts = dict(shortcuts)
        for action, button in self._buttons.items():
            button.setToolTip(self._with_key(_BUTTONS[action][1], action))
        self._accept_all.setToolTip(self._with_key("Accept every suggestion of this frame", "accept_all"))
        self._reject_all.setToolTip(self._with_key("Refuse every suggestion of this frame", "reject_all"))

    def _with_key(self, text: str, name: str) -> str:
        key = self._shortcuts.get(name)
        return f"{text} ({key})" if key else text

    def show_state(self, rows: tuple[StructureRow, ...]) -> None:
        """Show the structures of a frame; lines are kept while the structures are the same."""
        if rows == self._rows:
            return
        if len(rows) != len(self._lines):
            self._make_lines(len(rows))
        self._rows = rows
        for line, row in zip(self._lines, rows, strict=True):
            line.show_state(row)
            if row.is_selected:
                self._scroll.ensureWidgetVisible(line, 0, 2)
        self._show_buttons()

    def _make_lines(self, count: int) -> None:
        while len(self._lines) > count:
            self._lines.pop().deleteLater()
        while len(self._lines) < count:
            line = StructureLine()
            at = len(self._lines)
            line.pressed.connect(partial(self._on_pressed, at))
            line.eye_clicked.connect(partial(self._on_eye, at))
            self._lines.append(line)
            self._list.addWidget(line)

    def _show_buttons(self) -> None:
        row = self._selected_row()
        allowed = allowed_actions(row.state) if row is not None and row.can_change else frozenset()
        for action, button in self._buttons.items():
            button.setEnabled(action in allowed)
        is_blank = row is not None and row.state in (CellState.UNKNOWN, CellState.NOT_IN_VIEW)
        word = "Draw" if is_blank else "Correct"
        self._buttons[LabelAction.CORRECT].setText(word)
        self._chosen.setText(row.name if row is not None else "Select a structure")
        self._chosen.setToolTip(self._chosen.text())
        has_suggestion = any(r.state is CellState.SUGGESTED for r in self._rows)
        self._accept_all.setEnabled(has_suggestion)
        self._reject_all.setEnabled(has_suggestion)

    def _selected_row(self) -> StructureRow | None:
        return next((row for row in self._rows if row.is_selected), None)

    def _on_button(self, action: LabelAction) -> None:
        row = self._selected_row()
        if row is not None:
            signals = {
                LabelAction.ACCEPT: self.accept,
                LabelAction.CORRECT: self.correct,
                LabelAction.REJECT: self.reject,
                LabelAction.ABSENT: self.absent,
                LabelAction.CLEAR: self.clear,
            }
            signals[action].emit(row.id)

    def _on_pressed(self, at: int) -> None:
        self.selected.emit(self._rows[at].id)

    def _on_eye(self, at: int, is_visible: bool) -> None:  # noqa: FBT001 - Qt's signature
        self.visibility_toggled.emit(self._rows[at].id, is_visible)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down select the neighbouring structure."""
        step = {int(Qt.Key.Key_Up): -1, int(Qt.Key.Key_Down): 1}.get(event.key())
        if step is None or not self._rows:
            super().keyPressEvent(event)
            return
        at = next((i for i, row in enumerate(self._rows) if row.is_selected), -1 if step > 0 else len(self._rows))
        self.selected.emit(self._rows[max(0, min(len(self._rows) - 1, at + step))].id)
