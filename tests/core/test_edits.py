from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.edits import Assign, Erase, Finish, Paint, Scribble, Unmark, apply, changed_structures
from annotator.core.errors import AnnotatorError
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus
from tests.core.strategies import SHAPE, edits, labels, masks, names


@given(st.data(), labels())
def test_an_edit_its_inverse_and_the_inverse_again(data: st.DataObject, label: PartialLabel) -> None:
    after, inverse = apply(label, data.draw(edits(label)))
    back, again = apply(after, inverse)
    assert back == label
    assert apply(back, again)[0] == after


@given(st.data(), labels())
def test_no_pixel_is_claimed_twice(data: st.DataObject, label: PartialLabel) -> None:
    after, _ = apply(label, data.draw(edits(label)))
    claims = [v.inside.astype(np.int64) for v in after.structures.values() if v.inside is not None]
    assert sum(claims, np.zeros(SHAPE, dtype=np.int64)).max() <= 1


@given(st.data(), labels())
def test_the_inverse_names_every_structure_that_changed(data: st.DataObject, label: PartialLabel) -> None:
    after, inverse = apply(label, data.draw(edits(label)))
    assert set(changed_structures(label, after)) <= set(inverse.structures)


@given(labels(), names, masks)
def test_a_stroke_is_a_draft_with_its_pixels(label: PartialLabel, name: str, where: Mask) -> None:
    said = apply(label, Paint(name, where))[0][name]
    assert said.status is LabelStatus.DRAFT
    assert said.inside is not None
    assert said.inside[where].all()


@given(labels(), names, masks)
def test_erased_pixels_are_gone(label: PartialLabel, name: str, where: Mask) -> None:
    said = apply(label, Erase(name, where))[0][name]
    assert said.inside is None or not said.inside[where].any()


@given(labels(), names, masks, st.booleans())
def test_scribbles_are_partial_knowledge(label: PartialLabel, name: str, where: Mask, is_structure: bool) -> None:
    said = apply(label, Scribble(name, where, is_structure))[0][name]
    painted = said.inside if is_structure else said.outside
    assert said.status is LabelStatus.PARTIAL
    assert painted is not None
    assert painted[where].all()


@given(labels(), names, masks)
def test_marks_that_are_taken_back_are_gone_and_nothing_else_is(label: PartialLabel, name: str, where: Mask) -> None:
    before = label[name]
    said = apply(label, Unmark(name, where))[0][name]
    assert said.outside is None or not said.outside[where].any()
    if before.outside is None or (before.outside & ~where).any():
        assert said.status is before.status
    elif before.inside is None or not before.inside.any():
        assert said.status is LabelStatus.UNKNOWN
    else:
        assert said.status is LabelStatus.DRAFT
        assert said.inside is not None
        assert np.array_equal(said.inside, before.inside)


def test_what_was_outlined_before_it_was_marked_is_an_outline_again() -> None:
    upper, lower = np.zeros(SHAPE, dtype=np.bool_), np.zeros(SHAPE, dtype=np.bool_)
    upper[:2], lower[-1] = True, True
    before, _ = apply(PartialLabel(SHAPE), Assign("one", StructureLabel(LabelStatus.OUTLINED, upper)))
    marked, _ = apply(before, Scribble("one", lower, is_structure=False))
    back, _ = apply(marked, Unmark("one", lower))
    assert apply(back, Finish("one"))[0] == before


def test_finishing_turns_a_draft_into_an_outline() -> None:
    where = np.ones(SHAPE, dtype=np.bool_)
    draft, _ = apply(PartialLabel(SHAPE), Paint("one", where))
    assert apply(draft, Finish("one"))[0].status("one") is LabelStatus.OUTLINED


def test_finishing_what_is_no_draft_is_refused() -> None:
    with pytest.raises(AnnotatorError, match="no draft"):
        apply(PartialLabel(SHAPE), Finish("one"))


def test_accepting_over_a_neighbour_takes_its_pixels() -> None:
    where = np.ones(SHAPE, dtype=np.bool_)
    before, _ = apply(PartialLabel(SHAPE), Assign("one", StructureLabel(LabelStatus.OUTLINED, where)))
    part = np.zeros(SHAPE, dtype=np.bool_)
    part[0] = True
    after, _ = apply(before, Assign("two", StructureLabel(LabelStatus.OUTLINED, part)))
    left = after["one"].inside
    assert left is not None
    assert not left[0].any()
    assert left[1:].all()


@given(labels())
def test_painting_over_a_structure_says_as_much_as_erasing_it(label: PartialLabel) -> None:
    for name, said in label.structures.items():
        if said.inside is not None and said.inside.any():
            over = "one" if name == "two" else "two"
            painted = apply(label, Paint(over, said.inside))[0].status(name)
            erased = apply(label, Erase(name, said.inside))[0].status(name)
            assert (painted is LabelStatus.UNKNOWN) == (erased is LabelStatus.UNKNOWN) == (said.outside is None)


@pytest.mark.parametrize("status", [LabelStatus.DRAFT, LabelStatus.OUTLINED, LabelStatus.PARTIAL])
def test_a_structure_that_is_painted_over_wholly_is_unknown_and_comes_back(status: LabelStatus) -> None:
    where = np.zeros(SHAPE, dtype=np.bool_)
    where[0] = True
    before, _ = apply(PartialLabel(SHAPE), Assign("one", StructureLabel(status, where)))
    after, inverse = apply(before, Paint("two", np.ones(SHAPE, dtype=np.bool_)))
    assert after.status("one") is LabelStatus.UNKNOWN
    assert apply(after, inverse)[0] == before


def test_an_absent_mark_stays_whatever_is_painted() -> None:
    absent, _ = apply(PartialLabel(SHAPE), Assign("one", StructureLabel(LabelStatus.ABSENT)))
    after, _ = apply(absent, Paint("two", np.ones(SHAPE, dtype=np.bool_)))
    assert after.status("one") is LabelStatus.ABSENT
