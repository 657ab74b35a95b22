"""What an earlier run left in a folder of results: only that may be replaced or removed."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from annotator.core.errors import BadInput

_CONFIDENCE: Final = re.compile(r"[01]\.\d{4}")
_REMEDY: Final = "choose an empty folder"


def earlier_predictions(out: Path, table: str, structures: Sequence[str]) -> set[str]:
    """Stems of the masks that an earlier prediction left in a folder.

    Parameters
    ----------
    out
        The folder; it need not exist.
    table
        Name of the table of confidences in it.
    structures
        Ids that the table's columns must name.

    Raises
    ------
    BadInput
        Where the folder holds a table of that name, or PNG files, that no prediction of these structures wrote.
    """
    if not out.is_dir():
        return set()
    listed = _listed(out / table, structures)
    for file in sorted(p for p in out.iterdir() if p.suffix.lower() == ".png"):
        if file.stem not in listed or not _is_indexed(file):
            raise BadInput(out, f"it holds PNG files that are no predictions, such as {file.name}", _REMEDY)
    return listed


def _listed(table: Path, structures: Sequence[str]) -> set[str]:
    if not table.exists():
        return set()
    try:
        with table.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error):
        header, rows = [], []
    if header != ["image", *structures] or not all(_is_prediction(row, len(structures)) for row in rows):
        raise BadInput(table, "it is not a table that 'predict' wrote for these structures", _REMEDY)
    return {row[0] for row in rows}


def _is_prediction(row: Sequence[str], structures: int) -> bool:
    stem, *confidences = row or [""]
    is_name = bool(stem) and Path(stem).name == stem
    return is_name and len(confidences) == structures and all(map(_CONFIDENCE.fullmatch, confidences))


def _is_indexed(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return image.mode == "P"
    except (OSError, ValueError, SyntaxError):
        return False
