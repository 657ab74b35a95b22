"""A domain that the project has not had."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from annotator.ui.dialogs.form import NameDialog, asked


class DomainDialog(NameDialog):
    """Asks for the name of a scanner, vendor or hospital."""

    def __init__(self, parent: QWidget | None = None) -> None:
        intro = "Scanner, vendor or hospital: what the model must not mistake for anatomy."
        super().__init__("Domain", intro, accept="Use this domain", field="Domain", parent=parent)

    @classmethod
    def ask(cls, *, parent: QWidget | None = None) -> str | None:
        """Ask for the domain."""
        dialog = cls(parent)
        return asked(dialog, dialog.value)
