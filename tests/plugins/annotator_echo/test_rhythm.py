"""The heart cycle's curves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annotator_echo.overlay import ecg
from annotator_echo.rhythm import contraction_curve, draw_rhythm, opening_curve

PHASES = np.linspace(0, 1, 201)


@given(systole=st.floats(0.3, 0.46))
def test_curves_close_over_one_beat(systole: float) -> None:
    contraction, opening = contraction_curve(PHASES, systole), opening_curve(PHASES, systole)
    for curve in (contraction, opening):
        assert curve.min() >= 0
        assert curve.max() <= 1
        assert abs(curve[0] - curve[-1]) < 1e-9
    assert abs(PHASES[np.argmax(contraction)] - systole) < 0.01
    assert np.all(opening[systole >= PHASES] == 0)


@given(seed=st.integers(0, 1000), n_frames=st.integers(1, 130))
def test_marks_lie_in_the_clip(seed: int, n_frames: int) -> None:
    rhythm = draw_rhythm(np.random.default_rng(seed), n_frames)
    assert len(rhythm.beats) == len(rhythm.frame_times_ms) == n_frames
    assert rhythm.ed_frames[0] == 0
    assert all(b.contraction < 0.2 for b in (rhythm.beats[i] for i in rhythm.ed_frames))
    if n_frames >= 8:
        assert all(rhythm.beats[i].contraction > 0.7 for i in rhythm.es_frames)


def test_the_r_wave_is_the_tallest() -> None:
    trace = ecg(PHASES)
    assert np.argmax(trace) in (0, PHASES.size - 1)
