from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.allowed import allowed_bitmap
from annotator.core.edits import apply
from annotator.core.errors import AnnotatorError, Contradiction
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus
from annotator.core.words import counted
from annotator.project.merging import Joined, merged, replacing
from tests.core import strategies

KEY = FrameKey("clip", 0)
NAMES = strategies.PROTOCOL.ids
FINISHED = tuple(s for s in LabelStatus if s.is_finished)


def settled(label: PartialLabel) -> PartialLabel:
    """The label without drafts and unsure pixels."""
    return PartialLabel(label.shape, {s: v for s, v in label.structures.items() if v.status in FINISHED})


def with_drafts_meant(label: PartialLabel) -> PartialLabel:
    """The label with drafts as if they were scribbles."""
    drafts = {s: v for s, v in label.structures.items() if v.status is LabelStatus.DRAFT}
    meant = {s: StructureLabel(LabelStatus.PARTIAL, v.inside, v.outside) for s, v in drafts.items()}
    return PartialLabel(label.shape, {**label.structures, **meant}, label.unsure)


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


@given(strategies.masks.filter(np.any), st.sampled_from(NAMES[1:]))
def test_a_draft_is_not_painted_over(mask: Mask, other: str) -> None:
    ours = PartialLabel(strategies.SHAPE, {"one": StructureLabel(LabelStatus.DRAFT, mask)})
    theirs = PartialLabel(strategies.SHAPE, {other: StructureLabel(LabelStatus.OUTLINED, mask.copy())})
    with pytest.raises(Contradiction, match=f"^{counted(int(np.count_nonzero(mask)), 'pixel')} of "):
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


@st.composite
def pairs(draw: st.DrawFn) -> tuple[PartialLabel, PartialLabel]:
    """A label here, and one that began as it and was changed elsewhere."""
    ours = theirs = draw(strategies.labels())
    for _ in range(draw(st.integers(1, 4))):
        theirs, _ = apply(theirs, draw(strategies.edits(theirs)))
    if draw(st.booleans()):
        ours, _ = apply(ours, draw(strategies.edits(ours)))
    return ours, theirs


def join(pair: tuple[PartialLabel, PartialLabel], *, replaces: bool, is_mask: bool = False) -> Joined | None:
    """Two labels joined; ``None`` where that is refused."""
    try:
        if replaces:
            return replacing(strategies.PROTOCOL, KEY, *pair, is_mask=is_mask)
        return Joined(merged(strategies.PROTOCOL, KEY, *pair, is_mask=is_mask))
    except Contradiction:
        return None


def drafted(label: PartialLabel) -> Mask:
    """Pixels of drafts."""
    drafts = [v.inside for v in label.structures.values() if v.status is LabelStatus.DRAFT and v.inside is not None]
    return np.asarray(np.any([np.zeros(label.shape, dtype=np.bool_), *drafts], axis=0))


def without(label: PartialLabel, *structures: str) -> PartialLabel:
    kept = {s: v for s, v in label.structures.items() if s not in structures}
    return PartialLabel(label.shape, kept, label.unsure)


@given(pairs(), st.booleans())
def test_what_does_not_contradict_is_joined_alike_with_and_without_replacing(
    pair: tuple[PartialLabel, PartialLabel], is_mask: bool
) -> None:
    plain = join(pair, replaces=False, is_mask=is_mask)
    if plain is not None:
        joined = join(pair, replaces=True, is_mask=is_mask)
        assert joined is not None
        assert (joined.label, joined.replaced, joined.left_out) == (plain.label, (), ())


@given(pairs())
def test_what_comes_in_holds_at_every_pixel_that_is_neither_unsure_nor_under_a_draft(
    pair: tuple[PartialLabel, PartialLabel],
) -> None:
    joined, (_, theirs) = join(pair, replaces=True), pair
    if joined is not None:
        after = with_drafts_meant(joined.label)
        one, two = (allowed_bitmap(x, strategies.PROTOCOL) for x in (after, settled(theirs)))
        doubts = [x.unsure for x in (after, theirs) if x.unsure is not None]
        sure = ~np.any([drafted(theirs), *doubts], axis=0)
        assert np.array_equal((one & two)[sure], one[sure])


@given(pairs())
def test_only_what_a_finished_label_comes_in_for_is_replaced(pair: tuple[PartialLabel, PartialLabel]) -> None:
    joined, (ours, theirs) = join(pair, replaces=True), pair
    if joined is not None:
        for structure in joined.replaced:
            assert theirs.status(structure).is_finished
            if not drafted(theirs).any():
                assert joined.label[structure] == theirs[structure]
        for structure, said in ours.structures.items():
            is_said = theirs.status(structure).is_finished
            if structure not in theirs.structures or (said.status.is_finished and not is_said):
                assert joined.label[structure] == said


@given(pairs())
def test_replacing_gives_what_clearing_by_hand_gives(pair: tuple[PartialLabel, PartialLabel]) -> None:
    ours, theirs = pair[0], without(pair[1], *(s for s in NAMES if pair[1].status(s) is LabelStatus.DRAFT))
    joined = join((ours, theirs), replaces=True)
    if joined is not None:
        by_hand = join((without(ours, *joined.replaced), theirs), replaces=False)
        assert by_hand is not None
        assert joined.label == by_hand.label


@given(pairs())
def test_a_draft_takes_no_pixel_of_what_is_finished_here(pair: tuple[PartialLabel, PartialLabel]) -> None:
    joined, (ours, theirs) = join(pair, replaces=True), pair
    if joined is not None:
        for structure, said in ours.structures.items():
            is_kept = theirs.status(structure) is LabelStatus.OUTLINED or not theirs.status(structure).is_finished
            if said.status.is_finished and said.inside is not None and is_kept:
                inside = joined.label[structure].inside
                assert inside is not None
                assert inside[said.inside & drafted(theirs)].all()


@given(pairs(), st.booleans())
def test_replacing_again_changes_nothing(pair: tuple[PartialLabel, PartialLabel], is_mask: bool) -> None:
    joined, (_, theirs) = join(pair, replaces=True, is_mask=is_mask), pair
    if joined is not None:
        again = join((joined.label, theirs), replaces=True, is_mask=is_mask)
        assert again is not None
        assert (again.label, again.replaced, again.left_out) == (joined.label, (), joined.left_out)


@given(pairs())
def test_replacing_is_refused_only_where_an_outline_would_be_cut(pair: tuple[PartialLabel, PartialLabel]) -> None:
    ours, theirs = pair
    claimed = [(s, v.inside) for s, v in settled(theirs).structures.items() if v.inside is not None]
    cut = [
        structure
        for structure, said in ours.structures.items()
        if said.inside is not None and not theirs.status(structure).is_finished
        if any((inside & said.inside).any() for other, inside in claimed if other != structure)
    ]
    assert (join(pair, replaces=True) is None) == bool(cut)


def test_a_refusal_names_what_would_be_cut() -> None:
    ours, other = strokes(LabelStatus.OUTLINED, 0, 1), strokes(LabelStatus.OUTLINED, 1)["one"]
    said = "7 pixels of the 1st frame of 'clip' are One here and another structure in the import, which has no finished"
    with pytest.raises(Contradiction, match=said):
        replacing(strategies.PROTOCOL, KEY, ours, PartialLabel(strategies.SHAPE, {"two": other}))


def test_a_draft_that_contradicts_is_left_out_and_the_rest_replaces() -> None:
    top, bottom = (strokes(LabelStatus.OUTLINED, *rows)["one"] for rows in ((0, 1), (3, 4)))
    draft = strokes(LabelStatus.DRAFT, 2, 3)["one"]
    ours = PartialLabel(strategies.SHAPE, {"one": top, "two": bottom})
    theirs = PartialLabel(strategies.SHAPE, {"one": strokes(LabelStatus.OUTLINED, 0)["one"], "three": draft})
    joined = replacing(strategies.PROTOCOL, KEY, ours, theirs)
    assert (joined.replaced, joined.left_out) == (("one",), ("three",))
    assert joined.label == PartialLabel(strategies.SHAPE, {"one": theirs["one"], "two": bottom})


def test_what_a_draft_took_from_an_outline_is_given_back_though_the_outline_is_replaced() -> None:
    ours = strokes(LabelStatus.OUTLINED, 0, 1)
    after = PartialLabel(
        strategies.SHAPE,
        {"one": strokes(LabelStatus.OUTLINED, 1, 2)["one"], "two": strokes(LabelStatus.DRAFT, 0, 3)["one"]},
    )
    joined = replacing(strategies.PROTOCOL, KEY, ours, after)
    assert (joined.replaced, joined.left_out) == (("one",), ("two",))
    assert joined.label == strokes(LabelStatus.OUTLINED, 0, 1, 2)


def test_what_a_mask_does_not_know_is_no_background_where_it_replaces() -> None:
    ours, theirs = (strokes(LabelStatus.OUTLINED, *rows) for rows in ((0, 1), (1, 2)))
    unsure = np.zeros(strategies.SHAPE, dtype=np.bool_)
    unsure[0] = True
    mask = PartialLabel(strategies.SHAPE, theirs.structures, unsure)
    joined = replacing(strategies.PROTOCOL, KEY, ours, mask, is_mask=True)
    assert (joined.label, joined.replaced) == (mask, ("one",))


def test_what_a_draft_took_is_not_given_back_to_a_structure_that_is_said_not_to_be_there() -> None:
    ours = strokes(LabelStatus.OUTLINED, 0, 1)
    first, last = (strokes(LabelStatus.OUTLINED, row)["one"].inside for row in (0, 2))
    corrected = StructureLabel(LabelStatus.PARTIAL, last, first)
    theirs = PartialLabel(strategies.SHAPE, {"one": corrected, "two": strokes(LabelStatus.DRAFT, 0)["one"]})
    joined = replacing(strategies.PROTOCOL, KEY, ours, theirs)
    assert (joined.replaced, joined.left_out) == (("one",), ())
    assert joined.label == theirs
