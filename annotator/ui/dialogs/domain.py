"""A domain that the project has not had."""

from __future__ import annotations

from qtpy.QtWidgets import QLineEdit, QWidget

from annotator.ui.dialogs.form import FormDialog, asked


class DomainDialog(FormDialog):
    """Asks for the name of a scanner, vendor or hospital."""

    def __init__(self, parent: QWidget | None = None) -> None:
        intro = "Scanner, vendor or hospital: what the model must not mistake for anatomy."
        super().__init__("Domain", intro, accept="Use this domain", parent=parent)
        self.domain = QLineEdit()
        self.domain.setMaxLength(80)
        self.add_field("Domain", self.domain)
        self.domain.textChanged.connect(self.refresh)
        self.refresh()

    def problem(self) -> str:
        """A name is needed."""
        return "" if self.domain.text().strip() else "Enter a name."

    def value(self) -> str:
        """What was entered."""
        return self.domain.text().strip()

    @classmethod
    def ask(cls, *, parent: QWidget | None = None) -> str | None:
        """Ask for the domain."""
        dialog = cls(parent)
        return asked(dialog, dialog.value)
