from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from annotator.core.errors import CorruptProject
from annotator.core.packing import Mask, from_run_lengths, pack, run_lengths, unpack

any_mask = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=17))


@given(any_mask)
def test_packed_masks_come_back(mask: Mask) -> None:
    assert (unpack(pack(mask), (mask.shape[0], mask.shape[1])) == mask).all()


@given(any_mask)
def test_run_lengths_come_back(mask: Mask) -> None:
    runs = run_lengths(mask)
    assert sum(runs) == mask.size
    assert (from_run_lengths(runs, (mask.shape[0], mask.shape[1])) == mask).all()


def test_damaged_masks_are_told() -> None:
    with pytest.raises(CorruptProject, match="decompressed"):
        unpack(b"nonsense", (4, 4))
    with pytest.raises(CorruptProject, match="bytes"):
        unpack(pack(np.ones((4, 4), dtype=np.bool_)), (9, 9))
    with pytest.raises(CorruptProject, match="add up"):
        from_run_lengths([3, 2], (4, 4))
