"""The page on which one project is worked on: canvas in the middle, clips at the left, structures at the right."""

from __future__ import annotations

from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from annotator.app.canvas import Canvas, CanvasWithMessages
from annotator.ui.clip_browser import ClipBrowser
from annotator.ui.clip_details import ClipDetailsPanel
from annotator.ui.message_bar import MessageBar
from annotator.ui.next_up import NextUpList
from annotator.ui.structure_panel import StructurePanel
from annotator.ui.style import PANEL_WIDTH, STRUCTURES_WIDTH
from annotator.ui.timeline import Timeline
from annotator.ui.tool_bar import ToolBar
from annotator.ui.training_panel import TrainingPanel


class WorkPage(QWidget):
    """Owns the panels and the canvas; decides nothing.

    Splitters rather than docks: a panel cannot be lost, and some versions of the Qt binding break dock widths.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = ViewerModel(title="Echo Annotator")
        self.canvas = Canvas(self.viewer)
        self.clips = ClipBrowser()
        self.details = ClipDetailsPanel()
        self.tools = ToolBar()
        self.messages = MessageBar()
        self.timeline = Timeline()
        self.structures = StructurePanel()
        self.training = TrainingPanel()
        self.next_up = NextUpList()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split())

    def close_canvas(self) -> None:
        """Let go of the canvas before the window goes."""
        self.canvas.close()

    def _split(self) -> QSplitter:
        whole = QSplitter(Qt.Orientation.Horizontal)
        left = _column(self.clips, self.details, stretch=(1, 0))
        # Two in one, so that what the learner says, of any length, has its room from the list below it: the buttons of
        # the structures stay under the hand.
        learner = _column(self.training, self.next_up, stretch=(2, 2))
        learner.setSizes([262, 109])
        right = _column(self.structures, learner, stretch=(1, 4))
        right.setSizes([326, 371])
        for widget, stretch in ((left, 0), (self._centre(), 1), (right, 0)):
            whole.addWidget(widget)
            whole.setStretchFactor(whole.count() - 1, stretch)
        whole.setSizes([PANEL_WIDTH, 4 * PANEL_WIDTH, STRUCTURES_WIDTH])
        whole.setChildrenCollapsible(False)
        return whole

    def _centre(self) -> QWidget:
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        picture = CanvasWithMessages(self.canvas, self.messages)
        for widget, stretch in ((self.tools, 0), (picture, 1)):
            column.addWidget(widget, stretch)
        return _column(top, self.timeline, stretch=(1, 0))


def _column(*widgets: QWidget, stretch: tuple[int, ...]) -> QSplitter:
    column = QSplitter(Qt.Orientation.Vertical)
    for i, (widget, share) in enumerate(zip(widgets, stretch, strict=True)):
        column.addWidget(widget)
        column.setStretchFactor(i, share)
    column.setChildrenCollapsible(False)
    return column
