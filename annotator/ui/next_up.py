"""What to label next, with the reason; no widget per line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QPainter, QResizeEvent
from qtpy.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from annotator.ui.controls import label
from annotator.ui.style import GAP, PALETTE, TIGHT
from annotator.viewer.state import QueueRow

_ROW_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1
_NO_INDEX: Final = QModelIndex()


class QueueModel(QAbstractListModel):
    """The lines of the queue."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[QueueRow, ...] = ()

    def set_rows(self, rows: tuple[QueueRow, ...]) -> None:
        """Take new lines; the selection follows Qt's reset."""
        if rows != self.rows:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_INDEX) -> int:
        """How many lines."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Text for tooltip and screen reader, and the row itself."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole | Qt.ItemDataRole.ToolTipRole:
                return f"{row.structure_name} in {row.clip}, frame {row.frame + 1}: {row.reason}"
            case _ if role == _ROW_ROLE:
                return row
        return None


class QueueDelegate(QStyledItemDelegate):
    """Paints a colour chip, the structure with its frame, the clip, and the reason."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """A line for the structure, one for the clip, two for the reason."""
        return QSize(200, _row_height(option.fontMetrics))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one line of the queue."""
        row: QueueRow = index.data(_ROW_ROLE)
        rect: QRect = option.rect
        painter.save()
        painter.setFont(option.font)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(PALETTE.chosen))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(PALETTE.raised))
        line = painter.fontMetrics().height()
        area = rect.adjusted(GAP, 5, -GAP, -5)
        painter.fillRect(area.left(), area.top() + 1, 6, area.height() - 2, QColor(row.colour))
        area.setLeft(area.left() + 6 + GAP)
        title = f"{row.structure_name} · frame {row.frame + 1}"
        painter.setPen(QColor(PALETTE.text))
        _draw_line(painter, QRect(area.left(), area.top(), area.width(), line), title)
        painter.setPen(QColor(PALETTE.quiet))
        _draw_line(painter, QRect(area.left(), area.top() + line, area.width(), line), row.clip)
        painter.setPen(QColor(PALETTE.accent))
        wrapped = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(QRect(area.left(), area.top() + 2 * line, area.width(), 2 * line), wrapped, row.reason)
        painter.setPen(QColor(PALETTE.line))
        painter.drawLine(rect.left(), rect.bottom(), rect.right(), rect.bottom())
        painter.restore()


def _row_height(metrics: QFontMetrics) -> int:
    return 4 * metrics.height() + 10


def _draw_line(painter: QPainter, place: QRect, text: str) -> None:
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, place.width())
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)


class NextUpList(QWidget):
    """The queue.

    Signals
    -------
    activated(int)
        Position of the line that was clicked, or on which Enter was pressed.
    """

    activated = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("nextUp")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = QueueModel(self)
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setItemDelegate(QueueDelegate(self._list))
        self._list.setMouseTracking(True)
        self._list.setUniformItemSizes(True)
        self._list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName("What to label next")
        self._list.clicked.connect(self._on_chosen)
        self._list.activated.connect(self._on_chosen)
        self._empty = label("Nothing is waiting now. Once something is labelled, this says where the model needs more.")
        self._empty.setProperty("role", "quiet")
        self._empty.setWordWrap(True)
        self._heading = label(role="quiet")
        self.set_shortcuts({})
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, GAP, GAP)
        layout.setSpacing(TIGHT)
        layout.addWidget(self._heading)
        layout.addWidget(self._empty)
        layout.addWidget(self._list, 1)
        self._list.hide()

    def set_shortcuts(self, shortcuts: Mapping[str, str]) -> None:
        """Name the key of ``"next_up"`` in the heading."""
        key = shortcuts.get("next_up")
        self._heading.setText(f"Next up ({key})" if key else "Next up")

    def minimumSizeHint(self) -> QSize:
        """Room for the list; the heading gives way."""
        least = super().minimumSizeHint()
        return QSize(least.width(), least.height() - (0 if self._heading.isHidden() else self._heading_height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the heading where a whole line of the queue has room below it."""
        room = self.height() - TIGHT - GAP - 2 * self._list.frameWidth()
        self._heading.setVisible(room >= self._heading_height() + _row_height(self._list.fontMetrics()))
        super().resizeEvent(event)

    def _heading_height(self) -> int:
        return self._heading.sizeHint().height() + TIGHT

    def show_state(self, rows: tuple[QueueRow, ...]) -> None:
        """Show these lines; selection and scroll position stay where the line is still there."""
        if rows == self._model.rows:
            return
        scroll = self._list.verticalScrollBar().value()
        at = self._list.currentIndex().row()
        chosen = self._model.rows[at] if at >= 0 else None
        self._model.set_rows(rows)
        if chosen in rows:
            self._list.setCurrentIndex(self._model.index(rows.index(chosen), 0))
        self._list.verticalScrollBar().setValue(scroll)
        self._list.setVisible(bool(rows))
        self._empty.setVisible(not rows)

    def _on_chosen(self, index: QModelIndex) -> None:
        self.activated.emit(index.row())
