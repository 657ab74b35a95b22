"""Which files to import, and what is known of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QWidget,
)

from annotator.core.errors import AnnotatorError
from annotator.core.identity import PatientFrom, Split
from annotator.core.indexed import read_values
from annotator.ingest import shared_folder
from annotator.ui.controls import label, push_button
from annotator.ui.dialogs.form import FormDialog, asked
from annotator.ui.dialogs.split import SPLIT_WORDS
from annotator.ui.drops import accept_as_copy, dropped_paths, has_files
from annotator.ui.style import TIGHT

_FROM_FILE = "as the file says"
_PATIENTS: Final[Mapping[str, PatientFrom]] = {
    "as the file says, else a folder is one patient": "file",
    "each file is one patient": "stem",
    "each folder is one patient": "folder",
}
_ONE_PATIENT: Final = (
    "The files in '{folder}' that name no patient will count as one. If they are of several, choose here that each "
    "file is one patient; later, 'Patient…' in the clips' menu parts them."
)
_SPLITS: Final[dict[str, Split | None]] = {
    "training, or as an earlier export says": None,
    **{words: split for split, words in SPLIT_WORDS.items()},
}


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Files and folders; ``domain`` and ``view`` are empty, ``split`` is ``None``, where the files shall decide.

    ``skip_damaged`` leaves out files that cannot be read, where others can; ``patient_from`` says what tells patients;
    ``values`` are those of a manifest's masks by structure, ``None`` where they are the project's; ``replace_labels``,
    which is asked after a refusal, lets labels that come in take the place of those that they contradict.
    """

    paths: tuple[Path, ...]
    domain: str
    view: str
    split: Split | None = None
    skip_damaged: bool = True
    patient_from: PatientFrom = "file"
    values: Mapping[str, int] | None = None
    replace_labels: bool = False


class ImportDialog(FormDialog):
    """Collects files and folders, and what is known of them.

    Parameters
    ----------
    domains, views
        What to choose from; a domain may also be typed.
    paths
        Files that are already known, such as dropped ones.
    values
        Mask value of each structure of the project.
    """

    def __init__(
        self,
        domains: tuple[str, ...],
        views: tuple[str, ...],
        *,
        paths: tuple[Path, ...] = (),
        values: Mapping[str, int] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        intro = "DICOM, NIfTI, MetaImage, AVI, MP4 and pictures. Patient names and dates are never stored."
        super().__init__("Import clips", intro, accept="Import", parent=parent)
        self.list = QListWidget()
        self.list.setMinimumHeight(96)
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.add_field("Files and folders", self.list)
        self.fields.addLayout(self._make_buttons())
        self.patients = QComboBox()
        self.patients.addItems(list(_PATIENTS))
        self.patients.setToolTip("Pictures and video name no patient; a model is judged on patients it never saw")
        self.patients.currentIndexChanged.connect(self._on_listed)
        self.add_field("Patients", self.patients)
        self._one_patient = label(role="warning", is_wrapped=True)
        self.fields.addWidget(self._one_patient)
        self.domain = _domain_box(domains)
        self.add_field("Domain (scanner, vendor or hospital)", self.domain)
        self.view = QComboBox()
        self.view.addItems([_FROM_FILE, *views])
        self.add_field("View", self.view)
        self.split = QComboBox()
        self.split.addItems(list(_SPLITS))
        self.split.setToolTip("All clips of one patient belong into one part")
        self.add_field("Part of the data", self.split)
        self._values = dict(values or {})
        self.values = QLineEdit(", ".join(f"{name}={value}" for name, value in self._values.items()))
        self.values.setToolTip("Leave out structures that the masks do not hold")
        self.values.setAcceptDrops(False)
        self.values.textChanged.connect(self.refresh)
        self._values_label = self.add_field("Value of each structure in the manifest's masks", self.values)
        self.skip_damaged = QCheckBox("Leave out files that cannot be read, and name them")
        self.skip_damaged.setChecked(True)
        self.skip_damaged.setToolTip("Otherwise one damaged file stops the whole import")
        self.fields.addWidget(self.skip_damaged)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._on_remove)
        self.setAcceptDrops(True)
        self.add_paths(paths)

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(TIGHT)
        for text, name, slot in (
            ("Add files…", "add", self._on_files),
            ("Add a folder…", "folder", self._on_folder),
            ("Remove", "clear", self._on_remove),
        ):
            button = push_button(text, icon_name=name)
            button.clicked.connect(slot)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def paths(self) -> tuple[Path, ...]:
        """What is listed."""
        return tuple(Path(self.list.item(i).text()) for i in range(self.list.count()))

    def add_paths(self, paths: tuple[Path, ...]) -> None:
        """List more files and folders; what is listed already stays once."""
        known = set(self.paths())
        self.list.addItems([str(p) for p in dict.fromkeys(paths) if p not in known])
        self._on_listed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if has_files(event):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """List what was dropped."""
        accept_as_copy(event)
        self.add_paths(dropped_paths(event))

    def _on_listed(self) -> None:
        """A manifest alone says patient, domain, view and part of each row itself."""
        paths = self.paths()
        is_manifest = len(paths) == 1 and paths[0].suffix.lower() == ".csv"
        for field in (self.patients, self.domain, self.view, self.split, self.skip_damaged):
            field.setEnabled(not is_manifest)
        self.values.setEnabled(is_manifest)
        for part in (self._values_label, self.values):
            part.setVisible(is_manifest)
        folder = shared_folder(paths) if self.patients.currentIndex() == 0 else None
        self._one_patient.setText("" if folder is None else _ONE_PATIENT.format(folder=folder.name))
        self._one_patient.setVisible(folder is not None)
        self.refresh()
        layout = self.layout()
        if layout is not None:
            # It makes no room by itself for lines that are wrapped.
            needed = layout.totalMinimumHeightForWidth(self.width())
            self.resize(self.width(), max(self.height(), needed))

    def problem(self) -> str:
        """Something that exists must be listed."""
        if not self.list.count():
            return "Add the files or the folder to import."
        missing = next((p for p in self.paths() if not p.exists()), None)
        if missing is not None:
            return f"'{missing}' does not exist."
        return self._problem_of_values() if self.values.isEnabled() else ""

    def _problem_of_values(self) -> str:
        try:
            values = read_values(self.values.text())
        except AnnotatorError as error:
            return str(error)
        if not values:
            return "Say which structures the masks hold, and their values."
        strange = [name for name in values if name not in self._values]
        return f"'{strange[0]}' is none of {', '.join(self._values)}." if strange else ""

    def value(self) -> ImportRequest:
        """What was chosen.

        Raises
        ------
        AnnotatorError
            Where the values are not of their form; the accepting button is disabled then.
        """
        domain = self.domain.currentText().strip()
        view = self.view.currentText() if self.view.currentIndex() > 0 else ""
        split = _SPLITS[self.split.currentText()]
        chosen = "" if domain == _FROM_FILE else domain
        patient_from = _PATIENTS[self.patients.currentText()]
        values = read_values(self.values.text()) if self.values.isEnabled() else self._values
        return ImportRequest(
            self.paths(),
            chosen,
            view,
            split,
            self.skip_damaged.isChecked(),
            patient_from,
            None if values == self._values else values,
        )

    def _on_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Add files")
        self.add_paths(tuple(Path(f) for f in files))

    def _on_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Add a folder")
        self.add_paths((Path(folder),) if folder else ())

    def _on_remove(self) -> None:
        for item in self.list.selectedItems():
            self.list.takeItem(self.list.row(item))
        self._on_listed()

    @classmethod
    def ask(
        cls,
        domains: tuple[str, ...],
        views: tuple[str, ...],
        *,
        paths: tuple[Path, ...] = (),
        values: Mapping[str, int] | None = None,
        parent: QWidget | None = None,
    ) -> ImportRequest | None:
        """Ask what to import."""
        dialog = cls(domains, views, paths=paths, values=values, parent=parent)
        return asked(dialog, dialog.value)


def _domain_box(domains: tuple[str, ...]) -> QComboBox:
    box = QComboBox()
    box.setEditable(True)
    box.addItems([_FROM_FILE, *domains])
    box.setToolTip("Scanner, vendor or hospital: what the model must not mistake for anatomy")
    for line in box.findChildren(QLineEdit):
        line.setAcceptDrops(False)
    return box
