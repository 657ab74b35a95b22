"""The parts of the data in words, and what it means to move a patient there."""

from __future__ import annotations

from typing import Final

from qtpy.QtWidgets import QWidget

from annotator.core.identity import Split
from annotator.core.words import counted
from annotator.ui.dialogs.form import FormDialog, asked

SPLIT_WORDS: Final = {
    Split.TRAIN: "training",
    Split.VALIDATION: "validation: checks the model, never trained on",
    Split.TEST: "test: judges the model at the end, no suggestions shown",
}
"""Each part of the data as a list offers it."""

PARTS: Final = {Split.TRAIN: "training", Split.VALIDATION: "validation", Split.TEST: "testing"}
"""Each part of the data in one word, after "for"."""

_MEANING: Final = {
    Split.TRAIN: "The model learns from all of their clips then, and they judge it no more.",
    Split.VALIDATION: "All of their clips then check the model, and it is never trained on them.",
    Split.TEST: "All of their clips then judge the model at the end: it is never trained on them, and shows no "
    "suggestions in them.",
}
_FORGET: Final = (
    "A model that may have learnt from them is not used any more, and learning begins anew; undo does not bring that "
    "model back."
)


def consequence(split: Split) -> str:
    """What it means, in sentences, that clips come to a part of the data."""
    return _MEANING[split] if split is Split.TRAIN else f"{_MEANING[split]} {_FORGET}"


class AskSplitDialog(FormDialog):
    """Asks whether patients shall be in another part of the data; where that may cost a model, Enter says no."""

    def __init__(self, patients: int, split: Split, *, parent: QWidget | None = None) -> None:
        part = PARTS[split]
        title = f"Use {counted(patients, 'patient')} for {part}?"
        refuse = "" if split is Split.TRAIN else "Leave as it is"
        intro = f"{title} {consequence(split)}"
        super().__init__(title, intro, accept=f"Use for {part}", refuse=refuse, parent=parent)
        self.refresh()

    @classmethod
    def ask(cls, patients: int, split: Split, *, parent: QWidget | None = None) -> bool:
        """Whether the user wants it."""
        dialog = cls(patients, split, parent=parent)
        return asked(dialog, lambda: True) is not None
