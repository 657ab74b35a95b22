"""LABO: label regularisation in closed form, on what the annotator said (Lu et al. 2023, arXiv 2305.04971).

The inner problem min_P a CE(P, p) + b KL(P || uniform) is solved by P* = softmax(z / tau), tau = b / a. The published
problem is quoted from its abstract and from memory; the solution is derived and checked here [our derivation], as is
its form on allowed sets: merge first, temper second.
"""

from __future__ import annotations

import torch
from torch import Tensor

from annotator.learn.losses import MASKED, informative, log_sum_exp
from annotator.learn.partial_losses import frame_known


def merged(log_p: Tensor, allowed: Tensor) -> Tensor:
    """Log-probabilities of what the annotator told apart, (B, K+3, H, W).

    Channel K+1 is the pixel's allowed set as one class (the target), channel K+2 background and the frame's unknown
    structures as one class where the target is something else; the other channels keep the remaining structures.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities.
    allowed
        (B, K+1, H, W) bool.
    """
    background = ~frame_known(allowed)[:, :, None, None] & ~allowed
    target = log_sum_exp(log_p.masked_fill(~allowed, MASKED))
    rest = log_sum_exp(log_p.masked_fill(~background, MASKED))
    return torch.cat([log_p.masked_fill(allowed | background, MASKED), target, rest], dim=1)


def best_labels(merged_log_p: Tensor, tau: float) -> Tensor:
    """P* = softmax(m / tau) of merged logits m, without gradient, of their shape.

    Parameters
    ----------
    merged_log_p
        (B, C, H, W) merged logits, from :func:`merged`.
    tau
        1 gives the prediction itself, infinity the uniform distribution of label smoothing.
    """
    possible = merged_log_p > 0.5 * MASKED
    return torch.softmax((merged_log_p.detach() / tau).masked_fill(~possible, MASKED), dim=1)


def regularisation(log_p: Tensor, allowed: Tensor, active: Tensor, *, share: Tensor, tau: float) -> Tensor:
    """What is added to the marginal cross entropy: mean of a (CE(P*, p) - CE(y, p)) over the pixels that say something.

    With the cross entropy itself, the gradient for the merged logits is (1 - a)(p - y) + a (p - P*).

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities over all active classes.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    share
        (B, H, W) float, a of each pixel, in 0..1.
    tau
        Temperature.
    """
    says = informative(allowed, active)
    m = merged(log_p, allowed)
    soft = -(best_labels(m, tau) * m).sum(dim=1)
    hard = -m[:, -2]
    return (share * (soft - hard) * says).sum() / says.sum().clamp(min=1)


def share_of(near: Tensor, *, share: float, contour_factor: float) -> Tensor:
    """A of each pixel, (B, H, W) float32: ``share``, and ``contour_factor`` times as much near a contour (at most 1).

    Parameters
    ----------
    near
        (B, H, W) bool.
    share, contour_factor
        See above.
    """
    return torch.where(near, min(1.0, share * contour_factor), share)
