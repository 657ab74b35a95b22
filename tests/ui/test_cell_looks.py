from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QRect
from qtpy.QtGui import QImage, QPainter

from annotator.ui.cell_looks import CELL_LOOKS, cell_icon, cell_pixmap, paint_cell
from annotator.viewer.state import CellState


def grey_cell(state: CellState, width: int) -> list[int]:
    image = QImage(width, 18, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    paint_cell(painter, QRect(0, 0, width, 18), state)
    painter.end()
    return [image.pixelColor(x, y).lightness() // 24 for y in range(18) for x in range(width)]


def test_every_state_has_a_look_with_its_own_word_and_sign() -> None:
    assert set(CELL_LOOKS) == set(CellState)
    looks = CELL_LOOKS.values()
    assert len({look.word for look in looks}) == len({look.sign for look in looks}) == len(CellState)


def test_states_differ_without_colour(qtbot: QtBot) -> None:
    wide = {state: tuple(grey_cell(state, 16)) for state in CellState}
    assert len(set(wide.values())) == len(CellState)


def test_bands_stay_inside_the_cell() -> None:
    for look in CELL_LOOKS.values():
        assert all(0 <= top < bottom <= 1 for top, bottom in look.bands)


def test_badges_exist_for_dense_screens(qtbot: QtBot) -> None:
    pixmap = cell_pixmap(CellState.ACCEPTED, 16, 2.0)
    assert (pixmap.width(), pixmap.devicePixelRatio()) == (32, 2.0)
    assert not cell_icon(CellState.DRAFT).isNull()
