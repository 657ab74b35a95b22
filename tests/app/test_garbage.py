"""Garbage is collected in the GUI thread alone, and Python's own trigger comes back with the window's end."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QDialog, QWidget

from annotator.app import garbage
from annotator.app.garbage import GarbageCollector


@pytest.fixture
def collected_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Threads in which a collection began."""
    monkeypatch.setattr(garbage, "EVERY_MS", 10)
    was_enabled, threads = gc.isenabled(), set[int]()

    def note(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            threads.add(threading.get_ident())

    gc.callbacks.append(note)
    yield threads
    gc.callbacks.remove(note)
    gc.unfreeze()
    (gc.enable if was_enabled else gc.disable)()


def make_rubbish() -> None:
    for _ in range(20_000):
        ring: list[object] = []
        ring.append(ring)


def test_a_busy_thread_never_destroys_a_dialog(qtbot: QtBot, collected_in: set[int]) -> None:
    gc.enable()
    window = QWidget()
    qtbot.addWidget(window)
    collector = GarbageCollector(window)
    collected_in.clear()
    dialog = QDialog()
    dialog.__dict__["itself"] = dialog
    gone = weakref.ref(dialog)
    del dialog
    busy = threading.Thread(target=make_rubbish)
    busy.start()
    busy.join()
    assert not collected_in
    qtbot.waitUntil(lambda: gone() is None, timeout=20_000)
    assert collected_in == {threading.get_ident()}
    assert collector.parent() is window


def test_the_end_of_the_window_gives_pythons_own_trigger_back(qtbot: QtBot, collected_in: set[int]) -> None:
    window = QWidget()
    GarbageCollector(window)
    assert not gc.isenabled()
    window.deleteLater()
    qtbot.waitUntil(gc.isenabled)
    assert collected_in
