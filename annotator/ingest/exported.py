"""Masks that an export left in its folder: they look like pictures, and are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST, listed_masks

_REMEDY: Final = (
    "name the labels.json of a PNG + JSON export together with the recordings, or name masks and recordings in a "
    "manifest"
)


class ExportedMasks:
    """Tells the masks of exports from pictures, by the list that lies beside them; each list is read once."""

    def __init__(self) -> None:
        self._of_folder: dict[Path, frozenset[str]] = {}

    def __contains__(self, file: object) -> bool:
        """Whether an export says that a file is a mask of it."""
        if not isinstance(file, Path):
            return False
        folder = file.parent
        if folder not in self._of_folder:
            self._of_folder[folder] = _masks(folder)
        return file.name in self._of_folder[folder]


def _masks(folder: Path) -> frozenset[str]:
    try:
        return listed_masks((folder / EXPORT_LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return frozenset()


def refuse_masks_alone(where: Path, masks: Sequence[Path]) -> None:
    """Refuse an import of nothing but masks of an export.

    Raises
    ------
    BadInput
        Where there are such masks.
    """
    if masks:
        raise BadInput(where, "it holds masks of an export and no recording", _REMEDY)
