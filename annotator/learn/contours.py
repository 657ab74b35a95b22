"""Where the allowed sets of neighbouring pixels differ: the contours that a person drew."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def near_contour(bitmaps: Tensor, *, width: int, everything: int | Tensor) -> Tensor:
    """(B, H, W) bool: pixels that say something, within ``width`` pixels of one that says something else.

    A pixel of which nothing is known makes no contour, so the rim of a rotated frame is none.

    Parameters
    ----------
    bitmaps
        (B, H, W) integer, each below 2^16.
    width
        In pixels, at least 1.
    everything
        The bitmap of a pixel of which nothing is known: one for all frames, or (B, 1, 1) integer.
    """
    says = bitmaps != everything
    # Below 2^24 an integer is exact in float32, which pooling needs.
    values = bitmaps.float().unsqueeze(1)
    silent = ~says.unsqueeze(1)
    side = 2 * width + 1
    highest = F.max_pool2d(values.masked_fill(silent, -torch.inf), side, stride=1, padding=width)
    lowest = -F.max_pool2d((-values).masked_fill(silent, -torch.inf), side, stride=1, padding=width)
    return (highest != lowest).squeeze(1) & says
