"""What the background learner does, with its curves; refreshed about twice a second without flicker."""

from __future__ import annotations

import math
from typing import Any, Final

import pyqtgraph as pg
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from annotator.core.words import counted
from annotator.ui.controls import label, push_button
from annotator.ui.style import GAP, PALETTE, TIGHT
from annotator.ui.warning_list import WarningList
from annotator.viewer.state import Curve, TrainingView

_WIDTH: Final = 2

_NAMED: Final = 2
"""Patients that are named in the panel; the others are in its tooltip."""

_LABEL_ROOM: Final = 0.14
"""Of the height of the Dice curves, above and below them."""

_MOST: Final = 250
"""Height in pixels beyond which facts and Dice in words are left to the learner's window, so that all panels are on a
screen of 1366 x 768 with letters 1.5 times as large."""

_LEAST_PLOT: Final = 64
"""Height below which a plot says nothing, in pixels."""
_DASHES: Final = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)


class CurvePlot(pg.PlotWidget):  # type: ignore[misc]
    """A small plot whose lines are updated in place; colour and dash tell them apart."""

    def __init__(self, name: str) -> None:
        super().__init__(background=PALETTE.sunken)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(_LEAST_PLOT)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        item = self.getPlotItem()
        item.showGrid(x=False, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(PALETTE.edge)
            axis.setTextPen(PALETTE.quiet)
            # Finer ticks cost three times the painting, which competes with the hand that draws.
            axis.setStyle(tickLength=-3, tickTextOffset=3, maxTickLevel=0, showValues=False)
        item.getAxis("left").setWidth(34)
        item.getAxis("bottom").setHeight(18)
        # Finer, a step would have decimals and a value more digits than there is room for, and so none at all.
        item.getViewBox().setLimits(xMin=-1, minXRange=10, minYRange=0.05)
        self._bottom = -1.0
        self._has_points = False
        self._lines: dict[str, Any] = {}
        self._shown: dict[str, Curve] = {}

    def sizeHint(self) -> QSize:
        """Small: the panel stands beside others."""
        return QSize(240, 104)

    def show_shares(self, curves: tuple[Curve, ...]) -> None:
        """Show curves of 0..1 on an axis that ends at 1 and begins below the lowest of them."""
        least = min((point.value for curve in curves for point in curve.points), default=0.0)
        bottom = max(0.0, math.floor(10 * least) / 10 - 0.1)
        if bottom != self._bottom:
            self._bottom = bottom
            # Room for the outer numbers, which are left out where half of one would be beyond the axis.
            self.setYRange(bottom, 1, padding=_LABEL_ROOM)
            middle = (1 + bottom) / 2
            self.getAxis("left").setTicks([[(y, f"{y:.2g}") for y in (bottom, middle, 1)]])
        self.show_curves(curves)

    def show_curves(self, curves: tuple[Curve, ...]) -> None:
        """Show these curves; a curve that did not change is not touched. Without a point the axes have no numbers."""
        has_points = any(curve.points for curve in curves)
        if has_points is not self._has_points:
            self._has_points = has_points
            for side in ("left", "bottom"):
                self.getAxis(side).setStyle(showValues=has_points)
        for name in self._lines.keys() - {curve.name for curve in curves}:
            self.removeItem(self._lines.pop(name))
            del self._shown[name]
        for i, curve in enumerate(curves):
            before = self._shown.get(curve.name)
            if before == curve:
                continue
            line = self._lines.get(curve.name)
            if line is None:
                line = self._lines[curve.name] = self.plot()
            if before is None or before.colour != curve.colour:
                line.setPen(pg.mkPen(curve.colour, width=_WIDTH, style=_DASHES[i % len(_DASHES)]))
            line.setSymbol("o" if len(curve.points) == 1 else None)
            line.setSymbolSize(5)
            line.setData([p.step for p in curve.points], [p.value for p in curve.points])
            self._shown[curve.name] = curve


class TrainingPanel(QWidget):
    """Buttons, headline, facts and curves; of pausing and resuming the one that is possible.

    Signals
    -------
    pause(), resume(), retry(), details()
        The button of that name.
    """

    pause = Signal()
    resume = Signal()
    retry = Signal()
    details = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trainingPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._view: TrainingView | None = None
        self._headline = label("The model has not started yet.", is_wrapped=True)
        self._warnings = WarningList()
        self._warnings.more.connect(self.details)
        self._is_told = False
        self._given_way: tuple[QLabel, ...] = ()
        self._facts = label(role="quiet", is_wrapped=True)
        self._loss = CurvePlot("Training loss over steps")
        self._loss_text = label("Loss", role="quiet")
        self._dice = CurvePlot("Dice on the patients held aside over steps")
        self._dice_text = QLabel()
        self._dice_text.setProperty("role", "quiet")
        self._dice_text.setWordWrap(True)
        self._pause = push_button("Pause", icon_name="pause")
        self._pause.setToolTip("Let the learner rest; suggestions are still shown")
        self._pause.clicked.connect(self.pause)
        self._resume = push_button("Resume", icon_name="play")
        self._resume.setToolTip("Let the learner go on from where it is")
        self._resume.clicked.connect(self.resume)
        self._retry = push_button("Retry", icon_name="retry", role="primary")
        self._retry.setToolTip("Let the learner try again")
        self._retry.clicked.connect(self.retry)
        self._details = push_button("Details…")
        self._details.setToolTip("Curves, confidence, and the recipe, which can be changed there")
        self._details.clicked.connect(self.details)
        self._lay_out()
        self._pause.setEnabled(False)
        for hidden in (self._resume, self._retry, self._facts, self._dice_text, self._loss, self._dice):
            hidden.hide()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(TIGHT)
        for button in (self._pause, self._resume, self._retry, self._details):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        # How low the panel may be is not the layout's to say: plots give way.
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(GAP, GAP, GAP, GAP)
        layout.setSpacing(TIGHT)
        # Above the words, whose height changes while a hand is on its way to a button.
        layout.addLayout(buttons)
        layout.addWidget(self._headline)
        layout.addWidget(self._warnings)
        layout.addWidget(self._facts)
        layout.addWidget(self._dice_text)
        layout.addWidget(self._dice, 1)
        layout.addWidget(self._loss_text)
        layout.addWidget(self._loss, 1)
        layout.addStretch()

    def show_state(self, view: TrainingView) -> None:
        """Show this view; what did not change is not touched. Without a learner, the headline alone says why."""
        if view == self._view:
            return
        self._view = view
        _set(self._headline, view.headline)
        self._warnings.show_warnings(view.warnings)
        _set(self._facts, facts_words(view))
        self._facts.setToolTip(view.recipe_summary)
        self._pause.setEnabled(view.can_pause)
        self._pause.setVisible(not view.can_resume)
        self._resume.setVisible(view.can_resume)
        self._retry.setVisible(view.can_retry)
        if view.loss.points:
            _set(self._loss_text, f"Loss {view.loss.points[-1].value:.3f}")
        _set(self._dice_text, dice_words(view.dice, title=_title(view.held_patients, flatters=bool(view.caveat))))
        self._dice_text.setToolTip(f"{view.held}\n{view.caveat}".rstrip())
        if bool(view.recipe) is not self._is_told:
            self._is_told = bool(view.recipe)
            self._given_way = ()
            for words in (self._facts, self._dice_text):
                words.setVisible(self._is_told)
        self._choose_parts()
        self.updateGeometry()
        self._loss.show_curves((view.loss,))
        self._dice.show_shares(view.dice)

    def _choose_parts(self) -> None:
        """Show that for which there is room: buttons, headline and brief notes always, whole notes, words and plots."""
        has_dice = self._view is not None and any(len(curve.points) > 1 for curve in self._view.dice)
        has_loss = self._view is not None and len(self._view.loss.points) > 1
        spare = self.height() - self._words_height()
        first, both = self._plot_heights()
        notes, least = self._warnings, self._warnings.minimumSizeHint().height()
        brief, whole = (notes.room(is_brief=is_brief) - least for is_brief in (True, False))
        plot = first if has_dice else 0
        is_brief = whole > spare or brief + plot <= spare < whole + plot
        notes.set_brief(is_brief=is_brief)
        self._show_words(spare)
        room = spare - (brief if is_brief else whole)
        self._dice.setVisible(has_dice and room >= first)
        self._loss.setVisible(has_loss and room >= (both if has_dice else first))
        is_told = self._view is not None and bool(self._view.loss.points)
        self._loss_text.setVisible(self._loss.isVisibleTo(self) or (is_told and not has_dice))

    def _show_words(self, spare: int) -> None:
        """Show facts and Dice in words, but for those that have no room; the learner's window has them all."""
        given_way: list[QLabel] = []
        for words in (self._facts, self._dice_text) if self._is_told else ():
            if spare < 0:
                given_way.append(words)
                spare += self._height_of(words)
            words.setVisible(words not in given_way)
        self._given_way = tuple(given_way)

    def _height_of(self, words: QLabel) -> int:
        return words.heightForWidth(self.width() - 2 * GAP) + TIGHT

    def _words_height(self) -> int:
        """Height of buttons, brief notes and all words, also of those that have no room now."""
        least, layout = super().minimumSizeHint(), self.layout()
        height = least.height() if layout is None else layout.minimumHeightForWidth(max(self.width(), least.width()))
        shown = self._dice.isVisibleTo(self) + self._loss.isVisibleTo(self)
        return height - (0, *self._plot_heights())[shown] + sum(map(self._height_of, self._given_way))

    def minimumSizeHint(self) -> QSize:
        """Room for the words; the plots, and some words in the end, give way to the panels beside this one."""
        height = self._words_height()
        if self._is_told:
            yielding = self._height_of(self._facts) + self._height_of(self._dice_text)
            height = min(height, max(_MOST, height - yielding))
        return QSize(super().minimumSizeHint().width(), height)

    def _plot_heights(self) -> tuple[int, int]:
        """Least height of the first plot, and of both, of which the second comes with its words."""
        one = _LEAST_PLOT + TIGHT
        return one, 2 * one + self._loss_text.sizeHint().height() + TIGHT

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the parts for which there is room."""
        self._choose_parts()
        super().resizeEvent(event)


def facts_words(view: TrainingView) -> str:
    """The recipe, the step, how fast it learns and where, in one line."""
    return " · ".join((f"Recipe: {view.recipe}", *view.facts))


def _set(target: QLabel, text: str) -> None:
    if target.text() != text:
        target.setText(text)


def _title(held: tuple[str, ...], *, flatters: bool) -> str:
    """Two lines at most, since what is higher takes the room of the curves."""
    if not held:
        return "Dice: no patient is held aside yet (from the 4th labelled one on)"
    if flatters:
        return f"Dice on {counted(len(held), 'patient')} held aside, against accepted suggestions: flattering"
    more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    return f"Dice on patients held aside: {', '.join(held[:_NAMED])}{more}"


def dice_words(curves: tuple[Curve, ...], *, title: str, note: str = "") -> str:
    """The legend as rich text: the title, one coloured dot, name and last value per structure, and a note on them."""
    known = [curve for curve in curves if curve.points]
    if not known:
        return f"{_plain(title)}. Not measured yet."
    parts = (
        f'<span style="white-space:nowrap"><span style="color:{c.colour}">●</span> '
        f"{_escaped(c.name)}&nbsp;<b>{c.points[-1].value:.2f}</b></span>"
        for c in known
    )
    return f"{_plain(title)}<br>" + "&nbsp; ".join(parts) + (f"<br>{_plain(note)}" if note else "")


def _escaped(text: str) -> str:
    return _plain(text).replace(" ", "&nbsp;")


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
