"""Batches mix labelled and unlabelled frames, and structures evenly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from annotator.learn.dataset import TrainingFrame
from annotator.learn.pool import FramePool
from annotator.learn.recipe_sections import DataSection

SECTION = DataSection(image_size=32, labelled_batch=6, unlabelled_batch=3)


def _pool(frames: list[TrainingFrame], section: DataSection = SECTION) -> FramePool:
    pool = FramePool(4, section, device=torch.device("cpu"))
    for frame in frames:
        pool.put(frame)
    return pool


def test_a_batch_has_labelled_frames_first(frames: list[TrainingFrame]) -> None:
    batch = _pool(frames).draw(1, torch.Generator().manual_seed(0))
    assert batch.images.shape == (9, 32, 32)
    assert batch.known.any(dim=1).tolist() == [True] * 6 + [False] * 3
    assert bool((batch.bitmaps[6:] == 0b1111).all())


def test_a_batch_knows_what_each_view_can_show(frames: list[TrainingFrame]) -> None:
    pool = _pool([replace(frame, possible=0b0111 if frame.bitmap is None else 0b1111) for frame in frames])
    assert pool.draw(1, torch.Generator().manual_seed(0)).possible.tolist() == [0b1111] * 6 + [0b0111] * 3


def test_all_labelled_where_nothing_is_unlabelled(frames: list[TrainingFrame]) -> None:
    pool = _pool(frames[:12])
    assert pool.batch_size() == 9
    assert bool(pool.draw(1, torch.Generator().manual_seed(0)).known.any(dim=1).all())


def test_a_shrunk_batch_keeps_one_labelled_frame(frames: list[TrainingFrame]) -> None:
    pool = _pool(frames)
    assert [pool.batch_size(s) for s in (1, 2, 4, 8, 16)] == [9, 4, 1, 1, 1]
    assert len(pool.draw(16, torch.Generator().manual_seed(0)).images) == 1


def test_structures_are_drawn_evenly_however_they_are_labelled(frames: list[TrainingFrame]) -> None:
    pool = _pool(frames[:1] + frames[6:12])
    generator = torch.Generator().manual_seed(0)
    known = torch.cat([pool.draw(1, generator).known for _ in range(200)])
    assert abs(float(known[:, 1].float().mean()) - 0.5) < 0.06


def test_an_absent_structure_is_drawn_less_often_than_a_shown_one(frames: list[TrainingFrame]) -> None:
    lacking = replace(frames[0], key=replace(frames[0].key, frame=1), bitmap=np.full((32, 32), 0b1101, dtype=np.uint16))
    pool = _pool([frames[0], lacking])
    generator = torch.Generator().manual_seed(0)
    draws = [pool.draw(1, generator) for _ in range(200)]
    shown = torch.cat([(batch.bitmaps == 2).flatten(1).any(dim=1) for batch in draws])
    assert abs(float(shown.float().mean()) - 0.8) < 0.06


def test_a_frame_changes_kind_with_its_labels(frames: list[TrainingFrame]) -> None:
    pool = _pool(frames)
    assert (pool.n_labelled, pool.n_unlabelled) == (12, 4)
    pool.put(replace(frames[0], bitmap=None))
    assert (pool.n_labelled, pool.n_unlabelled) == (11, 5)
    pool.put(frames[0])
    assert (pool.n_labelled, pool.n_unlabelled) == (12, 4)
    pool.put(replace(frames[0], bitmap=np.full((32, 32), 0b1111, dtype=np.uint16)))
    assert (pool.n_labelled, pool.n_unlabelled) == (11, 5)
    pool.forget(frames[0].key)
    assert (pool.n_labelled, pool.n_unlabelled) == (11, 4)


def test_the_order_of_putting_does_not_show(frames: list[TrainingFrame]) -> None:
    one, two = _pool(frames), _pool(frames[::-1])
    a, b = (pool.draw(1, torch.Generator().manual_seed(3)) for pool in (one, two))
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.bitmaps, b.bitmaps)


def test_partial_structures_follow_from_the_frames(frames: list[TrainingFrame]) -> None:
    assert _pool(frames).partial.tolist() == [False, True, True, True]
    assert _pool(frames).shown_structures().tolist() == [False, True, True, False]
