from __future__ import annotations

from importlib.resources import files

import pytest
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_annotator.launcher import Launcher


def test_the_manifest_is_valid_and_names_what_exists() -> None:
    manifest = PluginManifest.from_file(str(files("napari_annotator").joinpath("napari.yaml")))
    manifest.validate_imports()
    assert [w.display_name for w in manifest.contributions.widgets or ()] == ["Echo Annotator"]


@pytest.mark.window
def test_the_button_opens_the_window_once(qtbot: QtBot) -> None:
    panel = Launcher()
    qtbot.addWidget(panel)
    panel.show()
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    window = panel.window_opened
    assert window is not None
    assert window.isVisible()
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert panel.window_opened is window
    window.close()
    assert not window.isVisible()
