"""The dark theme: colours, one spacing scale, the style sheet and tinted icons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from qtpy.QtCore import QByteArray, QRectF, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QApplication, QWidget

from annotator.registry.resources import resource

TIGHT: Final = 4
"""Between things that belong together, in device-independent pixels."""
GAP: Final = 8
"""Between rows and buttons."""
WIDE: Final = 16
"""Between groups, and the margin of dialogs."""
TARGET: Final = 24
"""Smallest side of anything that a mouse, pen or finger is meant to hit."""
PANEL_WIDTH: Final = 270
STRUCTURES_WIDTH: Final = 284
"""Preferred widths of the side panels: they leave 800 pixels of canvas on a 1366 pixel screen. At the right there is
room for 'LV myocardium' beside an area of six figures."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of the theme, each ``"#rrggbb"``; text on ``base`` has a contrast of at least 4.5 to 1."""

    base: str = "#1f2328"
    sunken: str = "#171a1e"
    raised: str = "#2b3037"
    hover: str = "#363c45"
    press: str = "#15181c"
    line: str = "#30363d"
    edge: str = "#475059"
    text: str = "#e8eaed"
    quiet: str = "#a9b1ba"
    faint: str = "#7b848e"
    accent: str = "#5cb3ff"
    accentDeep: str = "#1f4e79"  # noqa: N815 - names of the style sheet
    accentHover: str = "#28629a"  # noqa: N815
    chosen: str = "#26384a"
    warning: str = "#f2c14e"
    danger: str = "#ff7b6b"
    dangerDeep: str = "#43262a"  # noqa: N815


PALETTE: Final = Palette()

_SIZES: Final = {
    "fontLarge": "12.5pt",
    "fontSmall": "8.5pt",
    "font": "9.5pt",
    "tight": f"{TIGHT}px",
    "gap": f"{GAP}px",
    "target": f"{TARGET}px",
    # With padding and border a button is two pixels above the smallest target.
    "inner": f"{TARGET - 6}px",
}


@lru_cache(maxsize=1)
def stylesheet() -> str:
    """The style sheet with its colours, sizes and icon paths filled in.

    Raises
    ------
    AnnotatorError
        Where the installation lacks the style sheet or an icon.
    """
    words = {name: str(getattr(PALETTE, name)) for name in PALETTE.__slots__} | _SIZES
    words |= {f"icon{n.title()}": resource(f"icons/{n}-light.svg").as_posix() for n in ("up", "down", "right", "check")}
    text = resource("style/dark.qss").read_text(encoding="utf-8")
    # Longest names first: '@accentDeep' must not be read as '@accent' + 'Deep'.
    for name in sorted(words, key=len, reverse=True):
        text = text.replace(f"@{name}", words[name])
    return text


def apply_style(target: QApplication | QWidget) -> None:
    """Dress an application, or one window, in the dark theme."""
    target.setStyleSheet(stylesheet())


@lru_cache(maxsize=512)
def icon_pixmap(name: str, colour: str, side: int) -> QPixmap:
    """A shipped icon drawn in one colour.

    Parameters
    ----------
    name
        File stem in ``resources/icons``.
    colour
        ``"#rrggbb"``.
    side
        Width and height in physical pixels.

    Raises
    ------
    AnnotatorError
        Where there is no such icon.
    """
    svg = resource(f"icons/{name}.svg").read_bytes().replace(b"currentColor", colour.encode())
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap


def icon(name: str, *, colour: str = PALETTE.text, checked: str | None = None) -> QIcon:
    """A shipped icon at the sizes that high-density screens ask for, faint where disabled.

    Parameters
    ----------
    name
        File stem in ``resources/icons``.
    colour
        ``"#rrggbb"`` of the normal state.
    checked
        Name of another icon for the checked state.

    Raises
    ------
    AnnotatorError
        Where there is no such icon.
    """
    result = QIcon()
    for side in (20, 40, 60):
        result.addPixmap(icon_pixmap(name, colour, side), QIcon.Mode.Normal, QIcon.State.Off)
        result.addPixmap(icon_pixmap(name, PALETTE.faint, side), QIcon.Mode.Disabled, QIcon.State.Off)
        if checked is not None:
            result.addPixmap(icon_pixmap(checked, colour, side), QIcon.Mode.Normal, QIcon.State.On)
            result.addPixmap(icon_pixmap(checked, PALETTE.faint, side), QIcon.Mode.Disabled, QIcon.State.On)
    return result


def refresh_style(widget: QWidget) -> None:
    """Let the style sheet see a changed property of a widget."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
