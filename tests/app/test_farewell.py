"""The window paints while something must still end, and says what."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QWidget

from annotator.app.farewell import keep_painting, saying


def test_the_event_loop_turns_until_the_work_ends(window: QWidget) -> None:
    seen, may_end = [], threading.Event()

    def look() -> None:
        shown = [sign.text() for sign in window.findChildren(QLabel) if sign.isVisible()]
        if shown:
            seen.extend(shown)
            may_end.set()

    timer = QTimer(window)
    timer.timeout.connect(look)
    timer.start(5)
    ended = []
    keep_painting(lambda: ended.append(may_end.wait(20)), "Saving…", window)
    assert (set(seen), ended) == ({"Saving…"}, [True])
    timer.stop()
    assert not [sign for sign in window.findChildren(QLabel) if sign.isVisible()]


def test_a_failure_of_the_work_is_raised(window: QWidget) -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        keep_painting(fail, "Saving…", window)


def test_it_is_said_that_the_window_is_busy_and_no_longer(window: QWidget) -> None:
    def seen() -> list[str]:
        return [sign.text() for sign in window.findChildren(QLabel) if sign.isVisible()]

    def fail() -> None:
        with saying("Opening…", window):
            assert seen() == ["Opening…"]
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        fail()
    assert seen() == []
