from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QAbstractButton, QWidget

from annotator.ui.dialogs import Choice, ExportDialog, ExportKind, ExportRequest

Find = Callable[[QWidget, str], QAbstractButton]
MASKS = (Choice("png", "PNG + JSON", "restores everything"), Choice("nifti", "NIfTI"))
WEIGHTS = (Choice("safetensors", "safetensors"),)


def test_a_format_and_a_folder_make_a_value(qtbot: QtBot, tmp_path: Path, button: Find) -> None:
    dialog = ExportDialog(MASKS, WEIGHTS, folder=tmp_path)
    qtbot.addWidget(dialog)
    assert dialog.value() == ExportRequest(ExportKind.MASKS, "png", tmp_path)
    button(dialog, "safetensors").click()
    assert dialog.value() == ExportRequest(ExportKind.WEIGHTS, "safetensors", tmp_path)
    dialog.folder.line.setText(str(tmp_path / "gone"))
    assert not button(dialog, "Export").isEnabled()


def test_weights_that_are_not_there_cannot_be_chosen(qtbot: QtBot, tmp_path: Path, button: Find) -> None:
    dialog = ExportDialog(MASKS, WEIGHTS, folder=tmp_path, no_weights="The model has not learnt anything yet.")
    qtbot.addWidget(dialog)
    assert not button(dialog, "safetensors").isEnabled()
    only = ExportDialog((), WEIGHTS, folder=tmp_path, no_weights="The model has not learnt anything yet.")
    qtbot.addWidget(only)
    assert "nothing to export" in only.problem()
