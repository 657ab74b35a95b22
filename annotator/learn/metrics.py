"""Overlap and surface distance of masks, and honest intervals over patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.core.identity import Spacing
from annotator.core.packing import Mask


def dice(first: Mask, second: Mask) -> float:
    """Dice overlap 2 |A and B| / (|A| + |B|); NaN where both are empty, since nothing was measured.

    Parameters
    ----------
    first, second
        (H, W) bool.
    """
    size = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2.0 * int(np.count_nonzero(first & second)) / size if size else float("nan")


def hd95_mm(first: Mask, second: Mask, spacing: Spacing) -> float:
    """95th percentile of the distances between two contours, both ways, in mm; NaN where one is empty.

    Parameters
    ----------
    first, second
        (H, W) bool.
    spacing
        mm/px; may differ between rows and columns.
    """
    if not first.any() or not second.any():
        return float("nan")
    from scipy.spatial import KDTree  # noqa: PLC0415 - it takes longer to import than most commands to run

    contours = [_contour(mask) * (spacing.y, spacing.x) for mask in (first, second)]
    there, back = (KDTree(contours[other]).query(contours[own])[0] for own, other in ((0, 1), (1, 0)))
    return float(np.percentile(np.concatenate([there, back]), 95))


def _contour(mask: Mask) -> NDArray[np.intp]:
    """(N, 2) rows and columns of the pixels with a neighbour, above, below or beside, outside the mask."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside)


def by_patient(values: Mapping[str, Sequence[float]]) -> NDArray[np.float64]:
    """One mean per patient, NaN values left out; patients without any value are left out."""
    kept = [[v for v in of if np.isfinite(v)] for of in values.values()]
    return np.array([np.mean(of) for of in kept if of], dtype=np.float64)


def bootstrap_ci(
    patient_means: NDArray[np.float64], *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over patients (frames of one patient are not independent).

    Parameters
    ----------
    patient_means
        (N,) float64; NaN for N = 0.
    level
        Coverage, 0..1.
    resamples
        Number of resamples.
    seed
        The same seed gives the same interval.
    """
    if not len(patient_means):
        return float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(0, len(patient_means), size=(resamples, len(patient_means)))
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(patient_means[picks].mean(axis=1), [tail, 100.0 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Stated confidence against what came true, in bins of equal width.

    Parameters
    ----------
    confidence
        (N,) float64, mean probability in each bin; NaN where the bin is empty.
    frequency
        (N,) float64, share of the bin's pixels that are positive; NaN where it is empty.
    count
        (N,) int64, pixels per bin.
    """

    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]
    count: NDArray[np.int64]


def reliability(probability: NDArray[np.floating], truth: Mask, *, bins: int = 15) -> Reliability:
    """Bin the probabilities of one structure.

    Parameters
    ----------
    probability
        (M,) float in 0..1.
    truth
        (M,) bool.
    bins
        Number of bins.
    """
    p = np.asarray(probability, dtype=np.float64)
    place = np.clip((p * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    divisor = np.where(count > 0, count, np.nan)
    confidence = np.bincount(place, weights=p, minlength=bins) / divisor
    frequency = np.bincount(place, weights=truth.astype(np.float64), minlength=bins) / divisor
    return Reliability(confidence, frequency, count.astype(np.int64))


def expected_calibration_error(found: Reliability) -> float:
    """Mean over pixels of |confidence - frequency| of their bin (Naeini et al. 2015); NaN where there is no pixel."""
    total = int(found.count.sum())
    gap = np.abs(np.nan_to_num(found.confidence - found.frequency))
    return float((gap * found.count).sum() / total) if total else float("nan")


def brier(probability: NDArray[np.floating], truth: Mask) -> float:
    """Mean squared difference of probability (M,) and truth (M,) bool; NaN where there is no pixel."""
    if not len(truth):
        return float("nan")
    return float(np.mean((np.asarray(probability, dtype=np.float64) - truth) ** 2))
