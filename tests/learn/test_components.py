"""A model's scraps go where they lie; what is large, and what may be in many pieces, stays."""

from __future__ import annotations

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.core.protocols import LabelProtocol, Structure
from annotator.learn.components import SCRAP, classes_of

ONE, TWO, LOOSE = 1, 2, 3
PROTOCOL = LabelProtocol(
    "shapes",
    "Shapes",
    (
        Structure("one", "One", "#ff0000", "q", connected=True),
        Structure("two", "Two", "#00ff00", "w", connected=True),
        Structure("loose", "Loose", "#0000ff", "e"),
    ),
)
Classes = NDArray[np.uint8]


def tidied(classes: Classes) -> Classes:
    return classes_of(np.eye(PROTOCOL.n_classes, dtype=np.float32)[classes].transpose(2, 0, 1), PROTOCOL)


def picture() -> Classes:
    """An upper square of ``ONE`` of 100 pixels, a lower one of ``TWO``."""
    classes = np.zeros((40, 40), dtype=np.uint8)
    classes[5:15, 5:15] = ONE
    classes[22:32, 5:15] = TWO
    return classes


def test_a_speck_in_the_background_is_background() -> None:
    classes = picture()
    classes[30:33, 30:33] = ONE
    np.testing.assert_array_equal(tidied(classes), picture())


def test_a_speck_in_another_structure_is_of_that_structure() -> None:
    classes = picture()
    classes[8:10, 8:10] = TWO
    np.testing.assert_array_equal(tidied(classes), picture())


def test_a_second_piece_that_is_large_stays() -> None:
    classes = picture()
    classes[25:30, 28:38] = ONE
    np.testing.assert_array_equal(tidied(classes), classes)


def test_pieces_of_a_structure_that_may_have_many_stay() -> None:
    classes = picture()
    classes[2:30, 20:30] = LOOSE
    classes[35:37, 35:37] = LOOSE
    np.testing.assert_array_equal(tidied(classes), classes)


def test_a_small_hole_is_filled() -> None:
    classes = picture()
    classes[8:10, 8:10] = 0
    np.testing.assert_array_equal(tidied(classes), picture())


@pytest.mark.parametrize(
    "hole",
    [
        pytest.param((slice(6, 14), slice(6, 14)), id="large"),
        pytest.param((slice(5, 8), slice(8, 10)), id="at the outline"),
    ],
)
def test_another_hole_stays(hole: tuple[slice, slice]) -> None:
    classes = picture()
    classes[hole] = 0
    np.testing.assert_array_equal(tidied(classes), classes)


def test_a_gap_between_two_structures_stays() -> None:
    classes = picture()
    classes[15:22, 5:15] = ONE
    classes[20:24, 9:11] = 0
    np.testing.assert_array_equal(tidied(classes), classes)


def test_a_notch_at_the_edge_of_the_picture_stays() -> None:
    classes = np.full((20, 20), ONE, dtype=np.uint8)
    classes[:3, 8:10] = 0
    np.testing.assert_array_equal(tidied(classes), classes)


@given(arrays.arrays(np.uint8, (12, 12), elements=st.integers(0, 3)))
def test_a_largest_piece_loses_nothing_and_none_appears_or_vanishes(classes: Classes) -> None:
    found = tidied(classes)
    assert set(np.unique(found)) - {0} == set(np.unique(classes)) - {0}
    for index in (ONE, TWO):
        pieces, sizes = _pieces(classes == index)
        if len(sizes):
            largest = pieces == 1 + int(sizes.argmax())
            assert (found[largest] == index).all()


@given(arrays.arrays(np.uint8, (12, 12), elements=st.sampled_from([0, 0, 0, ONE])))
def test_of_one_structure_alone_no_scrap_is_left(classes: Classes) -> None:
    _, sizes = _pieces(classes == ONE)
    _, left = _pieces(tidied(classes) == ONE)
    if len(sizes):
        assert (left >= SCRAP * sizes.max()).all()


@given(arrays.arrays(np.float32, (3, 6, 6), elements=st.floats(0, 1, width=32)))
def test_where_nothing_is_connected_the_most_probable_class_is_shown(probabilities: NDArray[np.float32]) -> None:
    loose = LabelProtocol("loose", "Loose", (Structure("a", "A", "#ff0000", "q"), Structure("b", "B", "#00ff00", "w")))
    np.testing.assert_array_equal(classes_of(probabilities, loose), probabilities.argmax(axis=0))


def _pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    count, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(pieces), np.bincount(pieces.ravel(), minlength=count)[1:]
