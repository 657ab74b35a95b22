from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QLocale, QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QWidget

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Spacing
from annotator.ui.dialogs import ConfirmSpacingDialog, SpacingQuestion
from annotator.ui.dialogs.spacing import SpacingAnswer, spacing_from_distance

Find = Callable[[QWidget, str], QAbstractButton]
PICTURE = np.zeros((400, 600), dtype=np.uint8)


def test_the_proposal_is_shown_with_what_it_means(qtbot: QtBot) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is doubted.", Spacing(0.5, 0.25), PICTURE))
    qtbot.addWidget(dialog)
    assert dialog.value() == SpacingAnswer(Spacing(0.5, 0.25))
    words = {label.text() for label in dialog.findChildren(QLabel)}
    assert {"It is doubted.", "The whole picture would be 20.0 cm high and 15.0 cm wide."} <= words


def test_a_known_distance_gives_the_size(qtbot: QtBot, button: Find) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is unknown.", None, PICTURE))
    qtbot.addWidget(dialog)
    assert not button(dialog, "Use this size").isEnabled()
    dialog.pixels.setValue(200)
    assert not button(dialog, "Use this size").isEnabled()
    dialog.mm.setValue(50)
    assert dialog.value() == SpacingAnswer(Spacing(0.25, 0.25))
    assert button(dialog, "Use this size").isEnabled()


def test_a_line_along_a_known_distance_gives_the_size(qtbot: QtBot, drag: Callable[..., None]) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is unknown.", None, PICTURE))
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.mm.setValue(40)
    scale = min(dialog.ruler.width() / 600, dialog.ruler.height() / 400)
    start = dialog.ruler.rect().center()
    drag(dialog.ruler, start, start + QPoint(120, 0))
    assert dialog.pixels.value() == pytest.approx(120 / scale, abs=0.1)
    assert dialog.value().spacing.x == dialog.value().spacing.y == pytest.approx(40 * scale / 120, abs=1e-3)


def test_pixels_that_are_not_square_keep_their_shape(qtbot: QtBot, drag: Callable[..., None]) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is doubted.", Spacing(0.3, 0.15), PICTURE))
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.mm.setValue(40)
    scale = min(dialog.ruler.width() / 600, dialog.ruler.height() / 800)
    for first, along in ((QPoint(-60, -50), QPoint(0, 100)), (QPoint(-30, 10), QPoint(100, 0))):
        start = dialog.ruler.rect().center() + first
        drag(dialog.ruler, start, start + along)
        spacing = dialog.value().spacing
        assert spacing.x == pytest.approx(40 * scale / 100, abs=1e-3)
        assert spacing.y == pytest.approx(2 * spacing.x, abs=2e-4)


@pytest.fixture
def _german() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    yield
    QLocale.setDefault(before)


@pytest.mark.parametrize("typed", ["0.31", "0,31"])
@pytest.mark.usefixtures("_german")
def test_a_point_and_a_comma_mean_the_same_in_every_language(qtbot: QtBot, typed: str) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is doubted.", Spacing(0.5, 0.25), PICTURE))
    qtbot.addWidget(dialog)
    dialog.mm_y.selectAll()
    QTest.keyClicks(dialog.mm_y, typed)
    dialog.mm_y.interpretText()
    assert dialog.value() == SpacingAnswer(Spacing(0.31, 0.25))
    assert dialog.mm_y.text() == "0.3100"


def test_others_like_it_are_offered_where_there_are_some(qtbot: QtBot) -> None:
    dialog = ConfirmSpacingDialog(SpacingQuestion("It is unknown.", Spacing(0.5, 0.25), PICTURE, 41))
    qtbot.addWidget(dialog)
    dialog.show()
    assert (
        dialog.for_all.text() == "Also for 41 other clips of its domain and picture size, if recorded at the same depth"
    )
    assert dialog.for_all.isVisible()
    assert not dialog.value().is_for_all
    dialog.for_all.click()
    assert dialog.value() == SpacingAnswer(Spacing(0.5, 0.25), is_for_all=True)
    alone = ConfirmSpacingDialog(SpacingQuestion("It is unknown.", Spacing(0.5, 0.25), PICTURE))
    qtbot.addWidget(alone)
    alone.show()
    assert not alone.for_all.isVisible()


def test_a_distance_of_nothing_is_an_error() -> None:
    with pytest.raises(AnnotatorError, match="positive"):
        spacing_from_distance(100.0, 0.0)
