from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from annotator.core.errors import AnnotatorError
from annotator.registry.resources import resource
from annotator.ui.style import PALETTE, icon, icon_pixmap, stylesheet


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.1."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("text", [PALETTE.text, PALETTE.quiet, PALETTE.warning, PALETTE.danger])
@pytest.mark.parametrize("ground", [PALETTE.base, PALETTE.sunken, PALETTE.raised])
def test_text_can_be_read(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


def test_every_word_of_the_style_sheet_is_filled_in(qtbot: QtBot) -> None:
    assert "@" not in re.sub(r"/\*.*?\*/", "", stylesheet(), flags=re.DOTALL)
    for path in re.findall(r'url\("([^"]+)"\)', stylesheet()):
        assert Path(path).is_file()


def test_every_icon_draws_something_in_its_colour(qtbot: QtBot) -> None:
    tinted = [path for path in resource("icons").glob("*.svg") if "currentColor" in path.read_text(encoding="utf-8")]
    assert len(tinted) > 20
    for path in tinted:
        image = icon_pixmap(path.stem, "#ff0000", 40).toImage()
        inked = [image.pixelColor(x, y) for x in range(40) for y in range(40) if image.pixelColor(x, y).alpha() > 200]
        assert len(inked) > 20, path.stem
        assert all(c.red() > 200 and c.green() < 60 for c in inked), path.stem


def test_an_unknown_icon_is_a_plain_error(qtbot: QtBot) -> None:
    with pytest.raises(AnnotatorError, match="unicorn"):
        icon("unicorn")
