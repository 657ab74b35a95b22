"""Drawing tools, brush size, suggestions, undo and redo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSlider, QToolButton, QWidget

from annotator.ui.controls import label, tool_button
from annotator.ui.style import GAP, PALETTE, TIGHT, icon
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
_SLIDER_WIDTHS: Final = (56, 92)
"""In a narrow window, and in any other."""


class ToolBar(QWidget):
    """One line of tools above the canvas.

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
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self.finish_requested)
        return button

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GAP, TIGHT, GAP, TIGHT)
        layout.setSpacing(TIGHT)
        for button in self._tools.values():
            layout.addWidget(button)
        layout.addWidget(_bar())
        layout.addWidget(label("Size", role="quiet"))
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
        sizes = [self._shortcuts[name] for name in ("smaller_brush", "larger_brush") if name in self._shortcuts]
        self._size.setToolTip(f"Brush size ({' '.join(sizes)})" if sizes else "Brush size")
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
        self._size_text.setText(f"{state.brush_size} px")
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

    def _on_size(self, value: int) -> None:
        self._size_text.setText(f"{value} px")
        self.size_changed.emit(value)

    def _on_opacity(self, value: int) -> None:
        self.opacity_changed.emit(value / 100)


def _bar() -> QFrame:
    line = QFrame()
    line.setObjectName("divider")
    line.setFixedWidth(1)
    return line
