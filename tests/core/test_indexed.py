from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotator.core.allowed import allowed_bitmap
from annotator.core.errors import AnnotatorError, Contradiction, UnknownName
from annotator.core.indexed import NOT_KNOWN, complete_values, from_indexed, to_indexed
from annotator.core.labels import PartialLabel
from annotator.core.status import LabelStatus
from tests.core.strategies import PROTOCOL, SHAPE, labels

VALUES = {"one": 1, "two": 2, "three": 3}


@given(labels())
def test_a_mask_never_says_more_than_is_known(label: PartialLabel) -> None:
    mask = to_indexed(label, PROTOCOL, VALUES)
    bitmap = allowed_bitmap(label, PROTOCOL)
    for value in range(4):
        assert (bitmap[mask == value] == 1 << value).all()
    assert (bitmap[mask == NOT_KNOWN] & (bitmap[mask == NOT_KNOWN] - np.uint16(1)) != 0).all()


@given(arrays(np.uint8, SHAPE, elements=st.integers(0, 3)))
def test_a_fully_known_mask_survives_the_round_trip(mask: np.ndarray) -> None:
    label = from_indexed(mask, VALUES, known=VALUES)
    assert (to_indexed(label, PROTOCOL, VALUES) == mask).all()


@given(arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 2, 3, 255])), st.sets(st.sampled_from(list(VALUES))))
def test_only_known_structures_are_believed(mask: np.ndarray, known: set[str]) -> None:
    label = from_indexed(mask, VALUES, known=known)
    assert set(label.structures) == known
    again = to_indexed(label, PROTOCOL, VALUES)
    for name, value in VALUES.items():
        if name not in known:
            assert not (again == value).any()
    if known != set(VALUES):
        assert not (again == 0).any()


def test_a_known_structure_without_a_pixel_is_absent() -> None:
    label = from_indexed(np.zeros(SHAPE, dtype=np.uint8), VALUES, known=["one"])
    assert label.status("one") is LabelStatus.ABSENT
    assert label.status("two") is LabelStatus.UNKNOWN


def test_absent_with_pixels_is_a_contradiction() -> None:
    mask = np.full(SHAPE, 2, dtype=np.uint8)
    with pytest.raises(Contradiction, match="35 pixels"):
        from_indexed(mask, VALUES, known=["two"], absent=["two"])
    with pytest.raises(Contradiction, match="35 pixels"):
        from_indexed(mask, VALUES, known=["one"], absent=["two"])


def test_structures_without_a_value_take_the_next_free_one() -> None:
    assert complete_values(PROTOCOL, {"two": 1}) == {"one": 2, "two": 1, "three": 3}


def test_bad_values_are_refused() -> None:
    with pytest.raises(UnknownName):
        complete_values(PROTOCOL, {"lung": 1})
    with pytest.raises(AnnotatorError, match="share"):
        complete_values(PROTOCOL, {"one": 1, "two": 1})
    with pytest.raises(AnnotatorError, match="255"):
        complete_values(PROTOCOL, {"one": 255})
