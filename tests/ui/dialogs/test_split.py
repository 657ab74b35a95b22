"""A patient comes to another part of the data; what costs a model is not done by Enter alone."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.core.identity import Split
from annotator.ui.dialogs import AskSplitDialog


@pytest.mark.parametrize(
    ("split", "is_done"), [(Split.TRAIN, True), (Split.VALIDATION, False), (Split.TEST, False)], ids=str
)
def test_enter_costs_no_model(qtbot: QtBot, split: Split, *, is_done: bool) -> None:
    dialog = AskSplitDialog(1, split)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert bool(dialog.result()) is is_done
