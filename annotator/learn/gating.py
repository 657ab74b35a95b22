"""A structure's gate: the teacher teaches a structure only once its validation says that it knows it.

Gated off means merged with background on both sides, so that the teacher then says neither 'here it is' nor 'it is
background' of it [our derivation; METHODS of the project].
"""

from __future__ import annotations

import torch
from torch import Tensor

from annotator.core.protocols import LabelProtocol
from annotator.learn.losses import MASKED, consistency, log_sum_exp
from annotator.learn.validation import Validation


def below(validation: Validation, least: float, protocol: LabelProtocol) -> Tensor:
    """The structures whose validation Dice is below ``least``, (K+1,) bool; one without a figure stays open.

    Parameters
    ----------
    validation
        The teacher's.
    least
        Dice, 0..1.
    protocol
        Gives class indices.
    """
    gated = torch.zeros(protocol.n_classes, dtype=torch.bool)
    for structure, dice in validation.dice.items():
        gated[protocol.index(structure)] = dice < least
    return gated


def merge_with_background(log_p: Tensor, gated: Tensor) -> Tensor:
    """Log-probabilities in which background stands for itself and the gated structures, (B, K+1, H, W).

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities.
    gated
        (K+1,) bool.
    """
    of_background = _with_background(gated).view(1, -1, 1, 1)
    together = log_sum_exp(log_p.masked_fill(~of_background, MASKED))
    return torch.cat([together, log_p[:, 1:].masked_fill(of_background[:, 1:], MASKED)], dim=1)


def gated_consistency(log_p: Tensor, log_q: Tensor, allowed: Tensor, *, active: Tensor, gated: Tensor | None) -> Tensor:
    """:func:`~annotator.learn.losses.consistency` with the gated structures merged on both sides.

    Parameters
    ----------
    log_p, log_q
        (B, K+1, H, W), the student's and the target's log-probabilities.
    allowed
        (B, K+1, H, W) bool.
    active
        (K+1,) bool.
    gated
        (K+1,) bool; ``None`` where no structure is.
    """
    if gated is None:
        return consistency(log_p, log_q, allowed, active)
    of_background = _with_background(gated).view(1, -1, 1, 1)
    together = (allowed & of_background).any(dim=1, keepdim=True)
    merged_sets = torch.cat([together, allowed[:, 1:] & ~of_background[:, 1:]], dim=1)
    return consistency(merge_with_background(log_p, gated), merge_with_background(log_q, gated), merged_sets, active)


def _with_background(gated: Tensor) -> Tensor:
    together = gated.clone()
    # Of a slice, which a GPU fills by itself; a single entry would be copied there, and the step would wait for that.
    together[:1] = True
    return together
