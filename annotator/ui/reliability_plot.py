"""How much a stated probability is worth: one small plot per structure, with the same in words."""

from __future__ import annotations

from typing import Final

import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from annotator.ui.controls import label
from annotator.ui.style import PALETTE, TIGHT
from annotator.viewer.state import ReliabilityRow

_TICKS: Final = [[(0, "0%"), (0.5, "50%"), (1, "100%")]]


class ReliabilityPlot(pg.PlotWidget):  # type: ignore[misc]
    """What came true over what was said; the diagonal is perfect, the dashed line before calibration."""

    def __init__(self) -> None:
        super().__init__(background=PALETTE.sunken)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(150, 110)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setRange(xRange=(0, 1), yRange=(0, 1), padding=0.08)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(PALETTE.edge)
            axis.setTextPen(PALETTE.quiet)
            axis.setTicks(_TICKS)
            axis.setStyle(hideOverlappingLabels=False, tickLength=-3, tickTextOffset=3)
        self.setLabel("bottom", "the model says")
        self.setLabel("left", "is right")
        self.getPlotItem().getAxis("left").setWidth(58)
        self.getPlotItem().getAxis("bottom").setHeight(36)
        self.plot([0, 1], [0, 1], pen=pg.mkPen(PALETTE.edge, width=1))
        self._before = self.plot(symbolSize=4, symbolPen=None)
        self._after = self.plot(symbolSize=5, symbolPen=None)

    def sizeHint(self) -> QSize:
        """Three stand side by side in a window."""
        return QSize(220, 170)

    def show_row(self, row: ReliabilityRow) -> None:
        """Show both lines of a structure."""
        self.setAccessibleName(f"{row.name}: how often a stated probability came true")
        self._before.setPen(pg.mkPen(PALETTE.quiet, width=1.5, style=Qt.PenStyle.DashLine))
        self._before.setSymbol("o")
        self._before.setSymbolBrush(PALETTE.quiet)
        self._after.setPen(pg.mkPen(row.colour, width=2))
        self._after.setSymbol("o")
        self._after.setSymbolBrush(row.colour)
        for line, curve in ((self._before, row.before), (self._after, row.after)):
            line.setData([p for p, _ in curve.points], [f for _, f in curve.points])


class ReliabilityCard(QWidget):
    """One structure: name, plot, and what the two lines say."""

    def __init__(self) -> None:
        super().__init__()
        self._name = QLabel()
        self._plot = ReliabilityPlot()
        self._before = label(role="quiet", is_wrapped=True)
        self._after = label(is_wrapped=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(TIGHT)
        layout.addWidget(self._name)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self._before)
        layout.addWidget(self._after)

    def show_row(self, row: ReliabilityRow) -> None:
        """Show a structure."""
        self._name.setText(f'<span style="color:{row.colour}">●</span> <b>{_escaped(row.name)}</b>')
        self._plot.show_row(row)
        self._before.setText(f"Before: {row.before.words}")
        self._after.setText(f"After: {row.after.words}")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
