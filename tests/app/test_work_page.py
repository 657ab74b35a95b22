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
from annotator.viewer.state import CellState, Curve, StructureRow, TrainingView

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


def test_everything_is_on_a_small_screen_with_large_letters(page: WorkPage) -> None:
    """1366 x 768 pixels at a scale of 1.5, with a menu bar."""
    least = page.minimumSizeHint()
    assert (least.width() <= 911, least.height() <= 512 - 24) == (True, True)
