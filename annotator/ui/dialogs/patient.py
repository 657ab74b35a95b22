"""Whose clips these are, where a file or folder named a wrong patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QWidget

from annotator.core.identity import Split, strictest
from annotator.core.words import counted
from annotator.ui.controls import label
from annotator.ui.dialogs.form import FormDialog, asked
from annotator.ui.dialogs.split import PARTS, consequence

NEW_PATIENT: Final = ""
"""The answer that means a patient who has no other clip."""

EACH_NEW: Final = "each"
"""The answer that means a new patient for each clip."""

_NAMED: Final = 3
"""Clips of a patient that are named; all of them can be filtered for."""

_SOUGHT: Final = Qt.ItemDataRole.UserRole + 1
"""Where an item keeps what the filter looks through."""


@dataclass(frozen=True, slots=True)
class PatientChoice:
    """A patient that clips may be given to: pseudonym, names of the clips, part of the data.

    ``is_held`` says that the learner holds the patient aside to check the model, though the part is training.
    """

    pseudonym: str
    clips: tuple[str, ...]
    split: Split
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class PatientQuestion:
    """What is asked.

    Parameters
    ----------
    clips
        Names of the clips that are given away.
    splits
        The parts of the data that they are in.
    others
        Patients to choose from.
    can_be_new
        Whether one patient of their own would be another than they have.
    are_held
        Whether the learner holds all of them aside already.
    """

    clips: tuple[str, ...]
    splits: frozenset[Split]
    others: Sequence[PatientChoice]
    can_be_new: bool
    are_held: bool = False


class _FilterLine(QLineEdit):
    """A line whose arrow keys speak of the list below it.

    Signals
    -------
    arrow_pressed(int)
        Up (-1) or down (1).
    """

    arrow_pressed = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Tell of arrows, and keep everything else."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.arrow_pressed.emit(step)


class PatientDialog(FormDialog):
    """Asks which patient clips are of; the list can be filtered by pseudonym and by names of clips."""

    def __init__(self, question: PatientQuestion, *, parent: QWidget | None = None) -> None:
        is_one = len(question.clips) == 1
        name = question.clips[0]
        whose = f"Choose whose clip '{name}' is." if is_one else f"Choose whose these {len(question.clips)} clips are."
        intro = (
            f"{whose} Labels go along. The model is judged by patient, so all clips of a person should be together, "
            "and nobody else's with them."
        )
        title = f"Patient of {name if is_one else counted(len(question.clips), 'clip')}"
        super().__init__(title, intro, accept="Give to this patient", parent=parent)
        self.setMinimumWidth(560)
        self._question = question
        self._filter = _FilterLine()
        self._filter.setPlaceholderText("Filter by patient or clip")
        self._filter.setClearButtonEnabled(True)
        self._list = QListWidget()
        self._list.setAccessibleName("Patients")
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._meaning = label(role="note", is_wrapped=True)
        self.add_field("Patient", self._filter)
        self.fields.addWidget(self._list, 1)
        self.fields.addWidget(self._meaning)
        if question.can_be_new:
            self._add(f"A new patient, who has {'no other clip' if is_one else 'these clips alone'}", NEW_PATIENT)
        if not is_one:
            self._add("A new patient for each of these clips", EACH_NEW)
        for choice in question.others:
            self._add(_words(choice), choice.pseudonym, clips=choice.clips)
        self._filter.textChanged.connect(self._on_filter)
        self._filter.arrow_pressed.connect(self._on_arrow)
        self._list.currentItemChanged.connect(lambda *_: self.refresh())
        self._list.itemDoubleClicked.connect(lambda _item: self._on_accepted())
        self.refresh()

    @classmethod
    def ask(cls, question: PatientQuestion, *, parent: QWidget | None = None) -> str | None:
        """The pseudonym of the patient, :data:`NEW_PATIENT` or :data:`EACH_NEW`."""
        dialog = cls(question, parent=parent)
        return asked(dialog, dialog.value)

    def value(self) -> str:
        """The pseudonym that is chosen, :data:`NEW_PATIENT` or :data:`EACH_NEW`."""
        item = self._chosen()
        return NEW_PATIENT if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def problem(self) -> str:
        """A patient is needed."""
        if self._chosen() is not None:
            return ""
        if not self._list.count():
            return "The project has no other patient, and this one has no other clip."
        return "Choose a patient." if self._shown() else "No patient matches the filter."

    def refresh(self) -> None:
        """Say what the chosen patient's part of the data means for the clips."""
        super().refresh()
        words = "" if self._chosen() is None else self._consequence(self.value())
        self._meaning.setText(words)
        self._meaning.setVisible(bool(words))

    def _consequence(self, patient: str) -> str:
        """What it means for the clips to be a patient's; empty where each stays in the part that it is in."""
        question = self._question
        if patient == NEW_PATIENT:
            split = strictest(question.splits)
            return "" if question.splits == {split} else f"This patient is for {PARTS[split]}. {consequence(split)}"
        choice = next((choice for choice in question.others if choice.pseudonym == patient), None)
        if choice is None or (question.splits == {choice.split} and question.are_held is choice.is_held):
            return ""
        if choice.is_held:
            return f"This patient is held aside. {consequence(Split.VALIDATION)}"
        return f"This patient is for {PARTS[choice.split]}. {consequence(choice.split)}"

    def _chosen(self) -> QListWidgetItem | None:
        item = self._list.currentItem()
        return None if item is None or item.isHidden() else item

    def _add(self, text: str, pseudonym: str, *, clips: Sequence[str] = ()) -> None:
        item = QListWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, pseudonym)
        item.setData(_SOUGHT, " ".join((text, *clips)).casefold())
        item.setToolTip(text)
        self._list.addItem(item)

    def _shown(self) -> list[int]:
        return [row for row in range(self._list.count()) if not self._list.item(row).isHidden()]

    def _on_filter(self, text: str) -> None:
        wanted = text.strip().casefold()
        for row in range(self._list.count()):
            item = self._list.item(row)
            item.setHidden(wanted not in item.data(_SOUGHT))
        shown = self._shown()
        if wanted and len(shown) == 1:
            self._list.setCurrentRow(shown[0])
        self.refresh()

    def _on_arrow(self, step: int) -> None:
        shown, row = self._shown(), self._list.currentRow()
        if shown:
            place = shown.index(row) + step if row in shown else 0
            self._list.setCurrentRow(shown[min(max(place, 0), len(shown) - 1)])


def _words(choice: PatientChoice) -> str:
    part = "held aside to check the model" if choice.is_held else f"for {PARTS[choice.split]}"
    clips = f"{counted(len(choice.clips), 'clip')} {part}"
    more = f" and {len(choice.clips) - _NAMED} more" if len(choice.clips) > _NAMED else ""
    return f"{choice.pseudonym}: {clips}, {', '.join(choice.clips[:_NAMED])}{more}"
