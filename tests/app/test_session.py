"""A project opened in the window: whose name its imports carry, and what is said where nothing can learn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotator.app.session import Session
from annotator.app.window import MainWindow
from annotator.project import Project
from annotator.settings import UserSettings
from annotator.ui.dialogs import AuthorDialog, ImportRequest

pytestmark = pytest.mark.window


@pytest.fixture
def window(qtbot: Any, folder: Path) -> Iterator[MainWindow]:
    """A window without a project; it has settings of its own."""
    assert folder.is_dir()
    made = MainWindow(UserSettings(author="Ada"))
    qtbot.addWidget(made)
    yield made
    made.close()


def test_an_import_carries_the_name_as_it_is_now(
    qtbot: Any, window: MainWindow, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(Project.open(folder), window.settings, engine=None, parent=window)
    window.show_session(session)
    monkeypatch.setattr(AuthorDialog, "ask", staticmethod(lambda *_args, **_how: "Bob"))
    window._ask_author()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "one.png")
    (tmp_path / "rows.csv").write_text("image,patient,absent\none.png,p,la\n")
    session.transfer._import(ImportRequest((tmp_path / "rows.csv",), "", ""))
    qtbot.waitUntil(lambda: len(session.project.clips()) == 3, timeout=30_000)
    key = session.project.clip("one").frame_keys[0]
    assert session.project.provenance(key)["la"].author == "Bob"
    session.transfer.wait()
