"""Laws of label dropout: dropped becomes unknown, never background, and never the last thing known."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.core.allowed import allowed_bitmap
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus
from annotator.learn.label_dropout import choose_dropped, drop_labels, known_structures, partially_labelled

PROTOCOL = LabelProtocol("p", "P", tuple(Structure(c, c, "#000000", c) for c in "abc"))
KINDS = ("unknown", "outlined", "absent", "partial")


def _label(kinds: tuple[str, ...], regions: NDArray[np.int64]) -> PartialLabel:
    claims: dict[str, StructureLabel] = {}
    for i, kind in enumerate(kinds, start=1):
        name = PROTOCOL.ids[i - 1]
        inside = regions == i
        match kind:
            case "outlined":
                claims[name] = StructureLabel(LabelStatus.OUTLINED, inside)
            case "absent":
                claims[name] = StructureLabel(LabelStatus.ABSENT)
            case "partial":
                half = inside & (np.indices(inside.shape)[0] < 3)
                claims[name] = StructureLabel(LabelStatus.PARTIAL, half, regions == 4)
    return PartialLabel((6, 6), claims)


regions = st.lists(st.integers(0, 4), min_size=36, max_size=36).map(lambda v: np.array(v).reshape(6, 6))
kinds = st.tuples(*[st.sampled_from(KINDS)] * 3)
subsets = st.tuples(*[st.booleans()] * 3)


def _dropped(bitmap: NDArray[np.uint16], wish: tuple[bool, ...]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    known = known_structures(bitmap, 4)
    drop = known & np.array([False, *wish])
    out = drop_labels(
        torch.from_numpy(bitmap.astype(np.int32))[None], torch.from_numpy(known)[None], torch.from_numpy(drop)[None]
    )
    return out[0].numpy().astype(np.int64), drop


@settings(max_examples=60, deadline=None)
@given(kinds, regions, subsets)
def test_dropping_only_enlarges_and_never_makes_background(
    kinds: tuple[str, ...], regions: NDArray[np.int64], wish: tuple[bool, ...]
) -> None:
    bitmap = allowed_bitmap(_label(kinds, regions), PROTOCOL)
    out, drop = _dropped(bitmap, wish)
    assert ((bitmap & ~out) == 0).all()
    for c in np.flatnonzero(drop):
        may_be_background = (out & 1) != 0
        assert ((out[may_be_background] >> c) & 1 == 1).all()
        assert not (out == (1 << c)).any()
    newly_background = ((out & 1) != 0) & ((bitmap & 1) == 0)
    assert (out[newly_background] & (out[newly_background] - 1) != 0).all()


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.sampled_from(("unknown", "outlined", "absent"))] * 3), regions, subsets)
def test_dropping_equals_never_having_been_said(
    kinds: tuple[str, ...], regions: NDArray[np.int64], wish: tuple[bool, ...]
) -> None:
    label = _label(kinds, regions)
    bitmap = allowed_bitmap(label, PROTOCOL)
    out, drop = _dropped(bitmap, wish)
    left = tuple("unknown" if drop[i + 1] else kind for i, kind in enumerate(kinds))
    np.testing.assert_array_equal(out, allowed_bitmap(_label(left, regions), PROTOCOL))


def test_knows_which_structures_a_frame_speaks_of() -> None:
    regions = np.zeros((6, 6), dtype=np.int64)
    regions[:2] = 1
    regions[4:] = 2
    bitmap = allowed_bitmap(_label(("outlined", "unknown", "absent"), regions), PROTOCOL)
    assert known_structures(bitmap, 4).tolist() == [False, True, False, True]
    assert not known_structures(np.full((6, 6), 0b1111, dtype=np.uint16), 4).any()


def test_partially_labelled_follows_from_the_data() -> None:
    known = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], dtype=np.bool_)
    assert partially_labelled(known).tolist() == [False, False, True, True]
    assert not partially_labelled(np.zeros((0, 4), dtype=np.bool_)).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_last_thing_known_is_never_dropped(seed: int, probability: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    known = torch.rand((16, 4), generator=generator) < 0.5
    known[:, 0] = False
    partial = torch.tensor([False, True, True, False])
    dropped = choose_dropped(known, partial, probability, generator)
    assert not bool((dropped & ~known).any())
    assert not bool(dropped[:, 3].any())
    assert not bool((known.any(dim=1) & ~(known & ~dropped).any(dim=1)).any())


def test_the_rate_is_the_probability() -> None:
    known = torch.tensor([[False, True, True, True]]).expand(4000, 4)
    partial = torch.tensor([False, True, True, False])
    dropped = choose_dropped(known, partial, 0.3, torch.Generator().manual_seed(0))
    assert abs(float(dropped[:, 1:3].float().mean()) - 0.3) < 0.03
