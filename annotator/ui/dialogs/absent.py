"""Accepting an empty suggestion means that the structure is not there: asked, never assumed."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from annotator.ui.dialogs.form import FormDialog, asked


class AskAbsentDialog(FormDialog):
    """Asks whether a structure is absent in the frame on screen."""

    def __init__(self, structure_name: str, *, parent: QWidget | None = None) -> None:
        intro = (
            f"The model suggests no pixel of {structure_name} in this frame. Mark {structure_name} as absent, "
            "that is: looked for, and not in this frame?"
        )
        super().__init__(f"Is {structure_name} absent?", intro, accept="Mark as absent", parent=parent)
        self.refresh()

    @classmethod
    def ask(cls, structure_name: str, *, parent: QWidget | None = None) -> bool:
        """Whether the user says that it is absent."""
        dialog = cls(structure_name, parent=parent)
        return asked(dialog, lambda: True) is not None
