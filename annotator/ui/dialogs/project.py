"""A new project, and whose name stands beside the labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget

from annotator.ui.controls import label
from annotator.ui.dialogs.form import Choice, FolderField, FormDialog, NameDialog, asked


@dataclass(frozen=True, slots=True)
class NewProject:
    """A folder that is not there yet, or empty, and the name of a protocol."""

    folder: Path
    protocol: str


class NewProjectDialog(FormDialog):
    """Asks for a place, a name and a protocol.

    Parameters
    ----------
    protocols
        What to choose from; ``note`` names the structures.
    folder
        Where projects are proposed to be made.
    """

    def __init__(self, protocols: tuple[Choice, ...], *, folder: Path, parent: QWidget | None = None) -> None:
        intro = "A project is a folder with copies of the frames, all labels and the model."
        super().__init__("New project", intro, accept="Create project", parent=parent)
        self._protocols = protocols
        self.name = QLineEdit("my-project")
        self.name.selectAll()
        self.place = FolderField("Where to put it", str(folder))
        self.protocol = QComboBox()
        self.protocol.addItems([p.name for p in protocols])
        self._note = label(role="quiet", is_wrapped=True)
        self.add_field("Name", self.name)
        self.add_field("Where to put it", self.place)
        self.add_field("What to label", self.protocol)
        self.fields.addWidget(self._note)
        self.name.textChanged.connect(self.refresh)
        self.place.changed.connect(self.refresh)
        self.protocol.currentIndexChanged.connect(self.refresh)
        self.refresh()

    def problem(self) -> str:
        """What keeps the project from being made."""
        name, place = self.name.text().strip(), self.place.folder()
        if not self._protocols:
            return "No protocol is installed; install a plugin that brings one."
        if not name or name in (".", "..") or any(c in name for c in '/\\:*?"<>|'):
            return 'Give the project a name without / \\ : * ? " < > |.'
        if place is None or not place.is_dir():
            return "Choose a folder that exists."
        if (place / name).exists() and (not (place / name).is_dir() or any((place / name).iterdir())):
            return f"'{name}' exists there already; choose another name."
        return ""

    def refresh(self) -> None:
        """Show the protocol's structures too."""
        at = self.protocol.currentIndex()
        self._note.setText(self._protocols[at].note if 0 <= at < len(self._protocols) else "")
        super().refresh()

    def value(self) -> NewProject:
        """What was entered."""
        place = self.place.folder() or Path()
        return NewProject(place / self.name.text().strip(), self._protocols[self.protocol.currentIndex()].id)

    @classmethod
    def ask(cls, protocols: tuple[Choice, ...], *, folder: Path, parent: QWidget | None = None) -> NewProject | None:
        """Ask for a new project."""
        dialog = cls(protocols, folder=folder, parent=parent)
        return asked(dialog, dialog.value)


class AuthorDialog(NameDialog):
    """Asks for the name that is written beside every label."""

    def __init__(self, author: str, *, parent: QWidget | None = None) -> None:
        intro = "Your name is stored beside every label that you make, so that others know whom to ask."
        super().__init__(
            "Your name", intro, accept="Use this name", field="Name or initials", name=author, parent=parent
        )

    @classmethod
    def ask(cls, author: str, *, parent: QWidget | None = None) -> str | None:
        """Ask for the author's name."""
        dialog = cls(author, parent=parent)
        return asked(dialog, dialog.value)
