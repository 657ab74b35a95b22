"""Masks that an export or a prediction left in its folder: they look like pictures, and are none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST, listed_masks
from annotator.core.predictions_table import PREDICTIONS_TABLE, predicted_stems

_REMEDY: Final = (
    "name the labels.json of a PNG + JSON export together with the recordings, or name masks and recordings in a "
    "manifest"
)
_RECORDINGS_REMEDY: Final = "name masks and recordings in a manifest, or the files themselves where they are recordings"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE: Final = 25
"""Where the colour type of a PNG stands in its header."""

_PALETTE: Final = 3


class ExportedMasks:
    """Tells the masks of exports and predictions from pictures, by the list beside them; each list is read once.

    Parameters
    ----------
    picture_formats
        Formats of exports whose files hold pictures too.
    """

    def __init__(self, picture_formats: Collection[str] = ()) -> None:
        self._picture_formats = frozenset(picture_formats)
        self._of_folder: dict[Path, tuple[frozenset[str], frozenset[str]]] = {}

    def __contains__(self, file: object) -> bool:
        """Whether an export or a prediction says that a file is a mask of it."""
        if not isinstance(file, Path):
            return False
        folder = file.parent
        if folder not in self._of_folder:
            self._of_folder[folder] = self._masks(folder), _predicted(folder)
        exported, predicted = self._of_folder[folder]
        # A prediction's masks are called like their images, to which somebody may have copied its table.
        is_predicted = _is_listed(file.stem, predicted) and file.suffix.lower() == ".png" and is_indexed_png(file)
        return file.name in exported or is_predicted

    def _masks(self, folder: Path) -> frozenset[str]:
        try:
            return listed_masks((folder / EXPORT_LIST).read_text(encoding="utf-8"), self._picture_formats)
        except (OSError, ValueError):
            return frozenset()


def is_indexed_png(file: Path) -> bool:
    """Whether a file begins as a PNG with a palette, as every mask of a prediction is one."""
    try:
        with file.open("rb") as stream:
            start = stream.read(_COLOUR_TYPE + 1)
    except OSError:
        return False
    return start.startswith(_PNG_START) and start[_COLOUR_TYPE:] == bytes([_PALETTE])


def _predicted(folder: Path) -> frozenset[str]:
    try:
        written = (folder / PREDICTIONS_TABLE).read_bytes()
    except OSError:
        return frozenset()
    try:
        return predicted_stems(written.decode("utf-8-sig"))
    except UnicodeDecodeError:
        # Spreadsheet programs of western Windows save so.
        return predicted_stems(written.decode("cp1252", errors="replace"))


def _is_listed(stem: str, stems: frozenset[str]) -> bool:
    """Whether a table lists a mask, whose name a spreadsheet program may have taken for a number."""
    return stem in stems or (stem.isdecimal() and str(int(stem)) in stems)


def refuse_masks_alone(where: Path, exported: Sequence[Path], kept_apart: Sequence[Path]) -> None:
    """Refuse an import of nothing but masks, which exports list or which lie in a folder beside that of their images.

    Raises
    ------
    BadInput
        Where there are such masks.
    """
    if exported or kept_apart:
        raise BadInput(where, "it holds masks and no recording", _REMEDY if exported else _RECORDINGS_REMEDY)
