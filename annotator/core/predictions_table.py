"""The table that a prediction leaves beside its masks: one row a mask, with the confidence of each structure."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final

PREDICTIONS_TABLE: Final = "predictions.csv"
"""Name of the table."""

_CONFIDENCE: Final = re.compile(r"[01]\.\d{4}|nan")
_SAVED_AGAIN: Final = re.compile(r"[01]([.,]\d+)?|nan", re.IGNORECASE)
"""A confidence, or a mean of some, after a spreadsheet program: without zeros at the end, maybe with a comma."""


def listed_predictions(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Ids of the structures of a table, and the stems of the masks that it lists.

    Raises
    ------
    ValueError
        Where the text is no such table.
    """
    try:
        header, *rows = list(csv.reader(text.splitlines())) or [[]]
    except csv.Error as error:
        raise ValueError(f"not the table of a prediction: {error}") from None
    if header[:1] != ["image"] or not all(_is_prediction(row, len(header) - 1) for row in rows):
        raise ValueError("not the table of a prediction")
    return tuple(header[1:]), frozenset(row[0] for row in rows)


def predicted_stems(text: str) -> frozenset[str]:
    """Stems of the masks that a table lists, which a spreadsheet program may have saved again.

    Such a program separates cells otherwise, quotes them and leaves empty ones; people sort and add columns and rows.
    A name of digits alone loses the zeros before it.

    Parameters
    ----------
    text
        Of the file.

    Returns
    -------
    frozenset of str
        None where the text is no such table, which has a column ``image`` and one of confidences.
    """
    for sign in ",;\t":
        with suppress(csv.Error):
            header, *rows = list(csv.reader(text.splitlines(), delimiter=sign)) or [[]]
            columns = [cell.strip() for cell in header]
            if "image" in columns:
                cells = (dict(zip(columns, map(str.strip, row), strict=False)) for row in rows)
                return _stems([row for row in cells if row.get("image")], columns)
    return frozenset()


def _stems(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> frozenset[str]:
    """What stands under ``image``, where some column has nothing but confidences; 0 and 1 alone are yes and no."""
    said = ({row.get(column, "") for row in rows} for column in columns if column != "image")
    tells = any(all(map(_SAVED_AGAIN.fullmatch, cells)) and not cells <= {"0", "1"} for cells in said)
    return frozenset(row["image"] for row in rows) if tells else frozenset()


def _is_prediction(row: Sequence[str], structures: int) -> bool:
    stem, *confidences = row or [""]
    is_name = bool(stem) and PurePath(stem).name == stem
    return is_name and len(confidences) == structures and all(map(_CONFIDENCE.fullmatch, confidences))
