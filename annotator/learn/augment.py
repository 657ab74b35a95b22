"""Augmentation of whole batches on the device: one geometry for both, strong intensities for the student alone.

There is no vertical flip: the probe is at the top of an ultrasound image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn.preprocess import INPUT_MEAN, INPUT_STD
from annotator.learn.recipe import AugmentSection

_DEPTH_KNOTS = 5
_ELASTIC_KNOTS = 5


@dataclass(frozen=True, slots=True)
class Chance:
    """Random numbers of a step.

    Parameters
    ----------
    parameters
        CPU generator of the few numbers per frame, so that they are the same on every device.
    noise
        Generator on the device, for noise fields (the same object on the CPU).
    """

    parameters: torch.Generator
    noise: torch.Generator


def normalise(images: Tensor) -> Tensor:
    """(B, S, S) uint8 to the network's input, (B, 1, S, S) float32."""
    return (images.unsqueeze(1).float() / 255.0 - INPUT_MEAN) / INPUT_STD


def random_affine(count: int, section: AugmentSection, generator: torch.Generator) -> Tensor:
    """(count, 2, 3) float32 sampling matrices: rotation, zoom, shift and left-right flip about the centre."""
    angle = _symmetric(count, math.radians(section.rotation), generator)
    zoom = torch.exp(_symmetric(count, math.log1p(section.scale), generator))
    mirror = torch.where(torch.rand(count, generator=generator) < section.flip, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shifts = [_symmetric(count, 2 * section.shift, generator) for _ in range(2)]
    rows = [
        torch.stack([cosine * mirror, -sine, shifts[0]], dim=1),
        torch.stack([sine * mirror, cosine, shifts[1]], dim=1),
    ]
    return torch.stack(rows, dim=1)


def random_grid(count: int, side: int, section: AugmentSection, generator: torch.Generator) -> Tensor:
    """(count, side, side, 2) float32 sampling positions in -1..1: an affine map and a smooth elastic one."""
    grid = F.affine_grid(random_affine(count, section, generator), [count, 1, side, side], align_corners=False)
    if section.elastic == 0.0:
        return grid
    knots = _symmetric(count * 2 * _ELASTIC_KNOTS**2, 2 * section.elastic, generator)
    field = knots.view(count, 2, _ELASTIC_KNOTS, _ELASTIC_KNOTS)
    return grid + F.interpolate(field, (side, side), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def shared(grid: Tensor, triples: Tensor | None) -> Tensor:
    """Sampling positions (B, S, S, 2) in which a triple's frames all move as its first row in the batch does.

    Parameters
    ----------
    grid
        (B, S, S, 2) float32.
    triples
        (N, 3) int64 rows of the batch; ``None`` where every frame moves by itself.
    """
    if triples is None:
        return grid
    leader = torch.arange(len(grid), device=triples.device)
    leader[triples] = triples.amin(dim=1, keepdim=True).expand_as(triples)
    return grid[leader]


def warp(images: Tensor, bitmaps: Tensor, grid: Tensor, *, everything: int) -> tuple[Tensor, Tensor]:
    """Move images (bilinear) and allowed sets (nearest) alike.

    Parameters
    ----------
    images
        (B, S, S) uint8.
    bitmaps
        (B, S, S) int32.
    grid
        (B, S, S, 2) float32 on the device, from :func:`random_grid`.
    everything
        The allowed set of what comes in from outside, where nothing is known.

    Returns
    -------
    images
        (B, 1, S, S) float32 in 0..1.
    bitmaps
        (B, S, S) int32.
    """
    moved = F.grid_sample(images.unsqueeze(1).float() / 255.0, grid, mode="bilinear", align_corners=False)
    # A bitmap below 2^16 is exact in float32; zero padding becomes 'everything' through the shift.
    shifted = (bitmaps - everything).unsqueeze(1).float()
    sets = F.grid_sample(shifted, grid, mode="nearest", align_corners=False).squeeze(1)
    return moved, sets.round().to(torch.int32) + everything


def strong_view(images: Tensor, section: AugmentSection, chance: Chance) -> Tensor:
    """The student's view: gamma, gain, time-gain, blur or sharpening, speckle and noise, seldom inverted contrast.

    Parameters
    ----------
    images
        (B, 1, S, S) float32 in 0..1.
    section
        Largest strengths.
    chance
        See :class:`Chance`.

    Returns
    -------
    (B, 1, S, S) float32 in 0..1
    """
    count, device = len(images), images.device

    def per_frame(limit: float) -> Tensor:
        return _symmetric(count, limit, chance.parameters).view(-1, 1, 1, 1).to(device)

    gamma, gain = torch.exp(per_frame(section.gamma)), torch.exp(per_frame(section.gain))
    view = images.clamp(min=1e-4).pow(gamma) * gain
    knots = _symmetric(count * _DEPTH_KNOTS, section.time_gain, chance.parameters).view(count, 1, _DEPTH_KNOTS, 1)
    view = view * (1 + F.interpolate(knots.to(device), (images.shape[2], 1), mode="bilinear", align_corners=True))
    view = torch.lerp(view, _blurred(view), per_frame(section.blur))
    level = per_frame(section.noise).abs()
    field = torch.randn(images.shape, generator=chance.noise, device=device)
    view = view + field * level * (0.3 + view)
    inverted = (torch.rand(count, generator=chance.parameters) < section.invert).view(-1, 1, 1, 1).to(device)
    view = view.clamp(0.0, 1.0)
    return torch.where(inverted, 1.0 - view, view)


def to_input(images: Tensor) -> Tensor:
    """(B, 1, S, S) float32 in 0..1 to the network's input."""
    return (images - INPUT_MEAN) / INPUT_STD


def _blurred(images: Tensor) -> Tensor:
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, 3, stride=1), 3, stride=1)


def _symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * limit
