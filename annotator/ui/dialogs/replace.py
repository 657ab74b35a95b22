"""An import that contradicts labels here: whether the new ones take their place is asked, with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from qtpy.QtWidgets import QWidget

from annotator.core.words import counted
from annotator.ui.controls import label
from annotator.ui.dialogs.form import FormDialog, asked

_NAMED: Final = 6
"""Clips that the question names."""


@dataclass(frozen=True, slots=True)
class ReplaceQuestion:
    """What an import would replace.

    Parameters
    ----------
    structures
        Number of frames by the name of the structure.
    clips
        Number of frames by the name of the clip.
    drafts
        How many drafts of the import contradict labels here, and would be left out.
    """

    structures: Mapping[str, int]
    clips: Mapping[str, int]
    drafts: int = 0

    @property
    def labels(self) -> int:
        """Labels, each of one structure in one frame."""
        return sum(self.structures.values())

    def sentences(self) -> list[str]:
        """What would change, in words."""
        said = []
        if self.labels:
            frames = counted(sum(self.clips.values()), "frame")
            labels, clips = counted(self.labels, "label"), counted(len(self.clips), "clip")
            said.append(f"{labels} here would give way to what comes in, in {frames} of {clips}.")
            said.append(f"Structures (frames): {_list(self.structures)}.")
            said.append(f"Clips (frames): {_list(self.clips)}.")
        if self.drafts:
            would = "draft of the import contradicts" if self.drafts == 1 else "drafts of the import contradict"
            said.append(f"{self.drafts} {would} labels here and would be left out.")
        return [*said, "All other labels stay. Undo brings back those that are here now."]


class AskReplaceDialog(FormDialog):
    """Asks whether labels that come in take the place of those here; Enter keeps these."""

    def __init__(self, question: ReplaceQuestion, *, parent: QWidget | None = None) -> None:
        accept = f"Replace {counted(question.labels, 'label')}" if question.labels else "Import without the drafts"
        intro = "The import contradicts labels that are here. Take the new ones in their place?"
        super().__init__("Replace labels?", intro, accept=accept, refuse="Keep those here", parent=parent)
        for sentence in question.sentences():
            self.fields.addWidget(label(sentence, is_wrapped=True))
        self.refresh()

    @classmethod
    def ask(cls, question: ReplaceQuestion, *, parent: QWidget | None = None) -> bool:
        """Whether the user wants it."""
        dialog = cls(question, parent=parent)
        return asked(dialog, lambda: True) is not None


def _list(frames: Mapping[str, int]) -> str:
    """Names with their number of frames, the first few of many."""
    such = ", ".join(f"{name} ({count:,})" for name, count in list(frames.items())[:_NAMED])
    return such + (f" and {len(frames) - _NAMED} more" if len(frames) > _NAMED else "")
