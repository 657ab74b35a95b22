"""Item model of the clip browser: patients, and under each its clips; no widget per row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from annotator.core.words import counted
from annotator.viewer.state import ClipRow

ROW_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 1
"""Role under which an index gives its :class:`ClipRow` (``None`` for a patient)."""
FILTER_ROLE: Final = int(Qt.ItemDataRole.UserRole) + 2
"""Role under which an index gives the text that the filter searches."""

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX: Final = QModelIndex()
_PATIENT_ID: Final = 0


def clip_words(row: ClipRow) -> str:
    """Progress of a clip in words, for tooltips and screen readers."""
    facts = ", ".join(f for f in (row.view, row.domain, row.split) if f)
    drafts = f", drafts in {row.draft_frames}" if row.draft_frames else ""
    return f"{row.name}: {row.labelled_frames} of {row.n_frames} frames labelled{drafts} ({facts})"


def _place_of(row: ClipRow) -> tuple[str, str]:
    """What says where a clip stands, beside the order."""
    return row.patient, row.name


def _draft_word(row: ClipRow) -> str:
    """What the filter finds clips with drafts by."""
    return "draft" if row.draft_frames else ""


class ClipModel(QAbstractItemModel):
    """Two levels: patients in the order of their first clip, and clips."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ClipRow, ...] = ()
        self._groups: list[tuple[str, list[ClipRow]]] = []
        self._places: dict[str, tuple[int, int]] = {}

    def set_rows(self, rows: tuple[ClipRow, ...]) -> bool:
        """Take new rows.

        Returns
        -------
        bool
            Whether the model was reset, so that the view has to restore its selection; where the same clips
            stand in the same order only what changed is announced.
        """
        before, self._rows = self._rows, rows
        if [_place_of(row) for row in before] == [_place_of(row) for row in rows]:
            self._update_in_place([new for old, new in zip(before, rows, strict=True) if old is not new and old != new])
            return False
        groups: dict[str, list[ClipRow]] = {}
        for row in rows:
            groups.setdefault(row.patient, []).append(row)
        self.beginResetModel()
        self._groups = list(groups.items())
        self._places = {row.name: (g, c) for g, (_, clips) in enumerate(self._groups) for c, row in enumerate(clips)}
        self.endResetModel()
        return True

    def _update_in_place(self, changed: list[ClipRow]) -> None:
        by_group: dict[int, dict[int, ClipRow]] = {}
        for row in changed:
            group, place = self._places[row.name]
            by_group.setdefault(group, {})[place] = row
        for group, rows in sorted(by_group.items()):
            clips, patient = self._groups[group][1], self.index(group, 0)
            news = [replace(clips[c], is_current=False) != replace(row, is_current=False) for c, row in rows.items()]
            for c, row in rows.items():
                clips[c] = row
            self.dataChanged.emit(self.index(min(rows), 0, patient), self.index(max(rows), 0, patient))
            if any(news):
                self.dataChanged.emit(patient, patient)

    def clip_index(self, name: str) -> QModelIndex:
        """Index of a clip; an invalid index where there is no such clip."""
        place = self._places.get(name)
        return QModelIndex() if place is None else self.index(place[1], 0, self.index(place[0], 0))

    def row_at(self, index: _Index) -> ClipRow | None:
        """The clip at an index, ``None`` for a patient."""
        if not index.isValid() or index.internalId() == _PATIENT_ID:
            return None
        return self._groups[index.internalId() - 1][1][index.row()]

    def domains(self) -> tuple[str, ...]:
        """Domains of all clips, sorted."""
        return tuple(sorted({row.domain for _, clips in self._groups for row in clips}))

    def index(self, row: int, column: int, parent: _Index = _NO_INDEX) -> QModelIndex:
        """Qt's index of a row below a parent; see ``QAbstractItemModel``."""
        if not 0 <= row < self.rowCount(parent) or column != 0:
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else _PATIENT_ID)

    def parent(self, index: _Index = _NO_INDEX) -> QModelIndex:  # type: ignore[override]
        """Qt's parent of an index: the patient of a clip."""
        if not index.isValid() or index.internalId() == _PATIENT_ID:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, _PATIENT_ID)

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        """Patients at the top, clips below a patient, nothing below a clip."""
        if not parent.isValid():
            return len(self._groups)
        return len(self._groups[parent.row()][1]) if parent.internalId() == _PATIENT_ID else 0

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        """One column; the delegate lays out the rest."""
        return 1

    def data(self, index: _Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        """Text, tooltip, the row itself and the filter's text."""
        if not index.isValid():
            return None
        row = self.row_at(index)
        if row is None:
            return self._patient_data(index, role)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.name
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return clip_words(row)
            case _ if role == ROW_ROLE:
                return row
            case _ if role == FILTER_ROLE:
                return " ".join((row.name, row.patient, row.view, row.domain, row.split, _draft_word(row)))
        return None

    def _patient_data(self, index: _Index, role: int) -> Any:
        patient, clips = self._groups[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return patient
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                done = sum(row.labelled_frames for row in clips)
                return f"Patient {patient}: {counted(len(clips), 'clip')}, {counted(done, 'frame')} labelled"
            case _ if role == FILTER_ROLE:
                return ""
        return None
