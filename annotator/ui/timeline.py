"""The timeline under the canvas: what is known of each frame, and the way to move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from annotator.ui.cell_looks import CELL_LOOKS, paint_cell
from annotator.ui.controls import ChoiceBox, Readout, tool_button
from annotator.ui.style import GAP, PALETTE, TIGHT
from annotator.ui.timeline_canvas import TimelineCanvas
from annotator.viewer.state import CellState, TimelineRow, TimelineState

_LEGEND_LINE: Final = 14
_LEGEND_CELL: Final = 14
"""Height of a line; width of a cell with the gap behind it, in pixels."""

_SPEEDS: Final = {"¼ speed": 0.25, "½ speed": 0.5, "True speed": 1.0, "2× speed": 2.0}


class Legend(QWidget):
    """The cell of each state that the clip has, with its word; the tooltip explains them all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend of the timeline")
        self._states: tuple[CellState, ...] = ()
        self.setToolTip("\n".join(f"{look.word}: {look.meaning}" for look in CELL_LOOKS.values()))

    def show_states(self, states: frozenset[CellState]) -> None:
        """Explain these states."""
        ordered = tuple(state for state in CELL_LOOKS if state in states)
        if ordered != self._states:
            self._states = ordered
            self.update()

    def sizeHint(self) -> QSize:
        """Two lines."""
        return QSize(200, 2 * _LEGEND_LINE)

    def minimumSizeHint(self) -> QSize:
        """May shrink; words that do not fit on two lines are left out whole, and '…' says so."""
        return QSize(40, 2 * _LEGEND_LINE)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint cells and words, on one line where they fit on it."""
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(PALETTE.quiet))
        advance = painter.fontMetrics().horizontalAdvance
        places = in_lines([_LEGEND_CELL + advance(CELL_LOOKS[state].word) for state in self._states], self.width())
        top = 0 if any(line for _, line in places) else _LEGEND_LINE // 2
        for state, (x, line) in zip(self._states, places, strict=False):
            y = top + line * _LEGEND_LINE
            paint_cell(painter, QRect(x, y + 1, 10, 12), state)
            area = QRect(x + _LEGEND_CELL, y, self.width() - x, _LEGEND_LINE)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), CELL_LOOKS[state].word)
        if len(places) < len(self._states):
            area = QRect(0, _LEGEND_LINE, self.width(), _LEGEND_LINE)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), "…")


def in_lines(widths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Left edge and line of each item on at most two lines; those that do not fit are missing.

    Parameters
    ----------
    widths
        Of the items, in pixels.
    room
        Width of a line, in pixels; the end of the second stays free for '…' where an item is missing.
    """
    places: list[tuple[int, int]] = []
    x, line = 0, 0
    for i, width in enumerate(widths):
        is_last = i + 1 == len(widths)
        if x and x + width > room and line == 0:
            x, line = 0, 1
        if x + width + (_LEGEND_CELL if line and not is_last else 0) > room:
            break
        places.append((x, line))
        x += width + GAP + 2
    return places


class Timeline(QWidget):
    """Rows of cells, with play, speed and frame number.

    Signals
    -------
    frame_requested(int)
        Go to this frame, counted from 0.
    structure_selected(str)
        Select this structure.
    play_toggled(bool)
        Play, or stop.
    speed_changed(float)
        Times the true rate.
    """

    frame_requested = Signal(int)
    structure_selected = Signal(str)
    play_toggled = Signal(bool)
    speed_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.canvas = TimelineCanvas()
        self.canvas.frame_requested.connect(self.frame_requested)
        self.canvas.structure_selected.connect(self.structure_selected)
        self._play = tool_button("play", "Play or stop", checked="pause")
        self._play.setCheckable(True)
        self._play.clicked.connect(self.play_toggled)
        self._speed = ChoiceBox("Playing speed")
        self._speed.addItems(list(_SPEEDS))
        self._speed.setCurrentText("True speed")
        self._speed.activated.connect(self._on_speed)
        self._number = Readout()
        self._number.setMinimumWidth(self._number.fontMetrics().horizontalAdvance("Frame 8888 of 8888 · 88888 ms"))
        bar = QHBoxLayout()
        bar.setSpacing(GAP)
        bar.addWidget(self._play)
        bar.addWidget(self._speed)
        bar.addWidget(self._number)
        self._legend = Legend()
        bar.addWidget(self._legend, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, GAP, TIGHT)
        layout.setSpacing(TIGHT)
        layout.addLayout(bar)
        layout.addWidget(self.canvas, 1)
        self._play.setEnabled(False)
        self._rows: tuple[TimelineRow, ...] = ()

    def show_state(self, state: TimelineState) -> None:
        """Show a clip's cells and where the cursor is."""
        self.canvas.show_state(state)
        if state.rows != self._rows:
            self._rows = state.rows
            self._legend.show_states(frozenset(cell for row in state.rows for cell in row.cells))
        self._play.setEnabled(state.n_frames > 1)
        if not state.n_frames:
            self._number.setText("")
            return
        text = f"Frame {state.current + 1} of {state.n_frames}"
        if len(state.frame_times_ms) == state.n_frames:
            text += f" · {state.frame_times_ms[state.current]:.0f} ms"
        self._number.setText(text)

    def set_playing(self, *, is_playing: bool) -> None:
        """Show whether the clip plays; emits nothing."""
        self._play.setChecked(is_playing)

    def set_shortcuts(self, shortcuts: dict[str, str]) -> None:
        """Name the key of ``"play"`` in the tooltip."""
        key = shortcuts.get("play")
        self._play.setToolTip(f"Play or stop ({key})" if key else "Play or stop")

    def _on_speed(self) -> None:
        self.speed_changed.emit(_SPEEDS[self._speed.currentText()])
