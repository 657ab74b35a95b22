"""A small panel in napari that opens the annotator's own window in the same program."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.app.startup import make_window
from annotator.app.window import MainWindow

_TEXT = "Label some structures of some frames; a model learns in the background and suggests the rest."


class Launcher(QWidget):
    """Opens the annotator's window, once; a second press brings it to the front, or opens it anew once closed."""

    def __init__(self) -> None:
        super().__init__()
        self.window_opened: MainWindow | None = None
        text = QLabel(_TEXT)
        text.setWordWrap(True)
        self.button = QPushButton("Open the Echo Annotator")
        self.button.clicked.connect(self.open)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(self.button)
        layout.addStretch()

    def open(self) -> None:
        """Show the annotator's window."""
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return
        if self.window_opened is None:
            self.window_opened = make_window(application)
            # A closed window gives napari back what it took, such as Python's own collection of garbage.
            self.window_opened.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.window_opened.destroyed.connect(self._forget)
        self.window_opened.show()
        self.window_opened.raise_()

    def _forget(self) -> None:
        self.window_opened = None
