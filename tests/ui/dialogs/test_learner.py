"""The learner's window shows curves, confidence and recipes, and asks for another recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QAbstractButton, QLabel, QListWidget, QWidget

from annotator.ui.dialogs import Choice, LearnerDialog
from annotator.ui.reliability_plot import ReliabilityPlot
from annotator.viewer.state import ReliabilityCurve, ReliabilityRow, TrainingView

Find = Callable[[QWidget, str], QAbstractButton]
Press = Callable[[QWidget, str], None]

RECIPES = (Choice("default", "default", "What every project starts with."), Choice("hdc", "hdc", "Two outputs."))


@pytest.fixture
def dialog(qtbot: QtBot) -> LearnerDialog:
    made = LearnerDialog(RECIPES)
    qtbot.addWidget(made)
    made.show()
    return made


def visible_text(dialog: LearnerDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


def test_it_fits_the_smallest_screen(dialog: LearnerDialog, training: TrainingView) -> None:
    curve = ReliabilityCurve(((0.2, 0.1), (0.8, 0.7)), "When it says 80%, it is right 70% of the time.")
    rows = tuple(ReliabilityRow(f"Structure {i}", "#4aa8ff", curve, curve) for i in range(5))
    dialog.show_state(replace(training, recipe="default", reliability=rows))
    for page in range(3):
        dialog.pages.setCurrentIndex(page)
        least = dialog.minimumSizeHint()
        assert (least.width() <= 1200, least.height() <= 700) == (True, True)


def test_confidence_has_a_plot_and_words_per_structure(dialog: LearnerDialog, training: TrainingView) -> None:
    dialog.pages.setCurrentIndex(1)
    dialog.show_state(replace(training, confidence="Cannot be measured yet."))
    assert "Cannot be measured yet." in visible_text(dialog)
    before = ReliabilityCurve(((0.2, 0.1), (0.8, 0.7)), "When it says 80%, it is right 70% of the time.")
    after = ReliabilityCurve(((0.7, 0.7),), "When it says 70%, it is right 70% of the time.")
    rows = (ReliabilityRow("LV & wall", "#4aa8ff", before, after), ReliabilityRow("LA", "#e4572e", before, after))
    dialog.show_state(replace(training, reliability=rows))
    assert "Before: When it says 80%, it is right 70%" in visible_text(dialog)
    assert "LV &amp; wall" in visible_text(dialog)
    dialog.show_state(replace(training, reliability=rows[1:]))
    assert [p.accessibleName()[:2] for p in dialog.findChildren(ReliabilityPlot) if p.isVisible()] == ["LA"]


def test_another_recipe_is_asked_for(
    qtbot: QtBot, dialog: LearnerDialog, training: TrainingView, button: Find, press: Press
) -> None:
    dialog.pages.setCurrentIndex(2)
    assert not button(dialog, "Use this recipe").isEnabled(), "nothing learns yet"
    dialog.show_state(replace(training, recipe="default", recipe_summary="What <every> project starts with."))
    assert "In use: <b>default</b>. What &lt;every> project" in visible_text(dialog)
    assert not button(dialog, "Use this recipe").isEnabled(), "it is in use"
    dialog.findChildren(QListWidget)[0].setCurrentRow(1)
    with qtbot.waitSignal(dialog.recipe_chosen) as asked:
        press(dialog, "Use this recipe")
    assert asked.args == ["hdc"]
    dialog.show_state(replace(training, recipe="hdc"))
    assert not button(dialog, "Use this recipe").isEnabled()


def test_progress_has_facts_and_whole_notes(dialog: LearnerDialog, training: TrainingView) -> None:
    note = "In 'b' the left atrium has nearly vanished from the suggestions. " * 4
    dialog.show_state(replace(training, recipe="default", facts=("step 7", "CPU"), warnings=(note,)))
    assert note in visible_text(dialog)
    assert "Recipe: default · step 7 · CPU" in visible_text(dialog)
    dialog.show_state(replace(training, recipe="", warnings=()))
    assert "nearly vanished" not in visible_text(dialog)
    assert "Recipe:" not in visible_text(dialog)
