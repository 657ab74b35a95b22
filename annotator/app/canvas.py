"""napari's canvas without napari's window: no layer list, no menus, no keys of its own."""

from __future__ import annotations

from typing import Any, Final

from napari._qt.qt_viewer import QtViewer
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.ui.message_bar import MessageBar

_OUT_OF_SIGHT: Final = (-10_000, -10_000)


class Canvas(QtViewer):  # type: ignore[misc]
    """A canvas that leaves files dropped on it to the window.

    Parameters
    ----------
    viewer
        The model to show.

    Signals
    -------
    resized()
        There is more or less room for the picture.
    """

    resized = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.setAcceptDrops(False)
        self.dims.setVisible(False)
        self.setMinimumSize(320, 240)
        self.native.setAccessibleName("Picture")
        ring = viewer.canvas.overlays._brush_circle
        # napari draws the brush's ring in the corner until the pointer first comes in.
        ring.position = _OUT_OF_SIGHT
        # ... and behind it a box in the background's colour, a black square under the pointer.
        ring.box = False
        viewer.layers.events.inserted.connect(self._leave_out_while_empty, position="last")

    @property
    def native(self) -> QWidget:
        """The widget that the picture is drawn in, which takes mouse and keys."""
        native: Any = self.canvas.native
        return native  # type: ignore[no-any-return]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell that there is more or less room for the picture."""
        super().resizeEvent(event)
        self.resized.emit()

    def _leave_out_while_empty(self, event: Any) -> None:
        """Draw a layer of labels only while it holds any: without a graphics card each layer takes 4 ms a picture."""
        layer = event.value
        if not isinstance(layer, Labels):
            return
        visual = self.canvas.layer_to_visual[layer]

        def follow() -> None:
            visual.node.visible = layer.visible and bool(layer.data.any())

        for changed in (layer.events.set_data, layer.events.labels_update, layer.events.visible):
            changed.connect(follow, position="last")


class CanvasWithMessages(QWidget):
    """The canvas with messages lying over its upper edge, so that a message does not move the picture.

    Parameters
    ----------
    canvas, messages
        Both become children of this widget.
    """

    def __init__(self, canvas: Canvas, messages: MessageBar) -> None:
        super().__init__()
        self._messages = messages
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(canvas)
        messages.setParent(self)
        messages.installEventFilter(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the messages as wide as the canvas."""
        super().resizeEvent(event)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the messages as their text changes."""
        if watched is self._messages and event.type() in (QEvent.Type.Show, QEvent.Type.LayoutRequest):
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        bar = self._messages
        height = bar.heightForWidth(self.width()) if bar.hasHeightForWidth() else bar.sizeHint().height()
        bar.setGeometry(0, 0, self.width(), height)
        bar.raise_()
