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

from annotator.core.allowed import conditioned
from annotator.core.protocols import LabelProtocol
from annotator.learn.dataset import TrainingFrame
from annotator.learn.metrics import Reliability, brier, expected_calibration_error, reliability

LEAST = 1e-6
"""Probabilities this close to 0 and 1 are not told apart."""
_RANGE = (0.2, 10.0)
"""Temperatures that are believed."""

_MOST_PIXELS = 200_000
"""More would change no figure that anybody reads, and the learner's thread waits for it."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What patients held aside say of a model's confidence.

    Parameters
    ----------
    structures
        Structure id to its figures; one that no frame decides both ways is missing.
    patients
        How many were looked at.
    is_cross_fitted
        Whether 'after' was measured on other patients than those that gave the temperatures.
    """

    structures: Mapping[str, StructureCalibration]
    patients: int
    is_cross_fitted: bool

    @property
    def is_confirmed(self) -> bool:
        """Whether the temperatures made other patients' confidence better: a smaller mean Brier score."""
        found = self.structures.values()
        gain = sum(of.brier_before - of.brier_after for of in found)
        return self.is_cross_fitted and gain > 0

    def temperatures(self, protocol: LabelProtocol) -> dict[int, float]:
        """Class index to temperature."""
        return {protocol.index(name): of.temperature for name, of in self.structures.items()}

    def as_facts(self) -> dict[str, Any]:
        """Plain data for a model's header."""
        return {
            "structures": {name: of.as_facts() for name, of in self.structures.items()},
            "patients": self.patients,
            "is_cross_fitted": self.is_cross_fitted,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Pixels:
    """Some pixels of all frames.

    Parameters
    ----------
    probabilities
        (N, K+1) float32.
    bitmaps
        (N,) integer.
    patient
        (N,) place of the pixel's patient in their order.
    flatters
        (N, K+1) bool, where an accepted suggestion would confirm itself.
    possible
        (N,) bitmap of the classes that the frame's view can show.
    """

    probabilities: NDArray[np.float32]
    bitmaps: NDArray[np.integer]
    patient: NDArray[np.int64]
    flatters: NDArray[np.bool_]
    possible: NDArray[np.int64]

    def in_view(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (N, K+1) of these pixels as a person sees them, given what the views can show."""
        found = rows.copy()
        for possible in np.unique(self.possible):
            here = self.possible == possible
            found[here] = conditioned(rows[here][:, :, None, None], int(possible))[:, :, 0, 0]
        return found

    def decided(self, c: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where a class is decided, (N,) bool; and its truth there."""
        positive = self.bitmaps == (1 << c)
        says = (positive | ((self.bitmaps >> c) & 1 == 0)) & ~self.flatters[:, c]
        return says, positive[says]

    def halves(self, c: int) -> tuple[NDArray[np.int64], ...]:
        """Two halves of the patients, both with some who show a class; none where fewer than two show it."""
        says, truth = self.decided(c)
        of = self.patient[says]
        show = np.unique(of[truth])
        if len(show) < 2:
            return ()
        ordered = np.concatenate([show, np.setdiff1d(of, show)])
        return ordered[::2], ordered[1::2]

    def temperature(self, c: int, *, of: NDArray[np.int64] | None = None) -> float:
        """Fitted on all of the patients or on some of them."""
        says, truth = self.decided(c)
        p = self.probabilities[says, c]
        if of is not None:
            mine = np.isin(self.patient[says], of)
            p, truth = p[mine], truth[mine]
        return fit_temperature(p, truth)


def calibrate(
    frames: Sequence[TrainingFrame], probabilities: NDArray[np.float32], protocol: LabelProtocol
) -> Calibration:
    """Temperature and reliability of each structure that some frame decides both ways.

    The temperature is fitted on all patients. What it brings is measured crosswise: of the patients who show a
    structure each half is tempered by what the other half gave, all structures together, as a model file does it. One
    that a single patient shows keeps its confidence then, since nobody else could confirm another. Where no structure
    has a second patient, 'after' is of the very patients that gave the temperatures.
    The figures are of what is served: a class that a frame's view cannot show has no share there.
    As for Dice (:mod:`annotator.learn.validation`), suggestions that were accepted as they were count only for a
    structure that nobody drew or corrected in any frame.

    Parameters
    ----------
    frames
        N labelled frames of patients held aside.
    probabilities
        (N, K+1, S, S) float32.
    protocol
        Names the structures.
    """
    order = {name: i for i, name in enumerate(sorted({frame.patient for frame in frames}))}
    pixels = _some_pixels(frames, probabilities, order, _flattering(frames, protocol))
    wanted = {}
    for structure in protocol.ids:
        says, truth = pixels.decided(protocol.index(structure))
        if truth.any() and not truth.all():
            wanted[structure] = protocol.index(structure)
    halves = {c: pixels.halves(c) for c in wanted.values()}
    is_cross_fitted = any(halves.values())
    temperatures = {c: pixels.temperature(c) if of or not is_cross_fitted else 1.0 for c, of in halves.items()}
    shown = pixels.in_view(pixels.probabilities)
    served = pixels.in_view(_served(pixels, temperatures, halves if is_cross_fitted else {}))
    found = {}
    for structure, c in wanted.items():
        says, truth = pixels.decided(c)
        p, q = shown[says, c], served[says, c]
        found[structure] = StructureCalibration(
            temperatures[c], reliability(p, truth), reliability(q, truth), brier(p, truth), brier(q, truth)
        )
    return Calibration(found, len(order), is_cross_fitted)


def _served(
    pixels: _Pixels, temperatures: Mapping[int, float], halves: Mapping[int, tuple[NDArray[np.int64], ...]]
) -> NDArray[np.float32]:
    """The pixels' probabilities (N, K+1) after tempering, each half of a structure's patients by the other's."""
    others = {
        c: [(mine, pixels.temperature(c, of=theirs)) for mine, theirs in (of, of[::-1])]
        for c, of in halves.items()
        if of
    }
    served = np.empty_like(pixels.probabilities)
    for patient in np.unique(pixels.patient):
        own = {c: t for c, both in others.items() for of, t in both if patient in of}
        mine = pixels.patient == patient
        served[mine] = _tempered_rows(pixels.probabilities[mine], {**temperatures, **own})
    return served


def _tempered_rows(rows: NDArray[np.float32], temperatures: Mapping[int, float]) -> NDArray[np.float32]:
    return apply_temperatures(rows[:, :, None, None], temperatures)[:, :, 0, 0]


def apply_temperatures(probabilities: NDArray[np.float32], temperatures: Mapping[int, float]) -> NDArray[np.float32]:
    """Temper each structure against the rest; classes without a temperature share what is left, in their proportions.

    Where the tempered ones take more than everything, all are brought back to a sum of 1.

    Parameters
    ----------
    probabilities
        (B, K+1, H, W) float32.
    temperatures
        Class index to temperature; all of them 1 changes nothing.
    """
    out = probabilities.astype(np.float64)
    chosen = sorted(temperatures)
    for c in chosen:
        # A class that cannot be stays impossible.
        out[:, c] = np.where(probabilities[:, c] > 0, tempered(probabilities[:, c], temperatures[c]), 0.0)
    others = [c for c in range(out.shape[1]) if c not in temperatures]
    left = np.maximum(1.0 - out[:, chosen].sum(axis=1, keepdims=True), 0.0)
    out[:, others] *= left / np.maximum(out[:, others].sum(axis=1, keepdims=True), LEAST)
    return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), LEAST), dtype=np.float32)


def _flattering(frames: Sequence[TrainingFrame], protocol: LabelProtocol) -> NDArray[np.bool_]:
    """(N, K+1) bool: accepted suggestions of structures that a person drew or corrected in another frame."""
    accepted = np.zeros((len(frames), protocol.n_classes), dtype=np.bool_)
    shown = np.zeros_like(accepted)
    for i, frame in enumerate(frames):
        values = np.unique(_bitmap(frame))
        for structure in protocol.ids:
            c = protocol.index(structure)
            accepted[i, c], shown[i, c] = structure in frame.accepted, (1 << c) in values
    return accepted & (shown & ~accepted).any(axis=0)


def _some_pixels(
    frames: Sequence[TrainingFrame],
    probabilities: NDArray[np.float32],
    order: Mapping[str, int],
    flattering: NDArray[np.bool_],
) -> _Pixels:
    n, classes, height, width = probabilities.shape
    # An odd stride does not stay in the same columns of a side of 2^n pixels.
    stride = max(1, n * height * width // _MOST_PIXELS) | 1
    bitmaps = np.stack([_bitmap(frame) for frame in frames]).ravel()[::stride]
    rows = probabilities.transpose(0, 2, 3, 1).reshape(-1, classes)[::stride]
    frame_of = np.arange(n).repeat(height * width)[::stride]
    patient = np.array([order[frame.patient] for frame in frames], dtype=np.int64)[frame_of]
    possible = np.array([frame.possible for frame in frames], dtype=np.int64)
    return _Pixels(rows, bitmaps, patient, flattering[frame_of], possible[frame_of])


def _bitmap(frame: TrainingFrame) -> NDArray[np.uint16]:
    assert frame.bitmap is not None
    return frame.bitmap


def _logits(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(np.asarray(probability, dtype=np.float64), LEAST, 1 - LEAST)), dtype=np.float64)


def _curve(found: Reliability) -> list[list[float | None]]:
    """Confidence, frequency and count of every bin."""
    rows = zip(found.confidence.tolist(), found.frequency.tolist(), found.count.tolist(), strict=True)
    return [[c if n else None, f if n else None, n] for c, f, n in rows]
