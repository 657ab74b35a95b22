"""The alarm of a structure that fades where nobody labels it: when it begins, when it ends, and what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annotator.learn.erasure import CALM_ABOVE, FEWEST_FRAMES, FrameAreas, erasures, sentences

NAMES = {"lv": "LV cavity", "la": "Left atrium"}
LABELLED = {("a", "lv"), ("a", "la"), ("b", "lv")}


def frames(domain: str, *, lv: float = 0.08, la: float = 0.04, n: int = 6) -> list[FrameAreas]:
    return [FrameAreas(domain, {"lv": lv, "la": la}) for _ in range(n)]


def test_a_structure_that_fades_where_nobody_labels_it_is_named_with_the_cure() -> None:
    (alarm,) = erasures([*frames("a", la=0.09), *frames("b", la=0.01)], LABELLED)
    assert (alarm.domain, alarm.structure) == ("b", "la")
    assert sentences([alarm], NAMES) == (
        "In 'b' the left atrium has nearly vanished from the suggestions. Label it in two or three frames of 'b', or "
        "mark as absent what is not in the picture. (Left atrium: 1% of the picture, 9% where it is labelled.)",
    )


def test_what_vanished_from_one_domain_is_one_sentence() -> None:
    seen = [*frames("a"), *frames("b", lv=0.0, la=0.0), *frames("c", la=0.0)]
    one, other = sentences(erasures(seen, {("a", "lv"), ("a", "la")}), NAMES)
    assert one.startswith(
        "In 'b' the left atrium and the LV cavity have nearly vanished from the suggestions. Label them"
    )
    assert one.endswith(
        "(Left atrium: under 1% of the picture, 4% where it is labelled; "
        "LV cavity: under 1% of the picture, 8% where it is labelled.)"
    )
    assert other.startswith("In 'c' the left atrium has")


def test_a_domain_whose_views_cannot_show_it_has_lost_nothing() -> None:
    elsewhere = [FrameAreas("b", {"lv": 0.08}) for _ in range(6)]
    assert not erasures([*frames("a"), *elsewhere], LABELLED)
    assert erasures([*frames("a"), *elsewhere, *frames("b", la=0.0, n=FEWEST_FRAMES)], LABELLED)


def test_one_label_there_ends_it_and_absent_is_one() -> None:
    seen = [*frames("a"), *frames("b", la=0.0)]
    assert erasures(seen, LABELLED)
    assert not erasures(seen, {*LABELLED, ("b", "la")})


def test_a_few_odd_frames_or_too_few_frames_raise_nothing() -> None:
    odd = [*frames("b", n=4), *frames("b", la=0.0, n=3)]
    assert not erasures([*frames("a"), *odd], LABELLED)
    assert not erasures([*frames("a"), *frames("b", la=0.0, n=FEWEST_FRAMES - 1)], LABELLED)
    assert not erasures([*frames("a", n=FEWEST_FRAMES - 1), *frames("b", la=0.0)], LABELLED)


def test_a_deeper_picture_shows_everything_smaller() -> None:
    deep = frames("b", lv=0.02, la=0.009)
    assert not erasures([*frames("a"), *deep], LABELLED)
    assert erasures([*frames("a"), *deep], LABELLED - {("b", "lv")}), "without a yardstick it looks faded"


def test_between_the_two_limits_it_stays_as_it_was() -> None:
    between = [*frames("a"), *frames("b", la=0.04 * 0.3)]
    assert not erasures(between, LABELLED)
    assert erasures(between, LABELLED, before={("b", "la")})
    assert not erasures([*frames("a"), *frames("b", la=0.04 * CALM_ABOVE * 1.01)], LABELLED, before={("b", "la")})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 0.3), st.floats(0, 0.3)), max_size=40))
def test_it_never_accuses_a_domain_that_labels_and_needs_one_that_does(rows: list[tuple[str, float, float]]) -> None:
    seen = [FrameAreas(domain, {"lv": lv, "la": la}) for domain, lv, la in rows]
    found = erasures(seen, LABELLED)
    assert {(a.domain, a.structure) for a in found}.isdisjoint(LABELLED)
    assert all(a.share < a.reference for a in found)
    assert not erasures(seen, set())
