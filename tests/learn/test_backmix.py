"""BackMix changes what lies outside the sector, and nothing inside."""

from __future__ import annotations

import torch

from annotator.learn.backmix import exchange_backgrounds, sector
from annotator.learn.chance import Chance

SIDE = 96


def _fan() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    depth, side = (y - 4).float(), (x - SIDE // 2).float()
    radius = (depth**2 + side**2).sqrt()
    return (radius < 86) & (side.abs() < depth * 0.8)


def _frames(count: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    speckle = torch.randint(20, 255, (count, SIDE, SIDE), generator=generator)
    images = torch.where(_fan(), speckle, 0).to(torch.uint8)
    images[:, 40:55, 40:55] = 0
    # Each scanner writes its own mark into a corner.
    for i in range(count):
        images[i, 2:6, 2 + 3 * i : 4 + 3 * i] = 255
    return images


def _chance(seed: int = 0) -> Chance:
    generator = torch.Generator().manual_seed(seed)
    return Chance(generator, generator)


def test_finds_the_sector_with_its_dark_cavity_and_without_text() -> None:
    found = sector(_frames())
    overlap = 2 * (found & _fan()).sum((1, 2)) / (found.sum((1, 2)) + _fan().sum())
    assert float(overlap.min()) > 0.95
    assert float((_fan() & ~found).sum((1, 2)).max()) / float(_fan().sum()) < 0.005
    assert found[:, 40:55, 40:55].all()
    assert not found[:, 2:6, 2:20].any()


def test_frames_without_a_sector_are_left_alone() -> None:
    full = torch.randint(50, 255, (3, SIDE, SIDE)).to(torch.uint8)
    black = torch.zeros_like(full)
    for images in (full, black):
        assert sector(images).all()
        assert torch.equal(exchange_backgrounds(images, 1.0, _chance()), images)


def test_marks_are_exchanged_and_the_inside_stays() -> None:
    images = _frames()
    mixed = exchange_backgrounds(images, 1.0, _chance())
    inside = sector(images)
    assert torch.equal(mixed[inside], images[inside])
    partners = torch.randperm(6, generator=_chance().parameters)
    assert torch.equal(mixed[:, 2:6, 2:20], images[partners][:, 2:6, 2:20])
    assert not torch.equal(mixed, images)


def test_probability_zero_changes_nothing_and_draws_nothing() -> None:
    chance = _chance()
    before = chance.parameters.get_state()
    images = _frames()
    assert exchange_backgrounds(images, 0.0, chance) is images
    assert torch.equal(chance.parameters.get_state(), before)
