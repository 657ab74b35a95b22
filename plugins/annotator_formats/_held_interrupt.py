"""Ctrl-C kept back while a library calls us: raised in a call from C, which cannot pass it on, it would be lost there.

What the library had asked for then goes missing with it, and a damaged file would seem whole.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HeldInterrupt:
    """Whether ctrl-C came, to be asked where Python's own code runs."""

    def __init__(self) -> None:
        self._came = False

    def note(self, *_: object) -> None:
        """Remember one."""
        self._came = True

    def check(self) -> None:
        """Raise what came.

        Raises
        ------
        KeyboardInterrupt
            Where ctrl-C came.
        """
        if self._came:
            raise KeyboardInterrupt


@contextmanager
def held_interrupt() -> Iterator[HeldInterrupt]:
    """Keep ctrl-C back in this block, and raise it at its end; outside the main thread it never comes.

    Raises
    ------
    KeyboardInterrupt
        Where ctrl-C came and the block ended well.
    """
    held = HeldInterrupt()
    former = signal.getsignal(signal.SIGINT)
    # A program that ignores it, or that has its own ideas of it, keeps them.
    if threading.current_thread() is not threading.main_thread() or former is not signal.default_int_handler:
        yield held
        return
    signal.signal(signal.SIGINT, held.note)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, former)
    held.check()
