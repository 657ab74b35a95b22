"""What an earlier run left in a folder of results: only that may be replaced or removed."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from annotator.core.errors import BadInput
from annotator.engine.jobs.staging import ASIDE

_CONFIDENCE: Final = re.compile(r"[01]\.\d{4}|nan")
_SIMULATED: Final = re.compile(r"simulated \d+")
_SIMULATED_FILE: Final = re.compile(r"(images|labels)/[^/\\]+\.tif")
_LITTER: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
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


def earlier_simulation(out: Path, manifest: str, columns: Sequence[str]) -> set[str]:
    """Files that an earlier simulation left in a folder beside its manifest, which holds nothing else.

    Parameters
    ----------
    out
        The folder; it need not exist.
    manifest
        Name of the manifest that a simulation leaves in it.
    columns
        That manifest's columns.

    Raises
    ------
    BadInput
        Where the folder has something in it, and no manifest of simulated patients alone.
    """
    if not out.is_dir():
        return set()
    held = sorted(p.name for p in out.iterdir() if p.name not in _LITTER and not p.name.startswith(ASIDE))
    if not held:
        return set()
    header, *rows = _rows(out / manifest) or [[]]
    said = [dict(zip(header, row, strict=False)) for row in rows]
    if header != list(columns) or not said or not all(_SIMULATED.fullmatch(row.get("patient", "")) for row in said):
        raise BadInput(out, f"it holds files that no simulation wrote, such as {held[0]}", _REMEDY)
    named = {row.get(column, "") for row in said for column in ("image", "labels")}
    return {name for name in named if _SIMULATED_FILE.fullmatch(name)}


def _rows(table: Path) -> list[list[str]]:
    """All lines of a table; none where it cannot be read as one."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))
    except (OSError, ValueError, csv.Error):
        return []


def _listed(table: Path, structures: Sequence[str]) -> set[str]:
    if not table.exists():
        return set()
    header, *rows = _rows(table) or [[]]
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
