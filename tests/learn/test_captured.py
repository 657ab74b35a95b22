"""What a recorded step reads: the same draws in the same order, in buffers; and on CUDA the recording itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from annotator.core.protocols import LabelProtocol
from annotator.learn import captured, descent
from annotator.learn.captured import CapturedStep, Reel, ShapesChanged
from annotator.learn.chance import Chance
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import Recipe, read_recipe
from annotator.learn.trainer import Trainer
from annotator.registry.resources import resource
from annotator_unet import UNetFactory
from tests.learn.recorder import without_cuda
from tests.learn.small import SMALL

TrainerMaker = Callable[..., Trainer]
FrameMaker = Callable[..., TrainingFrame]
OnGpu = Callable[[LabelProtocol, Recipe, list[TrainingFrame]], Trainer]

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def _chance(seed: int = 0) -> Chance:
    generator = torch.Generator().manual_seed(seed)
    return Chance(generator, generator)


def test_a_reel_gives_the_draws_in_order_and_fills_the_same_buffers_again() -> None:
    chance, plain = _chance(), _chance()
    reel = Reel(torch.device("cpu"))
    chance.tape = reel
    numbers = iter((0.5, 0.25, 0.125))

    def step(of: Chance) -> list[torch.Tensor]:
        order = of.draw(lambda generator: torch.randperm(5, generator=generator))
        figure = of.figure(lambda: next(numbers)) if of is chance else torch.zeros(())
        return [
            order,
            of.symmetric(3, 2.0),
            of.draw(lambda g: torch.rand(7, generator=g) < 0.5),
            torch.as_tensor(figure),
        ]

    first, expected = step(chance), step(plain)
    assert all(torch.equal(a, b) for a, b in zip(first[:3], expected[:3], strict=True))
    reel.rewind()
    reel.play()
    again, expected = step(chance), step(plain)
    assert all(torch.equal(a, b) for a, b in zip(again[:3], expected[:3], strict=True))
    assert float(again[3]) == 0.25
    reel.rewind()
    reel.play()
    third, expected = step(chance), step(plain)
    assert [t.data_ptr() for t in third] == [t.data_ptr() for t in again]
    assert all(torch.equal(a, b) for a, b in zip(third[:3], expected[:3], strict=True))
    with pytest.raises(ShapesChanged):
        chance.symmetric(3, 1.0)


def test_a_reel_notices_another_shape() -> None:
    chance, sizes = _chance(), iter((2, 3))
    reel = Reel(torch.device("cpu"))
    chance.tape = reel
    chance.draw(lambda generator: torch.rand(next(sizes), generator=generator))
    with pytest.raises(ShapesChanged):
        reel.play()


@pytest.mark.parametrize("name", ["default", "hdc", "unimatch", "backmix"])
def test_a_step_that_reads_from_a_reel_is_the_step(
    name: str, make_trainer: TrainerMaker, frames: list[TrainingFrame]
) -> None:
    recipe = read_recipe(resource(f"recipes/{name}.toml"), SMALL)
    plain, taped = make_trainer(changed=recipe), make_trainer(changed=recipe)
    for trainer in (plain, taped):
        trainer.put(frames)
    reel = Reel(torch.device("cpu"))
    taped._chance.tape = reel
    for number in range(3):
        if number:
            reel.rewind()
            reel.play()
        one, two = plain.step().losses, taped.step().losses
        # A figure in float32 instead of float64 is enough to make bfloat16 training drift; another draw does far more.
        assert two == pytest.approx(one, rel=2e-2, abs=1e-4)


def _on_cuda(protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]) -> Trainer:
    optimiser = recipe.optimiser.model_copy(update={"is_recorded": True})
    recipe = recipe.model_copy(update={"optimiser": optimiser})
    trainer = Trainer(protocol=protocol, recipe=recipe, factory=UNetFactory(), device="cuda", seed=0)
    trainer.put(frames)
    return trainer


def _written_down(protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]) -> Trainer:
    trainer = Trainer(protocol=protocol, recipe=recipe, factory=UNetFactory(), device="cpu", seed=0)
    trainer._chance.noise = torch.Generator().manual_seed(0)
    # Nobody waits after every step; the optimiser is the CPU's.
    trainer._descent._device = torch.device("cuda")
    trainer._run = CapturedStep(trainer._step_once, trainer._chance, trainer._notes.append)
    trainer.put(frames)
    return trainer


@pytest.fixture(params=["cuda", "written down"])
def on_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> OnGpu:
    """Makes a trainer whose step is recorded, on a GPU or without one."""
    if request.param == "written down":
        without_cuda(monkeypatch)
        monkeypatch.setattr(descent, "adamw_options", lambda _device: {"fused": True, "capturable": False})
        return _written_down
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return _on_cuda


def _losses(trainer: Trainer, steps: int) -> list[dict[str, float]]:
    return [dict(found) for found in (trainer.step().losses for _ in range(steps)) if found]


@needs_cuda
@pytest.mark.parametrize("name", ["default", "hdc", "unimatch", "labo", "inversion", "backmix"])
def test_the_recorded_step_is_the_step(
    name: str, protocol: LabelProtocol, frames: list[TrainingFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "LOSSES_EVERY", 1)
    recipe = read_recipe(resource(f"recipes/{name}.toml"), SMALL)
    recorded, plain = _on_cuda(protocol, recipe, frames), _on_cuda(protocol, recipe, frames)
    assert isinstance(plain._run, CapturedStep)
    plain._run._is_off = True
    one, two = _losses(recorded, 20), _losses(plain, 20)
    assert isinstance(recorded._run, CapturedStep)
    assert recorded._run.is_recorded
    assert recorded.notes == ()
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, rel=0.05, abs=0.01)


def test_the_recorded_step_learns_and_survives_new_frames_a_smaller_batch_and_a_restart(
    on_gpu: OnGpu, protocol: LabelProtocol, make_frame: FrameMaker, frames: list[TrainingFrame], recipe: Recipe
) -> None:
    scores = []
    for is_off in (False, True):
        trainer = on_gpu(protocol, recipe, frames[:12])
        trainer.set_validation([make_frame(100 + i, ("disc", "bar")) for i in range(4)])
        assert isinstance(trainer._run, CapturedStep)
        trainer._run._is_off = is_off
        found = _losses(trainer, 30)
        trainer.put(frames[12:])
        found += _losses(trainer, 10)
        again = on_gpu(protocol, recipe, frames)
        assert isinstance(again._run, CapturedStep)
        again._run._is_off = is_off
        again.restore(trainer.checkpoint())
        again.set_validation(trainer._validation)
        found += _losses(again, 30)
        again._shrink_batch()
        found += _losses(again, 60)
        assert again._run.is_recorded is not is_off
        assert len(found) == 13
        assert again.batch_size == 3
        scores.append(again.validate().mean_dice)
    assert min(scores) > 0.7
    assert abs(scores[0] - scores[1]) < 0.1


def test_a_step_that_cannot_be_recorded_runs_as_it_is_and_says_so(
    on_gpu: OnGpu, protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = on_gpu(protocol, recipe, frames)
    descend = trainer._descent.step

    def waiting(loss: torch.Tensor, *figures: Any, **more: Any) -> None:
        assert float(loss.detach()) >= 0
        descend(loss, *figures, **more)

    monkeypatch.setattr(trainer._descent, "step", waiting)
    found = _losses(trainer, 30)
    assert len(found) == 3
    assert len(trainer.notes) == 1
    assert "runs slower" in trainer.notes[0]
    assert found[-1]["supervised"] < found[0]["supervised"]


def test_shapes_that_ever_change_end_the_recording(
    on_gpu: OnGpu, protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "MOST_RECORDINGS", 2)
    trainer = on_gpu(protocol, recipe, frames)
    for size in (4, 3) * 4:
        trainer._pool._section = recipe.data.model_copy(update={"labelled_batch": size})
        _losses(trainer, 6)
    assert any("change too often" in note for note in trainer.notes)
    assert trainer.step_count == 48


def test_a_gpu_that_runs_out_of_memory_gets_a_smaller_batch(
    on_gpu: OnGpu, protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    trainer = on_gpu(protocol, recipe, frames)
    _losses(trainer, 10)
    assert isinstance(trainer._run, CapturedStep)
    replay = trainer._run._graph

    class Full:
        def replay(self) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    assert replay is not None
    trainer._run._graph = Full()  # type: ignore[assignment]
    found = _losses(trainer, 20)
    assert trainer.batch_size == 3
    assert len(found) == 2
    assert trainer._run.is_recorded


def test_a_loss_that_is_no_number_is_found_at_the_next_reading_and_before_anything_is_used(
    on_gpu: OnGpu, protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    from annotator.core.errors import TrainingFailed  # noqa: PLC0415 - for this test alone

    trainer = on_gpu(protocol, recipe, frames)
    _losses(trainer, 11)
    with torch.no_grad():
        next(trainer._student.parameters()).fill_(float("nan"))
    trainer.step()
    for use in (trainer.checkpoint, trainer.publish, trainer.validate):
        with pytest.raises(TrainingFailed, match="learning_rate"):
            use()
    with pytest.raises(TrainingFailed):
        _losses(trainer, 10)


@pytest.mark.parametrize(
    ("error", "batch", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB"), 3, "the batch shrank"),
        (RuntimeError("CUDA error: operation not permitted when stream is capturing"), 6, "not permitted"),
    ],
)
def test_a_recording_that_cannot_even_be_ended_is_told_by_what_ended_it(
    error: Exception,
    batch: int,
    said: str,
    protocol: LabelProtocol,
    recipe: Recipe,
    frames: list[TrainingFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_cuda(monkeypatch)
    recording = torch.cuda.graph

    @contextmanager
    def broken(*given: Any, **named: Any) -> Iterator[None]:
        try:
            with recording(*given, **named):
                yield
        finally:
            if is_full:
                is_full.pop()
                raise torch.AcceleratorError("CUDA error: operation failed due to a previous error during capture")

    is_full = [True]
    monkeypatch.setattr(torch.cuda, "graph", broken)
    trainer = _written_down(protocol, recipe, frames)
    follow = trainer._average.follow

    def failing(decay: float | torch.Tensor) -> None:
        if is_full and isinstance(decay, torch.Tensor) and trainer.step_count > 3:
            raise error
        follow(decay)

    monkeypatch.setattr(trainer._average, "follow", failing)
    _losses(trainer, 20)
    assert trainer.batch_size == batch
    assert len(trainer.notes) == 1
    assert said in trainer.notes[0]
