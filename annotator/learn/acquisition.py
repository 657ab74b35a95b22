"""What is worth labelling next: how unsure the teacher is of a structure, and how much it jumps between frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BAND = 3
"""Half width of the boundary band, in pixels of the network's input."""

_LEAST_CLAIM = 0.05


def uncertainty(probabilities: NDArray[np.float32], structures: Sequence[str]) -> dict[str, float]:
    """Mean binary entropy of each structure near its boundary, 0 (sure) to 1 (no idea).

    A structure that the argmax shows nowhere is judged where it is most probable: sure of its absence gives 0.

    Parameters
    ----------
    probabilities
        (K+1, H, W) float32.
    structures
        K ids in class order.
    """
    classes = probabilities.argmax(axis=0)
    scores: dict[str, float] = {}
    for c, structure in enumerate(structures, start=1):
        p = probabilities[c].astype(np.float64)
        where = _boundary_band(classes == c)
        if not where.any():
            where = p >= max(_LEAST_CLAIM, float(np.quantile(p, 0.99)))
        scores[structure] = float(_entropy(p[where]).mean()) if where.any() else 0.0
    return scores


def temporal_inconsistency(
    before: NDArray[np.float32], after: NDArray[np.float32], structures: Sequence[str]
) -> dict[str, float]:
    """How much each structure changes between neighbouring frames, 1 - soft Dice: 0 (still) to 1 (jumps).

    Parameters
    ----------
    before, after
        (K+1, H, W) float32.
    structures
        K ids in class order.
    """
    scores: dict[str, float] = {}
    for c, structure in enumerate(structures, start=1):
        first, second = before[c].astype(np.float64), after[c].astype(np.float64)
        size = float((first**2).sum() + (second**2).sum())
        # Fewer than four pixels' worth of probability in either frame is noise, not a structure.
        scores[structure] = 1.0 - 2.0 * float((first * second).sum()) / size if size > 4.0 else 0.0
    return scores


def _boundary_band(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask.any():
        return mask
    from scipy import ndimage  # noqa: PLC0415 - it takes longer to import than most commands to run

    grown = ndimage.binary_dilation(mask, iterations=_BAND)
    return np.asarray(grown & ~ndimage.binary_erosion(mask, iterations=_BAND), dtype=np.bool_)


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(p, 1e-7, 1.0 - 1e-7)
    return -(clipped * np.log2(clipped) + (1.0 - clipped) * np.log2(1.0 - clipped))
