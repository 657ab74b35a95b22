"""What two sets of features tell of each other: correlation and mutual information.

ITRD: Miles et al., "Information theoretic representation distillation", BMVC 2022, the likely source of the terms of
the same names in HDC (Le et al. 2025, arXiv 2504.09876), whose formulas were not available to us. Rows are pixels
sampled across the batch, a thousand or more: with a handful of rows the correlation measures only their number. The
biased deviation with a small constant, and the floor, are ours: a dead channel would give NaN, equal features minus
infinity.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn.chance import Chance
from annotator.learn.losses import exponential

EXPONENT = 1.01
_SMALL = 1e-5


def sample_positions(features: Tensor, count: int, chance: Chance) -> Tensor:
    """Positions of up to ``count`` pixels of a batch, (N,) int64 on the features' device.

    Parameters
    ----------
    features
        (B, D, H, W); its size alone is read.
    count
        Most pixels; with replacement where there are more pixels than that.
    chance
        See :class:`~annotator.learn.chance.Chance`.
    """
    total = len(features) * features.shape[2] * features.shape[3]
    if total <= count:
        return torch.arange(total, device=features.device)
    return chance.draw(lambda generator: torch.randint(total, (count,), generator=generator))


def rows_at(features: Tensor, positions: Tensor) -> Tensor:
    """(B, D, H, W) to (N, D) float32, the channels of the pixels at ``positions``."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])[positions].float()


def standardised(rows: Tensor) -> Tensor:
    """(N, D) with mean 0 and deviation 1 per channel; a channel that never varies stays 0."""
    centred = rows - rows.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + _SMALL**2)


def correlation_loss(student: Tensor, teacher: Tensor, *, floor: float = 1.0) -> Tensor:
    """log2(floor + sum over channels of |c_j - 1|^(2 a)), c_j the correlation of channel *j*, a = 1.01.

    ITRD has no floor, so its loss falls to -infinity and its gradient grows without bound as the features become
    equal; with a floor of 1 [ours] it is 0 there. A channel that is dead in the teacher asks for nothing.

    Parameters
    ----------
    student, teacher
        (N, D) float32; no gradient flows into the teacher's.
    floor
        0 gives ITRD's formula.
    """
    teacher = teacher.detach()
    correlation = (standardised(student) * standardised(teacher)).mean(dim=0)
    alive = teacher.var(dim=0, correction=0) > _SMALL**2
    distance = (correlation - 1).abs().pow(2 * EXPONENT) * alive
    return torch.log2(distance.sum() + floor)


def mutual_information_loss(student: Tensor, reference: Tensor) -> Tensor:
    """Sum G_s^2 - sum G_st^2 of Gram matrices scaled to trace 1, G_st = G_s o G_r: 0 or more where no row is dead.

    Rényi's second-order entropies in matrix form: least where rows alike in the student are alike in the reference.

    Parameters
    ----------
    student, reference
        (N, D) and (N, D') float32; no gradient flows into the reference's.
    """
    g_s, g_r = _gram(student), _gram(reference.detach())
    g_st = g_s * g_r
    return _scaled(g_s).square().sum() - _scaled(g_st).square().sum()


def disagreement(log_p: Tensor, log_noisy: Tensor, undecided: Tensor) -> Tensor:
    """Mean squared difference of two students' probabilities over the undecided pixels; 0 where there is none.

    Parameters
    ----------
    log_p, log_noisy
        (B, K+1, H, W) log-probabilities.
    undecided
        (B, H, W) bool.
    """
    difference = (exponential(log_p) - exponential(log_noisy)).square().sum(dim=1)
    return (difference * undecided).sum() / undecided.sum().clamp(min=1)


def _gram(rows: Tensor) -> Tensor:
    unit = F.normalize(rows, dim=1, eps=1e-3)
    return unit @ unit.T


def _scaled(gram: Tensor) -> Tensor:
    return gram / gram.diagonal().sum().clamp(min=_SMALL)
