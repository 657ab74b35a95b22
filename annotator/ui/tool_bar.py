"""Drawing tools, brush size, suggestions, undo and redo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSlider, QToolButton, QWidget

from annotator.ui.controls import label, tool_button
from annotator.ui.style import GAP, PALETTE, TARGET, TIGHT, WIDE, icon
from annotator.viewer.state import Tool, ToolState

_TOOLS: Final = {
    Tool.MOVE: ("move", "Move and zoom the picture"),
    Tool.BRUSH: ("brush", "Brush: paint the selected structure"),
    Tool.ERASER: ("eraser", "Eraser: take pixels away from the selected structure"),
    Tool.FILL: ("fill", "Fill: close the outline under the pointer"),
    Tool.UNSURE: ("unsure", "Unsure: mark pixels that nobody can tell"),
    Tool.IS_NOT: ("is_not", "Is not: mark pixels that are not the selected structure"),
}
MAX_BRUSH: Final = 80
"""Largest diameter on the slider, in image pixels."""
_SLIDER_WIDTHS: Final = (40, 92)
"""In a narrow window, and in any other."""


class ToolBar(QWidget):
    """One line of tools above the canvas; where it is narrow, some words give way, never a tool.

    Signals
    -------
    tool_chosen(str)
        A :class:`~annotator.viewer.state.Tool` value.
    size_changed(int)
        Brush diameter in image pixels.
    opacity_changed(float)
        Of the suggestions, 0..1.
    suggestions_hidden(bool)
        Hide the suggestions, or show them.
    undo_requested(), redo_requested(), finish_requested()
        Finish makes the draft on screen a label.
    """

    tool_chosen = Signal(str)
    size_changed = Signal(int)
    opacity_changed = Signal(float)
    suggestions_hidden = Signal(bool)
    undo_requested = Signal()
    redo_requested = Signal()
    finish_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._shortcuts: dict[str, str] = {}
        self._undo_words = self._redo_words = ""
        self._group = QButtonGroup(self)
        self._tools = {tool: self._make_tool(tool) for tool in Tool}
        self._size = self._make_slider("Brush size", 1, MAX_BRUSH)
        self._size.valueChanged.connect(self._on_size)
        self._size_text = label()
        self._size_text.setFixedWidth(self._size_text.fontMetrics().horizontalAdvance("888 px") + TIGHT)
        self._opacity = self._make_slider("Strength of suggestions", 0, 100)
        self._opacity.valueChanged.connect(self._on_opacity)
        self._hide = tool_button("eye", "Hide suggestions", checked="eye_off")
        self._hide.setCheckable(True)
        self._hide.clicked.connect(self.suggestions_hidden)
        self._undo = tool_button("undo", "Undo")
        self._undo.clicked.connect(self.undo_requested)
        self._redo = tool_button("redo", "Redo")
        self._redo.clicked.connect(self.redo_requested)
        self._finish = self._make_finish()
        self._size_name = label("Size", role="quiet")
        self._lay_out()
        self.show_state(ToolState())

    def _make_tool(self, tool: Tool) -> QToolButton:
        button = tool_button(_TOOLS[tool][0], _TOOLS[tool][1].split(":")[0])
        button.setToolTip(_TOOLS[tool][1])
        button.setCheckable(True)
        button.clicked.connect(partial(self._on_tool, tool))
        self._group.addButton(button)
        return button

    def _make_slider(self, name: str, least: int, most: int) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(least, most)
        slider.setMinimumWidth(_SLIDER_WIDTHS[0])
        slider.setMaximumWidth(_SLIDER_WIDTHS[1])
        slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        slider.setAccessibleName(name)
        slider.setToolTip(name)
        return slider

    def _make_finish(self) -> QToolButton:
        button = tool_button("finish", "Finish")
        button.setText("Finish")
        button.setMinimumWidth(TARGET)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self.finish_requested)
        return button

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        # How narrow the bar may be is not the layout's to say: words give way.
        layout.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(GAP, TIGHT, GAP, TIGHT)
        layout.setSpacing(TIGHT)
        for button in self._tools.values():
            layout.addWidget(button)
        layout.addWidget(_bar())
        layout.addWidget(self._size_name)
        layout.addWidget(self._size, 1)
        layout.addWidget(self._size_text)
        layout.addWidget(_bar())
        layout.addWidget(self._suggestion_sign())
        layout.addWidget(self._opacity, 1)
        layout.addWidget(self._hide)
        layout.addStretch(1)
        for button in (self._undo, self._redo, self._finish):
            layout.addWidget(button)

    def _suggestion_sign(self) -> QWidget:
        sign = label()
        sign.setPixmap(icon("suggestion", colour=PALETTE.accent).pixmap(18, 18))
        sign.setToolTip("Suggestions of the model")
        return sign

    def minimumSizeHint(self) -> QSize:
        """Room for every tool, without words."""
        least = super().minimumSizeHint()
        has_words = not self._size_name.isHidden()
        return QSize(least.width() - has_words * self._words_width(), least.height())

    def _words_width(self) -> int:
        """Room that the words on the slider's two sides take, in pixels; that of 'Finish' may be cut off."""
        return self._size_name.sizeHint().width() + self._size_text.width() + 2 * TIGHT

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the words where there is room for them; without, they are in the tooltips."""
        super().resizeEvent(event)
        # Buttons of the size that they like are a little wider than the smallest.
        finish = self._finish.fontMetrics().horizontalAdvance(self._finish.text()) + 3 * WIDE
        has_room = event.size().width() >= self.minimumSizeHint().width() + self._words_width() + finish
        for words in (self._size_name, self._size_text):
            words.setVisible(has_room)
        style = Qt.ToolButtonStyle
        self._finish.setToolButtonStyle(style.ToolButtonTextBesideIcon if has_room else style.ToolButtonIconOnly)
        layout = self.layout()
        if layout is not None:
            # Before the next question how narrow the bar may be, which Qt would answer from before.
            layout.invalidate()

    def set_shortcuts(self, shortcuts: Mapping[str, str]) -> None:
        """Name the keys in the tooltips.

        Parameters
        ----------
        shortcuts
            Tool values, ``"undo"``, ``"redo"``, ``"finish"``, ``"hide_suggestions"``, ``"smaller_brush"`` and
            ``"larger_brush"`` to key sequences; missing ones are not named.
        """
        self._shortcuts = dict(shortcuts)
        for tool, button in self._tools.items():
            button.setToolTip(self._with_key(_TOOLS[tool][1], tool.value))
        self._show_size(self._size.value())
        self._hide.setToolTip(self._with_key("Hide suggestions", "hide_suggestions"))
        self._finish.setToolTip(self._with_key("Finish the draft: it becomes a label", "finish"))
        self._show_history()

    def _with_key(self, text: str, name: str) -> str:
        key = self._shortcuts.get(name)
        return f"{text} ({key})" if key else text

    def show_state(self, state: ToolState) -> None:
        """Show tool, sizes and what can be undone; emits nothing."""
        self._tools[state.tool].setChecked(True)
        for tool, button in self._tools.items():
            button.setEnabled(state.can_draw or tool is Tool.MOVE)
        self._size.setEnabled(state.can_draw)
        for slider, value in ((self._size, state.brush_size), (self._opacity, round(100 * state.suggestion_opacity))):
            slider.blockSignals(True)  # noqa: FBT003
            slider.setValue(value)
            slider.blockSignals(False)  # noqa: FBT003
        self._show_size(state.brush_size)
        self._hide.setChecked(state.are_suggestions_hidden)
        self._opacity.setEnabled(not state.are_suggestions_hidden)
        self._finish.setEnabled(state.can_finish)
        self._undo_words, self._redo_words = state.undo, state.redo
        self._show_history()

    def _show_history(self) -> None:
        for button, name, words in ((self._undo, "Undo", self._undo_words), (self._redo, "Redo", self._redo_words)):
            button.setEnabled(bool(words))
            button.setToolTip(self._with_key(f"{name}: {words}" if words else name, name.lower()))

    def _on_tool(self, tool: Tool) -> None:
        self.tool_chosen.emit(tool.value)

    def _show_size(self, pixels: int) -> None:
        self._size_text.setText(f"{pixels} px")
        keys = " ".join(self._shortcuts[name] for name in ("smaller_brush", "larger_brush") if name in self._shortcuts)
        self._size.setToolTip(f"Brush size: {pixels} px{f' ({keys})' if keys else ''}")

    def _on_size(self, value: int) -> None:
        self._show_size(value)
        self.size_changed.emit(value)

    def _on_opacity(self, value: int) -> None:
        self.opacity_changed.emit(value / 100)


def _bar() -> QFrame:
    line = QFrame()
    line.setObjectName("divider")
    line.setFixedWidth(1)
    return line
