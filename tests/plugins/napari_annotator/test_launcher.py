from __future__ import annotations

import gc
import sys
from importlib.resources import files
from pathlib import Path

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


@pytest.mark.window
def test_a_closed_window_gives_back_what_it_took_and_opens_anew(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATOR_CONFIG_DIR", str(tmp_path))
    panel = Launcher()
    qtbot.addWidget(panel)
    panel.show()
    gc.enable()
    hook = sys.excepthook
    for _ in range(2):
        QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
        window = panel.window_opened
        assert window is not None
        assert not gc.isenabled()
        window.settings = window.settings.with_recent(tmp_path)
        window.close()
        qtbot.waitUntil(lambda: panel.window_opened is None)
        assert sys.excepthook is hook
        assert gc.isenabled()
    QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert panel.window_opened is not None
    assert panel.window_opened.settings.recent_projects == (str(tmp_path.resolve()),)
    panel.window_opened.close()
