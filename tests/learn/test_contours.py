"""Contours lie between two things that were said, not at the rim of what is known."""

from __future__ import annotations

import torch

from annotator.learn.contours import near_contour

EVERYTHING = 0b111


def _square() -> torch.Tensor:
    bitmaps = torch.full((1, 16, 16), 0b101, dtype=torch.int32)
    bitmaps[:, 5:11, 5:11] = 0b010
    return bitmaps


def test_a_band_on_both_sides() -> None:
    near = near_contour(_square(), width=1, everything=EVERYTHING)[0]
    assert near[5, 5:11].all()
    assert near[4, 5:11].all()
    assert not near[3].any()
    assert not near[6:10, 6:10].any()


def test_the_rim_of_what_is_known_is_no_contour() -> None:
    bitmaps = _square()
    bitmaps[:, :, :3] = EVERYTHING
    near = near_contour(bitmaps, width=2, everything=EVERYTHING)[0]
    assert not near[:, :3].any()
    assert not near[:2].any()
    assert torch.equal(near[:, 3:], near_contour(_square(), width=2, everything=EVERYTHING)[0][:, 3:])


def test_width_is_the_distance() -> None:
    counts = [int(near_contour(_square(), width=w, everything=EVERYTHING).sum()) for w in (1, 2, 3)]
    assert counts == sorted(set(counts))


def test_the_sixteenth_bit_makes_a_contour() -> None:
    bitmaps = torch.full((1, 4, 4), 1 << 15, dtype=torch.int32)
    bitmaps[:, :, 2:] = (1 << 15) + 1
    assert bool(near_contour(bitmaps, width=1, everything=0xFFFF)[0, :, 1:3].all())
