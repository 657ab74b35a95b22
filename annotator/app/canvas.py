"""napari's canvas without napari's window: no layer list, no menus, no keys of its own."""

from __future__ import annotations

from typing import Any

from napari._qt.qt_viewer import QtViewer
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget


class Canvas(QtViewer):  # type: ignore[misc]
    """A canvas that leaves files dropped on it to the window.

    Parameters
    ----------
    viewer
        The model to show.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self.setAcceptDrops(False)
        self.dims.setVisible(False)
        self.setMinimumSize(320, 240)
        self.native.setAccessibleName("Picture")

    @property
    def native(self) -> QWidget:
        """The widget that the picture is drawn in, which takes mouse and keys."""
        native: Any = self.canvas.native
        return native  # type: ignore[no-any-return]

    def refit(self) -> None:
        """Fit the picture into the canvas."""
        self.viewer.reset_view()
