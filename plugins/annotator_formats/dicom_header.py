"""What of a DICOM header fits the closed schema: pseudonyms, timing, heart rate, scanner."""

from __future__ import annotations

import hashlib
import re
from itertools import accumulate
from pathlib import Path
from typing import Final

import pydicom

from annotator.plugin import EVERYBODY_SENTENCE, NO_PATIENT_SENTENCE, Pseudonymiser
from annotator_formats.dicom_calibration import number, numbers

MAX_DOMAIN: Final = 32

_SHORTEST_MS: Final = 0.1
"""From frame to frame; less than any scanner's, as where seconds were written for milliseconds."""

_EVERYBODYS: Final = frozenset(
    ("anon", "anonym", "anonymous", "anonymized", "anonymised", "anonymouspatient", "deidentified", "none", "noid",
     "notavailable", "null", "patient", "patientid", "removed", "unknown")
)  # fmt: skip
"""Ids, without spaces and signs, that are written in place of every patient's."""


def identity(dataset: pydicom.Dataset, path: Path, pseudonymiser: Pseudonymiser) -> tuple[str, str, tuple[str, ...]]:
    """Patient pseudonym, clip stem and warnings; neither lets anything of the file be read back."""
    uid = _text(dataset, "SOPInstanceUID") or hashlib.sha256(path.name.encode()).hexdigest()
    patient_id = _text(dataset, "PatientID")
    warnings: tuple[str, ...] = ()
    if not patient_id:
        patient_id = _text(dataset, "StudyInstanceUID") or uid
        warnings = (NO_PATIENT_SENTENCE,)
    elif _is_everybodys(patient_id):
        warnings = (EVERYBODY_SENTENCE,)
    patient = pseudonymiser.key(patient_id)
    return patient, f"{patient}-{pseudonymiser.key(uid)[1:9]}", warnings


def _is_everybodys(patient_id: str) -> bool:
    """Whether an id is one that anonymisation writes for everybody: a word, zeros, crosses or signs alone."""
    letters = "".join(c for c in patient_id.casefold() if c.isalnum())
    return letters in _EVERYBODYS or not letters.strip("0") or not letters.strip("x")


def domain_of(dataset: pydicom.Dataset) -> str:
    """Manufacturer and model as lower-case letters, digits and '-'; a device says nothing of a patient."""
    words = f"{_text(dataset, 'Manufacturer')} {_text(dataset, 'ManufacturerModelName')}".lower()
    token = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:MAX_DOMAIN].strip("-")
    return token or "default"


def frame_times(dataset: pydicom.Dataset, n_frames: int) -> tuple[float, ...]:
    """Start of each frame in ms from the first; empty where the file does not say or for a single frame."""
    if n_frames < 2:
        return ()
    steps = numbers(dataset, "FrameTimeVector")
    if len(steps) == n_frames and min(steps) >= 0 and sum(steps) >= _SHORTEST_MS * n_frames:
        # The first increment belongs to the frame before the clip (PS3.3 C.7.6.5.1.2).
        return tuple(accumulate([0.0, *steps[1:]]))
    step = number(dataset, "FrameTime")
    if step is None or step < _SHORTEST_MS:
        rates = (number(dataset, keyword) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
        step = next((1000 / rate for rate in rates if rate is not None and 0 < rate <= 1000 / _SHORTEST_MS), None)
    return () if step is None else tuple(i * step for i in range(n_frames))


def heart_rate(dataset: pydicom.Dataset) -> float | None:
    """Beats per minute where a heart can beat so; scanners write 0 for 'not measured'."""
    rate = number(dataset, "HeartRate")
    return rate if rate is not None and 10 <= rate <= 500 else None


def _text(dataset: pydicom.Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return str(value).strip() if value is not None else ""
