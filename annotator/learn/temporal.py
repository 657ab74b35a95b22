"""Three frames of one clip, evenly spaced in time: what they say of each other although the heart moves between them.

Neighbours are not equal, so plain agreement would pull every area toward its mean over the beat. Two terms are free
of that to first order, that is for walls that move at constant speed over the three frames [ours]:

- *Even change of area.* With a_c(t) the sum over pixels of the student's p_c, and A_c the detached mean of the three,

      L = mean over triples and structures of max(0, |a_c(t-s) - 2 a_c(t) + a_c(t+s)| / A_c - slack)^2,

  where ``slack`` is the bend that a beat has by itself; near end-diastole and end-systole the bend is real.
- *What both neighbours say.* With q-, q+ the teacher's targets at t-s and t+s, the student at t is taught
  m_c = min(q-_c, q+_c) / w, w = sum_c min(q-_c, q+_c), where w is at least one half, by the loss of every other target
  of the teacher. A pixel that a wall crosses in between (w near 0) says nothing, one that stays what it was says all.
"""

from __future__ import annotations

import torch
from torch import Tensor

from annotator.learn.losses import MASKED

_LEAST_SHARE = 0.002
"""Areas below this share of the picture are compared as if they were this large; fewer pixels are noise."""

_LEAST_AGREEMENT = 0.5


def bend(log_p: Tensor, triples: Tensor, active: Tensor) -> Tensor:
    """|second difference| of each structure's soft area over its mean, (N, K) float32; 0 for inactive structures.

    Parameters
    ----------
    log_p
        (B, K+1, S, S) log-probabilities.
    triples
        (N, 3) int64 rows of the batch, in order of time.
    active
        (K+1,) bool.
    """
    areas = log_p[:, 1:].exp().sum(dim=(2, 3))[triples]
    least = _LEAST_SHARE * log_p.shape[2] * log_p.shape[3]
    mean = areas.detach().mean(dim=1).clamp(min=least)
    return (areas[:, 0] - 2 * areas[:, 1] + areas[:, 2]).abs() / mean * active[1:]


def even_change(log_p: Tensor, triples: Tensor, active: Tensor, *, slack: float) -> Tensor:
    """Mean squared excess of :func:`bend` over ``slack``; 0 where no structure is active.

    Parameters
    ----------
    log_p, triples, active
        As for :func:`bend`.
    slack
        Bend that costs nothing, as a share of the area.
    """
    excess = (bend(log_p, triples, active) - slack).clamp(min=0).square()
    return excess.sum() / (len(triples) * active[1:].sum().clamp(min=1))


def both_neighbours(log_q: Tensor, triples: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """What the frames before and after say of the one in the middle.

    Parameters
    ----------
    log_q
        (B, K+1, S, S), the teacher's log target on the allowed set, without gradient.
    triples
        (N, 3) int64 rows of the batch, in order of time.
    allowed
        (B, K+1, S, S) bool.

    Returns
    -------
    log_target
        (N, K+1, S, S) log of m, within the allowed set of the frame in the middle.
    agree
        (N, S, S) bool: w is at least one half.
    """
    before, middle, after = triples.unbind(dim=1)
    log_both = torch.minimum(log_q[before], log_q[after]).masked_fill(~allowed[middle], MASKED)
    return torch.log_softmax(log_both, dim=1), log_both.exp().sum(dim=1) >= _LEAST_AGREEMENT
