"""Studies and clips at the left of the window, with their progress."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtGui import QColor, QFont, QPainter
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from annotator.core.words import counted
from annotator.ui.clip_menu import ClipMenu
from annotator.ui.clip_model import FILTER_ROLE, ROW_ROLE, ClipModel
from annotator.ui.controls import label
from annotator.ui.style import GAP, PALETTE, TIGHT
from annotator.viewer.state import ClipRow

_DONE: Final = "#2fc796"
_SPLIT_BADGES: Final = {"validation": ("VAL", "#f2c14e"), "test": ("TEST", "#d58bb8")}
_DRAFT_BADGE: Final = ("DRAFT", "#f0e442")


class ClipDelegate(QStyledItemDelegate):
    """Paints a clip in two lines and a progress bar, a patient as a heading."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Two lines of text and a bar for a clip, one line for a patient."""
        line = option.fontMetrics.height()
        return QSize(200, line + 12 if index.data(ROW_ROLE) is None else 2 * line + 18)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one item."""
        row: ClipRow | None = index.data(ROW_ROLE)
        rect: QRect = option.rect
        painter.save()
        painter.setFont(option.font)
        state: QStyle.StateFlag = option.state
        if row is not None and row.is_current:
            painter.fillRect(rect, QColor(PALETTE.accentDeep))
            painter.fillRect(rect.left(), rect.top(), 3, rect.height(), QColor(PALETTE.accent))
        elif state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(PALETTE.chosen))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(PALETTE.raised))
        if row is None:
            _paint_patient(painter, rect, str(index.data()))
        else:
            _paint_clip(painter, rect.adjusted(GAP, TIGHT, -GAP, -TIGHT), row)
        painter.restore()


def _paint_patient(painter: QPainter, rect: QRect, patient: str) -> None:
    font = QFont(painter.font())
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(PALETTE.quiet))
    text = painter.fontMetrics().elidedText(f"Patient {patient}", Qt.TextElideMode.ElideMiddle, rect.width() - GAP)
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)


def _paint_clip(painter: QPainter, area: QRect, row: ClipRow) -> None:
    metrics = painter.fontMetrics()
    line = metrics.height()
    right, left = int(Qt.AlignmentFlag.AlignRight), int(Qt.AlignmentFlag.AlignLeft)
    painter.setPen(QColor(PALETTE.text))
    name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, area.width())
    painter.drawText(QRect(area.left(), area.top(), area.width(), line), left, name)
    font = QFont(painter.font())
    font.setPointSizeF(font.pointSizeF() * 0.9)
    painter.setFont(font)
    metrics = painter.fontMetrics()
    second = QRect(area.left(), area.top() + line, area.width(), line)
    count = f"{row.labelled_frames} / {row.n_frames}"
    painter.drawText(second, right, count)
    room = area.width() - metrics.horizontalAdvance(count) - GAP
    for word, tint in _badges(row):
        painter.setPen(QColor(tint))
        painter.drawText(second.adjusted(0, 0, room - area.width(), 0), right, word)
        room -= metrics.horizontalAdvance(word) + GAP
    painter.setPen(QColor(PALETTE.quiet))
    facts = " · ".join((row.view or "view not set", row.domain))
    painter.drawText(second, left, metrics.elidedText(facts, Qt.TextElideMode.ElideRight, room))
    bar = QRect(area.left(), area.bottom() - 4, area.width(), 4)
    painter.fillRect(bar, QColor(PALETTE.line))
    if row.labelled_frames and row.n_frames:
        share = min(1.0, row.labelled_frames / row.n_frames)
        painter.fillRect(bar.left(), bar.top(), max(2, round(share * bar.width())), 4, QColor(_DONE))


def _badges(row: ClipRow) -> tuple[tuple[str, str], ...]:
    """Words and colours, from the right."""
    split = (_SPLIT_BADGES[row.split],) if row.split in _SPLIT_BADGES else ()
    return (*split, _DRAFT_BADGE) if row.draft_frames else split


class ClipBrowser(QWidget):
    """Clips grouped by patient, with a filter.

    Signals
    -------
    clip_activated(str)
        The user clicked a clip or pressed Enter on it.
    view_chosen(tuple, str), domain_chosen(tuple, str), split_chosen(tuple, str)
        A view (``""`` for none), a domain, or a part of the data for some clips, by name.
    patient_requested(tuple)
        Some clips, by name, are to be another patient's.
    """

    clip_activated = Signal(str)
    view_chosen = Signal(tuple, str)
    domain_chosen = Signal(tuple, str)
    split_chosen = Signal(tuple, str)
    patient_requested = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clipBrowser")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = ClipModel(self)
        # Before the tree forgets them, and only then: there may be thousands to ask about.
        self._model.modelAboutToBeReset.connect(self._note_closed)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setFilterRole(FILTER_ROLE)
        self._proxy.setRecursiveFilteringEnabled(True)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText("Filter by clip, patient, view, domain…")
        self._filter.setAccessibleName("Filter clips")
        self._filter.setClearButtonEnabled(True)
        # Files that are dropped here are to be imported; a line would take them for text, and for moved.
        self._filter.setAcceptDrops(False)
        self._tree = self._make_tree()
        self._summary = label(role="quiet", is_wrapped=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GAP, GAP, GAP, GAP)
        layout.setSpacing(TIGHT)
        for widget in (self._filter, self._tree, self._summary):
            layout.addWidget(widget)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(120)
        self._typing.timeout.connect(self._apply_filter)
        self._filter.textChanged.connect(self._typing.start)
        self._filter.returnPressed.connect(self._apply_filter)
        self._current = self._wanted = self._counts = ""
        # Patients that were closed before the filter, which opens all that it finds.
        self._closed: frozenset[str] = frozenset()
        self._closed_at_reset: frozenset[str] = frozenset()
        self._views: tuple[str, ...] | None = None

    def _make_tree(self) -> QTreeView:
        tree = QTreeView()
        tree.setModel(self._proxy)
        tree.setItemDelegate(ClipDelegate(tree))
        tree.setHeaderHidden(True)
        tree.setIndentation(12)
        tree.setMouseTracking(True)
        tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.setAccessibleName("Clips by patient")
        tree.setExpandsOnDoubleClick(True)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(self._on_menu)
        tree.clicked.connect(self._on_clicked)
        tree.activated.connect(self._activate)
        return tree

    def offer_changes(self, views: tuple[str, ...]) -> None:
        """Let the user say views, these or none, domains and parts of the data of clips by a menu."""
        self._views = views

    def show_state(self, rows: tuple[ClipRow, ...]) -> None:
        """Show these clips; selection, open patients and scroll position stay."""
        scroll = self._tree.verticalScrollBar().value()
        selected = self._selected_name()
        if self._model.set_rows(rows):
            self._restore(selected, self._closed_at_reset)
            self._tree.verticalScrollBar().setValue(scroll)
        current = next((row.name for row in rows if row.is_current), "")
        if current != self._current:
            self._current = current
            self._select(current)
        done = sum(row.labelled_frames for row in rows)
        frames = sum(row.n_frames for row in rows)
        words = f"{counted(len(rows), 'clip')} · {done:,} of {counted(frames, 'frame')} labelled"
        self._counts = words if rows else "No clips yet. Drop files here, or choose File > Import clips…"
        self._summarise()

    def _selected_name(self) -> str:
        row = self._row_at(self._tree.currentIndex())
        return "" if row is None else row.name

    def _patients(self) -> list[QModelIndex]:
        return [self._proxy.index(i, 0) for i in range(self._proxy.rowCount())]

    def _closed_patients(self) -> frozenset[str]:
        return frozenset(str(i.data()) for i in self._patients() if not self._tree.isExpanded(i))

    def _note_closed(self) -> None:
        self._closed_at_reset = self._closed_patients()

    def _restore(self, selected: str, closed: frozenset[str]) -> None:
        self._tree.expandAll()
        for index in self._patients():
            if index.data() in closed:
                self._tree.collapse(index)
        self._select(selected)

    def _select(self, name: str) -> None:
        index = self._proxy.mapFromSource(self._model.clip_index(name))
        if index.isValid():
            self._tree.setCurrentIndex(index)
            self._tree.scrollTo(index)

    def _apply_filter(self) -> None:
        self._typing.stop()
        wanted = self._filter.text().strip()
        if not self._wanted:
            self._closed = self._closed_patients()
        self._wanted = wanted
        # As one reset. Each run of rows that goes or comes would be told apart, and the tree goes through all that is
        # open each time: a letter took seconds in thousands of clips.
        self._proxy.setSourceModel(None)  # type: ignore[arg-type]
        self._proxy.setFilterFixedString(wanted)
        self._proxy.setSourceModel(self._model)
        self._restore(self._current, frozenset() if wanted else self._closed)
        self._summarise()

    def _summarise(self) -> None:
        is_missed = bool(self._wanted) and not self._proxy.rowCount()
        self._summary.setText("No clip matches the filter." if is_missed else self._counts)

    def _on_clicked(self, index: QModelIndex) -> None:
        """A click opens a clip, but where it is one of several that are being selected."""
        if self._tree.selectionModel().selectedRows() == [index]:
            self._activate(index)

    def _on_menu(self, place: QPoint) -> None:
        rows = self._rows_meant()
        if self._views is None or not rows:
            return
        names = tuple(row.name for row in rows)
        menu = ClipMenu(
            rows,
            self._views,
            self._model.domains(),
            choose_view=lambda view: self.view_chosen.emit(names, view),
            choose_domain=lambda domain: self.domain_chosen.emit(names, domain),
            choose_split=lambda split: self.split_chosen.emit(names, split),
            ask_patient=lambda: self.patient_requested.emit(names),
            parent=self,
        )
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._tree.viewport().mapToGlobal(place))

    def _rows_meant(self) -> tuple[ClipRow, ...]:
        """What a menu is about: the clips selected, and those shown of patients who are selected closed or alone."""
        chosen = [QModelIndex(index) for index in self._tree.selectionModel().selectedRows()]
        is_alone = all(self._row_at(index) is None for index in chosen)
        meant: dict[str, ClipRow] = {}
        for index in chosen:
            row = self._row_at(index)
            if row is not None:
                meant[row.name] = row
            elif is_alone or not self._tree.isExpanded(index):
                below = (self._row_at(self._proxy.index(i, 0, index)) for i in range(self._proxy.rowCount(index)))
                meant |= {clip.name: clip for clip in below if clip is not None}
        return tuple(meant.values())

    def _row_at(self, index: QModelIndex) -> ClipRow | None:
        return self._model.row_at(self._proxy.mapToSource(index))

    def _activate(self, index: QModelIndex) -> None:
        row = self._row_at(index)
        if row is not None:
            self.clip_activated.emit(row.name)
