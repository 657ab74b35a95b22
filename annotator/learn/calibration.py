"""Confidence that means something: one temperature per structure, fitted on patients held aside.

Temperature scaling: Guo et al. 2017, arXiv 1706.04599. Here each structure is one against the rest, since accepting,
queueing and showing are decided structure by structure; putting the structures together again is our derivation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from annotator.core.protocols import LabelProtocol
from annotator.learn.dataset import TrainingFrame
from annotator.learn.metrics import Reliability, brier, expected_calibration_error, reliability

_CLIP = 1e-6
_RANGE = (0.2, 10.0)
"""Temperatures that are believed."""

_MOST_PIXELS = 400_000


@dataclass(frozen=True, slots=True, eq=False)
class StructureCalibration:
    """One structure's confidence before and after its temperature.

    Parameters
    ----------
    temperature
        Above 1 where the model is too sure.
    before, after
        Reliability on the pixels that decide the structure.
    brier_before, brier_after
        Mean squared errors of the probability.
    """

    temperature: float
    before: Reliability
    after: Reliability
    brier_before: float
    brier_after: float

    def as_facts(self) -> dict[str, Any]:
        """Plain data for a model's header; an empty bin is ``None``."""
        return {
            "temperature": self.temperature,
            "error_before": expected_calibration_error(self.before),
            "error_after": expected_calibration_error(self.after),
            "brier_before": self.brier_before,
            "brier_after": self.brier_after,
            "before": _curve(self.before),
            "after": _curve(self.after),
        }


def fit_temperature(probability: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """The T that minimises the binary cross entropy of sigmoid(logit(p) / T); 1 where truth is all alike.

    Parameters
    ----------
    probability
        (M,) float in 0..1.
    truth
        (M,) bool.
    """
    if truth.all() or not truth.any():
        return 1.0
    z = _logits(probability)
    signed = np.where(truth, -z, z)

    def cost(log_t: float) -> float:
        return float(np.logaddexp(0.0, signed * np.exp(-log_t)).mean())

    found = minimize_scalar(cost, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x)) if found.fun < cost(0.0) else 1.0


def tempered(probability: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """sigmoid(logit(p) / T) of probabilities of any shape."""
    return np.asarray(expit(_logits(probability) / temperature), dtype=np.float64)


def calibrate(
    frames: Sequence[TrainingFrame], probabilities: NDArray[np.float32], protocol: LabelProtocol
) -> dict[str, StructureCalibration]:
    """Temperature and reliability of each structure that some frame decides both ways.

    Parameters
    ----------
    frames
        N labelled frames of patients held aside.
    probabilities
        (N, K+1, S, S) float32.
    protocol
        Names the structures.
    """
    found: dict[str, StructureCalibration] = {}
    for structure in protocol.ids:
        p, truth = _decided_pixels(frames, probabilities, protocol.index(structure))
        if not truth.any() or truth.all():
            continue
        temperature = fit_temperature(p, truth)
        q = tempered(p, temperature)
        found[structure] = StructureCalibration(
            temperature, reliability(p, truth), reliability(q, truth), brier(p, truth), brier(q, truth)
        )
    return found


def apply_temperatures(probabilities: NDArray[np.float32], temperatures: Mapping[int, float]) -> NDArray[np.float32]:
    """Temper each structure against the rest and bring the sum back to 1; classes without a temperature only rescale.

    Parameters
    ----------
    probabilities
        (B, K+1, H, W) float32.
    temperatures
        Class index to temperature; all of them 1 changes nothing.
    """
    out = probabilities.astype(np.float64)
    for c, temperature in temperatures.items():
        # A class that cannot be stays impossible.
        out[:, c] = np.where(probabilities[:, c] > 0, tempered(probabilities[:, c], temperature), 0.0)
    total = np.maximum(out.sum(axis=1, keepdims=True), _CLIP)
    return np.asarray(out / total, dtype=np.float32)


def _decided_pixels(
    frames: Sequence[TrainingFrame], probabilities: NDArray[np.float32], c: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    values, truths = [], []
    for frame, p in zip(frames, probabilities, strict=True):
        assert frame.bitmap is not None
        positive = frame.bitmap == (1 << c)
        says = positive | ((frame.bitmap >> c) & 1 == 0)
        values.append(p[c][says])
        truths.append(positive[says])
    p_all, truth = np.concatenate(values), np.concatenate(truths)
    stride = max(1, len(truth) // _MOST_PIXELS)
    return p_all[::stride], truth[::stride]


def _logits(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(np.asarray(probability, dtype=np.float64), _CLIP, 1 - _CLIP)), dtype=np.float64)


def _curve(found: Reliability) -> list[list[float | None]]:
    """Confidence, frequency and count of every bin."""
    rows = zip(found.confidence.tolist(), found.frequency.tolist(), found.count.tolist(), strict=True)
    return [[c if n else None, f if n else None, n] for c, f, n in rows]
