from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator import registry
from annotator.core.identity import Clip, ClipHeader, FrameKey, Pseudonymiser, Split, twin_hash
from annotator.core.status import LabelStatus
from annotator.engine.queue import NEW_REASON, REPEAT_STRUCTURE, FrameScore, review_queue
from annotator.engine.roles import plan_frames
from annotator.engine.scoring import SAMPLE, frame_score, frames_behind, frames_done, sample_frames
from annotator.testing.sessions import PAIR

STRUCTURES = ("lv", "la")


def score(
    clip: str,
    frame: int,
    value: float = 0.5,
    *,
    patient: str = "",
    jumps: float = 0.0,
    shown: tuple[str, ...] = STRUCTURES,
) -> FrameScore:
    return FrameScore(
        FrameKey(clip, frame),
        patient or clip,
        shown,
        dict.fromkeys(shown, value),
        dict.fromkeys(shown, jumps),
    )


keys = st.builds(FrameKey, st.sampled_from(["a", "b", "c"]), st.integers(0, 5))
said_of = st.dictionaries(keys, st.dictionaries(st.sampled_from(STRUCTURES), st.sampled_from(LabelStatus)))


@given(st.lists(keys, unique=True), said_of, st.one_of(st.none(), st.integers(0, 5)))
def test_what_is_finished_or_rejected_never_comes_and_nothing_twice(
    frames: list[FrameKey], said: dict[FrameKey, dict[str, LabelStatus]], seed: int | None
) -> None:
    items = review_queue([score(k.clip, k.frame) for k in frames], said, seed=seed)
    places = [(item.key, item.structure) for item in items]
    assert len(set(places)) == len(places)
    for key, structure in places:
        status = said.get(key, {}).get(structure, LabelStatus.UNKNOWN)
        assert not status.is_finished
        assert status is not LabelStatus.REJECTED


@given(st.lists(keys, unique=True), said_of)
def test_the_order_of_the_scores_does_not_matter(
    frames: list[FrameKey], said: dict[FrameKey, dict[str, LabelStatus]]
) -> None:
    scores = [score(k.clip, k.frame, 0.1 + k.frame / 10) for k in frames]
    assert review_queue(scores, said) == review_queue(scores[::-1], said)


def test_the_most_uncertain_comes_first_and_says_why() -> None:
    said = {FrameKey("a", 0): {"lv": LabelStatus.OUTLINED}}
    items = review_queue([score("a", 8, 0.9, shown=("lv",)), score("b", 0, 0.2, jumps=0.9, shown=("lv",))], said)
    assert [item.key.clip for item in items] == ["a", "b"]
    assert items[0].reason == "outline uncertain, 8 frames from the nearest label"
    assert items[1].reason == "outline jumps here, not labelled in this clip yet"


def _half_known(clip: str, value: float) -> FrameScore:
    """The model knows the LV and not the atrium."""
    return FrameScore(FrameKey(clip, 0), clip, STRUCTURES, {"lv": value}, {"lv": 0.0})


def test_a_structure_that_the_model_does_not_know_is_asked_for_a_few_times() -> None:
    items = review_queue([_half_known(clip, 0.3) for clip in "abcdefgh"], {})
    assert (items[0].structure, items[0].reason) == ("la", NEW_REASON)
    assert [item.structure for item in items[:8]].count("la") in (2, 3)
    assert len({(item.key, item.structure) for item in items}) == 16


def test_what_the_model_is_most_unsure_of_comes_before_what_it_does_not_know() -> None:
    items = review_queue([_half_known("a", 0.9), _half_known("b", 0.1)], {})
    assert [item.structure for item in items[:2]] == ["lv", "la"]


THREE = ("lv", "myo", "la")
LABELLED = {FrameKey("labelled", 0): dict.fromkeys(THREE, LabelStatus.OUTLINED)}


def _apart(worth: list[tuple[str, float]]) -> list[FrameScore]:
    """One clip and patient for each structure with its uncertainty, so that nothing else is repeated."""
    return [
        FrameScore(FrameKey(f"c{i:03}", 0), f"p{i}", (structure,), {structure: value})
        for i, (structure, value) in enumerate(worth)
    ]


@given(st.lists(st.tuples(st.sampled_from(THREE), st.floats(0.01, 1.0)), max_size=24))
def test_a_structure_comes_oftener_than_another_only_where_it_is_worth_as_much_more(
    worth: list[tuple[str, float]],
) -> None:
    items = review_queue(_apart(worth), LABELLED)
    assert len(items) == len(worth)
    for place, item in enumerate(items):
        before = [earlier.structure for earlier in items[:place]]
        for later in items[place + 1 :]:
            oftener = before.count(item.structure) - before.count(later.structure)
            assert item.score * REPEAT_STRUCTURE**oftener >= later.score * (1 - 1e-9)


def test_structures_that_are_nearly_as_uncertain_take_turns_and_a_better_known_one_waits() -> None:
    worth = [(structure, value) for structure, value in zip(THREE, (0.50, 0.49, 0.30), strict=True) for _ in range(15)]
    asked = [item.structure for item in review_queue(_apart(worth), LABELLED)]
    assert asked[:6] == ["lv", "myo"] * 3
    assert 15 < asked.index("la") < 25


@given(st.floats(0.02, 1.0))
def test_what_nobody_labels_is_asked_for_a_few_times_however_unsure_the_starting_weights_are(value: float) -> None:
    scores = _apart([("lv", value / 2), ("la", value)] * 10)
    first = review_queue(scores, {FrameKey("labelled", 0): {"lv": LabelStatus.OUTLINED}})[:8]
    assert (first[0].structure, first[0].reason) == ("la", "outline uncertain, not labelled in any clip yet")
    assert [item.structure for item in first].count("la") <= 3
    assert [item.structure for item in review_queue(scores, {})[:8]] == ["la"] * 8, "nothing tells yet what is meant"


def test_what_is_predicted_nowhere_is_unknown_to_the_model() -> None:
    protocol = registry.protocol("apical")
    header = ClipHeader(stem="a", patient=Pseudonymiser(b"salt").key("1"), n_frames=1, height=8, width=8)
    frames = np.zeros((1, protocol.n_classes, 8, 8), dtype=np.float32)
    frames[:, 0], frames[:, 1] = 0.9, 0.1
    assert set(frame_score(FrameKey("a", 0), header, frames=frames, protocol=protocol).uncertainty) == {"lv"}


def test_it_is_spread_over_patients_and_clips() -> None:
    scores = [score("a", i, 0.6, shown=("lv",)) for i in range(8)] + [score("b", i, shown=("lv",)) for i in range(8)]
    first = review_queue(scores, {})[:4]
    assert {item.key.clip for item in first} == {"a", "b"}


@pytest.mark.parametrize("seed", [None, 1])
def test_what_a_view_cannot_show_is_not_asked_for(seed: int | None) -> None:
    items = review_queue([score("a", 0), score("b", 0, shown=("lv",))], {}, seed=seed)
    assert {(item.key.clip, item.structure) for item in items} == {("a", "lv"), ("a", "la"), ("b", "lv")}


def test_a_random_order_is_that_of_its_seed() -> None:
    scores = [score("a", i) for i in range(6)]
    one = review_queue(scores, {}, seed=1)
    assert one == review_queue(scores, {}, seed=1)
    assert one != review_queue(scores, {}, seed=2)
    assert all("random" in item.reason for item in one)


def test_the_sample_leaves_out_test_clips_and_held_patients_and_sees_every_clip() -> None:
    pseudonyms = Pseudonymiser(b"salt")
    clips = [
        Clip(f"c{i}", ClipHeader(stem=f"c{i}", patient=pseudonyms.key(str(i)), n_frames=30, height=8, width=8), split)
        for i, split in enumerate([Split.TRAIN, Split.TEST, Split.VALIDATION, Split.TRAIN, Split.TRAIN])
    ]
    sample = sample_frames(clips, held=(pseudonyms.key("4"),))
    assert {key.clip for key in sample} == {"c0", "c3"}
    assert {key.clip for key in sample[:2]} == {"c0", "c3"}
    assert len(sample) <= SAMPLE


def _clips(count: int, frames: int) -> list[Clip]:
    pseudonyms = Pseudonymiser(b"salt")
    headers = [
        ClipHeader(stem=f"c{i}", patient=pseudonyms.key(str(i)), n_frames=frames, height=8, width=8)
        for i in range(count)
    ]
    return [Clip(header.stem, header, Split.TRAIN) for header in headers]


@pytest.mark.parametrize(("count", "frames"), [(1, 40), (3, 10), (2 * SAMPLE + 1, 1)])
def test_who_labels_every_frame_of_the_sample_is_asked_for_the_others(count: int, frames: int) -> None:
    clips = _clips(count, frames)
    done: set[FrameKey] = set()
    while sample := sample_frames(clips, done=done):
        assert not done & set(sample)
        kept = sample_frames(clips, done={*done, sample[0]})
        assert set(sample[1:]) <= set(kept), "what is scored already stays in the sample"
        done |= set(sample)
    assert len(done) == count * frames


@pytest.mark.parametrize("count", [80, 160, 1000])
def test_all_of_the_beat_is_asked_for_in_a_project_of_many_clips(count: int) -> None:
    frames = [key.frame for key in sample_frames(_clips(count, 60))]
    assert len(frames) == SAMPLE
    for sixth in range(6):
        assert sum(frame // 10 == sixth for frame in frames) > SAMPLE / 12


def test_the_sample_of_a_large_project_looks_at_the_frames_of_no_more_clips_than_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips, looked_at = _clips(5 * SAMPLE, 60), list[str]()

    def counted(clip: Clip) -> tuple[FrameKey, ...]:
        looked_at.append(clip.name)
        return tuple(FrameKey(clip.name, frame) for frame in range(clip.header.n_frames))

    monkeypatch.setattr(Clip, "frame_keys", property(counted))
    behind = {FrameKey(f"c{i}", frame) for i in range(10) for frame in range(60)}
    sample = sample_frames(clips, behind=behind)
    assert len(sample) == SAMPLE
    assert not behind & set(sample)
    assert len(looked_at) <= SAMPLE + 10


def test_what_is_labelled_everywhere_in_the_sample_is_asked_for_in_further_frames() -> None:
    clips = {clip.name: clip for clip in _clips(3, 60)}

    def sample(said: dict[FrameKey, dict[str, LabelStatus]]) -> tuple[FrameKey, ...]:
        parts = (frames_done(clips, said, PAIR), frames_behind(clips, said, PAIR))
        return sample_frames(tuple(clips.values()), done=parts[0], behind=parts[1])

    said = {key: {"lv": LabelStatus.OUTLINED} for key in sample({})}
    assert not said.keys() & set(sample(said)), "nobody labels the other structure"
    one = next(iter(said))
    said[one] = {"la": LabelStatus.ABSENT}
    again = set(sample(said))
    assert one in again, "the first structure is open in it"
    assert said.keys() <= again, "now the second one is labelled somewhere, and open in all others"


def test_frames_that_come_in_place_of_labelled_ones_lie_between_them() -> None:
    clips = _clips(1, 60)
    first = sample_frames(clips)
    second = sample_frames(clips, done=first)
    assert min(abs(one.frame - two.frame) for one in first for two in second) >= 5


def test_frames_behind_come_where_a_clip_has_no_others_and_after_all_other_clips() -> None:
    clips = {clip.name: clip for clip in _clips(SAMPLE + 10, 1)}
    said = {FrameKey(f"c{i}", 0): {"lv": LabelStatus.OUTLINED} for i in range(20)}
    behind = frames_behind(clips, said, PAIR)
    assert behind == said.keys()
    sample = sample_frames(tuple(clips.values()), behind=behind)
    assert len(sample) == SAMPLE
    assert [key in behind for key in sample] == [False] * (SAMPLE - 10) + [True] * 10


def test_a_frame_is_done_where_nothing_that_its_view_shows_can_be_asked_for() -> None:
    clips = {clip.name: clip for clip in _clips(1, 4)}
    finished = {"lv": LabelStatus.OUTLINED, "la": LabelStatus.REJECTED}
    said = {FrameKey("c0", 0): finished, FrameKey("c0", 1): {"lv": LabelStatus.ABSENT}, FrameKey("gone", 0): finished}
    assert frames_done(clips, said, PAIR) == {FrameKey("c0", 0)}


def test_a_picture_that_is_also_a_test_clip_s_is_not_asked_for() -> None:
    tested, twin, other = _clips(3, 2)
    clips = [
        replace(tested, split=Split.TEST, content_hash="a" * 64),
        replace(twin, content_hash=twin_hash("a" * 64, twin.header.patient)),
        replace(other, content_hash="b" * 64),
    ]
    assert {key.clip for key in sample_frames(clips)} == {other.name}


def test_a_picture_that_is_also_a_held_patient_s_is_not_asked_for_since_it_teaches_nothing() -> None:
    held, twin, other = (replace(c, content_hash=x * 64) for c, x in zip(_clips(3, 2), "aab", strict=True))
    plan = plan_frames([held, twin, other], {FrameKey(twin.name, 0): {"lv"}}, held=(held.header.patient,))
    assert not plan.labelled
    asked = {key.clip for key in sample_frames([held, twin, other], held=(held.header.patient,))}
    assert asked == {other.name}
    chosen = replace(held, split=Split.VALIDATION)
    assert {key.clip for key in sample_frames([chosen, twin, other])} == {other.name}
