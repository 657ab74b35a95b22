from __future__ import annotations

import dataclasses
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, ClipHeader, FrameKey, Pseudonymiser, Spacing, SpacingStatus, safe_stem

PATIENT = Pseudonymiser(b"salt").key("Doe^Jane")


def header(**changes: object) -> ClipHeader:
    base = ClipHeader(stem="clip", patient=PATIENT, n_frames=3, height=4, width=5)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


@given(st.text())
def test_any_text_gives_a_safe_stem(text: str) -> None:
    stem = safe_stem(text)
    assert stem == safe_stem(stem)
    assert 0 < len(stem) <= 100
    assert len(stem.encode()) <= 200
    assert not set(stem) & set('/\\:*?"<>|')


def test_an_accent_of_its_own_is_the_letter_s() -> None:
    assert safe_stem("cafe\u0301") == safe_stem("caf\u00e9") == "caf\u00e9"


@pytest.mark.parametrize("stem", ["aux", "CON", "nul.2", "com1", "LPT¹.x", "con .a", "aux." + "漢" * 90])
def test_what_windows_takes_for_a_device_is_no_stem(stem: str) -> None:
    safe = safe_stem(stem)
    assert safe.startswith("_")
    assert safe == safe_stem(safe)
    assert len(safe.encode()) <= 200


@pytest.mark.parametrize("stem", ["auxiliary", "contrast 2", "com", "com10", "a.con"])
def test_what_only_begins_like_a_device_stays(stem: str) -> None:
    assert safe_stem(stem) == stem


def test_a_stem_in_any_script_leaves_room_for_a_frame_and_a_suffix() -> None:
    long = "漢" * 83
    assert safe_stem(long) == "漢" * 66
    assert header(stem=long).stem == long, "projects that have such a clip open"


@given(st.text(), st.binary())
def test_a_pseudonym_does_not_show_the_patient(patient: str, salt: bytes) -> None:
    key = Pseudonymiser(salt).key(patient)
    assert header(patient=key).patient == key
    assert key == Pseudonymiser(salt).key(patient)
    assert key != Pseudonymiser(salt + b"x").key(patient)


def test_a_patient_is_one_however_its_accents_are_coded() -> None:
    composed, apart = (Pseudonymiser(b"salt").key(unicodedata.normalize(form, "Müller")) for form in ("NFC", "NFD"))
    assert composed == apart


def test_a_folder_s_name_that_is_no_utf_8_has_a_pseudonym() -> None:
    first, second = (Pseudonymiser(b"salt").key(name) for name in ("M\udcfcller", "M\udcf6ller"))
    assert first != second


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": "Doe^Jane"},
        {"stem": "a/b"},
        {"n_frames": 0},
        {"height": 100_000},
        {"channels": 4},
        {"spacing": Spacing(1.0, 1.0)},
        {"spacing_status": SpacingStatus.TRUSTED},
        {"frame_times_ms": (0.0,)},
        {"ed_frames": (3,)},
    ],
)
def test_what_does_not_fit_the_schema_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AnnotatorError):
        header(**changes)


def test_spacing_is_positive_and_finite() -> None:
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(AnnotatorError, match="positive"):
            Spacing(bad, 1.0)


def test_frame_names() -> None:
    clip = Clip("a clip", header())
    assert clip.frame_keys[2] == FrameKey("a clip", 2)
    assert clip.frame_keys[2].file_stem == "a clip_00002"
