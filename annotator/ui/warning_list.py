"""What to know of the suggestions before believing them; nothing where there is nothing to know."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from annotator.ui.controls import label
from annotator.ui.style import GAP, PALETTE, TIGHT, icon

LEAST_HEIGHT: Final = 140
"""Room for about eight lines, in pixels; what is longer is scrolled where the panel is low."""

_ICON_SIDE: Final = 18


class WarningList(QScrollArea):
    """One note for each warning, below each other; it takes no room where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("warningList")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._warnings: tuple[str, ...] = ()
        self._inside = QWidget()
        self._layout = QVBoxLayout(self._inside)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(TIGHT)
        self.setWidget(self._inside)
        self.hide()

    @property
    def room(self) -> int:
        """Height of all notes at the present width, in pixels; 0 where there is none."""
        return self._layout.heightForWidth(max(self.width(), 100)) if self._warnings else 0

    def show_warnings(self, warnings: tuple[str, ...]) -> None:
        """Show these sentences; where they did not change, nothing is touched."""
        if warnings == self._warnings:
            return
        self._warnings = warnings
        while (item := self._layout.takeAt(0)) is not None:
            gone = item.widget()
            if gone is not None:
                gone.hide()
                gone.deleteLater()
        for sentence in warnings:
            note = _note(sentence)
            self._layout.addWidget(note)
            # Shown by Qt only later otherwise, and without height until then.
            note.show()
        self.setVisible(bool(warnings))
        self.verticalScrollBar().setValue(0)
        self._bound()

    def sizeHint(self) -> QSize:
        """As high as the notes."""
        return QSize(super().sizeHint().width(), self.room)

    def minimumSizeHint(self) -> QSize:
        """A few lines; the rest is scrolled."""
        return QSize(super().minimumSizeHint().width(), min(self.room, LEAST_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrower panel has higher notes."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._bound()

    def _bound(self) -> None:
        self.setMaximumHeight(max(1, self.room))
        self.updateGeometry()


def _note(sentence: str) -> QFrame:
    """One sentence beside a warning sign."""
    note = QFrame()
    note.setObjectName("warningNote")
    note.setAccessibleName(f"warning: {sentence}")
    sign = QLabel()
    sign.setPixmap(icon("warning", colour=PALETTE.warning).pixmap(_ICON_SIDE, _ICON_SIDE))
    sign.setAlignment(Qt.AlignmentFlag.AlignTop)
    text = label(sentence, is_wrapped=True)
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    layout = QHBoxLayout(note)
    layout.setContentsMargins(GAP, TIGHT, TIGHT, TIGHT)
    layout.setSpacing(GAP)
    layout.addWidget(sign)
    layout.addWidget(text, 1)
    return note
