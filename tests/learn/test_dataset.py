"""Resident frames: what goes in comes out, in an order that does not depend on how it went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.learn.augment import warp
from annotator.learn.dataset import ResidentFrames, TrainingFrame, type_of_sets
from annotator.learn.label_dropout import drop_labels
from annotator.learn.losses import allowed_sets, unknown_as_background

CPU = torch.device("cpu")


def _put(store: ResidentFrames, frames: list[TrainingFrame]) -> None:
    for frame in frames:
        store.put(frame)


@pytest.mark.parametrize("sets", [torch.uint8, torch.int32])
def test_gathers_what_was_put(frames: list[TrainingFrame], sets: torch.dtype) -> None:
    labelled = frames[:12]
    store = ResidentFrames(32, CPU, sets=sets)
    _put(store, labelled[::-1])
    assert store.keys == tuple(sorted(f.key for f in labelled))
    images, bitmaps = store.gather(torch.arange(12))
    assert bitmaps is not None
    by_key = {f.key: f for f in labelled}
    for key, image, bitmap in zip(store.keys, images.numpy(), bitmaps.numpy(), strict=True):
        np.testing.assert_array_equal(image, by_key[key].image)
        np.testing.assert_array_equal(bitmap, by_key[key].bitmap)


def test_replacing_and_forgetting_reuse_rows(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, sets=torch.int32)
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
    store = ResidentFrames(32, CPU, sets=None)
    sizes = set()
    for i in range(100):
        store.put(replace(frames[0], key=replace(frames[0].key, frame=i)))
        sizes.add(store.n_bytes)
    assert len(store) == 100
    assert len(sizes) <= 5


def test_the_oldest_makes_room(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, sets=None, limit=3)
    _put(store, frames[:5])
    assert set(store.keys) == {f.key for f in frames[2:5]}


def test_forgetting_the_unknown_is_harmless(frames: list[TrainingFrame]) -> None:
    store = ResidentFrames(32, CPU, sets=None)
    store.forget(frames[0].key)
    assert len(store) == 0


@pytest.mark.parametrize("value", [1, 1 << 15, 0xFFFF])
def test_the_sixteenth_bit_survives(frames: list[TrainingFrame], value: int) -> None:
    store = ResidentFrames(32, CPU, sets=torch.int32)
    store.put(replace(frames[0], bitmap=np.full((32, 32), value, dtype=np.uint16)))
    _, bitmaps = store.gather(torch.tensor([0]))
    assert bitmaps is not None
    assert bool((bitmaps == value).all())


@pytest.mark.parametrize(("n_classes", "type_of_them"), [(2, torch.uint8), (8, torch.uint8), (9, torch.int32)])
def test_sets_are_held_in_a_byte_where_they_fit(n_classes: int, type_of_them: torch.dtype) -> None:
    assert type_of_sets(n_classes) == type_of_them


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 8))
def test_what_is_made_of_sets_does_not_depend_on_their_type(seed: int, n_classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    everything = (1 << n_classes) - 1
    bitmaps = torch.randint(1, everything + 1, (3, 16, 16), generator=generator, dtype=torch.int32)
    bitmaps[:, :4] = everything
    bitmaps[:, 4:8] = 1 << torch.randint(0, n_classes, (3, 4, 16), generator=generator, dtype=torch.int32)
    known = torch.rand((3, n_classes), generator=generator) < 0.6
    known[:, 0] = False
    dropped = known & (torch.rand((3, n_classes), generator=generator) < 0.5)
    possible = torch.randint(1, everything + 1, (3, 1, 1), generator=generator, dtype=torch.int32) | 1
    images = torch.zeros((3, 16, 16), dtype=torch.uint8)
    grid = 3 * torch.rand((3, 16, 16, 2), generator=generator) - 1.5
    found = []
    for kind in (torch.int32, torch.uint8):
        sets, shown = bitmaps.to(kind), possible.to(kind)
        sets = drop_labels(sets, known, dropped) & shown
        _, moved = warp(images, sets, grid, everything=shown)
        assert moved.dtype == kind
        found.append((moved.int(), unknown_as_background(moved).int(), allowed_sets(moved, n_classes)))
    for wide, narrow in zip(*found, strict=True):
        np.testing.assert_array_equal(wide.numpy(), narrow.numpy())
