from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.allowed import allowed_bitmap
from annotator.core.errors import AnnotatorError, Contradiction
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus
from annotator.project.merging import merged
from tests.core import strategies

KEY = FrameKey("clip", 0)
FINISHED = tuple(s for s in LabelStatus if s.is_finished)


def settled(label: PartialLabel) -> PartialLabel:
    """The label without drafts and unsure pixels."""
    return PartialLabel(label.shape, {s: v for s, v in label.structures.items() if v.status in FINISHED})


@given(strategies.labels())
def test_joining_a_label_with_itself_changes_nothing(label: PartialLabel) -> None:
    assert merged(strategies.PROTOCOL, KEY, label, label) == label


@given(strategies.labels())
def test_nothing_joined_with_a_label_is_the_label(label: PartialLabel) -> None:
    empty = PartialLabel(label.shape)
    assert merged(strategies.PROTOCOL, KEY, label, empty) == label
    assert settled(merged(strategies.PROTOCOL, KEY, empty, label)) == settled(label)


@given(strategies.labels().map(settled), strategies.labels().map(settled))
def test_knowledge_only_grows(ours: PartialLabel, theirs: PartialLabel) -> None:
    one, two = (allowed_bitmap(x, strategies.PROTOCOL) for x in (ours, theirs))
    if ((one & two) == 0).any():
        with pytest.raises(Contradiction):
            merged(strategies.PROTOCOL, KEY, ours, theirs)
    else:
        both = allowed_bitmap(merged(strategies.PROTOCOL, KEY, ours, theirs), strategies.PROTOCOL)
        assert np.array_equal(both & one, both)
        assert np.array_equal(both & two, both)


@given(strategies.masks.filter(np.any), st.sampled_from(strategies.PROTOCOL.ids[1:]))
def test_a_draft_is_not_painted_over(mask: Mask, other: str) -> None:
    ours = PartialLabel(strategies.SHAPE, {"one": StructureLabel(LabelStatus.DRAFT, mask)})
    theirs = PartialLabel(strategies.SHAPE, {other: StructureLabel(LabelStatus.OUTLINED, mask.copy())})
    with pytest.raises(Contradiction, match=f"{np.count_nonzero(mask)} pixels"):
        merged(strategies.PROTOCOL, KEY, ours, theirs)


def strokes(status: LabelStatus, *rows: int) -> PartialLabel:
    mask = np.zeros(strategies.SHAPE, dtype=np.bool_)
    mask[list(rows)] = True
    outside = np.zeros_like(mask) if status is LabelStatus.PARTIAL else None
    return PartialLabel(strategies.SHAPE, {"one": StructureLabel(status, mask, outside)})


@pytest.mark.parametrize("theirs", [LabelStatus.DRAFT, LabelStatus.PARTIAL])
def test_a_draft_that_something_is_added_to_is_still_a_draft(theirs: LabelStatus) -> None:
    both = merged(strategies.PROTOCOL, KEY, strokes(LabelStatus.DRAFT, 0), strokes(theirs, 1))
    said = strokes(theirs, 0, 1)["one"]
    assert both["one"] == StructureLabel(LabelStatus.DRAFT, said.inside, said.outside)


def test_a_draft_that_comes_in_adds_nothing_to_what_is_known() -> None:
    ours = strokes(LabelStatus.PARTIAL, 0)
    assert merged(strategies.PROTOCOL, KEY, ours, strokes(LabelStatus.DRAFT, 1)) == ours


@given(strategies.labels(), strategies.labels())
def test_no_stroke_becomes_knowledge_by_an_import(ours: PartialLabel, theirs: PartialLabel) -> None:
    try:
        both = merged(strategies.PROTOCOL, KEY, ours, theirs)
    except Contradiction:
        return
    known = merged(strategies.PROTOCOL, KEY, settled(ours), settled(theirs))
    for structure, said in both.structures.items():
        if said.status.is_finished:
            assert said == known[structure]


def test_another_size_is_refused() -> None:
    with pytest.raises(AnnotatorError, match="not"):
        merged(strategies.PROTOCOL, KEY, PartialLabel((3, 3)), PartialLabel((3, 4)))
