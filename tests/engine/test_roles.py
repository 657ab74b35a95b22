from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.identity import Clip, ClipHeader, FrameKey, Pseudonymiser, Split, twin_hash
from annotator.engine.roles import (
    MAX_UNLABELLED,
    MAX_UNLABELLED_PER_CLIP,
    chosen_validation,
    labelled_patients,
    must_unlearn,
    nearest_first,
    plan_frames,
    spread,
)

PSEUDONYMS = Pseudonymiser(b"salt")


def clip(name: str, patient: str, split: Split, frames: int) -> Clip:
    header = ClipHeader(stem=name, patient=PSEUDONYMS.key(patient), n_frames=frames, height=8, width=8)
    return Clip(name, header, split)


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]]:
    splits = draw(st.lists(st.sampled_from(Split), min_size=1, max_size=6))
    clips = [
        clip(f"c{p}-{i}", str(p), split, draw(st.integers(1, 60)))
        for p, split in enumerate(splits)
        for i in range(draw(st.integers(1, 3)))
    ]
    keys = [key for c in clips for key in c.frame_keys]
    finished = draw(st.lists(st.sampled_from(keys), max_size=20))
    held = draw(st.lists(st.sampled_from(sorted({c.header.patient for c in clips})), max_size=3, unique=True))
    return clips, dict.fromkeys(finished, frozenset({"lv"})), held


@given(studies())
def test_no_frame_of_a_test_clip_has_any_part(
    study: tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]],
) -> None:
    clips, finished, held = study
    plan = plan_frames(clips, finished, held=held)
    tests = {c.name for c in clips if c.split is Split.TEST}
    assert not tests & {key.clip for key in (*plan.labelled, *plan.validation, *plan.unlabelled)}


@given(studies())
def test_why_a_label_is_not_learnt_from_is_told_where_one_is_not(
    study: tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]],
) -> None:
    clips, finished, held = study
    plan = plan_frames(clips, finished, held=held)
    assert bool(plan.kept_apart) is (set(plan.labelled) != set(finished))
    assert (Split.TEST in plan.kept_apart) is any(
        c.split is Split.TEST and key in finished for c in clips for key in c.frame_keys
    )


@given(studies())
def test_the_parts_share_no_frame_and_validation_no_patient(
    study: tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]],
) -> None:
    clips, finished, held = study
    plan = plan_frames(clips, finished, held=held)
    parts = [set(plan.labelled), set(plan.validation), set(plan.unlabelled)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    patient = {c.name: c.header.patient for c in clips}
    trained = {patient[key.clip] for key in (*plan.labelled, *plan.unlabelled)}
    assert not trained & {patient[key.clip] for key in plan.validation}
    assert not trained & set(held)


@given(studies())
def test_labelled_frames_are_exactly_the_finished_ones_of_training_patients(
    study: tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]],
) -> None:
    clips, finished, held = study
    named = {c.name: c for c in clips}
    expected = {k for k in finished if named[k.clip].split is Split.TRAIN and named[k.clip].header.patient not in held}
    assert set(plan_frames(clips, finished, held=held).labelled) == expected


def test_unlabelled_frames_are_bounded_and_spread_over_clips() -> None:
    clips = [clip(f"c{i}", str(i), Split.TRAIN, 200) for i in range(300)]
    plan = plan_frames(clips, {}, held=())
    assert len(plan.unlabelled) <= MAX_UNLABELLED
    assert {key.clip for key in plan.unlabelled} == {c.name for c in clips}
    few = plan_frames(clips[:2], {}, held=())
    assert len(few.unlabelled) == 2 * MAX_UNLABELLED_PER_CLIP


@pytest.mark.parametrize("reach", [0, 2])
def test_a_label_in_one_more_of_many_clips_leaves_the_other_unlabelled_frames_as_they_are(reach: int) -> None:
    clips = [clip(f"c{i}", str(i), Split.TRAIN, 30) for i in range(2 * MAX_UNLABELLED)]
    few = {FrameKey(f"c{i}", 7): {"lv"} for i in range(0, 200, 10)}
    before, after = (
        plan_frames(clips, finished, held=(), reach=reach).unlabelled
        for finished in (few, {**few, FrameKey("c5", 7): {"lv"}})
    )
    assert all(MAX_UNLABELLED - MAX_UNLABELLED_PER_CLIP <= len(part) <= MAX_UNLABELLED for part in (before, after))
    assert len(set(before) - set(after)) <= MAX_UNLABELLED_PER_CLIP


def test_neighbours_of_labelled_frames_are_kept_where_training_wants_them() -> None:
    clips = [clip(f"c{i:03}", str(i), Split.TRAIN, 200) for i in range(100)] + [clip("still", "s", Split.TRAIN, 1)]
    finished = dict.fromkeys([FrameKey("c000", 101), FrameKey("c007", 0), FrameKey("still", 0)], ("lv",))
    plain, near = (plan_frames(clips, finished, held=(), reach=reach).unlabelled for reach in (0, 2))
    wanted = {FrameKey("c000", 101 + d) for d in (-4, -3, -2, -1, 1, 2, 3, 4)} | {
        FrameKey("c007", d) for d in range(1, 5)
    }
    assert not wanted <= set(plain)
    assert wanted <= set(near)
    assert {key.clip for key in near} == {key.clip for key in plain}
    per_clip = [sum(key.clip == c.name for key in near) for c in clips]
    assert max(per_clip) <= MAX_UNLABELLED_PER_CLIP
    assert len(near) <= MAX_UNLABELLED


@given(studies(), st.integers(1, 12))
def test_neighbours_change_no_other_part_and_stay_unlabelled(
    study: tuple[list[Clip], dict[FrameKey, frozenset[str]], list[str]], reach: int
) -> None:
    clips, finished, held = study
    plain, near = (plan_frames(clips, finished, held=held, reach=r) for r in (0, reach))
    assert replace(near, unlabelled=()) == replace(plain, unlabelled=())
    assert len(set(near.unlabelled)) == len(near.unlabelled) <= MAX_UNLABELLED
    assert not set(near.unlabelled) & set(finished)
    assert {key.clip for key in near.unlabelled} == {key.clip for key in plain.unlabelled}
    stills = [c for c in clips if c.header.n_frames == 1]
    assert plan_frames(stills, finished, held=held, reach=reach) == plan_frames(stills, finished, held=held)


def test_what_is_learnt_and_labelled_in_no_patient_who_is_held_aside_is_unmeasured() -> None:
    clips = [clip(name, name, Split.TRAIN, 2) for name in "abh"]
    finished = {FrameKey("a", 0): {"lv", "la"}, FrameKey("b", 1): {"myo"}, FrameKey("h", 0): {"lv", "rv"}}
    held = (clips[2].header.patient,)
    assert plan_frames(clips, finished, held=held).unmeasured == {"la", "myo"}
    assert plan_frames(clips, {**finished, FrameKey("h", 1): {"la"}}, held=held).unmeasured == {"myo"}
    assert not plan_frames(clips, finished, held=()).unmeasured, "nobody is held aside, which is said elsewhere"


@given(st.integers(0, 50), st.integers(0, 60))
def test_spread_keeps_order_and_count(n: int, count: int) -> None:
    chosen = spread(list(range(n)), count)
    assert len(chosen) == min(n, count)
    assert list(chosen) == sorted(set(chosen))


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_nearest_first_visits_every_frame_once_and_never_turns_back_inward(size_and_frame: tuple[int, int]) -> None:
    n, frame = size_and_frame
    keys = list(nearest_first(FrameKey("c", frame), n))
    assert sorted(k.frame for k in keys) == list(range(n))
    distances = [abs(k.frame - frame) for k in keys]
    assert distances == sorted(distances)


def test_patients_of_a_manifest_replace_the_automatic_choice() -> None:
    clips = [clip("a", "1", Split.TRAIN, 2), clip("b", "2", Split.VALIDATION, 2), clip("c", "3", Split.TEST, 2)]
    assert chosen_validation(clips) == (PSEUDONYMS.key("2"),)
    finished = {
        FrameKey("a", 0): frozenset({"lv"}),
        FrameKey("a", 1): frozenset({"la"}),
        FrameKey("c", 0): frozenset({"lv"}),
    }
    assert labelled_patients(clips, finished) == {PSEUDONYMS.key("1"): frozenset({"lv", "la"})}


def test_a_picture_that_is_also_a_test_clips_has_no_part() -> None:
    tested = replace(clip("t", "p1", Split.TEST, 2), content_hash="a" * 64)
    twin = replace(clip("a", "p2", Split.TRAIN, 2), content_hash=twin_hash("a" * 64, "p" + "0" * 12))
    other = replace(clip("b", "p3", Split.TRAIN, 2), content_hash="b" * 64)
    plan = plan_frames([tested, twin, other], {FrameKey("a", 0): {"lv"}, FrameKey("b", 0): {"lv"}}, held=())
    assert {key.clip for key in (*plan.labelled, *plan.unlabelled, *plan.validation)} == {"b"}


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VALIDATION])
def test_a_picture_of_a_held_patient_trains_under_no_other(split: Split) -> None:
    held = replace(clip("h", "p1", split, 2), content_hash="a" * 64)
    twin = replace(clip("a", "p2", Split.TRAIN, 2), content_hash=twin_hash("a" * 64, "p" + "0" * 12))
    other = replace(clip("b", "p3", Split.TRAIN, 2), content_hash="b" * 64)
    finished = {FrameKey(name, 0): {"lv"} for name in "hab"}
    plan = plan_frames([held, twin, other], finished, held=(held.header.patient,))
    assert {key.clip for key in (*plan.labelled, *plan.unlabelled)} == {"b"}
    assert {key.clip for key in plan.validation} == {"h"}
    assert plan.kept_apart == {Split.VALIDATION, Split.TRAIN}


@pytest.mark.parametrize(
    ("was", "becomes", "taught", "must"),
    [
        (Split.TRAIN, Split.TRAIN, True, False),
        (Split.TRAIN, Split.TEST, False, True),
        (Split.VALIDATION, Split.TEST, False, True),
        (Split.TRAIN, Split.VALIDATION, True, True),
        (Split.TRAIN, Split.VALIDATION, False, False),
        (Split.TEST, Split.TRAIN, True, False),
        (Split.TEST, Split.VALIDATION, True, False),
    ],
)
def test_what_is_set_apart_is_unlearnt_where_it_taught(was: Split, becomes: Split, *, taught: bool, must: bool) -> None:
    before = {"c": replace(clip("c", "p", was, 2), content_hash="a" * 64)}
    now = {"c": replace(before["c"], split=becomes)}
    assert must_unlearn(before, now, taught={"c"} if taught else set(), held=()) is must


@pytest.mark.parametrize(("was", "must"), [(Split.TRAIN, True), (Split.VALIDATION, True), (Split.TEST, False)])
def test_a_test_clip_of_a_known_picture_and_a_clip_that_is_gone_are_unlearnt(was: Split, *, must: bool) -> None:
    known = replace(clip("c", "p1", was, 2), content_hash="a" * 64)
    twin = replace(clip("t", "p2", Split.TEST, 2), content_hash=twin_hash("a" * 64, "p" + "0" * 12))
    before = {"c": known}
    assert must_unlearn(before, {"c": known, "t": twin}, taught=(), held=()) is must
    assert not must_unlearn(before, {"c": known, "t": replace(twin, content_hash="b" * 64)}, taught=(), held=())
    assert must_unlearn(before, {}, taught=(), held=())


@pytest.mark.parametrize("taught", [False, True])
def test_labels_that_taught_are_unlearnt_where_they_become_those_of_a_patient_who_is_held_aside(
    *, taught: bool
) -> None:
    before = {"c": clip("c", "p1", Split.TRAIN, 2), "h": clip("h", "p2", Split.TRAIN, 2)}
    now = {**before, "c": clip("c", "p2", Split.TRAIN, 2)}
    names, held = {"c"} if taught else set(), {before["h"].header.patient}
    assert must_unlearn(before, now, taught=names, held=held) is taught
    assert not must_unlearn(before, now, taught=names, held=())
    assert not must_unlearn(now, before, taught=names, held=held)
