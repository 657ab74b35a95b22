"""A project opened in the window: whose name its imports carry, and what is said where nothing can learn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QScreen
from qtpy.QtWidgets import QLabel

from annotator.app import session as session_module
from annotator.app.session import Session
from annotator.app.window import MainWindow
from annotator.core.edits import Paint
from annotator.engine.recipes import find_recipe, remember_recipe
from annotator.project import Project
from annotator.settings import UserSettings
from annotator.ui.dialogs import AuthorDialog, ImportRequest
from annotator.viewer.state import Message, MessageLevel

pytestmark = pytest.mark.window


@pytest.fixture
def window(qapp: Any, folder: Path) -> Iterator[MainWindow]:
    """A window without a project; ``folder`` gives it settings of its own."""
    assert qapp is not None
    assert folder.is_dir()
    made = MainWindow(UserSettings(author="Ada"))
    yield made
    made.close()
    made.deleteLater()


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


def test_a_recipe_whose_network_is_not_installed_is_told_of(window: MainWindow, folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(find_recipe("default").read_text().replace('name = "unet"', 'name = "mine"'))
    with Project.open(folder) as project:
        remember_recipe(project, str(recipe))
    assert window.open_project(folder)
    session = window.session
    assert session is not None
    assert session.engine is None
    headline = session.bench.board.view.headline
    assert headline.startswith(f"Nothing is learnt here, since the recipe '{recipe}' cannot be followed: ")
    assert "'mine'" in headline
    assert session.page.messages.messages == (Message(headline, MessageLevel.WARNING),)


def test_a_project_that_somebody_else_writes_does_not_claim_that_a_learner_starts(
    window: MainWindow, folder: Path
) -> None:
    with Project.open(folder):
        assert window.open_project(folder)
        session = window.session
        assert session is not None
        assert "reading only" in session.bench.board.view.headline


def test_what_the_window_that_writes_does_is_seen_in_one_that_reads(
    qtbot: Any, window: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_FOLLOW_MS", 20)
    with Project.open(folder) as writer:
        assert window.open_project(folder)
        session = window.session
        assert session is not None
        scene, key = session.bench.scene, session.bench.desk.key
        assert not scene.labels.data.any()
        where = np.zeros(writer.clip(key.clip).header.shape, dtype=np.bool_)
        where[4:9, 4:9] = True
        writer.commit(key, [Paint("lv", where)], author="Bob")
        qtbot.waitUntil(lambda: np.array_equal(scene.labels.data == 1, where), timeout=5_000)


def test_a_project_opened_from_its_own_folder_has_a_name(
    window: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert window.open_project(Path())
    assert window.session is not None
    assert window.session.project.path == folder.resolve()
    assert window.windowTitle() == "project — Echo Annotator"


def test_the_window_paints_and_stays_while_the_demo_is_made(folder: Path, qtbot: Any) -> None:
    may_end = threading.Event()
    closed: list[bool] = []

    def make() -> Path:
        assert may_end.wait(20)
        return folder

    made = MainWindow(UserSettings(author="Ada"), on_demo=make)
    qtbot.addWidget(made)
    made.show()
    QTimer.singleShot(50, lambda: closed.append(made.close()))
    QTimer.singleShot(100, may_end.set)
    made.start_page.demo_requested.emit()
    assert closed == [False]
    assert made.session is not None
    assert made.session.project.path == folder
    assert made.close()


def test_a_new_window_is_no_larger_than_the_screen(qtbot: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.is_dir()
    monkeypatch.setattr(QScreen, "availableSize", lambda _: QSize(1092, 590))
    made = MainWindow(UserSettings(author="Ada"))
    qtbot.addWidget(made)
    assert made.size() == QSize(1092, 590)


def test_it_is_said_that_a_project_is_being_opened(
    window: MainWindow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.show()

    def seen() -> list[str]:
        return [label.text() for label in window.findChildren(QLabel, "farewell") if label.isVisible()]

    said: list[str] = []
    make = session_module.make_engine

    def make_engine(*args: Any, **how: Any) -> Any:
        said.extend(seen())
        return make(*args, **how)

    monkeypatch.setattr(session_module, "make_engine", make_engine)
    assert window.open_project(folder)
    assert said == [f"Opening '{folder.name}'…"]
    assert seen() == []
