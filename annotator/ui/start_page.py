"""What the window shows before a project is open."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from annotator.ui.controls import label, push_button
from annotator.ui.style import GAP, WIDE


class StartPage(QWidget):
    """Recent projects and the three ways to begin.

    Signals
    -------
    new_requested(), open_requested(), demo_requested()
        The button of that name.
    recent_chosen(str)
        Folder of a recent project.
    """

    new_requested = Signal()
    open_requested = Signal()
    demo_requested = Signal()
    recent_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("startPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._recent = QListWidget()
        self._recent.setAccessibleName("Recent projects")
        self._recent.setSpacing(2)
        self._recent.itemClicked.connect(self._on_chosen)
        self._recent.itemActivated.connect(self._on_chosen)
        self._heading = label("Recent projects", role="heading")
        self._new = self._make_button("New project…", "new", self.new_requested)
        self._new.setProperty("role", "primary")
        self._open = self._make_button("Open a project…", "open", self.open_requested)
        self._demo = self._make_button("Try the demo", "demo", self.demo_requested)
        self._lay_out()
        self.show_state(())

    @staticmethod
    def _make_button(text: str, icon_name: str, signal: object) -> QPushButton:
        button = push_button(text, icon_name=icon_name)
        button.clicked.connect(signal)
        return button

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(GAP)
        title = label("Echo Annotator", role="title")
        column.addWidget(title)
        words = (
            "Label some structures in some frames; a model learns in the background and suggests the rest.\n"
            "Drop recordings here to begin."
        )
        column.addWidget(label(words, role="quiet", is_wrapped=True))
        column.addSpacing(WIDE)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for button in (self._new, self._open, self._demo):
            row.addWidget(button, 1)
        column.addLayout(row)
        column.addSpacing(WIDE)
        column.addWidget(self._heading)
        column.addWidget(self._recent, 1)
        # Takes the room that the list leaves where there is none.
        column.addStretch()
        middle = QWidget()
        middle.setMaximumWidth(640)
        middle.setMaximumHeight(520)
        middle.setLayout(column)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(WIDE, WIDE, WIDE, WIDE)
        layout.addStretch(1)
        layout.addWidget(middle, 8)
        layout.addStretch(1)

    def show_state(self, recent: tuple[str, ...]) -> None:
        """List these project folders, newest first; that one is chosen, so that a keyboard begins there."""
        self._recent.clear()
        for folder in recent:
            item = QListWidgetItem(f"{Path(folder).name}\n{Path(folder).parent}")
            item.setData(Qt.ItemDataRole.UserRole, folder)
            item.setToolTip(folder)
            self._recent.addItem(item)
        self._recent.setCurrentRow(0)
        self._heading.setVisible(bool(recent))
        self._recent.setVisible(bool(recent))

    def _on_chosen(self, item: QListWidgetItem) -> None:
        self.recent_chosen.emit(str(item.data(Qt.ItemDataRole.UserRole)))
