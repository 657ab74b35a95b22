"""What to export, in which format, and where to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qtpy.QtWidgets import QButtonGroup, QRadioButton, QWidget

from annotator.ui.controls import label
from annotator.ui.dialogs.form import Choice, FolderField, FormDialog, asked
from annotator.ui.style import TIGHT


class ExportKind(StrEnum):
    """Labels, or the model."""

    MASKS = "masks"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A format's id and an existing folder."""

    kind: ExportKind
    format: str
    folder: Path


class ExportDialog(FormDialog):
    """One choice of format, one folder.

    Parameters
    ----------
    masks, weights
        Formats to choose from; an empty tuple leaves the group out.
    folder
        Proposed folder.
    no_weights
        Why weights cannot be exported yet; empty where they can.
    """

    def __init__(
        self,
        masks: tuple[Choice, ...],
        weights: tuple[Choice, ...],
        *,
        folder: Path,
        no_weights: str = "",
        parent: QWidget | None = None,
    ) -> None:
        intro = "What nobody has labelled is written as 'not known', never as background."
        super().__init__("Export", intro, accept="Export", parent=parent)
        self._group = QButtonGroup(self)
        self._choices: list[tuple[ExportKind, str]] = []
        self._add_choices("Labels", ExportKind.MASKS, masks)
        self._add_choices("Trained model", ExportKind.WEIGHTS, weights)
        if no_weights and weights:
            self.fields.addWidget(label(no_weights, role="quiet", is_wrapped=True))
            for i, (kind, _) in enumerate(self._choices):
                self._group.button(i).setEnabled(kind is not ExportKind.WEIGHTS)
        self.folder = FolderField("Folder", str(folder))
        self.fields.addSpacing(TIGHT)
        self.add_field("Folder", self.folder)
        self.folder.changed.connect(self.refresh)
        first = next((b for b in self._group.buttons() if b.isEnabled()), None)
        if first is not None:
            first.setChecked(True)
        self.refresh()

    def _add_choices(self, title: str, kind: ExportKind, choices: tuple[Choice, ...]) -> None:
        if choices:
            self.fields.addWidget(label(title, role="heading"))
        for choice in choices:
            button = QRadioButton(f"{choice.name} — {choice.note}" if choice.note else choice.name)
            button.setAccessibleName(choice.name)
            self._group.addButton(button, len(self._choices))
            self._choices.append((kind, choice.id))
            self.fields.addWidget(button)

    def problem(self) -> str:
        """A format and an existing folder are needed."""
        if self._group.checkedId() < 0:
            return "There is nothing to export yet."
        folder = self.folder.folder()
        return "" if folder is not None and folder.is_dir() else "Choose a folder that exists."

    def value(self) -> ExportRequest:
        """What was chosen."""
        kind, format_id = self._choices[self._group.checkedId()]
        return ExportRequest(kind, format_id, self.folder.folder() or Path())

    @classmethod
    def ask(
        cls,
        masks: tuple[Choice, ...],
        weights: tuple[Choice, ...],
        *,
        folder: Path,
        no_weights: str = "",
        parent: QWidget | None = None,
    ) -> ExportRequest | None:
        """Ask what to export."""
        dialog = cls(masks, weights, folder=folder, no_weights=no_weights, parent=parent)
        return asked(dialog, dialog.value)
