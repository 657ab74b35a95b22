"""Augmentation keeps image and knowledge together, and knows nothing of what comes in from outside."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

from annotator.learn import augment
from annotator.learn.chance import Chance
from annotator.learn.recipe_sections import AugmentSection

EVERYTHING = 0b111
STILL = AugmentSection(
    elastic=0, rotation=0, scale=0, shift=0, flip=0, gamma=0, gain=0, time_gain=0, blur=0, noise=0, invert=0
)


def _batch(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    disc = (y - 20) ** 2 + (x - 28) ** 2 < 120
    images = (disc * 255).to(torch.uint8).expand(count, -1, -1).contiguous()
    bitmaps = torch.where(disc, 2, 1).to(torch.int32).expand(count, -1, -1).contiguous()
    return images, bitmaps


def _chance(seed: int = 0) -> Chance:
    generator = torch.Generator().manual_seed(seed)
    return Chance(generator, generator)


def test_image_and_bitmap_move_together() -> None:
    images, bitmaps = _batch()
    grid = augment.random_grid(6, 48, AugmentSection(flip=0.5, elastic=0.03), _chance(1))
    moved, sets = augment.warp(images, bitmaps, grid, everything=EVERYTHING)
    disc, bright = sets == 2, moved[:, 0] > 0.5
    overlap = 2 * (disc & bright).sum((1, 2)) / (disc.sum((1, 2)) + bright.sum((1, 2)))
    assert float(overlap.min()) > 0.95
    assert not torch.equal(sets[0], sets[1])


def test_outside_nothing_is_known() -> None:
    images, bitmaps = _batch(1)
    shifted = torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    grid = F.affine_grid(shifted, [1, 1, 48, 48], align_corners=False)
    moved, sets = augment.warp(images, bitmaps, grid, everything=EVERYTHING)
    assert bool((sets[..., 24:] == EVERYTHING).all())
    assert not bool(moved[..., 25:].any())
    assert set(sets.flatten().tolist()) <= {1, 2, EVERYTHING}


def test_an_inverted_image_moves_as_the_image_does() -> None:
    images, bitmaps = _batch()
    grid = augment.random_grid(6, 48, AugmentSection(shift=0.3, scale=0.3), _chance(2))
    moved, _ = augment.warp(images, bitmaps, grid, everything=EVERYTHING)
    inverted, _ = augment.warp(255 - images, bitmaps, grid, everything=EVERYTHING)
    torch.testing.assert_close(inverted, 1.0 - moved, atol=1e-5, rtol=0)


def test_all_sixteen_bits_survive_the_warp() -> None:
    images, _ = _batch(1)
    bitmaps = torch.randint(1, 1 << 16, (1, 48, 48), dtype=torch.int32)
    identity = augment.random_grid(1, 48, STILL, _chance())
    _, sets = augment.warp(images, bitmaps, identity, everything=0xFFFF)
    assert torch.equal(sets, bitmaps)


def test_no_strength_changes_nothing() -> None:
    images, bitmaps = _batch()
    grid = augment.random_grid(6, 48, STILL, _chance())
    moved, _ = augment.warp(images, bitmaps, grid, everything=EVERYTHING)
    torch.testing.assert_close(augment.strong_view(moved, STILL, _chance()), moved, atol=1e-3, rtol=0)


def test_contrast_is_exchanged_only_between_frames_that_differ_in_it() -> None:
    section = STILL.model_copy(update={"exchange_contrast": 1.0})
    images, _ = _batch(4)
    usual = images.unsqueeze(1).float().clamp(min=1) / 255
    torch.testing.assert_close(augment.strong_view(usual, section, _chance()), usual, atol=1e-3, rtol=0)
    mixed = usual.clone()
    mixed[1] = 1.0 - mixed[1]
    view = augment.strong_view(mixed, section, _chance())
    # Row 1 follows a usual frame and becomes one; row 2 follows the inverted one.
    expected = torch.stack([usual[0], usual[1], 1.0 - usual[2], usual[3]])
    torch.testing.assert_close(view, expected, atol=1e-3, rtol=0)


def test_strong_views_differ_per_frame_and_stay_in_range() -> None:
    images, _ = _batch()
    plain = images.unsqueeze(1).float() / 255 * 0.6
    view = augment.strong_view(plain, AugmentSection(), _chance())
    assert float(view.min()) >= 0.0
    assert float(view.max()) <= 1.0
    assert not torch.equal(view[0], view[1])
    assert torch.equal(view, augment.strong_view(plain, AugmentSection(), _chance()))


def test_inverted_contrast() -> None:
    plain = torch.rand(3, 1, 16, 16)
    section = STILL.model_copy(update={"invert": 1.0})
    torch.testing.assert_close(augment.strong_view(plain, section, _chance()), 1 - plain, atol=1e-3, rtol=0)


def test_rotation_never_turns_the_image_upside_down() -> None:
    matrices = augment.random_affine(500, AugmentSection(flip=0.5), torch.Generator().manual_seed(0))
    assert bool((matrices[:, 1, 1] > 0).all())
    mirrored = matrices[:, 0, 0] < 0
    assert 0.4 < float(mirrored.float().mean()) < 0.6


def test_input_is_normalised_alike() -> None:
    images, _ = _batch(2)
    torch.testing.assert_close(augment.normalise(images), augment.to_input(images.unsqueeze(1).float() / 255))


def test_elastic_deformation_is_smooth_and_bounded() -> None:
    chance = _chance()
    still, bent = (augment.random_grid(8, 48, STILL.model_copy(update={"elastic": e}), chance) for e in (0.0, 0.03))
    moved = (bent - still).abs() * 24
    assert 0.5 < float(moved.max()) < 48 * 0.03 * 1.5
    assert float((bent - still).diff(dim=1).abs().max()) * 24 < 0.5


def test_a_triple_moves_as_one_and_the_others_as_before() -> None:
    grid = torch.rand((6, 4, 4, 2), generator=torch.Generator().manual_seed(0))
    moved = augment.shared(grid, torch.tensor([[4, 0, 5]]))
    assert all(torch.equal(moved[i], grid[0]) for i in (0, 4, 5))
    assert torch.equal(moved[1:4], grid[1:4])
    assert augment.shared(grid, None) is grid
