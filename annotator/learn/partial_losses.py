"""Four readings of a partly labelled frame, for one network and one comparison.

Marginal (Shi et al. 2021) is the reading of the allowed set. Adaptive categorical and adaptive binary are the readings
that Islam et al. (arXiv 2403.07818; MELBA 2026:022) compare it with; their papers' bodies were not available to us, so
the exact forms here, written on allowed sets, are our derivation. The naive reading changes the allowed sets
themselves (:func:`annotator.learn.losses.unknown_as_background`) and then uses the marginal loss.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn.losses import MASKED, how_many, informative, log_sum_exp, marginal_cross_entropy, partial_dice

Reading = Literal["marginal", "background", "adaptive-categorical", "adaptive-binary"]

_SMALL = 1e-6


def frame_known(allowed: Tensor) -> Tensor:
    """Of which structures each frame says something, (B, K+1) bool; entry 0 (background) is False.

    Structure *c* is known where some pixel is decided as *c*, or may be background but not *c*.

    Parameters
    ----------
    allowed
        (B, K+1, H, W) bool.
    """
    decided = allowed & (how_many(allowed) == 1)
    excluded = allowed[:, :1] & ~allowed
    known = (decided | excluded).flatten(2).any(dim=2)
    known[:, 0] = False
    return known


def over_known(log_p: Tensor, allowed: Tensor) -> Tensor:
    """Log-softmax over background and the structures that the frame knows, (B, K+1, H, W); the rest is impossible.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities over all active classes.
    allowed
        (B, K+1, H, W) bool.
    """
    considered = frame_known(allowed)
    considered[:, 0] = True
    return torch.log_softmax(log_p.masked_fill(~considered[:, :, None, None], MASKED), dim=1)


def adaptive_categorical(log_p: Tensor, allowed: Tensor, active: Tensor) -> Tensor:
    """Mean cross entropy of the softmax over background and known structures; 0 where nothing is known.

    What is background *or an unknown structure* to the allowed set is plain background here, since the softmax has no
    other class for it; the unknown structures' logits get no gradient from the frame.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities over all active classes.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    """
    says = informative(allowed, active)
    loss = -log_sum_exp(over_known(log_p, allowed).masked_fill(~allowed, MASKED)).squeeze(1)
    return (loss * says).sum() / says.sum().clamp(min=1)


def structure_logits(log_p: Tensor) -> Tensor:
    """Logit of 'this structure, not background' of each structure, (B, K, H, W).

    z_c - z_0: with it the largest of (0, logits) is the class that the softmax over all classes calls most probable, so
    that a network trained with sigmoids predicts like every other [our derivation].

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities.
    """
    return log_p[:, 1:] - log_p[:, :1]


def adaptive_binary(log_p: Tensor, allowed: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross entropy and soft Dice of each structure's sigmoid in the frames that know it; 0 where none does.

    Positive where S = {c}, negative where *c* is not in S, left out otherwise. The entropy is summed over structures
    and averaged over the pixels that decide at least one, so that it is the cross entropy for a single structure; the
    Dice is that of :func:`~annotator.learn.losses.partial_dice`.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities over all active classes.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    """
    positive = (allowed & (how_many(allowed) == 1))[:, 1:]
    known = (frame_known(allowed) & active)[:, 1:, None, None]
    decides = (positive | ~allowed[:, 1:]) & known
    logits = structure_logits(log_p)
    entropy = F.softplus(torch.where(positive, -logits, logits).masked_fill(~decides, MASKED))
    entropy = entropy.sum() / (how_many(decides) > 0).sum().clamp(min=1)
    sums = (0, 2, 3)
    probability = torch.sigmoid(logits) * decides
    overlap, total = (probability * positive).sum(sums), probability.sum(sums) + positive.sum(sums)
    counted = (positive.sum(sums) > 0) & active[1:]
    dice = (2 * overlap + _SMALL) / (total + _SMALL)
    return entropy, ((1 - dice) * counted).sum() / counted.sum().clamp(min=1)


def supervised(reading: Reading, log_p: Tensor, allowed: Tensor, *, active: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy and Dice partner of one reading.

    Parameters
    ----------
    reading
        Name of the reading, as in a recipe.
    log_p
        (B, K+1, H, W) log-probabilities over all active classes.
    allowed
        (B, K+1, H, W) bool; for the naive reading already without unknowns.
    active
        (K+1,) bool.
    """
    match reading:
        case "marginal" | "background":
            return marginal_cross_entropy(log_p, allowed, active), partial_dice(log_p, allowed, active)
        case "adaptive-categorical":
            dice = partial_dice(over_known(log_p, allowed), allowed, active)
            return adaptive_categorical(log_p, allowed, active), dice
        case "adaptive-binary":
            return adaptive_binary(log_p, allowed, active)
