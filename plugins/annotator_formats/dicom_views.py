"""View ids for the echocardiographic views that DICOM codes (PS3.16 CID 12226)."""

from __future__ import annotations

from typing import Final

import pydicom

from annotator.plugin import view_named

_CODES: Final = {
    "399214001": "a4c", "G-A19C": "a4c", "130681": "a4c", "130682": "a4c",
    "399232001": "a2c", "G-A19B": "a2c",
    "399339008": "a3c", "G-0395": "a3c",
    "399139001": "plax", "G-0396": "plax",
    "399239005": "psax-base", "G-0398": "psax-base",
    "399036006": "psax-base", "G-039A": "psax-base",
    "399371001": "psax-mid", "G-0399": "psax-mid",
    "399271003": "psax-mid", "G-039B": "psax-mid",
}  # fmt: skip


def view_of(dataset: pydicom.Dataset) -> str | None:
    """Id of the coded or named view where it is one of a closed set; never the file's own words."""
    sequence = dataset.get("ViewCodeSequence")
    if isinstance(sequence, pydicom.Sequence):
        for item in sequence:
            found = _CODES.get(str(item.get("CodeValue", "")).strip())
            if found:
                return found
    return view_named(str(dataset.get("ViewName", "")))
