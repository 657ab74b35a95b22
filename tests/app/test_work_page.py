"""The panels beside the canvas, as high and wide as screens have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QAbstractButton

from annotator.app.work_page import WorkPage
from annotator.engine.familiarity import STRANGE_SENTENCE
from annotator.ui.style import apply_style
from annotator.ui.training_panel import CurvePlot
from annotator.viewer.state import CellState, Curve, CurvePoint, StructureRow, TrainingView

pytestmark = pytest.mark.window

ROWS = tuple(
    StructureRow(f"s{i}", f"Structure {i}", "#e4572e", str(i), CellState.UNKNOWN, None, i == 0, True) for i in range(5)
)
VIEW = TrainingView(
    state="idle",
    headline="Waiting for the first finished label. Suggestions come from the shipped starting weights, which learnt "
    "from simulated echo alone.",
    facts=("step 0",),
    loss=Curve("loss", "#9aa4b2", ()),
    dice=(),
    can_pause=False,
    can_resume=False,
    can_retry=False,
    recipe="default",
)
LEARNING = replace(
    VIEW,
    headline="Learning from 7 labelled and 21 other frames; 2 patients held aside.",
    facts=("step 75, 0.9 steps/s", "CPU, 1 thread, 16 MiB"),
    dice=tuple(
        Curve(name, "#e4572e", (CurvePoint(0, 0.5), CurvePoint(9, 0.9)))
        for name in ("LV cavity", "LV myocardium", "Left atrium", "Right ventricle", "Right atrium")
    ),
    held_patients=("p595dcdbb054a", "pfa9f180253a5"),
)
SLOW = replace(
    LEARNING, headline=f"{LEARNING.headline} Other programs keep the processor busy, so that it learns slowly."
)


@pytest.fixture
def page(qtbot: Any) -> Iterator[WorkPage]:
    made = WorkPage()
    apply_style(made)
    made.structures.show_state(ROWS)
    made.training.show_state(VIEW)
    made.resize(1366, 746)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close_canvas()
    made.close()
    made.deleteLater()


def accept(page: WorkPage) -> QPoint:
    (button,) = (b for b in page.structures.findChildren(QAbstractButton) if b.accessibleName() == "Accept")
    return button.mapTo(page, QPoint(0, 0))


@pytest.mark.parametrize("size", [(1366, 746), (1366, 706), (1280, 698)])
def test_a_note_that_comes_and_goes_moves_no_button_of_the_structures(
    qtbot: Any, page: WorkPage, size: tuple[int, int]
) -> None:
    page.resize(*size)
    qtbot.wait(20)
    before = accept(page)
    for warnings in ((STRANGE_SENTENCE,), (), (STRANGE_SENTENCE,)):
        page.training.show_state(replace(VIEW, warnings=warnings))
        qtbot.wait(20)
        assert accept(page) == before


@pytest.mark.parametrize("warnings", [(), (STRANGE_SENTENCE,), (STRANGE_SENTENCE, "The left atrium vanished. " * 9)])
@pytest.mark.parametrize("view", [VIEW, LEARNING, SLOW])
def test_everything_is_on_a_small_screen_with_large_letters(
    qtbot: Any, page: WorkPage, view: TrainingView, warnings: tuple[str, ...]
) -> None:
    """1366 x 768 pixels at a scale of 1.5, with a menu bar."""
    page.training.show_state(replace(view, warnings=warnings))
    page.resize(911, 512 - 24)
    qtbot.wait(50)
    assert (page.width() <= 911, page.height() <= 512 - 24) == (True, True)


def test_the_dice_curves_are_on_a_small_screen(qtbot: Any, page: WorkPage) -> None:
    page.resize(1366, 706)
    page.training.show_state(LEARNING)
    qtbot.wait(20)
    assert any(plot.isVisible() and "Dice" in plot.accessibleName() for plot in page.training.findChildren(CurvePlot))


def test_a_note_leaves_the_list_of_what_to_label_next_its_room(qtbot: Any, page: WorkPage) -> None:
    page.resize(1366, 706)
    page.training.show_state(LEARNING)
    qtbot.wait(20)
    before = page.next_up.height()
    page.training.show_state(replace(LEARNING, warnings=(STRANGE_SENTENCE,)))
    qtbot.wait(20)
    assert page.next_up.height() == before
