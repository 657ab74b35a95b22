"""One line of the structure panel: two rows of text, kept and refilled, never remade."""

from __future__ import annotations

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from annotator.ui.cell_looks import CELL_LOOKS, cell_pixmap
from annotator.ui.controls import ElidedLabel, Readout, label, tool_button
from annotator.ui.style import PALETTE, TIGHT, refresh_style
from annotator.viewer.state import CellState, StructureRow


class Swatch(QWidget):
    """A filled square in a structure's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(16, 16)
        self._colour = PALETTE.edge

    def set_colour(self, colour: str) -> None:
        """Show this ``"#rrggbb"``."""
        if colour != self._colour:
            self._colour = colour
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the square."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawRoundedRect(self.rect(), 4, 4)


class ConfidenceBar(QWidget):
    """Confidence of a suggestion as a bar with its percentage; empty where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._value: float | None = None

    def set_value(self, value: float | None) -> None:
        """Show a confidence of 0..1, or none."""
        if value != self._value:
            self._value = value
            words = "no suggestion" if value is None else f"confidence of the suggestion: {value:.0%}"
            self.setToolTip(words.capitalize())
            self.setAccessibleName(words)
            self.update()

    def sizeHint(self) -> QSize:
        """Room for the bar and '100 %'."""
        return QSize(88, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint groove, bar and number."""
        if self._value is None:
            return
        painter = QPainter(self)
        number = QRect(self.width() - 40, 0, 40, self.height())
        groove = QRect(0, self.height() // 2 - 3, self.width() - 44, 6)
        painter.fillRect(groove, QColor(PALETTE.line))
        filled = QRect(groove.left(), groove.top(), round(groove.width() * self._value), groove.height())
        painter.fillRect(filled, QColor(PALETTE.accent))
        painter.setPen(QColor(PALETTE.text))
        painter.drawText(number, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{self._value:.0%}")


class StructureLine(QFrame):
    """Swatch, key, name, state in words, confidence and eye of one structure.

    Signals
    -------
    pressed()
        The line was clicked.
    eye_clicked(bool)
        The structure shall be visible or not.
    """

    pressed = Signal()
    eye_clicked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("structureRow")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._row: StructureRow | None = None
        self._shown_badge: tuple[CellState, float] | None = None
        self._swatch = Swatch()
        self._key = label(role="key")
        # Names of many structures begin alike ("Segment of the free wall, 7").
        self._name = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        self._area = Readout(role="quiet", alignment=Qt.AlignmentFlag.AlignRight)
        self._badge = label()
        self._word = ElidedLabel(role="quiet")
        self._bar = ConfidenceBar()
        self._eye = tool_button("eye_off", "Show or hide this structure", checked="eye")
        self._eye.setProperty("role", "plain")
        self._eye.setCheckable(True)
        self._eye.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._eye.clicked.connect(self.eye_clicked)
        self._lay_out()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(TIGHT)
        first.addWidget(self._swatch)
        first.addWidget(self._key)
        first.addWidget(self._name, 1)
        first.addWidget(self._area)
        second = QGridLayout()
        second.setHorizontalSpacing(TIGHT)
        second.addWidget(self._badge, 0, 0)
        second.addWidget(self._word, 0, 1)
        # Over the end of the word, which has all the room where there is no bar; nothing is laid out when it comes.
        second.addWidget(self._bar, 0, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        second.setColumnStretch(1, 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(TIGHT, 1, 0, 1)
        grid.setVerticalSpacing(0)
        grid.setHorizontalSpacing(2)
        grid.addLayout(first, 0, 0)
        grid.addLayout(second, 1, 0)
        grid.addWidget(self._eye, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(0, 1)

    def show_state(self, row: StructureRow) -> None:
        """Show this structure; nothing is touched where nothing changed."""
        if row == self._row:
            return
        before, self._row = self._row, row
        look = CELL_LOOKS[row.state]
        self._swatch.set_colour(row.colour)
        self._key.setText(row.key.upper())
        self._name.setText(row.name)
        badge = (row.state, self.devicePixelRatioF())
        if badge != self._shown_badge:
            self._shown_badge = badge
            self._badge.setPixmap(cell_pixmap(row.state, 16, badge[1]))
        self._area.setText(row.area)
        self._word.setText(look.word)
        self._word.leave_free(0 if row.confidence is None else self._bar.sizeHint().width() + TIGHT)
        self._bar.set_value(row.confidence)
        self._eye.setChecked(row.is_visible)
        self._eye.setAccessibleName(f"{'Hide' if row.is_visible else 'Show'} {row.name}")
        self._eye.setToolTip(self._eye.accessibleName())
        lines = (f"{row.name}: {look.word} — {look.meaning}", row.area, row.provenance, f"Key: {row.key.upper()}")
        self.setToolTip("\n".join(line for line in lines if line))
        self.setAccessibleName(f"{row.name}, {look.word}")
        if before is None or before.is_selected != row.is_selected:
            self.setProperty("chosen", row.is_selected)
            refresh_style(self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select on press: a pen that slides a little still selects."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.pressed.emit()
        super().mousePressEvent(event)
