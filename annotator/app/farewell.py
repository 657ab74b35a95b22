"""Work that the window must wait for: it says what it does, and paints meanwhile where a thread can do it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QLabel, QWidget

from annotator.ui.controls import label

_POLL_MS: Final = 15
SHOW_AFTER_MS: Final = 120
"""Work that is shorter than this is not worth a sentence that flashes up."""


def keep_painting(work: Callable[[], object], sentence: str, window: QWidget) -> None:
    """Do some work in a thread and wait for its end; keys and clicks wait too, painting does not.

    Parameters
    ----------
    work
        Touches no widget.
    sentence
        Stands in the middle of the window meanwhile.
    window
        The window.

    Raises
    ------
    BaseException
        Whatever the work raised.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="annotator-farewell")
    loop, poll, sign = QEventLoop(), QTimer(), _sign(sentence, window)
    began = time.monotonic()

    def look() -> None:
        if not thread.is_alive():
            loop.quit()
        elif 1000 * (time.monotonic() - began) > SHOW_AFTER_MS:
            sign.show()

    poll.timeout.connect(look)
    thread.start()
    poll.start(_POLL_MS)
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    thread.join()
    poll.stop()
    sign.hide()
    sign.deleteLater()
    if failures:
        raise failures[0]


@contextmanager
def saying(sentence: str, window: QWidget) -> Iterator[None]:
    """Say what the window does while work that touches widgets keeps it from painting.

    Parameters
    ----------
    sentence
        Stands in the middle of the window meanwhile.
    window
        The window.
    """
    sign = _sign(sentence, window)
    try:
        sign.show()
        sign.repaint()
        yield
    finally:
        sign.hide()
        sign.deleteLater()


def _sign(sentence: str, window: QWidget) -> QLabel:
    sign = label(sentence, role="title")
    sign.setParent(window)
    sign.setObjectName("farewell")
    sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
    sign.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    sign.adjustSize()
    sign.resize(sign.width() + 64, sign.height() + 40)
    sign.move((window.width() - sign.width()) // 2, (window.height() - sign.height()) // 2)
    return sign
