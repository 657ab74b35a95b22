"""The table that a prediction leaves beside its masks: one row a mask, with the confidence of each structure."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

PREDICTIONS_TABLE: Final = "predictions.csv"
"""Name of the table."""

_CONFIDENCE: Final = re.compile(r"[01]\.\d{4}|nan")


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


def _is_prediction(row: Sequence[str], structures: int) -> bool:
    stem, *confidences = row or [""]
    is_name = bool(stem) and PurePath(stem).name == stem
    return is_name and len(confidences) == structures and all(map(_CONFIDENCE.fullmatch, confidences))
