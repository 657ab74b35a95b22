"""Identifiers that look like one are found, and others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.spellings import other_spellings, plain_spelling


@pytest.mark.parametrize(
    "alike",
    [
        ("P 001", "p001", "P_001", "p-001", " P001 ", "P.001"),
        ("Doe 12 a", "DOE12A", "doe-12-A"),
        ("1 11", "1-11", "1_11"),
        ("Ärztin 4", "A\u0308RZTIN4"),
        ("राम 4", "राम4"),
    ],
)
def test_case_blanks_and_signs_tell_nobody_apart(alike: tuple[str, ...]) -> None:
    assert len({plain_spelling(one) for one in alike}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P 001", "P 01"),
        ("1 11", "11 1"),
        ("1.2.34", "1.23.4"),
        ("a1", "b1"),
        # Vowels are marks between consonants: two names.
        ("राम", "रमा"),
        ("#", "+"),
        ("--", ""),
    ],
)
def test_others_stay_others(one: str, other: str) -> None:
    assert plain_spelling(one) != plain_spelling(other)
    assert other not in other_spellings(one)


@given(st.text("aBé 01-_.ाम", max_size=8))
def test_other_spellings_are_of_the_same_identifier(identifier: str) -> None:
    found = other_spellings(identifier)
    assert identifier not in found
    assert {plain_spelling(other) for other in found} <= {plain_spelling(identifier)} - {""}


def test_the_usual_spellings_are_among_the_others() -> None:
    assert {"p001", "P001", "p_001", "P-001"} <= other_spellings("P 001")
    assert {"P 001", "p 001"} <= other_spellings("p001")
    assert {"Pat 7"} <= other_spellings("PAT7")
