"""Derived structures say what their members decide, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.allowed import allowed_bitmap
from annotator.core.errors import UnknownName
from annotator.core.indexed import to_indexed
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus
from annotator.export import derived_clips, derived_context, derived_label
from annotator.testing.samples import SAMPLE_PROTOCOL, labelled_clip, random_label, sample_clip, sample_context

ONE = np.array([[1, 1, 0, 0]], dtype=np.bool_)
TWO = np.array([[0, 0, 1, 0]], dtype=np.bool_)


def outlined(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> StructureLabel:
    return StructureLabel(LabelStatus.OUTLINED, mask.copy())


def test_two_outlines_make_one() -> None:
    label = PartialLabel((1, 4), {"one": outlined(ONE), "two": outlined(TWO)})
    said = derived_label(label, SAMPLE_PROTOCOL, "both")
    assert said == outlined(ONE | TWO)


def test_an_unknown_member_leaves_the_rest_open() -> None:
    said = derived_label(PartialLabel((1, 4), {"one": outlined(ONE)}), SAMPLE_PROTOCOL, "both")
    assert said.status is LabelStatus.PARTIAL
    assert said.inside is not None
    assert said.inside.tolist() == ONE.tolist()
    assert said.outside is None, "nobody said of any pixel that it is not there"


def test_two_absent_members_make_it_absent() -> None:
    absent = StructureLabel(LabelStatus.ABSENT)
    said = derived_label(PartialLabel((1, 4), {"one": absent, "two": absent}), SAMPLE_PROTOCOL, "both")
    assert said.status is LabelStatus.ABSENT


def test_an_unknown_name_offers_the_known() -> None:
    with pytest.raises(UnknownName, match="both"):
        derived_label(PartialLabel((1, 4)), SAMPLE_PROTOCOL, "neither")


@given(seed=st.integers(0, 2**32 - 1))
def test_it_is_known_exactly_where_the_members_decide(seed: int) -> None:
    label, context = random_label(seed, (6, 9)), sample_context()
    released = derived_context(context, "both")
    frame = next(iter(next(derived_clips([labelled_clip(sample_clip(), [label])], SAMPLE_PROTOCOL, "both")).frames))
    mask = to_indexed(frame.label, released.protocol, released.values)
    bitmap = allowed_bitmap(label, SAMPLE_PROTOCOL)
    members = 0b0110
    assert np.array_equal(mask == 1, (bitmap & ~np.uint16(members)) == 0)
    assert np.array_equal(mask == 0, (bitmap & members) == 0)
    assert set(frame.provenance) <= {"both"}
