"""View ids for the echocardiographic views that DICOM codes (PS3.16 CID 12226)."""

from __future__ import annotations

import re
from typing import Final

import pydicom

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

_NAMES: Final = {
    "a4c": "a4c", "4ch": "a4c", "4c": "a4c", "ap4": "a4c", "apical4chamber": "a4c", "apicalfourchamber": "a4c",
    "a2c": "a2c", "2ch": "a2c", "2c": "a2c", "ap2": "a2c", "apical2chamber": "a2c", "apicaltwochamber": "a2c",
    "a3c": "a3c", "3ch": "a3c", "aplax": "a3c", "apical3chamber": "a3c", "apicallongaxis": "a3c",
    "a5c": "a5c", "5ch": "a5c", "apical5chamber": "a5c", "apicalfivechamber": "a5c",
    "plax": "plax", "parasternallongaxis": "plax",
}  # fmt: skip


def view_of(dataset: pydicom.Dataset) -> str | None:
    """Id of the coded or named view where it is one of a closed set; never the file's own words."""
    sequence = dataset.get("ViewCodeSequence")
    if isinstance(sequence, pydicom.Sequence):
        for item in sequence:
            found = _CODES.get(str(item.get("CodeValue", "")).strip())
            if found:
                return found
    name = re.sub(r"[^a-z0-9]", "", str(dataset.get("ViewName", "")).lower())
    return _NAMES.get(name)
