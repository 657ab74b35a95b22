"""BackMix: what lies outside the ultrasound sector comes from another frame, so that it cannot name the scanner.

The idea is published for echo under this name; the way of finding the sector is ours: it is the one large bright
region, and convex along rows, since a sector narrower than 180 degrees is convex.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn.chance import Chance

_BLACK = 6
"""Grey value up to which a pixel counts as empty."""

_LEAST, _MOST = 0.1, 0.97
"""Shares of the frame between which a found sector is believed."""


def sector(images: Tensor) -> Tensor:
    """(B, S, S) bool: inside the ultrasound sector; everything where no sector is found.

    Parameters
    ----------
    images
        (B, S, S) uint8.
    """
    side = images.shape[1]
    bright = (images > _BLACK).float().unsqueeze(1)
    # Closing fills what is dark inside; opening with more takes away text, rulers and the ECG, and the corners of the
    # sector with them, which then grow back as far as they are bright.
    closed = _shrunk(_grown(bright, side // 20), side // 20)
    radius = side // 14
    found = _grown(_shrunk(closed, radius), radius)
    for _ in range(2 * radius):
        found = torch.minimum(_grown(found, 1), closed)
    opened = _grown(found, 1).squeeze(1)
    from_left = opened.cummax(dim=2).values
    from_right = opened.flip(2).cummax(dim=2).values.flip(2)
    inside = (from_left * from_right) > 0
    share = inside.float().mean(dim=(1, 2), keepdim=True)
    return inside | (share < _LEAST) | (share > _MOST)


def exchange_backgrounds(images: Tensor, probability: float, chance: Chance) -> Tensor:
    """Frames of which some have the background of another frame of the batch, (B, S, S) uint8.

    Inside the sector nothing changes; what an annotator drew beyond it keeps its label.

    Parameters
    ----------
    images
        (B, S, S) uint8.
    probability
        Chance of each frame; 0 draws no random number.
    chance
        See :class:`~annotator.learn.chance.Chance`.
    """
    if probability == 0:
        return images
    count = len(images)
    partners = chance.draw(lambda generator: torch.randperm(count, generator=generator))
    chosen = chance.draw(lambda generator: torch.rand(count, generator=generator) < probability)
    inside = sector(images)
    background = images.masked_fill(inside, 0)[partners]
    return torch.where(inside | ~chosen.view(-1, 1, 1), images, background)


def _grown(mask: Tensor, radius: int) -> Tensor:
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)


def _shrunk(mask: Tensor, radius: int) -> Tensor:
    # Beyond the rim counts as bright, so that a sector that touches it is not eaten from there.
    return -F.max_pool2d(-mask, 2 * radius + 1, stride=1, padding=radius)
