"""How each state of a label looks: one table for the timeline, the structure panel and the legend.

Colour alone is never the message. Each state has a word, a letter or sign, and a shape: the bands of the cell's
height that are filled, which stays readable where a cell is three pixels wide. The colours follow Okabe and Ito's
palette for colour-blind readers (https://jfly.uni-koeln.de/color/), lightened for a dark ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from qtpy.QtCore import QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QIcon, QPainter, QPixmap

from annotator.ui.style import PALETTE
from annotator.viewer.state import CellState

GROUND: Final = "#2a2f36"
"""Colour of a cell of which nothing is known; also behind the bands of the others."""

_GLYPH_WIDTH: Final = 13
"""A cell at least this wide shows its sign as well, in pixels."""


@dataclass(frozen=True, slots=True)
class CellLook:
    """Look of one state.

    Parameters
    ----------
    word
        What the panel says, such as ``"accepted"``.
    meaning
        One clause for the tooltip and the legend.
    sign
        One character.
    colour
        ``"#rrggbb"``.
    bands
        Filled parts of the cell's height as (from, to), 0 top, 1 bottom.
    """

    word: str
    meaning: str
    sign: str
    colour: str
    bands: tuple[tuple[float, float], ...]


_WHOLE: Final = ((0.0, 1.0),)

NOBODY_SAID: Final = frozenset({CellState.UNKNOWN, CellState.NOT_IN_VIEW, CellState.SUGGESTED})
"""States of which no person has said anything; the others must be found on a timeline however small a cell is."""

CELL_LOOKS: Final = {
    CellState.UNKNOWN: CellLook("unknown", "nobody has said anything yet", "", "#8a929b", ()),
    CellState.NOT_IN_VIEW: CellLook(
        "not in this view", "this view does not show it; if it does here, draw it", "/", "#565d66", ((0.46, 0.54),)
    ),
    CellState.SUGGESTED: CellLook("suggested", "the model's suggestion, not a label", "?", "#56b4e9", ((0.38, 0.62),)),
    CellState.DRAFT: CellLook("draft", "saved strokes, not finished yet", "…", "#f0e442", ((0.5, 1.0),)),
    CellState.ACCEPTED: CellLook("accepted", "the model's suggestion, accepted", "✓", "#2fc796", _WHOLE),
    CellState.CORRECTED: CellLook(
        "corrected", "the model's suggestion, corrected by hand", "C", "#4f86f7", ((0.0, 0.58), (0.76, 1.0))
    ),
    CellState.DRAWN: CellLook("drawn", "drawn by hand", "D", "#e6e6e6", _WHOLE),
    CellState.IMPORTED: CellLook("imported", "read from a file", "I", "#d58bb8", ((0.0, 0.24), (0.42, 1.0))),
    CellState.PROPAGATED: CellLook(
        "propagated", "carried over from another frame", "→", "#a793f0", ((0.0, 0.26), (0.38, 0.62), (0.74, 1.0))
    ),
    CellState.PARTIAL: CellLook("partial", "only some of it is marked", "½", "#e69f00", ((0.0, 0.5),)),
    CellState.REJECTED: CellLook("rejected", "a suggestion that was refused", "✕", "#e8683a", ((0.0, 0.2), (0.8, 1.0))),
    CellState.ABSENT: CellLook("absent", "looked for, and not in this frame", "–", "#aab2bb", ((0.84, 1.0),)),
}


def paint_cell(painter: QPainter, rect: QRect, state: CellState) -> None:
    """Paint one cell, ground included; the caller's pen and brush are left as they were."""
    look = CELL_LOOKS[state]
    painter.fillRect(rect, QColor(GROUND))
    for top, bottom in look.bands:
        y = rect.top() + round(top * rect.height())
        stop = rect.top() + round(bottom * rect.height())
        painter.fillRect(rect.left(), y, rect.width(), max(1, stop - y), QColor(look.colour))
    if rect.width() >= _GLYPH_WIDTH and look.sign and look.bands == _WHOLE:
        painter.save()
        font = QFont(painter.font())
        font.setPixelSize(max(8, min(rect.height() - 3, 12)))
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(PALETTE.sunken))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, look.sign)
        painter.restore()


@lru_cache(maxsize=64)
def cell_pixmap(state: CellState, side: int, ratio: float = 1.0) -> QPixmap:
    """A round badge with the state's colour and sign.

    Parameters
    ----------
    state
        The state.
    side
        Width and height in device-independent pixels.
    ratio
        Physical pixels per device-independent pixel.
    """
    look = CELL_LOOKS[state]
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRectF(1, 1, side - 2, side - 2)
    is_label = state not in NOBODY_SAID
    painter.setPen(QColor(look.colour))
    painter.setBrush(QColor(look.colour) if is_label else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(area)
    font = QFont(painter.font())
    font.setPixelSize(round(side * 0.66))
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(PALETTE.sunken if is_label else look.colour))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, look.sign)
    painter.end()
    return pixmap


def cell_icon(state: CellState) -> QIcon:
    """The badge as an icon for menus and lists."""
    made = QIcon()
    for ratio in (1.0, 2.0, 3.0):
        made.addPixmap(cell_pixmap(state, 16, ratio))
    return made
