"""Who is held aside, and which snapshots serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.learn.publish_policy import PATIENT_NOISE, TOLERANCE, best_of, decide, hold_aside, tolerance
from annotator.learn.validation import Validation

labelled = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.sets(st.sampled_from("xyz"), min_size=1), max_size=25
)


def _validation(patients: int = 100, **dice: float) -> Validation:
    return Validation(dice, {}, 1 - sum(dice.values()) / len(dice), 2, patients, dict.fromkeys(dice, patients))


@settings(max_examples=80, deadline=None)
@given(labelled)
def test_laws_of_holding_aside(patients: dict[str, set[str]]) -> None:
    held = hold_aside(patients)
    renamed = {name[::-1] + "'": structures for name, structures in patients.items()}
    if len(renamed) == len(patients):
        assert {name[:-1][::-1] for name in hold_aside(renamed)} == set(held)
    assert set(held) <= set(patients)
    if len(patients) < 4:
        assert held == ()
    assert len(held) <= max(1, round(0.2 * len(patients) + 0.01))
    training = [of for p, of in patients.items() if p not in held]
    for structures in (patients[p] for p in held):
        assert all(any(s in of for of in training) for s in structures)


@settings(max_examples=80, deadline=None)
@given(labelled, labelled)
def test_held_patients_stay_held(before: dict[str, set[str]], after: dict[str, set[str]]) -> None:
    held = hold_aside(before)
    assert set(held) <= set(hold_aside(before | after, held))
    assert set(held) <= set(hold_aside({}, held))


@settings(max_examples=80, deadline=None)
@given(labelled, st.sets(st.text("abcdefgh", min_size=1, max_size=3)), labelled)
def test_who_was_trained_on_is_never_held(
    patients: dict[str, set[str]], trained: set[str], later: dict[str, set[str]]
) -> None:
    held = hold_aside(patients, trained=trained)
    assert not set(held) & trained
    assert set(hold_aside(patients | later, held, trained)) & trained == set()


def test_the_next_patient_is_held_where_all_before_were_trained_on() -> None:
    patients = {name: {"lv"} for name in "abcde"}
    assert hold_aside({name: {"lv"} for name in "abcd"}, trained="abcd") == ()
    assert hold_aside(patients, trained="abcd") == ("e",)


def test_patients_are_not_compared_with_each_other_which_hundreds_would_wait_for() -> None:
    class Asked(frozenset[str]):
        times = 0

        def __contains__(self, item: object) -> bool:
            Asked.times += 1
            return super().__contains__(item)

    patients = {f"p{i:03d}": Asked({"lv", "myo", "la"} if i % 3 else {"lv"}) for i in range(300)}
    assert len(hold_aside(patients)) == 60
    assert Asked.times <= len(patients)


def test_about_one_in_five_and_every_structure_where_possible() -> None:
    patients = {f"p{i:02d}": {"lv" if i < 10 else "myo" if i < 20 else "la"} for i in range(30)}
    held = hold_aside(patients)
    assert len(held) == 6
    assert {s for p in held for s in patients[p]} == {"lv", "myo", "la"}


def test_of_two_patients_who_alone_show_a_structure_one_trains() -> None:
    others = {f"p{i}": {"a" if i % 2 else "b"} for i in range(8)}
    assert hold_aside({"first": {"rv"}, "second": {"rv", "a", "b"}, **others}) == ("p0", "second")


def test_patients_held_before_train_nothing_and_count_while_they_have_labels() -> None:
    patients = {f"p{i}": {"lv"} for i in range(8)}
    assert hold_aside({"first": {"rv"}, "second": {"rv", "lv"}, **patients}, ("first",)) == ("first", "p0")
    assert hold_aside(patients, ("gone", "gone too")) == ("gone", "gone too", "p0", "p1")


def test_one_of_four() -> None:
    assert len(hold_aside({p: {"lv"} for p in "abcd"})) == 1


def test_the_only_patient_of_a_structure_keeps_training() -> None:
    patients = {"a": {"lv", "la"}, "b": {"lv"}, "c": {"lv"}, "d": {"lv"}}
    assert "a" not in hold_aside(patients)


def test_without_validation_snapshots_go_out_on_schedule() -> None:
    for now in (None, Validation()):
        decision = decide(now, None)
        assert decision.publish
        assert not decision.is_validated


def test_a_snapshot_is_published_when_validation_does_not_get_worse() -> None:
    best = {"lv": 0.8, "la": 0.6}
    assert decide(_validation(lv=0.5), None).publish
    assert decide(_validation(lv=0.8, la=0.6), best).publish
    assert decide(_validation(lv=0.85, la=0.6), best).publish
    worse = decide(_validation(lv=0.7, la=0.6), best)
    assert not worse.publish
    assert worse.is_validated
    assert "0.650" in worse.sentence


def test_few_patients_keep_nothing_back_for_what_they_cannot_tell() -> None:
    best = {"lv": 0.8, "la": 0.6}
    assert decide(_validation(patients=1, lv=0.79, la=0.59), best).publish
    assert not decide(_validation(patients=20, lv=0.79, la=0.59), best).publish
    assert not decide(_validation(patients=1, lv=0.77, la=0.57), best).publish


def test_accepted_suggestions_do_not_keep_later_models_from_being_published() -> None:
    best = {"lv": 0.99, "la": 0.98}
    later = _validation(lv=0.95, la=0.95)
    assert not decide(later, best).publish
    assert decide(replace(later, measured_on_accepted=frozenset(best)), best).publish
    assert not decide(replace(later, measured_on_accepted=frozenset({"lv"})), best).publish
    far = _validation(lv=0.9, la=0.9)
    assert not decide(replace(far, measured_on_accepted=frozenset(best)), best).publish


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 200), min_size=1), st.sampled_from("abcd"))
def test_more_patients_are_never_trusted_less(patients: dict[str, int], structure: str) -> None:
    structures = sorted(patients)
    before = tolerance(Validation(patients_of=patients), structures)
    more = {**patients, structure: patients.get(structure, 0) + 10}
    assert TOLERANCE <= tolerance(Validation(patients_of=more), structures) <= before <= PATIENT_NOISE
    assert tolerance(Validation(), structures) == pytest.approx(PATIENT_NOISE / len(structures) ** 0.5)


def test_snapshots_that_are_each_a_little_worse_do_not_lead_downhill() -> None:
    best: dict[str, float] = {"lv": 0.8, "la": 0.6}
    falling = [_validation(lv=0.8 - k * TOLERANCE, la=0.6) for k in range(1, 10)]
    published = []
    for now in falling:
        if decide(now, best).publish:
            best = best_of(now.dice, best)
            published.append(now.mean_dice)
    assert published == [falling[0].mean_dice, falling[1].mean_dice]
    assert best == {"lv": 0.8, "la": 0.6}


def test_the_best_is_raised_and_learns_of_new_structures() -> None:
    assert best_of({"lv": 0.9, "la": 0.5}, {"lv": 0.7, "la": 0.6}) == {"lv": 0.9, "la": 0.5}
    assert best_of({"lv": 0.7, "rv": 0.2}, {"lv": 0.8}) == {"lv": 0.8, "rv": 0.2}
    assert best_of({"lv": 0.7}, {}) == {"lv": 0.7}


def test_a_newly_validated_structure_is_no_reason_to_keep_back() -> None:
    assert decide(_validation(lv=0.8, rv=0.1), {"lv": 0.8}).publish


def test_weights_that_saw_no_label_keep_back_only_what_is_clearly_worse() -> None:
    start = {"lv": 0.8, "la": 0.6}
    now = _validation(patients=1, lv=0.77, la=0.57)
    assert not decide(now, start).publish
    decision = decide(now, start, is_start=True)
    assert decision.publish
    assert "0.700 before any label" in decision.sentence
    assert not decide(_validation(patients=100, lv=0.77, la=0.57), start, is_start=True).publish
    nonsense = decide(_validation(patients=1, lv=0.7, la=0.5), start, is_start=True)
    assert not nonsense.publish
    assert "weights that training began at" in nonsense.sentence
