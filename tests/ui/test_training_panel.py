from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QAbstractButton, QLabel, QWidget

from annotator.ui.training_panel import CurvePlot, TrainingPanel
from annotator.ui.warning_list import WarningList
from annotator.viewer.state import Curve, CurvePoint, TrainingView

Find = Callable[[QWidget, str], QAbstractButton]
Press = Callable[[QWidget, str], None]


@pytest.fixture
def panel(qtbot: QtBot) -> TrainingPanel:
    made = TrainingPanel()
    qtbot.addWidget(made)
    made.resize(270, 420)
    made.show()
    return made


def plot(panel: TrainingPanel, name: str) -> CurvePlot:
    (found,) = (p for p in panel.findChildren(CurvePlot) if name in p.accessibleName())
    return found


def texts(panel: TrainingPanel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel))


def test_headline_facts_and_last_values(panel: TrainingPanel, training: TrainingView) -> None:
    panel.show_state(training)
    assert "Learning from 3 frames." in texts(panel)
    assert "Loss 0.200" in texts(panel)
    assert "LV&nbsp;cavity&nbsp;<b>0.20</b>" in texts(panel)
    panel.grab()


def test_where_no_learner_runs_nothing_is_said_of_it(panel: TrainingPanel, training: TrainingView) -> None:
    empty = replace(training, headline="Open for reading only.", recipe="", facts=(), loss=Curve("loss", "#fff", ()))
    panel.show_state(replace(empty, dice=()))
    shown = [label.text() for label in panel.findChildren(QLabel) if label.isVisible() and label.text()]
    assert shown == ["Open for reading only."]


def test_a_warning_stands_in_the_panel_and_goes(panel: TrainingPanel, training: TrainingView) -> None:
    panel.show_state(replace(training, warnings=("This clip is unlike the others.",)))
    assert "This clip is unlike the others." in texts(panel)
    panel.show_state(training)
    assert not any("unlike" in label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def test_a_warning_takes_the_place_of_the_plots_in_a_low_panel(panel: TrainingPanel, training: TrainingView) -> None:
    loss, dice = plot(panel, "loss"), plot(panel, "Dice")
    least = panel.minimumSizeHint().height()
    panel.show_state(replace(training, warnings=("In 'b' the left atrium has nearly vanished. " * 6,)))
    assert least < panel.minimumSizeHint().height() <= 360
    panel.resize(270, panel.minimumSizeHint().height() + 40)
    assert (loss.isVisible(), dice.isVisible()) == (False, False)
    panel.resize(270, 800)
    assert (loss.isVisible(), dice.isVisible()) == (True, True)


def test_the_recipe_and_the_patients_held_aside_are_named(
    qtbot: QtBot, panel: TrainingPanel, training: TrainingView, press: Press
) -> None:
    panel.show_state(training)
    assert "no patient is held aside yet" in texts(panel)
    panel.show_state(replace(training, recipe="hdc", held_patients=("p01", "p02", "p03")))
    assert "Recipe: hdc" in texts(panel)
    assert "held aside: p01, p02 and 1 more" in texts(panel)
    with qtbot.waitSignal(panel.details):
        press(panel, "Details…")


def test_buttons_follow_the_state(
    qtbot: QtBot, panel: TrainingPanel, training: TrainingView, button: Find, press: Press
) -> None:
    panel.show_state(training)
    assert not button(panel, "Resume").isVisible()
    assert not button(panel, "Retry").isVisible()
    with qtbot.waitSignal(panel.pause):
        press(panel, "Pause")
    panel.show_state(replace(training, can_pause=False, can_resume=True, can_retry=True))
    assert not button(panel, "Pause").isVisible()
    with qtbot.waitSignals([panel.resume, panel.retry]):
        press(panel, "Resume")
        press(panel, "Retry")


def test_longer_words_leave_the_buttons_where_they_are(
    qtbot: QtBot, panel: TrainingPanel, training: TrainingView, button: Find
) -> None:
    panel.show_state(training)
    before = button(panel, "Details…").geometry()
    height = panel.minimumSizeHint().height()
    panel.show_state(replace(training, headline="Other programs keep the processor busy. " * 4, warnings=("Unlike.",)))
    qtbot.waitUntil(lambda: panel.minimumSizeHint().height() > height)
    panel.grab()
    assert button(panel, "Details…").geometry() == before


def test_curves_are_updated_in_place(panel: TrainingPanel, training: TrainingView) -> None:
    panel.show_state(training)
    loss = plot(panel, "loss")
    (line,) = loss.getPlotItem().listDataItems()
    longer = Curve("loss", "#a9b1ba", (*training.loss.points, CurvePoint(9, 0.1)))
    panel.show_state(replace(training, loss=longer))
    assert loss.getPlotItem().listDataItems() == [line]
    assert list(line.getData()[0]) == [0, 1, 2, 3, 4, 9]


def test_a_project_that_learnt_before_is_not_told_that_it_did_not(panel: TrainingPanel, training: TrainingView) -> None:
    panel.show_state(replace(training, facts=("step 491",), loss=Curve("loss", "#a9b1ba", ()), dice=()))
    assert not [label for label in panel.findChildren(QLabel) if label.isVisible() and "Loss" in label.text()]


def test_a_curve_that_is_gone_leaves_the_plot(panel: TrainingPanel, training: TrainingView) -> None:
    panel.show_state(training)
    dice = plot(panel, "Dice")
    assert len(dice.getPlotItem().listDataItems()) == 2
    panel.show_state(replace(training, dice=()))
    assert dice.getPlotItem().listDataItems() == []
    assert not dice.isVisible()
    assert "Not measured yet" in texts(panel)


def test_axes_have_numbers_where_there_is_a_point(qtbot: QtBot, training: TrainingView) -> None:
    made = CurvePlot("loss")
    qtbot.addWidget(made)
    shown = [made.getAxis("bottom").style["showValues"]]
    for curves in ((Curve("loss", "#a9b1ba", ()),), (training.loss,), ()):
        made.show_curves(curves)
        shown.append(made.getAxis("bottom").style["showValues"])
    assert shown == [False, False, True, False]


@pytest.mark.parametrize("first", [0, 265])
def test_steps_have_no_decimals_and_values_have_room_for_theirs(qtbot: QtBot, first: int) -> None:
    made = CurvePlot("loss")
    qtbot.addWidget(made)
    made.resize(268, 70)
    made.show()
    made.show_curves((Curve("loss", "#a9b1ba", tuple(CurvePoint(first + i, 0.1375 - 0.0007 * i) for i in range(4))),))
    made.grab()
    words = {}
    for side in ("left", "bottom"):
        axis = made.getAxis(side)
        spacing, places = axis.tickValues(*axis.range, axis.width() if side == "bottom" else axis.height())[0]
        words[side] = axis.tickStrings(places, 1, spacing)
    assert len(words["bottom"]) >= 2
    assert all(word.lstrip("-").isdigit() for word in words["bottom"])
    assert words["left"]
    room = made.getAxis("left").width() - 5
    assert all(made.fontMetrics().horizontalAdvance(word) <= room for word in words["left"])


@pytest.mark.parametrize("size", [(240, 72), (260, 104), (600, 300)])
@pytest.mark.parametrize("least", [0.0, 0.55, 0.93])
def test_the_dice_axis_shows_its_ends_and_its_middle(qtbot: QtBot, size: tuple[int, int], least: float) -> None:
    plot = CurvePlot("Dice")
    qtbot.addWidget(plot)
    plot.resize(*size)
    plot.show_shares((Curve("lv", "#ff0000", (CurvePoint(0, least), CurvePoint(100, 0.95))),))
    plot.show()
    qtbot.waitExposed(plot)
    picture = plot.grab().toImage()
    axis = [max(picture.pixelColor(x, y).lightness() for x in range(2, 30)) > 100 for y in range(picture.height())]
    numbers = sum(is_text and not before for before, is_text in zip([False, *axis], axis, strict=False))
    assert numbers == 3


def test_a_low_panel_shows_the_dice_curves_alone(panel: TrainingPanel, training: TrainingView) -> None:
    loss, dice = plot(panel, "loss"), plot(panel, "Dice")
    panel.show_state(replace(training, dice=()))
    panel.resize(270, 260)
    assert loss.isVisible()
    panel.show_state(training)
    assert (loss.isVisible(), dice.isVisible()) == (False, True)
    assert "Loss" not in "".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())
    panel.resize(270, 500)
    assert loss.isVisible()
    assert panel.minimumSizeHint().height() < 240, "it may still be made low"


def test_that_the_dice_flatters_is_said_and_takes_no_room_from_its_curves(
    panel: TrainingPanel, training: TrainingView
) -> None:
    held = replace(training, held_patients=("pdcf6607f9eb0", "pf222bae0c75e"))
    panel.show_state(held)
    panel.resize(270, panel.minimumSizeHint().height() + 70)
    dice = plot(panel, "Dice")
    assert dice.isVisible()
    panel.show_state(replace(held, caveat="These figures are against accepted suggestions."))
    assert "Dice on 2 patients held aside, against accepted suggestions: flattering" in texts(panel)
    assert dice.isVisible()


def test_plots_take_no_room_from_other_panels(panel: TrainingPanel, training: TrainingView) -> None:
    loss, dice = plot(panel, "loss"), plot(panel, "Dice")
    panel.show_state(training)
    panel.resize(270, 800)
    assert (loss.isVisible(), dice.isVisible()) == (True, True)
    least = panel.minimumSizeHint().height()
    panel.resize(270, least + 20)
    assert (loss.isVisible(), dice.isVisible()) == (False, False)
    assert panel.minimumSizeHint().height() == least


def test_in_a_low_panel_words_give_way_and_a_note_is_cut(
    qtbot: QtBot, panel: TrainingPanel, training: TrainingView
) -> None:
    warned = replace(training, recipe="default", warnings=("In 'b' the left atrium has nearly vanished. " * 6,))
    panel.show_state(warned)
    (notes,) = panel.findChildren(WarningList)
    panel.resize(270, 800)
    assert "more" not in shown_words(panel)
    assert notes.room(is_brief=True) < notes.room(is_brief=False)
    panel.resize(270, panel.minimumSizeHint().height())
    assert "more" in shown_words(panel)
    assert "Recipe" in shown_words(panel)
    panel.resize(270, panel.minimumSizeHint().height() - 30)
    assert "Recipe" not in shown_words(panel)
    panel.resize(270, 800)
    assert "Recipe" in shown_words(panel)
    with qtbot.waitSignal(panel.details):
        notes.more.emit()


def shown_words(panel: TrainingPanel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())
