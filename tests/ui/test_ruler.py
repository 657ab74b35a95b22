from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint

from annotator.ui.ruler import Ruler

Drag = Callable[..., None]


@pytest.fixture
def ruler(qtbot: QtBot) -> Ruler:
    """A picture of 100 x 200 pixels, four times as large, with a bar of 200 above and below."""
    widget = Ruler(np.zeros((100, 200, 3), dtype=np.uint8))
    qtbot.addWidget(widget)
    widget.resize(800, 800)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def test_a_drag_measures_in_pixels_of_the_picture(ruler: Ruler, drag: Drag) -> None:
    told: list[float] = []
    ruler.measured.connect(told.append)
    assert ruler.length == 0
    drag(ruler, QPoint(100, 300), QPoint(100 + 4 * 30, 300 + 4 * 40))
    assert ruler.length == told[-1] == pytest.approx(50)


def test_an_end_is_dragged_again_and_elsewhere_a_new_line_begins(ruler: Ruler, drag: Drag) -> None:
    drag(ruler, QPoint(100, 300), QPoint(300, 300))
    drag(ruler, QPoint(303, 304), QPoint(500, 300))
    assert ruler.length == pytest.approx(100)
    drag(ruler, QPoint(97, 298), QPoint(300, 300))
    assert ruler.length == pytest.approx(50)
    drag(ruler, QPoint(600, 400), QPoint(640, 400))
    assert ruler.length == pytest.approx(10)


def test_a_line_ends_where_the_picture_does(ruler: Ruler, drag: Drag) -> None:
    drag(ruler, QPoint(400, 250), QPoint(400, 790))
    assert ruler.length == pytest.approx((600 - 250) / 4)
    drag(ruler, QPoint(10, 20), QPoint(10, 390))
    assert ruler.length == pytest.approx((390 - 200) / 4)


def test_a_picture_in_grey_is_shown(qtbot: QtBot) -> None:
    widget = Ruler(np.full((7, 9), 200, dtype=np.uint8)[:, ::2])
    qtbot.addWidget(widget)
    shown = widget.grab().toImage()
    assert shown.pixelColor(shown.width() // 2, shown.height() // 2).red() == 200
