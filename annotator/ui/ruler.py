"""A picture on which a line is drawn, to measure a distance in its pixels."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from annotator.ui.style import PALETTE, TARGET, TIGHT

_SIZE: Final = QSize(420, 280)
_TICK: Final = 7.0


class Ruler(QWidget):
    """Shows a picture and the line that a drag drew on it; each end of the line can be dragged again.

    Emits ``measured(float)``, the line's length in widths of a pixel, while it is drawn.

    Parameters
    ----------
    picture
        (H, W) or (H, W, 3) uint8.
    aspect
        How many widths of a pixel its height is.
    """

    measured = Signal(float)

    def __init__(self, picture: NDArray[np.uint8], *, aspect: float = 1.0) -> None:
        super().__init__()
        height, width = picture.shape[:2]
        kind = QImage.Format.Format_Grayscale8 if picture.ndim == 2 else QImage.Format.Format_RGB888
        data = np.ascontiguousarray(picture)
        # The copy does not need the array any more.
        self._image = QImage(data.data, width, height, data.strides[0], kind).copy()
        # In widths of a pixel, as the ends of the line are.
        self._size = QSizeF(width, height * aspect)
        self._line: tuple[QPointF, QPointF] | None = None
        self._is_held = False
        self.setMinimumSize(_SIZE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Frame on which a known distance is measured by dragging a line")

    @property
    def length(self) -> float:
        """Of the line, in widths of a pixel; 0 where there is none."""
        if self._line is None:
            return 0.0
        along = self._line[1] - self._line[0]
        return math.hypot(along.x(), along.y())

    def sizeHint(self) -> QSize:
        """See Qt."""
        return _SIZE

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the end under the mouse, else begin a line there."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._is_held = True
        self._line = (self._other_end(event.position()), self._to_picture(event.position()))
        self._tell()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the line to the mouse."""
        if self._is_held and self._line is not None:
            self._line = (self._line[0], self._to_picture(event.position()))
            self._tell()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the end go."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._is_held = False

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self._place(), self._image)
        if self._line is not None and self.length:
            # Dark below and light above is seen on any picture.
            for colour, thickness in ((QColor(PALETTE.sunken), 4.0), (QColor(PALETTE.warning), 1.6)):
                painter.setPen(QPen(colour, thickness))
                self._paint_line(painter, *(self._to_widget(end) for end in self._line))
            self._paint_length(painter)
        painter.end()

    def _tell(self) -> None:
        self.update()
        self.measured.emit(self.length)

    def _place(self) -> QRectF:
        """Where the picture is, as large as fits."""
        scale = min(self.width() / self._size.width(), self.height() / self._size.height())
        width, height = scale * self._size.width(), scale * self._size.height()
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def _to_picture(self, at: QPointF) -> QPointF:
        """A place of the widget in the picture, or the nearest one within it."""
        place = self._place()
        scale = place.width() / self._size.width()
        x, y = (at.x() - place.x()) / scale, (at.y() - place.y()) / scale
        return QPointF(min(max(x, 0.0), self._size.width()), min(max(y, 0.0), self._size.height()))

    def _to_widget(self, at: QPointF) -> QPointF:
        place = self._place()
        scale = place.width() / self._size.width()
        return QPointF(place.x() + scale * at.x(), place.y() + scale * at.y())

    def _other_end(self, at: QPointF) -> QPointF:
        """The end that stays where one near ``at`` is dragged; a new line's first end where none is near."""
        if self._line is not None:
            for held, other in (self._line, self._line[::-1]):
                away = self._to_widget(held) - at
                if math.hypot(away.x(), away.y()) <= TARGET / 2:
                    return other
        return self._to_picture(at)

    @staticmethod
    def _paint_line(painter: QPainter, first: QPointF, last: QPointF) -> None:
        along = last - first
        across = QPointF(-along.y(), along.x()) * (_TICK / math.hypot(along.x(), along.y()))
        painter.drawLine(first, last)
        for end in (first, last):
            painter.drawLine(end - across, end + across)

    def _paint_length(self, painter: QPainter) -> None:
        assert self._line is not None
        text = f"{self.length:.1f} px"
        box = QRectF(painter.fontMetrics().boundingRect(text)).adjusted(-TIGHT, -TIGHT, TIGHT, TIGHT)
        middle = (self._to_widget(self._line[0]) + self._to_widget(self._line[1])) / 2
        # Beside the line, and within the widget.
        box.moveCenter(middle + QPointF(box.width() / 2 + 2 * _TICK, 0))
        box.moveRight(min(box.right(), self.width()))
        painter.fillRect(box, QColor(PALETTE.sunken))
        painter.setPen(QColor(PALETTE.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
