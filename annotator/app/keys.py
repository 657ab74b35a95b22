"""Which widget gets a key: what it needs to be used by keyboard alone; everywhere else keys are shortcuts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

_HOLD_S: Final = 0.35
_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_ARROWS: Final = (Qt.Key.Key_Left, Qt.Key.Key_Right)


class KeyFilter(QObject):
    """Gives fields, lists and buttons their keys before shortcuts do, and tells a held key from a tapped one.

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

    def follow_focus(self, now: QWidget | None) -> None:
        """Sit on the widget that has the keyboard now; Qt keeps one filter of a kind on each."""
        if now is not None:
            now.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        if isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            if event.type() == QEvent.Type.ShortcutOverride:
                is_for_widget = _belongs_to_widget(QApplication.focusWidget(), event)
                if self._is_watched(event):
                    # Also where it was let go in another window, and nobody told.
                    self._pressed_at = None if is_for_widget else time.monotonic()
                if is_for_widget:
                    event.accept()
                    return True
            elif event.type() == QEvent.Type.KeyRelease and self._is_watched(event):
                self._release()
        return super().eventFilter(watched, event)

    def _is_watched(self, event: QKeyEvent) -> bool:
        return bool(self.watched) and QKeySequence(event.keyCombination()) == QKeySequence(self.watched)

    def _release(self) -> None:
        began, self._pressed_at = self._pressed_at, None
        if began is not None and time.monotonic() - began >= _HOLD_S:
            self._on_hold_end()


def _belongs_to_widget(focus: QObject | None, event: QKeyEvent) -> bool:
    """Letters are text in a field; Space presses a button and opens a list, Enter chooses in it, arrows slide."""
    if isinstance(focus, QComboBox) and focus.isEditable():
        # It has the keyboard in place of the field inside it.
        focus = focus.lineEdit()
    match focus:
        case QLineEdit() | QPlainTextEdit() | QAbstractSpinBox():
            has_command = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            return not has_command and event.key() != Qt.Key.Key_Escape
        case QAbstractItemView():
            # The list of a drop-down takes Enter by itself, out of the very event that would be accepted here.
            return event.key() in _ENTER and focus.window().windowType() is not Qt.WindowType.Popup
        case QAbstractButton() | QComboBox():
            return event.key() == Qt.Key.Key_Space
        case QAbstractSlider():
            return event.key() in _ARROWS
        case _:
            return False
