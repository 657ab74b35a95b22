"""The learner in a window of its own: its curves, what its confidence is worth, and the recipe that it follows."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.ui.controls import label, push_button
from annotator.ui.dialogs.form import Choice
from annotator.ui.reliability_plot import ReliabilityCard
from annotator.ui.style import GAP, TIGHT, WIDE
from annotator.ui.training_panel import CurvePlot, dice_words, facts_words
from annotator.ui.warning_list import WarningList
from annotator.viewer.state import ReliabilityRow, TrainingView

_COLUMNS: Final = 3
_READING: Final = (
    "Each point compares what the model says with what turned out to be true on the patients held aside. On the thin "
    "diagonal the two are the same; below it the model is too sure of itself, above it too timid. The dashed line is "
    "before calibration, the coloured one after. The calibration error is the mean distance from the diagonal."
)
_CHANGING: Final = (
    "A recipe says how the model learns. Labels and published models stay whatever you choose. Learning goes on from "
    "where it is; only a recipe with another network begins anew. The project remembers the choice."
)


class LearnerDialog(QDialog):
    """Three pages, kept up to date while they are open; it does not block the main window.

    Signals
    -------
    recipe_chosen(str)
        A shipped recipe's name, or the path of a file.
    """

    recipe_chosen = Signal(str)

    def __init__(self, recipes: tuple[Choice, ...], *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("How the model learns")
        self._progress = _ProgressPage()
        self._confidence = _ConfidencePage()
        self._recipes = _RecipePage(recipes)
        self._recipes.chosen.connect(self.recipe_chosen)
        self.pages = QTabWidget()
        self.pages.addTab(self._progress, "Progress")
        self.pages.addTab(self._confidence, "Confidence")
        self.pages.addTab(self._recipes, "Recipe")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(WIDE, GAP, WIDE, WIDE)
        layout.addWidget(self.pages)
        # The smallest screen that is meant has 768 lines, and 512 with letters 1.5 times as large.
        self.resize(QSize(900, 620).boundedTo(self.screen().availableSize()))

    def show_state(self, view: TrainingView) -> None:
        """Show this view."""
        self._progress.show_state(view)
        self._confidence.show_state(view)
        self._recipes.show_state(view)


class _ProgressPage(QWidget):
    """What it does, what to know of it, the overlap per structure on the patients held aside, and the loss."""

    def __init__(self) -> None:
        super().__init__()
        self._headline = label(is_wrapped=True)
        self._warnings = WarningList()
        self._facts = label(role="quiet", is_wrapped=True)
        self._held = label(is_wrapped=True)
        self._held.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._dice = CurvePlot("Dice on the patients held aside over steps, large")
        self._dice.setLabel("bottom", "training steps")
        self._dice.getAxis("bottom").setHeight(36)
        self._loss = CurvePlot("Training loss over steps, large")
        layout = _column(self)
        for widget, stretch in (
            (self._headline, 0),
            (self._warnings, 0),
            (self._facts, 0),
            (self._held, 0),
            (self._words, 0),
            (self._dice, 3),
            (label("Training loss: how far the model is from what it is taught. Smaller is better.", role="quiet"), 0),
            (self._loss, 1),
        ):
            layout.addWidget(widget, stretch)

    def show_state(self, view: TrainingView) -> None:
        self._headline.setText(view.headline)
        self._warnings.show_warnings(view.warnings)
        self._facts.setText(facts_words(view) if view.recipe else "")
        self._facts.setVisible(bool(view.recipe))
        self._held.setText(view.held)
        title = "Overlap with their labels (Dice; 1 is perfect)"
        self._words.setText(dice_words(view.dice, title=title, note=view.caveat))
        self._dice.show_shares(view.dice)
        self._loss.show_curves((view.loss,))


class _ConfidencePage(QWidget):
    """One card per measured structure."""

    def __init__(self) -> None:
        super().__init__()
        self._sentence = label(is_wrapped=True)
        self._reading = label(_READING, role="quiet", is_wrapped=True)
        self._cards: list[ReliabilityCard] = []
        self._shown: tuple[ReliabilityRow, ...] = ()
        self._grid = QGridLayout()
        self._grid.setSpacing(WIDE)
        layout = _column(self)
        layout.addWidget(self._sentence)
        layout.addWidget(self._reading)
        layout.addLayout(self._grid, 1)
        layout.addStretch()

    def show_state(self, view: TrainingView) -> None:
        self._sentence.setText(view.confidence)
        self._reading.setVisible(bool(view.reliability))
        if view.reliability == self._shown:
            return
        self._shown = view.reliability
        while len(self._cards) < len(view.reliability):
            place = divmod(len(self._cards), _COLUMNS)
            self._cards.append(ReliabilityCard())
            self._grid.addWidget(self._cards[-1], *place)
        for i, card in enumerate(self._cards):
            card.setVisible(i < len(view.reliability))
        for card, row in zip(self._cards, view.reliability, strict=False):
            card.show_row(row)


class _RecipePage(QWidget):
    """The recipe in use, and others to choose from."""

    chosen = Signal(str)

    def __init__(self, recipes: tuple[Choice, ...]) -> None:
        super().__init__()
        self._now = QLabel()
        self._now.setWordWrap(True)
        self._list = QListWidget()
        self._list.setAccessibleName("Recipes")
        self._list.setWordWrap(True)
        for recipe in recipes:
            item = QListWidgetItem(f"{recipe.name}\n{recipe.note}")
            item.setData(Qt.ItemDataRole.UserRole, recipe.id)
            self._list.addItem(item)
        self._use = push_button("Use this recipe", role="primary")
        self._use.clicked.connect(self._on_use)
        self._file = push_button("From a file…", icon_name="folder")
        self._file.clicked.connect(self._on_file)
        for button in (self._use, self._file):
            button.setAutoDefault(False)
        self._list.currentRowChanged.connect(self._refresh)
        self._list.itemDoubleClicked.connect(self._on_use)
        self._recipe = ""
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addStretch()
        buttons.addWidget(self._file)
        buttons.addWidget(self._use)
        layout = _column(self)
        layout.addWidget(self._now)
        layout.addWidget(label(_CHANGING, role="quiet", is_wrapped=True))
        layout.addWidget(self._list, 1)
        layout.addLayout(buttons)
        self._refresh()

    def show_state(self, view: TrainingView) -> None:
        if (view.recipe, view.recipe_summary) == (self._recipe, self._now.toolTip()) and self._now.text():
            return
        self._recipe = view.recipe
        self._now.setToolTip(view.recipe_summary)
        name = view.recipe or "none: nothing learns in this window"
        self._now.setText(f"In use: <b>{_escaped(name)}</b>. {_escaped(view.recipe_summary)}")
        for row in range(self._list.count()):
            if self._list.item(row).data(Qt.ItemDataRole.UserRole) == view.recipe:
                self._list.setCurrentRow(row)
        self._refresh()

    def _selected(self) -> str:
        item = self._list.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def _refresh(self, _row: int = -1) -> None:
        self._use.setEnabled(bool(self._recipe) and self._selected() not in ("", self._recipe))
        self._file.setEnabled(bool(self._recipe))

    def _on_use(self) -> None:
        if self._use.isEnabled():
            self.chosen.emit(self._selected())

    def _on_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose a recipe", "", "Recipes (*.toml)")
        if path:
            self.chosen.emit(path)


def _column(page: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, GAP, 0, 0)
    layout.setSpacing(TIGHT * 2)
    return layout


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
