"""The painted part of the timeline: one row a structure, one cell a frame."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from annotator.core.words import shortened
from annotator.ui.cell_looks import CELL_LOOKS, NOBODY_SAID, paint_cell
from annotator.ui.style import GAP, PALETTE, TIGHT
from annotator.ui.timeline_geometry import AXIS, HEADER, ROW_GAP, Geometry, axis_ticks, side_by_side
from annotator.viewer.state import TimelineRow, TimelineState

EMPTY: Final = TimelineState(rows=(), n_frames=0, current=0)
_NAMES: Final = 128
_MARK_WIDTH: Final = 24
"""Room for 'ED' or 'ES', in pixels."""
_STEPS: Final = {
    int(Qt.Key.Key_Left): -1,
    int(Qt.Key.Key_Right): 1,
    int(Qt.Key.Key_PageUp): -10,
    int(Qt.Key.Key_PageDown): 10,
    int(Qt.Key.Key_Home): -(10**9),
    int(Qt.Key.Key_End): 10**9,
}


class TimelineCanvas(QWidget):
    """Cells, marks, axis and cursor; see :class:`annotator.ui.timeline.Timeline` for the signals."""

    frame_requested = Signal(int)
    structure_selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Timeline")
        self._state = EMPTY
        self._asked = 0
        self._wheel = 0
        self._cells: QPixmap | None = None

    def sizeHint(self) -> QSize:
        """Room for the rows at a comfortable height."""
        return QSize(640, HEADER + AXIS + max(3, len(self._state.rows)) * (18 + ROW_GAP))

    def minimumSizeHint(self) -> QSize:
        """Room for the rows at their smallest."""
        return QSize(260, HEADER + AXIS + max(3, len(self._state.rows)) * (10 + ROW_GAP))

    def geometry_now(self) -> Geometry:
        """The layout at the present size."""
        width = max(1, self.width() - _NAMES - GAP)
        return Geometry(_NAMES, width, self.height(), self._state.n_frames, len(self._state.rows))

    def show_state(self, state: TimelineState) -> None:
        """Show this state; only changed cells are painted anew, and only where they are."""
        old, self._state, self._asked = self._state, state, state.current
        same_shape = old.n_frames == state.n_frames and len(old.rows) == len(state.rows)
        if len(old.rows) != len(state.rows):
            self.updateGeometry()
        same_surroundings = (
            same_shape
            and (old.ed_frames, old.es_frames, old.selected) == (state.ed_frames, state.es_frames, state.selected)
            and old.frame_times_ms == state.frame_times_ms
            and all(a.name == b.name and a.colour == b.colour for a, b in zip(old.rows, state.rows, strict=True))
        )
        if not same_shape:
            self._cells = None
        elif self._cells is not None:
            self._repaint_changed(old.rows)
        if not same_surroundings:
            self.update()
        elif old.current != state.current:
            for frame in (old.current, state.current):
                self._update_frame(frame)
        self.setAccessibleDescription(self._words(state.current, None))

    def _repaint_changed(self, old: tuple[TimelineRow, ...]) -> None:
        geometry = self.geometry_now()
        painter: QPainter | None = None
        for r, (before, after) in enumerate(zip(old, self._state.rows, strict=True)):
            if before.cells is after.cells or before.cells == after.cells or self._cells is None:
                continue
            painter = painter or QPainter(self._cells)
            if geometry.is_crowded:
                self._paint_row(painter, geometry, r)
            for frame, state in enumerate(after.cells):
                if before.cells[frame] is not state:
                    if not geometry.is_crowded:
                        paint_cell(painter, self._cell_rect(geometry, r, frame), state)
                    self._update_frame(frame)
        if painter is not None:
            painter.end()

    def _paint_row(self, painter: QPainter, geometry: Geometry, row: int) -> None:
        """What people said comes last, so that nothing hides it where frames share a pixel."""
        cells = self._state.rows[row].cells
        for is_said in (False, True):
            for frame, state in enumerate(cells):
                if (state not in NOBODY_SAID) == is_said:
                    paint_cell(painter, self._cell_rect(geometry, row, frame, is_found=is_said), state)

    @staticmethod
    def _cell_rect(geometry: Geometry, row: int, frame: int, *, is_found: bool = False) -> QRect:
        place = (geometry.frame_left(frame), geometry.frame_width(frame))
        left, width = geometry.mark(frame) if is_found else place
        return QRect(left, geometry.row_top(row), width, geometry.row_height)

    def _update_frame(self, frame: int) -> None:
        geometry = self.geometry_now()
        left = geometry.frame_left(frame)
        self.update(QRect(left - 8, 0, geometry.frame_width(frame) + 16, self.height()))

    def _paint_cells(self, geometry: Geometry) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        for row in range(len(self._state.rows)):
            self._paint_row(painter, geometry, row)
        painter.end()
        return pixmap

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the cached cells, then draw names, marks, axis and cursor over them."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(PALETTE.base))
        if not self._state.rows or self._state.n_frames == 0:
            painter.setPen(QColor(PALETTE.quiet))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "Open a clip to see its frames here")
            return
        geometry = self.geometry_now()
        ratio = self.devicePixelRatioF()
        if self._cells is None or self._cells.devicePixelRatio() != ratio:
            self._cells = self._paint_cells(geometry)
        painter.drawPixmap(QPoint(0, 0), self._cells)
        if event.rect().left() < _NAMES:
            self._paint_names(painter, geometry)
        self._paint_axis(painter, geometry)
        self._paint_marks(painter, geometry)
        self._paint_cursor(painter, geometry)

    def _paint_names(self, painter: QPainter, geometry: Geometry) -> None:
        font = painter.font()
        font.setPixelSize(max(8, min(13, geometry.row_height)))
        painter.setFont(font)
        metrics, room = painter.fontMetrics(), _NAMES - 16 - GAP
        names = [row.name for row in self._state.rows]
        texts = shortened(names, lambda name: metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room))
        for r, (row, text) in enumerate(zip(self._state.rows, texts, strict=True)):
            top, height = geometry.row_top(r), geometry.row_height
            if row.id == self._state.selected:
                painter.fillRect(0, top, _NAMES - TIGHT, height, QColor(PALETTE.accentDeep))
            side = min(10, height)
            painter.fillRect(TIGHT, top + (height - side) // 2, side, side, QColor(row.colour))
            painter.setPen(QColor(PALETTE.text))
            area = QRect(TIGHT + 16, top - 2, room, height + 4)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)

    def _paint_axis(self, painter: QPainter, geometry: Geometry) -> None:
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(PALETTE.quiet))
        top = geometry.rows_bottom
        for frame, text in axis_ticks(geometry, self._state.frame_times_ms):
            x = geometry.frame_left(frame)
            painter.drawLine(x, top + 1, x, top + 4)
            if x + 44 <= self.width():
                painter.drawText(QRect(x, top + 6, 62, AXIS - 6), int(Qt.AlignmentFlag.AlignLeft), text)

    def _paint_marks(self, painter: QPainter, geometry: Geometry) -> None:
        font = painter.font()
        font.setPixelSize(11)
        font.setBold(True)
        painter.setFont(font)
        looks = (("ED", self._state.ed_frames, PALETTE.warning), ("ES", self._state.es_frames, PALETTE.accent))
        marks = sorted((frame, text, colour) for text, frames, colour in looks for frame in frames)
        middles = [geometry.frame_left(frame) + geometry.frame_width(frame) // 2 for frame, _, _ in marks]
        lefts = side_by_side(middles, _MARK_WIDTH, self.width())
        for (_, text, colour), middle, left in zip(marks, middles, lefts, strict=True):
            painter.setPen(QColor(colour))
            painter.drawLine(middle, HEADER - 3, middle, geometry.rows_bottom)
            if left is not None:
                painter.drawText(QRect(left, 0, _MARK_WIDTH, HEADER - 3), int(Qt.AlignmentFlag.AlignCenter), text)

    def _paint_cursor(self, painter: QPainter, geometry: Geometry) -> None:
        left, width = geometry.frame_left(self._state.current), geometry.frame_width(self._state.current)
        middle = left + width / 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        painter.setPen(QColor(PALETTE.text))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(left - 1, HEADER - 2, width + 1, geometry.rows_bottom - HEADER + 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(PALETTE.text))
        painter.setPen(Qt.PenStyle.NoPen)
        y = geometry.rows_bottom + 6
        painter.drawPolygon(QPolygonF([QPointF(middle, y - 6), QPointF(middle - 5, y), QPointF(middle + 5, y)]))

    def _ask(self, frame: int) -> None:
        frame = max(0, min(self._state.n_frames - 1, frame))
        if self._state.n_frames and frame != self._asked:
            self._asked = frame
            self.frame_requested.emit(frame)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the frame under the pointer, and select the row's structure."""
        if event.button() is not Qt.MouseButton.LeftButton or not self._state.n_frames:
            return
        geometry, place = self.geometry_now(), event.position()
        row = geometry.row_at(place.y())
        if row is not None and self._state.rows[row].id != self._state.selected:
            self.structure_selected.emit(self._state.rows[row].id)
        if place.x() >= geometry.left - 3:
            self._ask(self._marked_at(geometry, place.x(), row))

    def _marked_at(self, geometry: Geometry, x: float, row: int | None) -> int:
        """The frame at a place; where it is crowded, the one whose mark is hit there."""
        nearest = geometry.frame_at(x)
        if row is None or not geometry.is_crowded:
            return nearest
        cells = self._state.rows[row].cells
        hits = [f for f in geometry.marks_at(x) if cells[f] not in NOBODY_SAID]
        return min(hits, key=lambda frame: abs(frame - nearest), default=nearest)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub while the left button is down; a frame is asked for once."""
        if event.buttons() & Qt.MouseButton.LeftButton and self._state.n_frames:
            self._ask(self.geometry_now().frame_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """One frame per notch; the small steps of a touchpad add up."""
        self._wheel += event.angleDelta().y() or event.angleDelta().x()
        steps = int(self._wheel / 120)
        if steps:
            self._wheel -= steps * 120
            self._ask(self._asked - steps)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, page and end keys move through the frames; up and down through the structures."""
        if event.key() in _STEPS:
            self._ask(self._asked + _STEPS[event.key()])
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self._state.rows:
            ids = [row.id for row in self._state.rows]
            at = ids.index(self._state.selected) if self._state.selected in ids else 0
            at += 1 if event.key() == Qt.Key.Key_Down else -1
            self.structure_selected.emit(ids[max(0, min(len(ids) - 1, at))])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Say in words what is under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._state.n_frames:
            geometry = self.geometry_now()
            place = event.pos()
            if place.x() >= geometry.left:
                words = self._words(geometry.frame_at(place.x()), geometry.row_at(place.y()))
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().event(event)

    def _words(self, frame: int, row: int | None) -> str:
        state = self._state
        if not state.n_frames:
            return "No clip is open"
        parts = [f"Frame {frame + 1} of {state.n_frames}"]
        if len(state.frame_times_ms) == state.n_frames:
            parts.append(f"{state.frame_times_ms[frame]:.0f} ms")
        parts += ["end-diastole"] if frame in state.ed_frames else []
        parts += ["end-systole"] if frame in state.es_frames else []
        text = ", ".join(parts)
        if row is None:
            return text
        look = CELL_LOOKS[state.rows[row].cells[frame]]
        return f"{state.rows[row].name}: {look.word} — {look.meaning}\n{text}"

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the cells out anew."""
        self._cells = None
        super().resizeEvent(event)
