from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.identity import FrameKey
from annotator.engine.predictions import PredictionCache, suggestion
from annotator.testing.sessions import PAIR


def probabilities(lv: float, la: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The left half is LV with a probability, everywhere LA has another."""
    planes = np.zeros((3, 4, 6), dtype=np.float32)
    planes[1, :, :3] = lv
    planes[2] = la
    planes[0] = 1 - planes[1] - planes[2]
    return planes


def test_confidence_is_the_mean_certainty_or_that_of_absence() -> None:
    made = suggestion(FrameKey("c", 0), 3, probabilities(0.8, 0.1), PAIR)
    assert made.classes.tolist() == [[1, 1, 1, 0, 0, 0]] * 4
    assert made.confidence["lv"] == pytest.approx(0.8)
    assert made.confidence["la"] == pytest.approx(0.9)
    assert made.certainty[0, 0] == round(0.8 * 255)


def test_nothing_is_said_of_a_structure_that_the_model_does_not_know() -> None:
    assert set(suggestion(FrameKey("c", 0), 3, probabilities(0.8, 0.0), PAIR).confidence) == {"lv"}


@given(st.integers(0, 2**32 - 1))
def test_confidence_and_certainty_stay_in_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.random((3, 5, 5)).astype(np.float32) ** 4
    made = suggestion(FrameKey("c", 0), 1, raw / raw.sum(axis=0), PAIR)
    assert all(0 <= value <= 1 for value in made.confidence.values())
    assert made.classes.dtype == made.certainty.dtype == np.uint8


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), max_size=40))
def test_the_cache_stays_within_its_memory_and_keeps_the_newest(puts: list[tuple[int, int]]) -> None:
    one = 2 * 4 * 6
    cache = PredictionCache(max_bytes=4 * one)
    for frame, snapshot in puts:
        cache.put(suggestion(FrameKey("c", frame), snapshot, probabilities(0.8, 0.1), PAIR))
        assert cache.n_bytes == len(cache) * one <= 4 * one
        assert cache.get(FrameKey("c", frame), snapshot) is not None


def test_a_new_snapshot_and_a_changed_clip_drop_what_no_longer_holds() -> None:
    cache = PredictionCache()
    for clip in ("a", "b"):
        for snapshot in (1, 2):
            cache.put(suggestion(FrameKey(clip, 0), snapshot, probabilities(0.8, 0.1), PAIR))
    cache.keep_snapshot(2)
    assert cache.get(FrameKey("a", 0), 1) is None
    cache.forget_clips({"a"})
    assert len(cache) == 1
    assert cache.get(FrameKey("b", 0), 2) is not None
