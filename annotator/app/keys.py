"""Which widget gets a key: letters typed into a field are text, everywhere else they are shortcuts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QWidget

_HOLD_S: Final = 0.35
_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class KeyFilter(QObject):
    """Gives text fields and lists their keys before shortcuts take them, and tells a held key from a tapped one.

    It sits on whatever widget has the keyboard, not on the application: there Qt would call into Python for each of
    the hundreds of events behind every picture, and wait for the interpreter's lock each time.

    Parameters
    ----------
    on_hold_end
        Called when the watched key is let go after it was held.
    parent
        The window.
    """

    def __init__(self, on_hold_end: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self.watched = ""
        self._on_hold_end = on_hold_end
        self._pressed_at: float | None = None

    def follow_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        """Sit on the widget that has the keyboard now; Qt keeps one filter of a kind on each."""
        if now is not None:
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        if isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            if event.type() == QEvent.Type.ShortcutOverride:
                if _belongs_to_field(QApplication.focusWidget(), event):
                    event.accept()
                    return True
                if self._is_watched(event) and self._pressed_at is None:
                    self._pressed_at = time.monotonic()
            elif event.type() == QEvent.Type.KeyRelease and self._is_watched(event):
                self._release()
        return super().eventFilter(watched, event)

    def _is_watched(self, event: QKeyEvent) -> bool:
        return bool(self.watched) and QKeySequence(event.keyCombination()) == QKeySequence(self.watched)

    def _release(self) -> None:
        began, self._pressed_at = self._pressed_at, None
        if began is not None and time.monotonic() - began >= _HOLD_S:
            self._on_hold_end()


def _belongs_to_field(focus: QObject | None, event: QKeyEvent) -> bool:
    if isinstance(focus, QLineEdit | QPlainTextEdit | QAbstractSpinBox):
        has_command = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        return not has_command and event.key() != Qt.Key.Key_Escape
    return isinstance(focus, QAbstractItemView) and event.key() in _ENTER
