"""Losses on allowed sets: what is not known of a pixel never pulls it anywhere.

Marginal cross entropy: Shi et al., "Marginal loss and exclusion loss for partially supervised multi-organ
segmentation", MedIA 2021. For logits z and allowed set S of a pixel, with probabilities p,

    L = logsumexp(z) - logsumexp over S(z),        dL/dz_k = p_k - [k in S] p_k / sum_S p.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MASKED = -1e9
"""Logit of a class that cannot be: finite, since infinities make NaN gradients, and exp() of it is exactly 0."""

_SMALL = 1e-6


def exponential(x: Tensor) -> Tensor:
    """exp(x), through the power of two: a CPU's exp() takes ten times as long or more where the result underflows.

    That is everywhere where a class cannot be.
    """
    return torch.exp2(x * math.log2(math.e))


def log_sum_exp(x: Tensor) -> Tensor:
    """Log of the sum of exp over the classes, (B, C, H, W) to (B, 1, H, W); see :func:`exponential`."""
    # Held constant, since the result does not depend on it.
    top = x.detach().amax(dim=1, keepdim=True)
    return top + exponential(x - top).sum(dim=1, keepdim=True).log()


def how_many(sets: Tensor) -> Tensor:
    """Classes in each set, (B, C, H, W) bool to (B, 1, H, W) uint8, which adds up 20 times as fast as bool."""
    return sets.view(torch.uint8).sum(dim=1, keepdim=True, dtype=torch.uint8)


def as_numbers(sets: Tensor, kind: torch.dtype) -> Tensor:
    """Bool as 0 and 1 of a floating type, by which a CPU multiplies twice as fast as by bool, forward and backward."""
    return sets.view(torch.uint8).to(kind)


def of_active(sets: Tensor, active: Tensor) -> Tensor:
    """The active classes of each set, (B, C, H, W) bool and (C,) bool to (B, C, H, W) bool.

    As numbers, since 'and' of bool that broadcasts costs a CPU twenty times as long.
    """
    return (sets.view(torch.uint8) & active.view(torch.uint8).view(1, -1, 1, 1)).view(torch.bool)


def allowed_sets(bitmaps: Tensor, n_classes: int) -> Tensor:
    """(B, H, W) integer bitmaps to (B, K+1, H, W) bool."""
    bits = 1 << torch.arange(n_classes, device=bitmaps.device, dtype=bitmaps.dtype).view(1, -1, 1, 1)
    return (bitmaps.unsqueeze(1) & bits).bool()


def mask_inactive(logits: Tensor, active: Tensor) -> Tensor:
    """Logits (B, K+1, H, W) in float32 with the classes that have no label yet made impossible.

    Parameters
    ----------
    logits
        (B, K+1, H, W) of any floating type.
    active
        (K+1,) bool; background is always active.
    """
    return masked(logits, active.view(1, -1, 1, 1))


def masked(logits: Tensor, possible: Tensor) -> Tensor:
    """Logits (B, K+1, H, W) in float32 (float64 stays) with everything made impossible that is not ``possible``.

    Parameters
    ----------
    logits
        (B, K+1, H, W) of any floating type.
    possible
        Bool, of a shape that broadcasts.
    """
    kind = torch.float64 if logits.dtype is torch.float64 else torch.float32
    # Reductions over a few interleaved channels cost a CPU several times what they cost over planes.
    wide = logits.to(kind, copy=True, memory_format=torch.contiguous_format)
    return wide.masked_fill_(~possible, MASKED)


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
    return how_many(of_active(~allowed, active)).squeeze(1) > 0


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
    says = as_numbers(informative(allowed, active), log_p.dtype)
    # A sum, where choosing between two values costs a CPU more, above all its gradient.
    within = torch.add(log_p, as_numbers(~allowed, log_p.dtype), alpha=MASKED)
    loss = -log_sum_exp(within).squeeze(1)
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
    probability = exponential(log_p[:, 1:])
    is_positive = (allowed & (how_many(allowed) == 1))[:, 1:]
    positive = as_numbers(is_positive, log_p.dtype)
    decided = as_numbers(is_positive | ~allowed[:, 1:], log_p.dtype)
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
    return torch.log_softmax(masked(logits.detach(), of_active(allowed, active)), dim=1)


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
    undecided = as_numbers(how_many(of_active(allowed, active)).squeeze(1) > 1, log_p.dtype)
    count = undecided.sum().clamp(min=1)
    open_target = exponential(log_q) * undecided.unsqueeze(1)
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
