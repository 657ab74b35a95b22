"""Losses on allowed sets: what is not known of a pixel never pulls it anywhere.

Marginal cross entropy: Shi et al., "Marginal loss and exclusion loss for partially supervised multi-organ
segmentation", MedIA 2021. For logits z and allowed set S of a pixel, with probabilities p,

    L = logsumexp(z) - logsumexp over S(z),        dL/dz_k = p_k - [k in S] p_k / sum_S p.
"""

from __future__ import annotations

import torch
from torch import Tensor

MASKED = -1e9
"""Logit of a class that cannot be: finite, since infinities make NaN gradients, and exp() of it is exactly 0."""

_SMALL = 1e-6


def allowed_sets(bitmaps: Tensor, n_classes: int) -> Tensor:
    """(B, H, W) integer bitmaps to (B, K+1, H, W) bool."""
    bits = torch.arange(n_classes, device=bitmaps.device, dtype=bitmaps.dtype).view(1, -1, 1, 1)
    return (bitmaps.unsqueeze(1) >> bits) & 1 == 1


def mask_inactive(logits: Tensor, active: Tensor) -> Tensor:
    """Logits (B, K+1, H, W) in float32 with the classes that have no label yet made impossible.

    Parameters
    ----------
    logits
        (B, K+1, H, W) of any floating type.
    active
        (K+1,) bool; background is always active.
    """
    # Reductions over a few interleaved channels cost a CPU several times what they cost over planes.
    planes = logits.contiguous(memory_format=torch.contiguous_format)
    wide = planes if planes.dtype is torch.float64 else planes.float()
    return wide.masked_fill(~active.view(1, -1, 1, 1), MASKED)


def log_probabilities(logits: Tensor, active: Tensor) -> Tensor:
    """Log-softmax of the active classes, (B, K+1, H, W) in float32 (or float64), computed once for all losses.

    Parameters
    ----------
    logits
        (B, K+1, H, W) of any floating type.
    active
        (K+1,) bool.
    """
    return torch.log_softmax(mask_inactive(logits, active), dim=1)


def informative(allowed: Tensor, active: Tensor) -> Tensor:
    """(B, H, W) bool: where the allowed set leaves some active class out."""
    return (~allowed & active.view(1, -1, 1, 1)).any(dim=1)


def marginal_cross_entropy(log_p: Tensor, allowed: Tensor, active: Tensor) -> Tensor:
    """Mean marginal cross entropy over the pixels that say something; 0 where none does.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) from :func:`log_probabilities`.
    allowed
        (B, K+1, H, W) bool, at least one active class per pixel.
    active
        (K+1,) bool.
    """
    says = informative(allowed, active)
    loss = -torch.logsumexp(log_p.masked_fill(~allowed, MASKED), dim=1)
    return (loss * says).sum() / says.sum().clamp(min=1)


def partial_dice(log_p: Tensor, allowed: Tensor, active: Tensor) -> Tensor:
    """Soft Dice loss per structure over the pixels that decide it, averaged over the structures with a positive pixel.

    A pixel is positive for *c* where S = {c}, negative where *c* is not in S, and left out otherwise. The sums run
    over the batch, so that a small or absent structure does not make a loss of its own.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) from :func:`log_probabilities`.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    """
    probability = log_p[:, 1:].exp()
    positive = (allowed & (allowed.sum(dim=1, keepdim=True) == 1))[:, 1:]
    decided = positive | ~allowed[:, 1:]
    sums = (0, 2, 3)
    overlap = (probability * positive).sum(sums)
    total = (probability * decided).sum(sums) + positive.sum(sums)
    counted = (positive.sum(sums) > 0) & active[1:]
    dice = (2 * overlap + _SMALL) / (total + _SMALL)
    return ((1 - dice) * counted).sum() / counted.sum().clamp(min=1)


def soft_target(logits: Tensor, allowed: Tensor, active: Tensor) -> Tensor:
    """Log of the teacher's probabilities restricted to S and renormalised, (B, K+1, H, W), without gradient.

    Restricting makes the teacher unable to contradict the annotator.

    Parameters
    ----------
    logits
        (B, K+1, H, W) of any floating type, the teacher's.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    """
    return torch.log_softmax(mask_inactive(logits.detach(), active).masked_fill(~allowed, MASKED), dim=1)


def consistency(log_p: Tensor, log_q: Tensor, allowed: Tensor, active: Tensor) -> Tensor:
    """KL(q || p) on the pixels where more than one active class is left, balanced by one detached weight per pixel.

    The weight of a pixel is sum_c q_c / sqrt(mean q_c), normalised to mean 1: rare classes count more, while the
    optimum stays p = q (weights apart for positives and negatives would move it, and the teacher would run away).

    Parameters
    ----------
    log_p
        (B, K+1, H, W), the student's :func:`log_probabilities`.
    log_q
        (B, K+1, H, W) from :func:`soft_target`.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    """
    undecided = (allowed & active.view(1, -1, 1, 1)).sum(dim=1) > 1
    count = undecided.sum().clamp(min=1)
    open_target = log_q.exp() * undecided.unsqueeze(1)
    share = open_target.sum(dim=(0, 2, 3)) / count
    rarity = torch.rsqrt(share.clamp(min=1e-3))
    weight = (open_target * rarity.view(1, -1, 1, 1)).sum(dim=1)
    weight = weight * (count / weight.sum().clamp(min=_SMALL))
    divergence = (open_target * (log_q - log_p)).sum(dim=1)
    return (divergence * weight).sum() / count


def unknown_as_background(bitmaps: Tensor) -> Tensor:
    """The naive reading, for comparison: every pixel that is not decided becomes background.

    Parameters
    ----------
    bitmaps
        (B, H, W) integer.
    """
    decided = (bitmaps & (bitmaps - 1)) == 0
    return torch.where(decided, bitmaps, torch.ones_like(bitmaps))
