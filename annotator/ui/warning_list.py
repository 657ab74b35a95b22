"""What to know of the suggestions before believing them; nothing where there is nothing to know."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from annotator.ui.controls import label
from annotator.ui.style import GAP, PALETTE, TIGHT, icon

SHOWN: Final = 2
"""Warnings that stand in full; the others are in the tooltip, since the panel is narrow."""

_ICON_SIDE: Final = 18


class WarningList(QWidget):
    """One note for each warning, below each other; it takes no room where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._warnings: tuple[str, ...] = ()
        self._notes = [_Note() for _ in range(SHOWN)]
        self._more = label(role="quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(TIGHT)
        for widget in (*self._notes, self._more):
            widget.hide()
            layout.addWidget(widget)
        self.hide()

    def show_warnings(self, warnings: tuple[str, ...]) -> None:
        """Show these sentences; where they did not change, nothing is touched."""
        if warnings == self._warnings:
            return
        self._warnings = warnings
        for i, note in enumerate(self._notes):
            note.show_sentence(warnings[i] if i < len(warnings) else "")
        hidden = warnings[SHOWN:]
        self._more.setText(f"and {len(hidden)} more warning{'s' if len(hidden) > 1 else ''}")
        self._more.setToolTip("\n\n".join(hidden))
        self._more.setVisible(bool(hidden))
        self.setVisible(bool(warnings))


class _Note(QFrame):
    """One sentence beside a warning sign."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("warningNote")
        sign = QLabel()
        sign.setPixmap(icon("warning", colour=PALETTE.warning).pixmap(_ICON_SIDE, _ICON_SIDE))
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text = label(is_wrapped=True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, TIGHT, TIGHT)
        layout.setSpacing(GAP)
        layout.addWidget(sign)
        layout.addWidget(self._text, 1)

    def show_sentence(self, sentence: str) -> None:
        self._text.setText(sentence)
        self.setAccessibleName(f"warning: {sentence}" if sentence else "")
        self.setVisible(bool(sentence))
