"""Resident frames: what goes in comes out, in an order that does not depend on how it went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from annotator.learn.dataset import ResidentFrames, TrainingFrame

CPU = torch.device("cpu")


def _put(store: ResidentFrames, frames: list[TrainingFrame]) -> None:
    for frame in frames:
        store.put(frame)


def test_gathers_what_was_put(frames: list[TrainingFrame]) -> None:
    labelled = frames[:12]
    store = ResidentFrames(32, CPU, has_bitmaps=True)
    _put(store, labelled[::-1])
    assert store.keys == tuple(sorted(f.key for f in labelled))
    images, bitmaps = store.gather(torch.arange(12))
    assert bitmaps is not None
    by_key = {f.key: f for f in labelled}
    for key, image, bitmap in zip(store.keys, images.numpy(), bitmaps.numpy(), strict=True):
        np.testing.assert_array_equal(image, by_key[key].image)
        np.testing.assert_array_equal(bitmap, by_key[key].bitmap)


def test_replacing_and_forgetting_reuse_rows(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, has_bitmaps=True)
    _put(store, frames[:12])
    held = store.n_bytes
    for _ in range(10):
        for frame in frames[:12]:
            store.put(frame)
        store.forget(frames[3].key)
        assert frames[3].key not in store
        store.put(frames[3])
    assert store.n_bytes == held
    changed = replace(frames[5], image=np.full((32, 32), 7, dtype=np.uint8))
    store.put(changed)
    images, _ = store.gather(torch.tensor([store.keys.index(changed.key)]))
    assert bool((images == 7).all())


def test_grows_by_doubling(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, has_bitmaps=False)
    sizes = set()
    for i in range(100):
        store.put(replace(frames[0], key=replace(frames[0].key, frame=i)))
        sizes.add(store.n_bytes)
    assert len(store) == 100
    assert len(sizes) <= 5


def test_the_oldest_makes_room(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, has_bitmaps=False, limit=3)
    _put(store, frames[:5])
    assert set(store.keys) == {f.key for f in frames[2:5]}


def test_forgetting_the_unknown_is_harmless(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, has_bitmaps=False)
    store.forget(frames[0].key)
    assert len(store) == 0


@pytest.mark.parametrize("value", [1, 1 << 15, 0xFFFF])
def test_the_sixteenth_bit_survives(frames: list[TrainingFrame], value: int) -> None:
    store = ResidentFrames(32, CPU, has_bitmaps=True)
    store.put(replace(frames[0], bitmap=np.full((32, 32), value, dtype=np.uint16)))
    _, bitmaps = store.gather(torch.tensor([0]))
    assert bitmaps is not None
    assert bool((bitmaps == value).all())
