from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.views import view_id, view_in_stem, view_named


@pytest.mark.parametrize(
    ("stem", "view"),
    [
        ("patient0001_2CH_ED", "a2c"),
        ("patient0001_4CH_half_sequence", "a4c"),
        ("S017-A4C", "a4c"),
        ("echo.plax.3", "plax"),
        ("frame_4c_12", None),
        ("A4C_and_A2C", None),
        ("4CH_4ch", "a4c"),
        ("patient4ch", None),
        ("", None),
    ],
)
def test_a_file_s_name_may_say_its_view(stem: str, view: str | None) -> None:
    assert view_in_stem(stem) == view


def test_a_view_s_own_words_are_read_whatever_their_spelling() -> None:
    assert view_named("Apical 4-chamber") == view_named("APICAL_FOUR_CHAMBER") == view_named("4ch") == "a4c"
    assert view_named("A4C view of the patient") is None


def test_what_a_person_calls_a_view_becomes_its_id() -> None:
    assert view_id("4CH", ("a4c", "a2c")) == view_id("Apical 4-chamber", ()) == view_id("A4C", ()) == "a4c"
    assert view_id("4CH", ("4CH", "2CH")) == "4CH"
    assert view_id("subcostal", ("a4c",)) == "subcostal"
    assert view_id("Jane Doe, sitting", ("a4c",)) is None


@given(st.text())
def test_any_name_is_read(name: str) -> None:
    assert view_in_stem(name) in {None, "a4c", "a2c", "a3c", "a5c", "plax"}
