"""A register finds what a look at every clip would find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.errors import BadInput
from annotator.core.identity import Clip, ClipHeader, Pseudonymiser, Split
from annotator.core.names import numbered_names
from annotator.project.adding import Incoming
from annotator.project.frames import Staged
from annotator.project.telling_apart import Register

PSEUDONYMS = Pseudonymiser(b"salt")


def incoming(stem: str, patient: str, picture: int, split: Split = Split.TRAIN) -> Incoming:
    header = ClipHeader(stem, PSEUDONYMS.key(patient), 1, 4, 4)
    return Incoming(header, split, Staged(Path(stem), f"{picture:064x}"), (), is_exported=False)


recordings = st.lists(
    st.builds(incoming, st.sampled_from(["a", "a~2", "b"]), st.sampled_from("pqr"), st.integers(0, 3)), max_size=12
)


@given(recordings, st.integers(0, 12))
def test_new_clips_are_named_and_found_as_a_look_at_all_would(coming: list[Incoming], n_before: int) -> None:
    clips: list[Clip] = []
    register = Register(clips)
    for done, one in enumerate(coming):
        if done == n_before:
            register = Register(clips)
        assert list(register.alike(one.pixels)) == [clip for clip in clips if clip.pixels == one.pixels]
        clip = register.new_clip(one)
        taken = {other.name for other in clips}
        assert clip.name == next(name for name in numbered_names(one.header.stem) if name not in taken)
        is_twin = any(other.content_hash == one.staged.content_hash for other in clips)
        assert (clip.content_hash != one.staged.content_hash) is is_twin
        clips.append(clip)


def test_a_clip_that_is_given_is_found_as_its_patient_s_who_is_in_its_split_from_then_on() -> None:
    one = incoming("a", "p", 1)
    clip = Register([]).new_clip(one)
    register = Register([clip])
    given = register.give(clip, incoming("b", "q", 1, Split.TEST))
    assert list(register.alike(one.pixels)) == [given]
    assert given == replace(clip, header=replace(clip.header, patient=PSEUDONYMS.key("q")), split=Split.TEST)
    for split in (Split.TRAIN, Split.VALIDATION):
        with pytest.raises(BadInput, match="already in 'test'"):
            register.new_clip(incoming("c", "q", 2, split))


def test_a_patient_is_in_one_split_beside_clips_that_came_just_before() -> None:
    register = Register([])
    register.new_clip(incoming("a", "p", 1))
    with pytest.raises(BadInput, match="already in 'train'"):
        register.new_clip(incoming("b", "p", 2, Split.TEST))
