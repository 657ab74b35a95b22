"""Small controls that the panels are made of."""

from __future__ import annotations

from qtpy.QtCore import QLocale, QSize, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QValidator, QWheelEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFrame, QLabel, QPushButton, QToolButton

from annotator.ui.style import icon


class ChoiceBox(QComboBox):
    """A list to choose from that neither the wheel nor a stray key changes.

    The wheel scrolls the panel around it, and a click leaves the keyboard with the canvas.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(name)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to whoever is behind."""
        event.ignore()


class DecimalBox(QDoubleSpinBox):
    """A number with a decimal point, as everywhere in the window; a comma is taken for one.

    Where the computer's language has a comma, Qt would drop the point and read 0.31 as 31.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setAccessibleName(name)

    def validate(self, text: str, at: int) -> tuple[QValidator.State, str, int]:
        """Whether this may be typed; see Qt."""
        state, written, place = super().validate(text.replace(",", "."), at)
        return state, written, place

    def valueFromText(self, text: str) -> float:
        """The number that was typed."""
        return super().valueFromText(text.replace(",", "."))


class LineLabel(QLabel):
    """A line of plain text that is painted anew when it changes, and lays nothing out.

    Any other label has the whole window laid out at every change of its text, and then composed once more with the
    OpenGL canvas in it: too much for what changes with every frame.
    """

    _alignment = Qt.AlignmentFlag.AlignLeft
    _mode = Qt.TextElideMode.ElideNone
    _free = 0

    def __init__(self, *, role: str = "") -> None:
        super().__init__()
        self._line = ""
        if role:
            self.setProperty("role", role)

    def text(self) -> str:
        """What is shown, whole."""
        return self._line

    def setText(self, text: str) -> None:
        """Show this."""
        if text != self._line:
            self._line = text
            self.setAccessibleName(text)
            self.update()

    def sizeHint(self) -> QSize:
        """Room for the text."""
        return self._room_for(self._line)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self._alignment | Qt.AlignmentFlag.AlignVCenter), self.fitting())

    def fitting(self) -> str:
        """As much of the text as there is room for."""
        return self.fontMetrics().elidedText(self._line, self._mode, self.width() - self._free)

    def _room_for(self, text: str) -> QSize:
        self.ensurePolished()
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(text), metrics.height())


class ElidedLabel(LineLabel):
    """A line that gives way to its neighbours: what does not fit becomes '…', whole in the tooltip."""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight, *, role: str = "") -> None:
        super().__init__(role=role)
        self._mode = mode

    def leave_free(self, pixels: int) -> None:
        """Elide the text so that these pixels at the right stay free for what lies over them."""
        if pixels != self._free:
            self._free = pixels
            self.update()

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return self._room_for("mmm…")


class Readout(LineLabel):
    """A figure in a place that grows with the widest that it showed and never shrinks."""

    def __init__(self, *, role: str = "", alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__(role=role)
        self._alignment = alignment
        self._widest = ""

    def setText(self, text: str) -> None:
        """Show this."""
        super().setText(text)
        if self._room_for(text).width() > self._room_for(self._widest).width():
            self._widest = text
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Room for the widest text so far."""
        return self._room_for(self._widest)

    def minimumSizeHint(self) -> QSize:
        """The same: a figure that is cut off is wrong."""
        return self.sizeHint()


def label(text: str = "", *, role: str = "", is_wrapped: bool = False) -> QLabel:
    """A plain-text label; ``role`` is one of the style sheet's: title, heading, quiet, key, warning."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(is_wrapped)
    if role:
        made.setProperty("role", role)
    return made


def push_button(text: str, *, icon_name: str = "", role: str = "") -> QPushButton:
    """A push button with a shipped icon; ``role`` may be ``"primary"``."""
    made = QPushButton(text)
    if icon_name:
        made.setIcon(icon(icon_name))
    if role:
        made.setProperty("role", role)
    made.setAccessibleName(text.replace("&", ""))
    # A click leaves the keyboard with the canvas: Space must play, not press the button again.
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def tool_button(icon_name: str, name: str, *, checked: str | None = None) -> QToolButton:
    """An icon button; ``name`` is its accessible name and its tooltip, ``checked`` another icon while it is down."""
    made = QToolButton()
    made.setIcon(icon(icon_name, checked=checked))
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def divider() -> QFrame:
    """A thin horizontal line."""
    line = QFrame()
    line.setObjectName("divider")
    line.setFixedHeight(1)
    return line
