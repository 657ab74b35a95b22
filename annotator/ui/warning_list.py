"""What to know of the suggestions before believing them; nothing where there is nothing to know."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Final

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from annotator.ui.controls import label
from annotator.ui.style import GAP, PALETTE, TIGHT, icon

LEAST_HEIGHT: Final = 96
"""Room for two notes that are cut, in pixels; more are scrolled where the panel is low."""

_ICON_SIDE: Final = 18
_BRIEF_LINES: Final = 2
_MORE: Final = "… more"
_UNBOUNDED: Final = 1 << 20


class WarningList(QScrollArea):
    """One note for each warning, below each other; it takes no room where there is none.

    A brief note has two lines, whole in its tooltip.

    Signals
    -------
    more()
        The end of a brief note was clicked, which asks for the whole of it.
    """

    more = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("warningList")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._warnings: tuple[str, ...] = ()
        self._notes: list[_Note] = []
        self._is_brief = False
        self._inside = QWidget()
        self._layout = QVBoxLayout(self._inside)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(TIGHT)
        self.setWidget(self._inside)
        self.hide()

    def room(self, *, is_brief: bool) -> int:
        """Height of all notes, brief or whole, at the present width, in pixels; 0 where there is none."""
        heights = [note.room(self._note_width(), is_brief=is_brief) for note in self._notes]
        return sum(heights) + TIGHT * max(0, len(heights) - 1)

    def show_warnings(self, warnings: tuple[str, ...]) -> None:
        """Show these sentences; where they did not change, nothing is touched."""
        if warnings == self._warnings:
            return
        self._warnings = warnings
        for note in self._notes:
            self._layout.removeWidget(note)
            note.hide()
            note.deleteLater()
        self._notes = [_Note(sentence) for sentence in warnings]
        for note in self._notes:
            note.more.connect(self.more)
            note.set_brief(is_brief=self._is_brief)
            self._layout.addWidget(note)
            # Shown by Qt only later otherwise, and without height until then.
            note.show()
        self.setVisible(bool(warnings))
        self.verticalScrollBar().setValue(0)
        self._bound()

    def set_brief(self, *, is_brief: bool) -> None:
        """Cut long notes, or show them whole."""
        if is_brief is not self._is_brief:
            self._is_brief = is_brief
            for note in self._notes:
                note.set_brief(is_brief=is_brief)
            self._bound()

    def sizeHint(self) -> QSize:
        """As high as the notes."""
        return QSize(super().sizeHint().width(), self.room(is_brief=self._is_brief))

    def minimumSizeHint(self) -> QSize:
        """A note or two that are brief; the rest is scrolled."""
        return QSize(super().minimumSizeHint().width(), min(self.room(is_brief=True), LEAST_HEIGHT))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrower panel has higher notes."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._bound()

    def _note_width(self) -> int:
        return max(self.width(), 100)

    def _bound(self) -> None:
        for note in self._notes:
            # Of its own, a label that is wrapped would be higher than two lines.
            note.setFixedHeight(note.room(self._note_width(), is_brief=self._is_brief))
        self.setMaximumHeight(max(1, self.room(is_brief=self._is_brief)))
        self.updateGeometry()


class _Note(QFrame):
    """One sentence beside a warning sign, whole or cut after two lines.

    Signals
    -------
    more()
        The end of the cut sentence was clicked.
    """

    more = Signal()

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.setObjectName("warningNote")
        self.setAccessibleName(f"warning: {sentence}")
        self._sentence = sentence
        sign = QLabel()
        sign.setPixmap(icon("warning", colour=PALETTE.warning).pixmap(_ICON_SIDE, _ICON_SIDE))
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._whole = label(sentence, is_wrapped=True)
        self._whole.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._brief = label(is_wrapped=True)
        self._brief.setTextFormat(Qt.TextFormat.RichText)
        self._brief.linkActivated.connect(lambda _link: self.more.emit())
        self._brief.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, TIGHT, TIGHT)
        layout.setSpacing(GAP)
        layout.addWidget(sign)
        layout.addWidget(self._whole, 1)
        layout.addWidget(self._brief, 1)

    def set_brief(self, *, is_brief: bool) -> None:
        """Cut the sentence, or show it whole."""
        self._whole.setHidden(is_brief)
        self._brief.setVisible(is_brief)

    def room(self, width: int, *, is_brief: bool) -> int:
        """Height that the note takes at a width, in pixels."""
        self.ensurePolished()
        words, edge = self._brief if is_brief else self._whole, self.contentsMargins()
        words.ensurePolished()
        inner = width - edge.left() - edge.right() - 2 * GAP - TIGHT - _ICON_SIDE
        if is_brief:
            self._cut(inner)
        return max(words.heightForWidth(inner), _ICON_SIDE) + edge.top() + edge.bottom() + 2 * TIGHT

    def _cut(self, width: int) -> None:
        """Write as many words as have room in a brief note."""
        words = self._sentence.split()
        has_room = partial(self._has_room, width=width)
        if has_room(self._sentence):
            self._brief.setText(escape(self._sentence))
            self._brief.setToolTip("")
            return
        kept = max((n for n in range(len(words)) if has_room(" ".join(words[:n]) + _MORE)), default=0)
        link = f'<a href="more" style="color:{PALETTE.accent}">more</a>'
        self._brief.setText(f"{escape(' '.join(words[:kept]))}\N{HORIZONTAL ELLIPSIS} {link}")
        self._brief.setToolTip(self._sentence)

    def _has_room(self, text: str, *, width: int) -> bool:
        metrics = self._brief.fontMetrics()
        # A little narrower: Qt breaks the lines of rich text by rules of its own.
        place = QRect(0, 0, width - TIGHT, _UNBOUNDED)
        wanted, most = (
            metrics.boundingRect(place, int(Qt.TextFlag.TextWordWrap), lines).height()
            for lines in (text, "\n".join("x" * _BRIEF_LINES))
        )
        return bool(wanted <= most)
