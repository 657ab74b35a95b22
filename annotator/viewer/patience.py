"""What can wait until the hand rests.

A change of any panel has the whole window composed anew, since the canvas in it is drawn by OpenGL; a stroke or a
frame change that comes meanwhile would wait for as long as it takes to draw one picture more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

REST_S: Final = 0.15
"""The hand rests when it has done nothing for so long."""
AT_LATEST_S: Final = 3.0
"""Nothing waits for longer, however busy the hand."""
EVERY_S: Final = 0.25
"""What comes in a stream is shown no more often."""


class Patience:
    """Keeps what is to be shown, the newest of each name, and shows it all at once in a moment of rest.

    Parameters
    ----------
    now
        A clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: dict[str, Callable[[], None]] = {}
        self._since = self._moved_at = self._shown_at = -float("inf")

    def hand_moved(self) -> None:
        """Note that a person has just done something whose picture must come at once."""
        self._moved_at = self._now()

    def rests(self, *, is_painting: bool) -> bool:
        """Whether the hand has been still for a while."""
        return not is_painting and self._now() - self._moved_at >= REST_S

    def ask(self, name: str, show: Callable[[], None]) -> None:
        """Show this at rest, in place of what waited under the same name."""
        if not self._waiting:
            self._since = self._now()
        self._waiting[name] = show

    def pump(self, *, is_painting: bool) -> None:
        """Show what waits if this is the moment."""
        now = self._now()
        if not self._waiting or now - self._shown_at < EVERY_S:
            return
        if self.rests(is_painting=is_painting) or now - self._since >= AT_LATEST_S:
            waiting, self._waiting, self._shown_at = self._waiting, {}, now
            for show in waiting.values():
                show()
