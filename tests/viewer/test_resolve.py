"""Laws of what is shown: people's pixels win, and what was refused is not offered again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import Suggestion
from annotator.viewer.resolve import mark_array, resolve, uncovered
from annotator.viewer.state import CellState

SHAPE = (6, 7)
PROTOCOL = LabelProtocol(
    "laws",
    "Laws",
    (
        Structure("a", "a", "#ff0000", "1"),
        Structure("b", "b", "#ff0000", "2"),
        Structure("c", "c", "#ff0000", "3", views=("side",)),
    ),
    views=("front", "side"),
)
WITH_PIXELS = (LabelStatus.DRAFT, LabelStatus.OUTLINED, LabelStatus.PARTIAL)


def arrays(top: int) -> st.SearchStrategy[NDArray[np.uint8]]:
    size = SHAPE[0] * SHAPE[1]
    return st.binary(min_size=size, max_size=size).map(
        lambda raw: (np.frombuffer(raw, dtype=np.uint8) % (top + 1)).reshape(SHAPE)
    )


@st.composite
def labels(draw: st.DrawFn) -> PartialLabel:
    painted = draw(arrays(3))
    said = {}
    for index, structure in enumerate(PROTOCOL.ids, start=1):
        status = draw(st.sampled_from(list(LabelStatus)))
        mask = np.asarray(painted == index, dtype=np.bool_) if status in WITH_PIXELS else None
        said[structure] = StructureLabel(status, mask)
    unsure = draw(st.none() | arrays(1).map(lambda a: np.asarray(a == 1, dtype=np.bool_)))
    return PartialLabel(SHAPE, said, unsure)


@st.composite
def suggestions(draw: st.DrawFn) -> Suggestion:
    confidence = {s: draw(st.floats(0, 1)) for s in PROTOCOL.ids}
    return Suggestion(FrameKey("clip", 0), 1, draw(arrays(3)), np.zeros(SHAPE, dtype=np.uint8), confidence)


@given(labels(), suggestions())
def test_a_new_model_never_touches_a_label(label: PartialLabel, made: Suggestion) -> None:
    alone, both = resolve(label, None, PROTOCOL), resolve(label, made, PROTOCOL)
    assert np.array_equal(alone.labels, both.labels)
    assert not (both.suggestions[both.labels > 0]).any()
    assert not alone.suggestions.any()


@given(labels(), suggestions())
def test_only_unknown_structures_are_offered(label: PartialLabel, made: Suggestion) -> None:
    view = resolve(label, made, PROTOCOL)
    for index, structure in enumerate(PROTOCOL.ids, start=1):
        if label.status(structure) is not LabelStatus.UNKNOWN:
            assert not (view.suggestions == index).any()
            assert structure not in view.confidence
        assert (view.states[structure] is CellState.SUGGESTED) == bool((view.suggestions == index).any())


@given(labels(), suggestions())
def test_what_lies_under_labels_alone_is_not_offered(label: PartialLabel, made: Suggestion) -> None:
    view, free = resolve(label, made, PROTOCOL), uncovered(label, made, PROTOCOL)
    unsaid = {s for s in PROTOCOL.ids if label.status(s) is LabelStatus.UNKNOWN}
    assert set(view.suggested) == free & unsaid


@given(labels(), suggestions())
def test_every_painted_pixel_is_shown_as_its_structure(label: PartialLabel, made: Suggestion) -> None:
    view = resolve(label, made, PROTOCOL)
    for index, structure in enumerate(PROTOCOL.ids, start=1):
        inside = label[structure].inside
        expected = np.zeros(SHAPE, dtype=np.bool_) if inside is None else inside
        assert np.array_equal(view.labels == index, expected)


@given(labels(), suggestions(), st.sets(st.sampled_from(PROTOCOL.ids)))
def test_hiding_changes_pixels_and_no_state(label: PartialLabel, made: Suggestion, hidden: set[str]) -> None:
    plain, view = resolve(label, made, PROTOCOL), resolve(label, made, PROTOCOL, hidden=hidden)
    assert dict(plain.states) == dict(view.states)
    assert dict(plain.pixels) == dict(view.pixels)
    for structure in hidden:
        assert not (view.labels == PROTOCOL.index(structure)).any()
        assert not (view.suggestions == PROTOCOL.index(structure)).any()


@given(labels(), suggestions())
def test_what_the_view_cannot_show_is_not_offered_and_a_label_of_it_stays(
    label: PartialLabel, made: Suggestion
) -> None:
    side, front = (resolve(label, made, PROTOCOL, view=view) for view in ("side", "front"))
    assert np.array_equal(side.labels, front.labels)
    assert not (front.suggestions == PROTOCOL.index("c")).any()
    if label.status("c") is LabelStatus.UNKNOWN:
        assert front.states["c"] is CellState.NOT_IN_VIEW
        assert "c" not in front.confidence
    else:
        assert front.states["c"] is side.states["c"]
    assert {s: front.states[s] for s in "ab"} == {s: side.states[s] for s in "ab"}
    assert CellState.NOT_IN_VIEW not in side.states.values()


def test_a_suggestion_of_another_size_is_not_shown() -> None:
    made = Suggestion(FrameKey("c", 0), 1, np.ones((3, 3), dtype=np.uint8), np.ones((3, 3), dtype=np.uint8), {"a": 1.0})
    view = resolve(PartialLabel(SHAPE), made, PROTOCOL)
    assert not view.suggestions.any()
    assert not view.confidence


def test_origins_tell_outlined_labels_apart() -> None:
    mask = np.eye(*SHAPE, dtype=np.bool_)
    label = PartialLabel(SHAPE, {"a": StructureLabel(LabelStatus.OUTLINED, mask)})
    for origin in Origin:
        view = resolve(label, None, PROTOCOL, origins={"a": origin})
        assert view.states["a"] is CellState(origin.value)


def test_marks_show_unsure_above_is_not() -> None:
    mask = np.eye(*SHAPE, dtype=np.bool_)
    said = StructureLabel(LabelStatus.PARTIAL, np.zeros(SHAPE, dtype=np.bool_), np.ones(SHAPE, dtype=np.bool_))
    marks = mark_array(PartialLabel(SHAPE, {"a": said}, mask), "a")
    assert np.array_equal(marks, np.where(mask, 1, 2))
    assert np.array_equal(mark_array(PartialLabel(SHAPE, {"a": said}, mask), "b"), mask.astype(np.uint8))
