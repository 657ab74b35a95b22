"""Augmentation of whole batches on the device: one geometry for both, strong intensities for the student alone.

There is no vertical flip: the probe is at the top of an ultrasound image.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn.chance import Chance, symmetric
from annotator.learn.preprocess import INPUT_MEAN, INPUT_STD
from annotator.learn.recipe_sections import AugmentSection

_DEPTH_KNOTS = 5
_ELASTIC_KNOTS = 5


def normalise(images: Tensor) -> Tensor:
    """(B, S, S) uint8 to the network's input, (B, 1, S, S) float32."""
    return (images.unsqueeze(1).float() / 255.0 - INPUT_MEAN) / INPUT_STD


def random_affine(count: int, section: AugmentSection, generator: torch.Generator) -> Tensor:
    """(count, 2, 3) float32 sampling matrices: rotation, zoom, shift and left-right flip about the centre."""
    angle = symmetric(count, math.radians(section.rotation), generator)
    zoom = torch.exp(symmetric(count, math.log1p(section.scale), generator))
    mirror = torch.where(torch.rand(count, generator=generator) < section.flip, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shifts = [symmetric(count, 2 * section.shift, generator) for _ in range(2)]
    rows = [
        torch.stack([cosine * mirror, -sine, shifts[0]], dim=1),
        torch.stack([sine * mirror, cosine, shifts[1]], dim=1),
    ]
    return torch.stack(rows, dim=1)


def random_grid(count: int, side: int, section: AugmentSection, chance: Chance) -> Tensor:
    """(count, side, side, 2) float32 sampling positions in -1..1: an affine map and a smooth elastic one.

    The elastic field is bicubic between its knots, so that along each axis both maps are sums of a few fixed profiles
    (one per knot, a constant and a slope): the grid is a product of small matrices.
    """
    weights = chance.draw(lambda generator: _profile_weights(count, section, generator))
    profiles = _profiles(side, chance.device)
    # The profiles of y first: (S, P) @ (count, 2, P, P) @ (P, S).
    return (profiles @ weights @ profiles.T).permute(0, 2, 3, 1)


def _profile_weights(count: int, section: AugmentSection, generator: torch.Generator) -> Tensor:
    """(count, 2, P, P): what each pair of profiles, of y and of x, adds to a frame's two coordinates."""
    n = _ELASTIC_KNOTS
    weights = torch.zeros((count, 2, n + 2, n + 2))
    affine = random_affine(count, section, generator)
    weights[:, :, n, n + 1], weights[:, :, n + 1, n], weights[:, :, n, n] = affine.unbind(dim=2)
    if section.elastic:
        weights[:, :, :n, :n] = symmetric(count * 2 * n * n, 2 * section.elastic, generator).view(count, 2, n, n)
    return weights


@lru_cache(maxsize=8)
def _profiles(side: int, device: torch.device) -> Tensor:
    """(side, P) float32: bicubic interpolation from each knot, then 1, then the position of pixel centres in -1..1."""
    n = _ELASTIC_KNOTS
    bicubic = F.interpolate(torch.eye(n).view(1, n, n, 1), (side, 1), mode="bicubic", align_corners=True)
    position = (2 * torch.arange(side) + 1) / side - 1
    return torch.stack([*bicubic[0, :, :, 0], torch.ones(side), position], dim=1).to(device)


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


def warp(images: Tensor, bitmaps: Tensor, grid: Tensor, *, everything: int | Tensor) -> tuple[Tensor, Tensor]:
    """Move images (bilinear) and allowed sets (nearest) alike; what comes in from outside is an image's ground.

    Parameters
    ----------
    images
        (B, S, S) uint8.
    bitmaps
        (B, S, S) uint8 or int32.
    grid
        (B, S, S, 2) float32 on the device, from :func:`random_grid`.
    everything
        The allowed set of what comes in from outside, where nothing is known: one for all frames, or (B, 1, 1) of the
        same type.

    Returns
    -------
    images
        (B, 1, S, S) float32 in 0..1.
    bitmaps
        (B, S, S), as they were.
    """
    whole = images.unsqueeze(1)
    ground = 255.0 * _has_light_edge(whole, white=255)
    moved = F.grid_sample((whole - ground).div_(255.0), grid, mode="bilinear", align_corners=False).add_(ground / 255)
    # A bitmap below 2^16 is exact in float32; zero padding becomes 'everything' through the shift, which wraps around.
    shifted = (bitmaps - everything).unsqueeze(1).float()
    sets = F.grid_sample(shifted, grid, mode="nearest", align_corners=False).squeeze(1)
    return moved, sets.to(bitmaps.dtype).add_(everything)


def _has_light_edge(images: Tensor, *, white: float) -> Tensor:
    """(B, 1, S, S) in 0..white to (B, 1, 1, 1) bool: whether an image's ground is white, as in inverted contrast."""
    edge = torch.cat([images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]], dim=-1)
    return (edge.mean(dim=-1, dtype=torch.float32) > white / 2).view(-1, 1, 1, 1)


def strong_view(images: Tensor, section: AugmentSection, chance: Chance) -> Tensor:
    """The student's view: gamma, gain, time-gain, blur or sharpening, speckle and noise, at times inverted contrast.

    Where some frames of the batch have light grounds and some dark ones, what is known of the ones teaches the others:
    a frame's contrast may become that of the frame before it in the batch.

    Parameters
    ----------
    images
        (B, 1, S, S) float32 in 0..1.
    section
        Largest strengths.
    chance
        See :class:`~annotator.learn.chance.Chance`.

    Returns
    -------
    (B, 1, S, S) float32 in 0..1
    """
    count = len(images)

    def per_frame(limit: float) -> Tensor:
        return chance.symmetric(count, limit).view(-1, 1, 1, 1)

    gamma, log_gain = torch.exp(per_frame(section.gamma)), per_frame(section.gain)
    # gain * image^gamma; a CPU's pow() takes four times as long.
    view = images.clamp(min=1e-4).log_().mul_(gamma).add_(log_gain).exp_()
    knots = chance.symmetric(count * _DEPTH_KNOTS, section.time_gain).view(count, 1, _DEPTH_KNOTS, 1)
    view = view * (1 + F.interpolate(knots, (images.shape[2], 1), mode="bilinear", align_corners=True))
    view = torch.lerp(view, _blurred(view), per_frame(section.blur))
    level = per_frame(section.noise).abs()
    view += chance.normal(images.shape).mul_(level).mul_(0.3 + view)
    drawn = chance.draw(lambda generator: torch.rand(count, generator=generator)).view(-1, 1, 1, 1)
    is_light = _has_light_edge(images, white=1)
    differs = is_light != is_light.roll(1, dims=0)
    inverted = (drawn < section.invert) | (differs & (drawn >= 1 - section.exchange_contrast))
    # |v - 1| is 1 - v, and |v - 0| is v.
    return view.clamp_(0.0, 1.0).sub_(inverted.float()).abs_()


def teacher_view(plain: Tensor, deviation: float, chance: Chance) -> Tensor:
    """The plain view (B, 1, S, S), with noise of this deviation cut off at twice as much where it is not 0."""
    if not deviation:
        return plain
    noise = chance.normal(plain.shape) * deviation
    return plain + noise.clamp(-2 * deviation, 2 * deviation)


def to_input(images: Tensor) -> Tensor:
    """(B, 1, S, S) float32 in 0..1 to the network's input."""
    return (images - INPUT_MEAN).div_(INPUT_STD)


def _blurred(images: Tensor) -> Tensor:
    """Twice the mean of 3 x 3 pixels, as sums of shifted images: pooling of one channel costs a CPU ten times that."""
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    return _sum_of_nine(_sum_of_nine(padded)) / 81


def _sum_of_nine(images: Tensor) -> Tensor:
    rows = images[..., :-2, :] + images[..., 1:-1, :] + images[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
