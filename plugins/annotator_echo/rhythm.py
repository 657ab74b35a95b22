"""The heart cycle: how far the ventricle has contracted and the valves are open, over one beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

FRAMES_PER_BEAT = 32
"""Clips longer than one and a half times this hold several beats."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One frame's place in the cycle.

    Parameters
    ----------
    phase
        0..1 from end-diastole to the next.
    contraction
        0 at end-diastole, 1 at end-systole.
    mitral
        Opening of the mitral and tricuspid leaflets, 0 closed to 1 wide open.
    """

    phase: float
    contraction: float
    mitral: float


@dataclass(frozen=True, slots=True)
class Rhythm:
    """All frames of a clip, with what a header says of them."""

    beats: tuple[Beat, ...]
    frame_times_ms: tuple[float, ...]
    heart_rate_bpm: float
    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]


def contraction_curve(phases: NDArray[np.float64], systole: float) -> NDArray[np.float64]:
    """Ejection, relaxation, rapid filling, diastasis and atrial kick.

    Parameters
    ----------
    phases
        (T,) in 0..1.
    systole
        Phase of end-systole, 0.3 to 0.5.

    Returns
    -------
    NDArray
        (T,) in 0..1, 1 at ``systole``.
    """
    knots = np.array([0, 0.06, systole * 0.55, systole, systole + 0.06, systole + 0.2, 0.82, 0.95, 1.0])
    values = np.array([0, 0.05, 0.62, 1, 0.94, 0.36, 0.22, 0.03, 0.0])
    return np.asarray(np.clip(PchipInterpolator(knots, values)(phases), 0, 1), dtype=np.float64)


def opening_curve(phases: NDArray[np.float64], systole: float) -> NDArray[np.float64]:
    """Mitral opening 0..1: shut in systole, E wave, half shut in diastasis, A wave."""
    knots = np.array([0, systole + 0.05, systole + 0.13, systole + 0.22, 0.8, 0.89, 0.97, 1.0])
    values = np.array([0, 0, 1, 0.75, 0.45, 0.85, 0.1, 0.0])
    return np.asarray(np.clip(PchipInterpolator(knots, values)(phases), 0, 1), dtype=np.float64)


def draw_rhythm(rng: np.random.Generator, n_frames: int) -> Rhythm:
    """A random heart rate and the beats of ``n_frames`` frames, the first at end-diastole."""
    rate = float(np.round(rng.uniform(52, 98)))
    systole = float(np.clip(0.37 + 0.002 * (rate - 70) + rng.normal(0, 0.015), 0.3, 0.46))
    n_beats = max(1, round(n_frames / FRAMES_PER_BEAT))
    turns = np.arange(n_frames) * n_beats / n_frames
    phases = turns % 1.0
    contraction, opening = contraction_curve(phases, systole), opening_curve(phases, systole)
    step = 60_000 / rate * n_beats / n_frames
    beat_of = np.floor(turns + 1e-9).astype(int)
    ed = tuple(int(np.flatnonzero(beat_of == b)[0]) for b in range(n_beats))
    ends = [np.flatnonzero(beat_of == b) for b in range(n_beats)]
    es = tuple(int(f[np.argmax(contraction[f])]) for f in ends if f.size > 1)
    return Rhythm(
        beats=tuple(Beat(float(p), float(c), float(m)) for p, c, m in zip(phases, contraction, opening, strict=True)),
        frame_times_ms=tuple(round(i * step, 3) for i in range(n_frames)),
        heart_rate_bpm=rate,
        ed_frames=ed,
        es_frames=es,
    )
