"""Events on a fixed clock, and the time from each until its picture is on the screen."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from qtpy.QtCore import QEvent, QEventLoop, QObject, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

BEAT_MS = 5


@dataclass(frozen=True, slots=True)
class Due:
    """Something to do at a time, in seconds from the start; ``kind`` names the sample, empty for none.

    ``is_move`` marks pointer moves: where several are overdue only the last is delivered, as window systems do.
    ``is_shown`` tells whether a picture that is swapped to the screen has what the event asked for.
    """

    at_s: float
    kind: str
    act: Callable[[], None]
    is_move: bool = False
    is_shown: Callable[[], bool] | None = None


class Clockwork(QObject):
    """Plays a schedule in the running event loop.

    A sample is the time from when its event was *due* until the canvas has been swapped to the screen after
    it, so that a late event loop counts too.

    Parameters
    ----------
    canvas
        The OpenGL widget that shows the picture.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__()
        self._pending: list[Due] = []
        self._samples: dict[str, list[float]] = defaultdict(list)
        self._schedule: list[Due] = []
        self._began = 0.0
        self._loop = QEventLoop()
        self._timer = _precise_timer(self, self._strike)
        canvas.frameSwapped.connect(self._on_swap)  # type: ignore[attr-defined]

    def play(self, schedule: Sequence[Due]) -> dict[str, list[float]]:
        """Play a schedule to its end; the samples by kind, in ms."""
        self._pending.clear()
        self._samples = defaultdict(list)
        self._schedule = sorted(schedule, key=lambda due: due.at_s, reverse=True)
        self._began = time.perf_counter()
        self._arm()
        self._loop.exec()
        return dict(self._samples)

    def _arm(self) -> None:
        if not self._schedule:
            QTimer.singleShot(200, self._loop.quit)
            return
        due = self._began + self._schedule[-1].at_s
        self._timer.start(max(0, round(1000 * (due - time.perf_counter()))))

    def _strike(self) -> None:
        due = self._schedule.pop()
        taken = [due]
        while due.is_move and self._schedule and self._schedule[-1].is_move and self._is_overdue(self._schedule[-1]):
            due = self._schedule.pop()
            taken.append(due)
        # Before the event, since a key press draws before it returns.
        self._pending += [one for one in taken if one.kind]
        due.act()
        self._arm()

    def _is_overdue(self, due: Due) -> bool:
        return time.perf_counter() >= self._began + due.at_s

    def _on_swap(self) -> None:
        now = time.perf_counter()
        for due in [due for due in self._pending if due.is_shown is None or due.is_shown()]:
            self._pending.remove(due)
            self._samples[due.kind].append(1000 * (now - self._began - due.at_s))


class Heartbeat(QObject):
    """Measures the longest time in which the event loop did not turn."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.perf_counter()
        self._longest = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def take(self) -> float:
        """The longest gap since the last call, in ms."""
        self._beat()
        longest, self._longest = self._longest, 0.0
        return 1000 * longest

    def _beat(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now


def _precise_timer(owner: QObject, slot: Callable[[], None]) -> QTimer:
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(slot)
    return timer


def wait(seconds: float, *, until: Callable[[], bool] | None = None) -> bool:
    """Let the event loop turn for some seconds, or until something holds; whether it held."""
    loop = QEventLoop()
    end = time.perf_counter() + seconds
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if _is_over(end, until) else None)
    timer.start(20)
    loop.exec()
    return until is None or until()


class SwapWait:
    """Does something and lets the event loop turn until the canvas was swapped to the screen.

    The loop and its timer are kept: PySide6 loses a reference to ``None`` with each new one, which would be
    counted against the window.

    Parameters
    ----------
    canvas
        The OpenGL widget that shows the picture.
    timeout_ms
        Longest time to wait for the swap.
    """

    def __init__(self, canvas: QWidget, *, timeout_ms: int = 2000) -> None:
        self._loop = QEventLoop()
        self._timer = QTimer(self._loop)
        self._timer.setSingleShot(True)
        self._timer.setInterval(timeout_ms)
        self._timer.timeout.connect(self._loop.quit)
        canvas.frameSwapped.connect(self._loop.quit)  # type: ignore[attr-defined]

    def after(self, act: Callable[[], None]) -> None:
        """Act, then wait for the swap."""
        act()
        self._timer.start()
        self._loop.exec()
        self._timer.stop()


def _is_over(end: float, until: Callable[[], bool] | None) -> bool:
    return time.perf_counter() >= end or (until is not None and until())


def send_mouse(canvas: QWidget, kind: QEvent.Type, at: tuple[float, float], *, pressed: bool) -> None:
    """One event of the left mouse button, in the widget's own pixels."""
    point = QPointF(*at)
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
    held = Qt.MouseButton.LeftButton if pressed else Qt.MouseButton.NoButton
    where = canvas.mapToGlobal(point)
    event = QMouseEvent(kind, point, where, button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)


def stroke(canvas: QWidget, at_s: float, *, seconds: float = 1.0, rate: int = 60) -> Iterator[Due]:
    """A stroke along a short arc in the middle of the canvas: press, moves at ``rate`` a second, release."""
    width, height = canvas.width(), canvas.height()

    def place(share: float) -> tuple[float, float]:
        angle = np.pi * share
        return width * (0.5 + 0.06 * np.cos(angle)), height * (0.5 + 0.08 * np.sin(angle))

    def act(kind: QEvent.Type, share: float, *, pressed: bool) -> Callable[[], None]:
        return partial(send_mouse, canvas, kind, place(share), pressed=pressed)

    moves = int(seconds * rate)
    yield Due(at_s, "", act(QEvent.Type.MouseButtonPress, 0, pressed=True))
    for i in range(1, moves):
        yield Due(at_s + i / rate, "paint", act(QEvent.Type.MouseMove, i / moves, pressed=True), is_move=True)
    yield Due(at_s + seconds, "", act(QEvent.Type.MouseButtonRelease, 1, pressed=False))


def quantiles(samples: Sequence[float]) -> dict[str, float | None]:
    """Median, 95th percentile and number of samples; ``None`` where there are none."""
    if not samples:
        return {"p50": None, "p95": None, "n": 0}
    return {
        "p50": round(float(np.percentile(samples, 50)), 3),
        "p95": round(float(np.percentile(samples, 95)), 3),
        "n": len(samples),
    }
