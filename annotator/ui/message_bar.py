"""Plain sentences above the canvas that never stop the work."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from annotator.ui.controls import label, push_button, tool_button
from annotator.ui.style import GAP, PALETTE, TIGHT, icon, refresh_style
from annotator.viewer.state import Message, MessageAction, MessageLevel

_ICONS: Final = {
    MessageLevel.INFO: ("info", PALETTE.accent),
    MessageLevel.WARNING: ("warning", PALETTE.warning),
    MessageLevel.ERROR: ("error", PALETTE.danger),
}
INFO_MS: Final = 6000
"""How long an info is shown, in ms."""


class MessageBar(QFrame):
    """Errors first, then the newest; infos go by themselves, warnings and errors stay until dismissed.

    An info answers what was just done, and would go unseen behind a warning that nobody dismissed.

    Signals
    -------
    action_chosen(object)
        The :class:`~annotator.viewer.state.Message` whose button was pressed; it is dismissed as well.
    dismissed(object)
        The message that was closed by hand.
    """

    action_chosen = Signal(object)
    dismissed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._messages: list[Message] = []
        self._icon = label()
        self._text = label(is_wrapped=True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._more = label(role="quiet")
        self._action = push_button("")
        self._action.clicked.connect(self._on_action)
        self._close = tool_button("close", "Dismiss this message")
        self._close.setProperty("role", "plain")
        self._close.clicked.connect(self._on_close)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, TIGHT, TIGHT)
        layout.setSpacing(GAP)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        for widget in (self._more, self._action, self._close):
            layout.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._drop_infos)
        self.hide()

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is shown and waits, errors and then the newest first."""
        return tuple(self._messages)

    def show_message(self, message: Message) -> None:
        """Show a message, or let it wait behind an error; the same message twice stands once."""
        if message in self._messages:
            self._messages.remove(message)
        self._messages.insert(0, message)
        self._messages.sort(key=lambda m: m.level is not MessageLevel.ERROR)
        if message.level is MessageLevel.INFO:
            self._timer.start(INFO_MS)
        self._show_first()

    def withdraw(self, action: MessageAction) -> None:
        """Take the messages with this button away, since it would do nothing any more."""
        kept = [m for m in self._messages if m.action is not action]
        if kept != self._messages:
            self._messages = kept
            self._show_first()

    def _show_first(self) -> None:
        if not self._messages:
            self.hide()
            return
        first = self._messages[0]
        name, colour = _ICONS[first.level]
        self._icon.setPixmap(icon(name, colour=colour).pixmap(20, 20))
        self._icon.setAccessibleName(first.level.value)
        self._text.setText(first.sentence)
        self._action.setText(first.action.value)
        self._action.setAccessibleName(first.action.value)
        self._action.setVisible(bool(first.action))
        waiting = len(self._messages) - 1
        self._more.setText(f"{waiting} more")
        self._more.setVisible(waiting > 0)
        self.setProperty("level", first.level.value)
        self.setAccessibleName(f"{first.level.value}: {first.sentence}")
        refresh_style(self)
        self.show()

    def _drop_infos(self) -> None:
        self._messages = [m for m in self._messages if m.level is not MessageLevel.INFO]
        self._show_first()

    def _on_action(self) -> None:
        message = self._messages.pop(0)
        self._show_first()
        self.action_chosen.emit(message)

    def _on_close(self) -> None:
        message = self._messages.pop(0)
        self._show_first()
        self.dismissed.emit(message)
