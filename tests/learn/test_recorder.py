"""The recorded step beside the step, on the CPU: everything that differs from step to step reaches the replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from annotator.core.identity import FrameKey
from annotator.learn import captured, devices, weights
from annotator.learn.captured import CapturedStep
from annotator.learn.chance import Chance
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import Recipe, read_recipe
from annotator.learn.trainer import Trainer
from annotator.registry.resources import resource
from annotator_unet import UNetFactory
from tests.learn.recorder import without_cuda
from tests.learn.small import SMALL

TrainerMaker = Callable[..., Trainer]
PairMaker = Callable[[Recipe], tuple[Trainer, Trainer, CapturedStep]]
FrameMaker = Callable[..., TrainingFrame]

SAME_STEP = {"calibrated", "cft", "cft-genetic", "demo", "pretrain"}
RECIPES = sorted({file.stem for file in resource("recipes").glob("*.toml")} - SAME_STEP)
CHANGES = {
    "neighbours": {
        "temporal.area": "1",
        "temporal.slack": "0",
        "temporal.neighbours": "1",
        "temporal.reach": "1",
        "temporal.share": "1",
    },
    "gate and noise": {"teacher.gate": "0.5", "teacher.noise": "0.1", "schedule.validate_every": "3"},
}


def _recipe(name: str) -> Recipe:
    return read_recipe(
        resource(f"recipes/{name if name in RECIPES else 'default'}.toml"), SMALL | CHANGES.get(name, {})
    )


@pytest.fixture
def make_pair(make_trainer: TrainerMaker, monkeypatch: pytest.MonkeyPatch) -> PairMaker:
    """A trainer, its like that is recorded, and what records it."""
    without_cuda(monkeypatch)
    monkeypatch.setattr(captured, "LOSSES_EVERY", 1)
    monkeypatch.setattr(devices, "low_precision", lambda _device: None)

    def make(recipe: Recipe) -> tuple[Trainer, Trainer, CapturedStep]:
        pair = make_trainer(changed=recipe), make_trainer(changed=recipe)
        for trainer in pair:
            # On a GPU noise has a generator of its own, and nobody waits after every step.
            trainer._chance.noise = torch.Generator().manual_seed(5)
            trainer._descent._device = torch.device("cuda")
        plain, recorded = pair
        run = CapturedStep(recorded._step_once, recorded._chance, recorded._notes.append)
        recorded._run = run
        return plain, recorded, run

    return make


def _differ(one: Trainer, other: Trainer) -> float:
    pairs = zip(one._teacher.state_dict().values(), other._teacher.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def _copy(one: Trainer, other: Trainer) -> None:
    other._descent._device = torch.device("cpu")
    other.restore(one.checkpoint())
    other._descent._device = torch.device("cuda")
    other._chance.noise.set_state(one._chance.noise.get_state())


@pytest.mark.parametrize("name", [*RECIPES, *CHANGES])
def test_a_replay_is_the_step_through_everything_that_changes(
    name: str, make_pair: PairMaker, frames: list[TrainingFrame], make_frame: FrameMaker
) -> None:
    plain, recorded, run = make_pair(_recipe(name))
    held = [make_frame(100 + i, ("disc", "bar")) for i in range(2)]
    for number in range(16):
        for trainer in (plain, recorded):
            if number == 0:
                trainer.put(frames[:6] + frames[12:14])
                trainer.set_validation(held)
            if number == 9:
                trainer.put(frames)
                trainer.renew_average()
            if number == 12:
                trainer.forget(frame.key for frame in frames[:2])
        one, two = plain.step().losses, recorded.step().losses
        assert run.is_recorded == (number > 3)
        assert two == pytest.approx(one, rel=1e-3, abs=1e-5)
    assert recorded.notes == ()
    assert _differ(plain, recorded) < 1e-3


def test_neighbours_of_a_clip_reach_the_replay(make_pair: PairMaker, frames: list[TrainingFrame]) -> None:
    plain, recorded, run = make_pair(_recipe("neighbours"))
    clips = [replace(frame, key=FrameKey(f"clip{i}", 1)) for i, frame in enumerate(frames[:4])]
    around = [
        replace(frame, key=FrameKey(f"clip{i}", place), bitmap=None)
        for i, frame in enumerate(frames[:4])
        for place in (0, 2)
    ]
    for trainer in (plain, recorded):
        trainer.put(clips + around)
    for number in range(10):
        one, two = plain.step().losses, recorded.step().losses
        assert run.is_recorded == (number > 3)
        assert one["even_change"] > 0
        assert two == pytest.approx(one, rel=1e-3, abs=1e-5)


def test_a_structure_that_is_new_to_the_weights_is_recorded_anew_with_its_own_pace(
    make_pair: PairMaker, make_trainer: TrainerMaker, frames: list[TrainingFrame], tmp_path: Path
) -> None:
    taught = make_trainer(changed=_recipe("default"))
    taught.put(frames[:6])
    taught.step()
    (tmp_path / "disc.safetensors").write_bytes(taught.publish())
    plain, recorded, run = make_pair(_recipe("default"))
    for trainer in (plain, recorded):
        trainer.start_from(weights.load(tmp_path / "disc.safetensors", {"unet": UNetFactory()}))
        trainer.put(frames[:6] + frames[12:])
    for number in range(16):
        for trainer in (plain, recorded) if number == 8 else ():
            trainer.put(frames[6:12])
        one, two = plain.step().losses, recorded.step().losses
        assert run.is_recorded == (3 < number < 8 or number > 11)
        if number == 8:
            # What was drawn for the recording that no longer fits is lost, so both go on from here.
            _copy(recorded, plain)
        else:
            assert two == pytest.approx(one, rel=1e-3, abs=1e-5)
    assert _differ(plain, recorded) < 1e-3


def test_the_comparison_notices_a_number_that_the_recording_froze(
    make_pair: PairMaker, frames: list[TrainingFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chance, "figure", lambda _chance, made: made())
    plain, recorded, run = make_pair(_recipe("default"))
    for trainer in (plain, recorded):
        trainer.put(frames)
    for _ in range(12):
        one, two = plain.step().losses, recorded.step().losses
    assert run.is_recorded
    assert two != pytest.approx(one, rel=1e-3, abs=1e-5)
