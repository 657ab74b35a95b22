from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.allowed import (
    allowed_bitmap,
    conditioned,
    decided,
    decided_class,
    everything_allowed,
    possible_classes,
)
from annotator.core.edits import Assign, apply
from annotator.core.errors import UnknownName
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus
from tests.core.strategies import PROTOCOL, SHAPE, labels, masks, names

EVERYTHING = everything_allowed(PROTOCOL)


def test_nothing_said_allows_everything() -> None:
    assert (allowed_bitmap(PartialLabel(SHAPE), PROTOCOL) == EVERYTHING).all()


@given(labels())
def test_the_set_is_never_empty_and_has_only_classes_of_the_protocol(label: PartialLabel) -> None:
    bitmap = allowed_bitmap(label, PROTOCOL)
    assert (bitmap != 0).all()
    assert (bitmap & ~np.uint16(EVERYTHING) == 0).all()


@given(labels())
def test_unknown_never_becomes_background(label: PartialLabel) -> None:
    """A pixel is background only where every structure is excluded from it by something that was said."""
    background = allowed_bitmap(label, PROTOCOL) == 1
    for name in PROTOCOL.ids:
        said = label[name]
        if said.status in (LabelStatus.OUTLINED, LabelStatus.ABSENT):
            continue
        painted_outside = (
            said.outside
            if said.status is LabelStatus.PARTIAL and said.outside is not None
            else np.zeros(SHAPE, dtype=np.bool_)
        )
        assert not (background & ~painted_outside).any()


@given(labels(), names, masks, st.sampled_from(["outlined", "absent"]))
def test_more_knowledge_only_shrinks_the_set(label: PartialLabel, name: str, mask: np.ndarray, what: str) -> None:
    if label.status(name).is_finished or label.unsure is not None:
        return
    claimed = [v.inside for v in label.structures.values() if v.inside is not None]
    free = mask & ~np.logical_or.reduce([np.zeros(SHAPE, dtype=np.bool_), *claimed])
    said = StructureLabel(LabelStatus.OUTLINED, free) if what == "outlined" else StructureLabel(LabelStatus.ABSENT)
    before = allowed_bitmap(label, PROTOCOL)
    after = allowed_bitmap(apply(label, Assign(name, said))[0], PROTOCOL)
    assert (after & ~before == 0).all()


@given(labels())
def test_an_absent_structure_is_allowed_nowhere_not_even_where_unsure(label: PartialLabel) -> None:
    bitmap = allowed_bitmap(label, PROTOCOL)
    for name in PROTOCOL.ids:
        if label.status(name) is LabelStatus.ABSENT:
            assert (bitmap & (1 << PROTOCOL.index(name)) == 0).all()


@given(labels())
def test_drafts_and_rejections_say_nothing(label: PartialLabel) -> None:
    silent = {s: v for s, v in label.structures.items() if v.status.is_finished}
    assert (
        allowed_bitmap(label, PROTOCOL) == allowed_bitmap(PartialLabel(SHAPE, silent, label.unsure), PROTOCOL)
    ).all()


def test_the_table_of_the_methods() -> None:
    inside = np.zeros(SHAPE, dtype=np.bool_)
    inside[1, 1] = True
    outside = np.zeros(SHAPE, dtype=np.bool_)
    outside[2, 2] = True
    label = PartialLabel(
        SHAPE,
        {
            "one": StructureLabel(LabelStatus.OUTLINED, inside),
            "two": StructureLabel(LabelStatus.PARTIAL, np.roll(inside, 1, axis=1), outside),
        },
    )
    bitmap = allowed_bitmap(label, PROTOCOL)
    assert bitmap[1, 1] == 0b0010
    assert bitmap[1, 2] == 0b0100
    assert bitmap[2, 2] == 0b1001
    assert bitmap[0, 0] == 0b1101


@given(labels())
def test_decided_means_one_class(label: PartialLabel) -> None:
    bitmap = allowed_bitmap(label, PROTOCOL)
    classes = decided_class(bitmap)
    assert ((classes != 255) == decided(bitmap)).all()
    for value in np.unique(classes[classes != 255]):
        assert (bitmap[classes == value] == 1 << int(value)).all()


def test_a_structure_of_another_protocol_is_refused() -> None:
    label = PartialLabel(SHAPE, {"lung": StructureLabel(LabelStatus.ABSENT)})
    with pytest.raises(UnknownName, match="lung"):
        allowed_bitmap(label, PROTOCOL)


@given(st.sampled_from([None, "front", "side", "elsewhere"]), st.sets(names))
def test_background_and_what_was_said_are_always_possible(view: str | None, said: set[str]) -> None:
    possible = possible_classes(PROTOCOL, view, said=said)
    assert possible & 1
    assert all(possible >> PROTOCOL.index(name) & 1 for name in said)
    assert (possible == EVERYTHING) == (view != "front" or "three" in said)


@given(labels(), st.sampled_from([None, "front", "side"]))
def test_a_view_leaves_something_possible_in_every_pixel(label: PartialLabel, view: str | None) -> None:
    said = [name for name, of in label.structures.items() if of.status.is_finished]
    possible = possible_classes(PROTOCOL, view, said=said)
    assert (allowed_bitmap(label, PROTOCOL) & np.uint16(possible)).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_conditioned_probabilities_keep_their_proportions(seed: int, others: int) -> None:
    raw = np.random.default_rng(seed).random((4, 3, 5)).astype(np.float32) ** 3
    raw[:, 0, 0] = (0, 0, 0, 1)
    before, possible = raw / raw.sum(axis=0), 1 | others << 1
    after = conditioned(before, possible)
    np.testing.assert_allclose(after.sum(axis=0), 1.0, atol=1e-5)
    kept = [c for c in range(4) if possible >> c & 1]
    assert not after[[c for c in range(4) if c not in kept]].any()
    total = before[kept].sum(axis=0)
    np.testing.assert_allclose(after[kept] * total, before[kept], atol=1e-5)
    assert after[0, 0, 0] == (0 if 3 in kept else 1), "background where nothing else is left"
    assert conditioned(before, EVERYTHING) is before
