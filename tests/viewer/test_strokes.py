"""Strokes become edits that give exactly what was painted, and core edits undo them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.core.edits import Assign, Edit, apply
from annotator.core.labels import PartialLabel
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus, Origin
from annotator.viewer.resolve import label_array, mark_array
from annotator.viewer.strokes import Lift, lifted, mark_edits, origin_of_stroke, stroke_edits

SHAPE = (5, 6)
PROTOCOL = LabelProtocol(
    "laws", "Laws", tuple(Structure(s, s, "#ff0000", str(i)) for i, s in enumerate(("a", "b", "c"), start=1))
)


def arrays(top: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    size = SHAPE[0] * SHAPE[1]
    return st.binary(min_size=size, max_size=size).map(
        lambda raw: (np.frombuffer(raw, dtype=np.uint8) % (top + 1)).reshape(SHAPE)
    )


def after_all(label: PartialLabel, edits: tuple[Edit, ...]) -> PartialLabel:
    for edit in edits:
        label = apply(label, edit)[0]
    return label


def drawn(array: NDArray[np.uint8]) -> PartialLabel:
    return after_all(PartialLabel(SHAPE), stroke_edits(np.zeros(SHAPE, dtype=np.uint8), array, PROTOCOL))


@given(arrays(3), arrays(3))
def test_edits_give_the_painted_array(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    label = drawn(before)
    assert np.array_equal(label_array(label, PROTOCOL), before)
    edits = stroke_edits(before, after, PROTOCOL)
    assert np.array_equal(label_array(after_all(label, edits), PROTOCOL), after)
    assert bool(edits) == (not np.array_equal(before, after))


@given(arrays(3), arrays(1), arrays(3))
def test_a_lifted_suggestion_is_painted_on(
    before: NDArray[np.uint8], offered: NDArray[np.uint8], stroke: NDArray[np.uint8]
) -> None:
    label = drawn(np.where(before == 1, 0, before).astype(np.uint8))
    base = label_array(label, PROTOCOL)
    lift = Lift("a", np.asarray(offered == 1, dtype=np.bool_), snapshot=3)
    shown = lifted(base, lift, PROTOCOL)
    after = np.where(stroke > 0, stroke, shown).astype(np.uint8)
    edits = stroke_edits(base, after, PROTOCOL, lift=lift)
    assert bool(edits) == (not np.array_equal(shown, after)), "a stroke that changes nothing takes no suggestion"
    if not edits:
        return
    result = after_all(label, edits)
    assert np.array_equal(label_array(result, PROTOCOL), after)
    assert all(said.status is LabelStatus.DRAFT for said in result.structures.values())


def test_the_lift_comes_first_and_never_takes_a_persons_pixels() -> None:
    before = np.zeros(SHAPE, dtype=np.uint8)
    before[0] = 2
    lift = Lift("a", np.ones(SHAPE, dtype=np.bool_), snapshot=1)
    after = lifted(before, lift, PROTOCOL)
    after[1] = 2
    first = stroke_edits(before, after, PROTOCOL, lift=lift)[0]
    assert isinstance(first, Assign)
    assert first.label.inside is not None
    assert not first.label.inside[0].any()
    assert first.label.inside[1:].all()


def test_marks_are_added_and_taken_back() -> None:
    nothing = np.zeros(SHAPE, dtype=np.uint8)
    painted = nothing.copy()
    painted[0], painted[1] = 1, 2
    label = after_all(PartialLabel(SHAPE), mark_edits(nothing, painted, "b"))
    assert np.array_equal(mark_array(label, "b"), painted)
    cleared = after_all(label, mark_edits(painted, np.where(painted == 1, 0, painted).astype(np.uint8), "b"))
    assert cleared.unsure is None
    assert np.array_equal(mark_array(cleared, "b"), np.where(painted == 2, 2, 0))
    empty = after_all(cleared, mark_edits(mark_array(cleared, "b"), nothing, "b"))
    assert empty == PartialLabel(SHAPE)


def test_origin_of_a_stroke() -> None:
    lift = Lift("a", np.ones(SHAPE, dtype=np.bool_), snapshot=1)
    assert origin_of_stroke(LabelStatus.UNKNOWN, None, lift) is Origin.CORRECTED
    assert origin_of_stroke(LabelStatus.UNKNOWN, None, None) is Origin.DRAWN
    assert origin_of_stroke(LabelStatus.OUTLINED, Origin.ACCEPTED, None) is Origin.CORRECTED
    assert origin_of_stroke(LabelStatus.DRAFT, Origin.CORRECTED, None) is Origin.CORRECTED
    assert origin_of_stroke(LabelStatus.DRAFT, Origin.DRAWN, None) is Origin.DRAWN
    assert origin_of_stroke(LabelStatus.ABSENT, Origin.ACCEPTED, None) is Origin.DRAWN
