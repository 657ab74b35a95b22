"""A job in the background: it can be stopped only where it listens, and closing waits for it without a trace."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QProgressDialog, QPushButton, QWidget

from annotator.app.background import BackgroundJob
from annotator.core.errors import Cancelled
from annotator.engine.jobs.progress import Progress


@pytest.mark.parametrize("can_cancel", [True, False])
def test_cancel_is_offered_where_the_job_listens(qtbot: QtBot, window: QWidget, can_cancel: bool) -> None:
    may_end = threading.Event()
    ended: list[Any] = []

    def work(progress: Progress) -> bool:
        progress.update(0, 1, "Working")
        return may_end.wait(20)

    job = BackgroundJob(
        "The job", work, on_done=ended.append, on_error=ended.append, parent=window, can_cancel=can_cancel
    )
    job.start()
    (dialog,) = window.findChildren(QProgressDialog)
    assert bool(dialog.findChildren(QPushButton)) is can_cancel
    may_end.set()
    qtbot.waitUntil(lambda: ended == [True])
    qtbot.waitUntil(lambda: not window.findChildren(QProgressDialog) + window.findChildren(BackgroundJob))


def test_closing_paints_while_a_job_ends_and_leaves_nothing(qtbot: QtBot, window: QWidget) -> None:
    may_end = threading.Event()
    ended: list[Any] = []

    def look() -> None:
        if any(sign.isVisible() and "The job is ending" in sign.text() for sign in window.findChildren(QLabel)):
            may_end.set()

    timer = QTimer(window)
    timer.timeout.connect(look)
    timer.start(5)
    job = BackgroundJob(
        "The job", lambda _: ended.append(may_end.wait(20)), on_done=ended.append, on_error=ended.append, parent=window
    )
    job.start()
    job.wait()
    assert ended == [True], "neither done nor failed is said to a project that closes"
    qtbot.waitUntil(lambda: not window.findChildren(QProgressDialog) + window.findChildren(BackgroundJob))


def test_a_job_whose_dialog_goes_is_cancelled(qtbot: QtBot, window: QWidget) -> None:
    ended: list[Any] = []

    def work(progress: Progress) -> None:
        for _ in range(2000):
            progress.update(0, 1, "Working")
            time.sleep(0.01)

    BackgroundJob("The job", work, on_done=ended.append, on_error=ended.append, parent=window).start()
    (dialog,) = window.findChildren(QProgressDialog)
    dialog.reject()
    qtbot.waitUntil(lambda: bool(ended))
    assert isinstance(ended[0], Cancelled)
