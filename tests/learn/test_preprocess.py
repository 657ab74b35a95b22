"""The letterbox: square in mm, reversible, and never inventing knowledge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.core.identity import Spacing
from annotator.learn.preprocess import Fit, to_grey


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(150, 400),
    st.integers(150, 400),
    st.floats(0.7, 1.4),
    st.tuples(st.floats(0.35, 0.65), st.floats(0.35, 0.65)),
)
def test_a_blob_survives_the_round_trip(height: int, width: int, ratio: float, centre: tuple[float, float]) -> None:
    y, x = np.mgrid[:height, :width]
    blob = ((y / height - centre[0]) ** 2 + (x / width - centre[1]) ** 2) < 0.06
    fit = Fit.of((height, width), 128, spacing=Spacing(0.3, 0.3 * ratio))
    bitmap = np.where(blob, 2, 0b11).astype(np.uint16)
    fitted = fit.fit_bitmap(bitmap, 0b11) == 2
    probabilities = np.stack([~fitted, fitted]).astype(np.float32)
    native = fit.unfit_probabilities(probabilities).argmax(axis=0) == 1
    assert native.shape == blob.shape
    assert _dice(native, blob) > 0.97


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 100))
def test_a_bitmap_gets_only_sets_that_it_had(height: int, width: int, seed: int) -> None:
    bitmap = np.random.default_rng(seed).integers(1, 8, (height, width)).astype(np.uint16)
    fit = Fit.of((height, width), 32)
    fitted = fit.fit_bitmap(bitmap, 0b1111)
    assert fitted.dtype == np.uint16
    assert set(np.unique(fitted[fit.window])) <= set(np.unique(bitmap))
    outside = np.ones((32, 32), dtype=bool)
    outside[fit.window] = False
    assert (fitted[outside] == 0b1111).all()


def test_square_in_millimetres_where_spacing_is_known() -> None:
    assert Fit.of((200, 100), 128, spacing=Spacing(0.154, 0.308)).inner == (128, 128)
    assert Fit.of((200, 100), 128).inner == (128, 64)


def test_anisotropic_disc_becomes_round() -> None:
    y, x = np.mgrid[:200, :100]
    disc = (((y - 100) * 0.15) ** 2 + ((x - 50) * 0.3) ** 2) < 100
    fit = Fit.of((200, 100), 128, spacing=Spacing(0.15, 0.3))
    rows, columns = np.nonzero(fit.fit_image((disc * 255).astype(np.uint8)) > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_image_and_bitmap_fall_on_the_same_pixels() -> None:
    frame = np.zeros((300, 260), dtype=np.uint8)
    frame[60:200, 40:180] = 255
    fit = Fit.of(frame.shape, 64)
    image = fit.fit_image(frame) > 127
    bitmap = fit.fit_bitmap(np.where(frame > 0, 2, 1).astype(np.uint16), 3) == 2
    assert _dice(image, bitmap) > 0.97


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 127), st.integers(0, 100))
def test_an_inverted_frame_becomes_the_inverted_input(height: int, width: int, edge: int, seed: int) -> None:
    frame = np.full((height, width), edge, dtype=np.uint8)
    inside = frame[1:-1, 1:-1]
    inside[:] = np.random.default_rng(seed).integers(0, 256, inside.shape)
    fit = Fit.of((height, width), 32)
    usual, inverted = fit.fit_image(frame), fit.fit_image(255 - frame)
    # Resizing rounds either way.
    np.testing.assert_allclose(inverted.astype(int), 255 - usual.astype(int), atol=1)
    outside = np.ones((32, 32), dtype=bool)
    outside[fit.window] = False
    assert not usual[outside].any()


def test_colour_becomes_luminance() -> None:
    frame = np.zeros((4, 4, 3), dtype=np.uint8)
    frame[..., 1] = 100
    assert int(to_grey(frame)[0, 0]) == 59
    assert Fit.of((4, 4), 16).fit_image(frame).max() == 59


def test_probabilities_keep_their_sum() -> None:
    raw = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    native = Fit.of((50, 70), 32).unfit_probabilities(raw / raw.sum(axis=0))
    assert native.shape == (3, 50, 70)
    np.testing.assert_allclose(native.sum(axis=0), 1.0, atol=1e-5)
