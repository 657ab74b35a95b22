"""What an earlier run left in a folder of results: only that may be replaced or removed."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.names import LITTER
from annotator.core.predictions_table import PREDICTIONS_TABLE, listed_predictions
from annotator.engine.jobs.staging import ASIDE
from annotator.ingest import is_indexed_png

_SIMULATED: Final = re.compile(r"simulated \d+")
_SIMULATED_FILE: Final = re.compile(r"(images|labels)/[^/\\]+\.tif")
_REMEDY: Final = "choose an empty folder"


def earlier_predictions(out: Path, structures: Sequence[str]) -> frozenset[str]:
    """Stems of the masks that an earlier prediction left in a folder.

    Parameters
    ----------
    out
        The folder; it need not exist.
    structures
        Ids that the table's columns must name.

    Raises
    ------
    BadInput
        Where the folder holds a table of that name, or PNG files, that no prediction of these structures wrote.
    """
    if not out.is_dir():
        return frozenset()
    listed = _listed(out / PREDICTIONS_TABLE, structures)
    for file in sorted(p for p in out.iterdir() if p.suffix.lower() == ".png"):
        if file.stem not in listed or not is_indexed_png(file):
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
    held = sorted(p.name for p in out.iterdir() if p.name not in LITTER and not p.name.startswith(ASIDE))
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


def _listed(table: Path, structures: Sequence[str]) -> frozenset[str]:
    if not table.exists():
        return frozenset()
    try:
        named, stems = listed_predictions(table.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        named, stems = (), frozenset()
    if named != tuple(structures):
        raise BadInput(table, "it is not a table that 'predict' wrote for these structures", _REMEDY)
    return stems
