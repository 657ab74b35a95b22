from __future__ import annotations

import numpy as np
import pytest

from annotator.core.errors import AnnotatorError, Contradiction
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus

SHAPE = (3, 4)
FULL = np.ones(SHAPE, dtype=np.bool_)


def test_a_missing_structure_is_unknown() -> None:
    assert PartialLabel(SHAPE).status("anything") is LabelStatus.UNKNOWN


def test_unknown_labels_and_empty_unsure_are_left_out() -> None:
    label = PartialLabel(SHAPE, {"one": StructureLabel()}, np.zeros(SHAPE, dtype=np.bool_))
    assert label == PartialLabel(SHAPE)


@pytest.mark.parametrize("status", [LabelStatus.UNKNOWN, LabelStatus.ABSENT, LabelStatus.REJECTED])
def test_a_status_without_pixels_has_no_mask(status: LabelStatus) -> None:
    with pytest.raises(AnnotatorError, match="has no mask"):
        StructureLabel(status, FULL.copy())


@pytest.mark.parametrize("status", [LabelStatus.DRAFT, LabelStatus.OUTLINED, LabelStatus.PARTIAL])
def test_a_status_with_pixels_needs_a_mask(status: LabelStatus) -> None:
    with pytest.raises(AnnotatorError, match="needs mask"):
        StructureLabel(status)


def test_is_and_is_not_exclude_each_other() -> None:
    with pytest.raises(Contradiction):
        StructureLabel(LabelStatus.PARTIAL, FULL.copy(), FULL.copy())


def test_two_structures_cannot_claim_a_pixel() -> None:
    claim = StructureLabel(LabelStatus.OUTLINED, FULL.copy())
    with pytest.raises(Contradiction, match="12 pixels are claimed by both 'one' and 'two'"):
        PartialLabel(SHAPE, {"one": claim, "two": claim})


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(AnnotatorError, match=r"\(3, 4\) where its frame is \(4, 4\)"):
        PartialLabel((4, 4), {"one": StructureLabel(LabelStatus.OUTLINED, FULL.copy())})


def test_masks_cannot_be_changed_behind_the_label() -> None:
    label = StructureLabel(LabelStatus.OUTLINED, FULL.copy())
    assert label.inside is not None
    with pytest.raises(ValueError, match="read-only"):
        label.inside[0, 0] = False
