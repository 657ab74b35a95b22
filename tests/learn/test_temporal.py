"""Triples of neighbouring frames: what motion costs nothing, who is taught, and who leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from annotator.core.identity import FrameKey
from annotator.learn import temporal
from annotator.learn.dataset import TrainingFrame
from annotator.learn.losses import MASKED
from annotator.learn.pool import FramePool
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import DataSection, TemporalSection
from annotator.learn.sampling import draw_neighbours, neighbours_within
from annotator.learn.trainer import Trainer

TrainerMaker = Callable[..., Trainer]
FrameMaker = Callable[..., TrainingFrame]

TRIPLE = torch.tensor([[2, 0, 1]])
ACTIVE = torch.tensor([True, True, True, False])


def _discs(radii: list[float]) -> torch.Tensor:
    """Log-probabilities (B, 4, 32, 32) of soft columns of class 1 and a constant strip of class 2."""
    x = torch.arange(32, dtype=torch.float64).expand(32, 32)
    rows = []
    for width in radii:
        one = (width - x).clamp(0.0, 1.0) * 0.98 + 0.005
        two = torch.where(x > 28, 0.9, 0.001).double() * (1 - one)
        rows.append(torch.stack([1 - one - two, one, two, torch.full_like(one, 1e-30)]))
    return torch.stack(rows).log()


def test_walls_that_move_at_constant_speed_cost_nothing() -> None:
    # Rows 2, 0, 1 in time: widths 6, 8, 10, and a frame of another clip that is no part of it.
    log_p = _discs([8.0, 10.0, 6.0, 20.0])
    assert float(temporal.even_change(log_p, TRIPLE, ACTIVE, slack=0.0)) == pytest.approx(0.0, abs=1e-12)
    bent = _discs([9.0, 10.0, 6.0, 20.0])
    found = temporal.bend(bent, TRIPLE, ACTIVE)
    areas = bent[:, 1].exp().sum(dim=(1, 2))
    expected = abs(areas[2] - 2 * areas[0] + areas[1]) / areas[:3].mean()
    assert float(found[0, 0]) == pytest.approx(float(expected))
    assert float(found[0, 2]) == 0.0
    excess = (found - 0.05).clamp(min=0).square().sum() / 2
    assert float(temporal.even_change(bent, TRIPLE, ACTIVE, slack=0.05)) == pytest.approx(float(excess))
    assert float(temporal.even_change(bent, TRIPLE, ACTIVE, slack=1.0)) == 0.0


def test_only_the_frames_of_a_triple_are_pulled_and_toward_even_change() -> None:
    logits = _discs([9.0, 10.0, 6.0, 20.0]).requires_grad_()
    value = temporal.even_change(torch.log_softmax(logits, dim=1), TRIPLE, ACTIVE, slack=0.05)
    (gradient,) = torch.autograd.grad(value, logits)
    assert not bool(gradient[3].any())
    assert all(bool(gradient[i].any()) for i in range(3))
    # The middle is too large: less of class 1 there, more before and after.
    assert bool((gradient[0, 1] >= -1e-12).all())
    assert bool((gradient[1:3, 1] <= 1e-12).all())


def test_the_loss_of_areas_has_the_gradient_of_its_formula() -> None:
    logits = torch.randn((3, 4, 4, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    triples = torch.tensor([[0, 1, 2]])
    sizes = torch.log_softmax(logits, dim=1)[:, 1:].exp().sum(dim=(2, 3))[triples].mean(dim=1)

    def held(x: torch.Tensor) -> torch.Tensor:
        areas = torch.log_softmax(x, dim=1)[:, 1:].exp().sum(dim=(2, 3))
        bends = (areas[0] - 2 * areas[1] + areas[2]).abs() / sizes[0]
        return ((bends - 0.05).clamp(min=0).square() * ACTIVE[1:]).sum() / 2

    def mine(x: torch.Tensor) -> torch.Tensor:
        return temporal.even_change(torch.log_softmax(x, dim=1), triples, ACTIVE, slack=0.05)

    logits.requires_grad_()
    one, two = (torch.autograd.grad(f(logits), logits)[0] for f in (mine, held))
    assert bool(one.any())
    assert torch.allclose(one, two)


def test_a_wall_that_crosses_says_nothing_and_what_stays_says_all() -> None:
    log_q = _discs([0.0, 20.0, 10.0])
    allowed = torch.ones((3, 4, 32, 32), dtype=torch.bool)
    target, agree = temporal.both_neighbours(log_q, TRIPLE, allowed)
    assert target.shape == (1, 4, 32, 32)
    # Class 1 reached column 10 before and column 20 after: what lies between changed hands.
    assert agree[0, 0].tolist() == [True] * 10 + [False] * 10 + [True] * 12
    assert bool((target[0].argmax(dim=0)[:, :10] == 1).all())
    assert torch.allclose(target.exp().sum(dim=1), torch.ones((), dtype=torch.float64))
    still, everywhere = temporal.both_neighbours(_discs([0.0, 10.0, 10.0]), TRIPLE, allowed)
    assert bool(everywhere.all())
    assert torch.allclose(still[0].exp(), _discs([10.0])[0].exp())


def test_neighbours_never_contradict_what_is_known_of_the_frame_between_them() -> None:
    allowed = torch.ones((3, 4, 32, 32), dtype=torch.bool)
    allowed[0, 1, :, :5] = False
    target, agree = temporal.both_neighbours(_discs([0.0, 10.0, 10.0]), TRIPLE, allowed)
    assert bool((target[0, 1, :, :5] <= MASKED / 2).all())
    assert not bool(agree[0, :, :5].any())


def test_triples_are_evenly_spaced_within_reach_and_within_the_clip() -> None:
    held = {FrameKey("a", t) for t in range(12)} | {FrameKey("b", 3)}
    found = neighbours_within(FrameKey("a", 1), held, 2)
    assert [(place, tuple(k.frame for k in keys)) for place, keys in found] == [(0, (2, 3)), (1, (0, 2)), (0, (3, 5))]
    assert neighbours_within(FrameKey("b", 2), held, 12) == []


def test_no_chance_is_used_where_no_frame_has_neighbours() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert draw_neighbours([FrameKey("a", 0)], {FrameKey("a", 1)}, 2, reach=3, generator=generator) == ()
    assert torch.equal(generator.get_state(), before)


@pytest.fixture
def clips(make_frame: FrameMaker) -> list[TrainingFrame]:
    """Two clips of nine frames, each with one labelled frame, and a still."""
    found = []
    for name, labelled in (("a", 0), ("b", 4)):
        for t in range(9):
            frame = make_frame(t, ("disc",) if t == labelled else ())
            found.append(replace(frame, key=FrameKey(name, t), patient=name))
    return [*found, make_frame(50, ("bar",))]


def test_a_batch_holds_labelled_frames_with_their_neighbours(clips: list[TrainingFrame]) -> None:
    section = DataSection(image_size=32, labelled_batch=6, unlabelled_batch=4)
    on = TemporalSection(area=1.0, reach=2, share=0.5)
    pool = FramePool(4, section, device=torch.device("cpu"), temporal=on)
    for frame in clips:
        pool.put(frame)
    by_image = {frame.image.tobytes() + bytes([frame.bitmap is not None]): frame.key.frame for frame in clips[:18]}
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(60):
        batch = pool.draw(1, generator)
        assert batch.images.shape == (10, 32, 32)
        if batch.triples is None:
            continue
        (triple,) = batch.triples.tolist()
        assert sorted(triple)[1:] == [6, 7]
        times = [by_image[batch.images[row].numpy().tobytes() + bytes([row < 6])] for row in triple]
        assert times[1] - times[0] == times[2] - times[1] in (1, 2)
        seen.add(tuple(times))
    assert seen == {(0, 1, 2), (0, 2, 4), (3, 4, 5), (2, 4, 6), (4, 5, 6), (2, 3, 4), (4, 6, 8)}
    assert pool.draw(4, generator).triples is None


@pytest.mark.parametrize("section", [TemporalSection(area=5.0), TemporalSection(neighbours=1.0)])
def test_stills_train_bit_for_bit_as_without(
    section: TemporalSection, make_trainer: TrainerMaker, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    off, on = make_trainer(), make_trainer(changed=recipe.model_copy(update={"temporal": section}))
    for trainer in (off, on):
        trainer.put(frames)
        trainer.step()
        trainer.step()
    assert all(torch.equal(t, on._student.state_dict()[n]) for n, t in off._student.state_dict().items())


def test_clips_train_otherwise_and_the_teacher_gets_no_gradient(
    make_trainer: TrainerMaker, recipe: Recipe, clips: list[TrainingFrame]
) -> None:
    section = TemporalSection(area=5.0, neighbours=1.0, slack=0.0)
    trainer = make_trainer(changed=recipe.model_copy(update={"temporal": section}))
    trainer.put(clips)
    found = [trainer.step().losses for _ in range(4)]
    assert all({"even_change", "neighbours"} <= set(losses) for losses in found)
    assert any(losses["even_change"] > 0 for losses in found)
    assert any(losses["neighbours"] > 0 for losses in found)
    assert all(p.grad is None for p in trainer._teacher.parameters())
