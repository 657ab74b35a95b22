"""Every shipped recipe trains, stops, goes on and publishes; the default one trains as if no method were there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from annotator.core.protocols import LabelProtocol
from annotator.learn import augment, ema, losses, weights
from annotator.learn.dataset import TrainingFrame
from annotator.learn.label_dropout import choose_dropped, drop_labels
from annotator.learn.recipe import Recipe, read_recipe
from annotator.learn.recipe_sections import CftSection
from annotator.learn.trainer import Trainer
from annotator.learn.validation import score
from annotator.registry.resources import resource
from annotator_unet import UNet, UNetFactory
from tests.learn.small import SMALL

TrainerMaker = Callable[..., Trainer]
FrameMaker = Callable[..., TrainingFrame]

ONE_FRAME = {**SMALL, "cft.least_frames": "1"}
FILES = sorted(resource("recipes").glob("*.toml"))
ADDED = {
    "hdc": {"noisy_supervised", "noisy_consistency", "correlation", "mutual_information", "pixel_consistency"},
    "unimatch": {"second_view", "feature_view"},
    "labo": {"labo"},
    "inversion": {"inversion", "entropy"},
    "temporal": {"even_change"},
}


def _recipe(name: str, **more: str) -> Recipe:
    return read_recipe(resource(f"recipes/{name}.toml"), {**ONE_FRAME, **more})


def _state(trainer: Trainer) -> dict[str, torch.Tensor]:
    of_both = {"student": trainer._student, "teacher": trainer._teacher}
    return {f"{who}.{n}": t.clone() for who, net in of_both.items() for n, t in net.state_dict().items()}


def _same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_shipped_recipe_is_valid_named_by_its_file_and_says_what_it_does(file: Path) -> None:
    recipe = read_recipe(file)
    assert recipe.name == file.stem
    assert 20 < len(recipe.summary) <= 120, "one line for whoever chooses it"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_shipped_recipe_trains_goes_on_and_publishes(
    file: Path, make_trainer: TrainerMaker, make_frame: FrameMaker, frames: list[TrainingFrame], tmp_path: Path
) -> None:
    recipe = _recipe(file.stem)
    held = [make_frame(100 + i, ("disc", "bar")) for i in range(2)]
    straight, resumed = make_trainer(changed=recipe), make_trainer(changed=recipe, seed=9)
    for trainer in (straight, resumed):
        trainer.put(frames)
        trainer.set_validation(held)
    before = _state(straight)
    found = straight.step().losses
    assert all(math.isfinite(value) for value in found.values())
    assert ADDED.get(file.stem, set()) <= set(found)
    resumed.restore(straight.checkpoint())
    assert straight.step().losses == resumed.step().losses
    assert _same(_state(straight), _state(resumed))
    assert not _same(before, _state(straight))
    data = straight.publish()
    assert straight.step().losses == resumed.step().losses, "publishing changed what a later step depends on"
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    images = np.stack([f.image for f in held])
    predictor = weights.load(path, {"unet": UNetFactory()})
    np.testing.assert_allclose(predictor.predict_fitted(images).sum(axis=1), 1.0, atol=1e-4)


def _plain_step(trainer: Trainer) -> None:
    """The step without any of the methods, written out."""
    recipe, chance = trainer.recipe, trainer._chance
    batch = trainer._pool.draw(1, chance.parameters)
    dropped = choose_dropped(batch.known, trainer._pool.partial, recipe.loss.label_dropout, chance.parameters)
    bitmaps = drop_labels(batch.bitmaps, batch.known, dropped)
    grid = augment.random_grid(len(bitmaps), recipe.data.image_size, recipe.augment, chance)
    plain, bitmaps = augment.warp(batch.images, bitmaps, grid, everything=0b1111)
    strong = augment.strong_view(plain, recipe.augment, chance)
    allowed, active = losses.allowed_sets(bitmaps, 4), trainer._active
    with trainer._precision():
        logits = trainer._student(augment.to_input(strong))
    log_p = losses.log_probabilities(logits, active)
    loss = losses.marginal_cross_entropy(log_p, allowed, active) + losses.partial_dice(log_p, allowed, active)
    with torch.no_grad(), trainer._precision():
        target = losses.soft_target(trainer._teacher(augment.to_input(plain)), allowed, active)
    weight = recipe.teacher.weight * math.exp(-5.0 * (1.0 - trainer.step_count / recipe.teacher.ramp_steps) ** 2)
    loss = loss + weight * losses.consistency(log_p, target, allowed, active)
    trainer._descent.adamw.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(trainer._student.parameters(), recipe.optimiser.clip_norm)
    rise = (trainer.step_count + 1) / recipe.optimiser.warm_up_steps
    decay = math.sqrt(1.0 + trainer.step_count / recipe.optimiser.decay_steps)
    trainer._descent.adamw.param_groups[0]["lr"] = recipe.optimiser.learning_rate * rise / decay
    trainer._descent.adamw.step()
    trainer._average.follow(ema.decay_at(trainer.step_count, recipe.teacher.ema_limit))
    trainer.step_count += 1
    trainer._pacing.advance()


def test_the_default_recipe_trains_bit_for_bit_as_without_the_methods(
    make_trainer: TrainerMaker, frames: list[TrainingFrame]
) -> None:
    one, two = (make_trainer(changed=_recipe("default")) for _ in range(2))
    for trainer in (one, two):
        trainer.put(frames)
    for _ in range(4):
        one.step()
        _plain_step(two)
    assert _same(_state(one), _state(two))
    assert one._terms == ()


@pytest.mark.parametrize("name", ["hdc", "unimatch", "labo", "inversion", "adaptive", "adaptive-binary", "backmix"])
def test_a_method_changes_the_training(name: str, make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    default, other = make_trainer(changed=_recipe("default")), make_trainer(changed=_recipe(name))
    for trainer in (default, other):
        trainer.put(frames)
        trainer.step()
    differs = not _same(_state(default), _state(other))
    # Frames of shapes have no sector, so there is no background to exchange.
    assert differs or name == "backmix"


def test_a_checkpoint_of_another_number_of_decoders_gives_its_weights(
    make_trainer: TrainerMaker, frames: list[TrainingFrame]
) -> None:
    for first, second in (("default", "hdc"), ("hdc", "default")):
        one, two = make_trainer(changed=_recipe(first)), make_trainer(changed=_recipe(second))
        one.put(frames)
        one.step()
        two.restore(one.checkpoint())
        assert two.step_count == 1
        assert _same(one._student.state_dict(), two._student.state_dict())
        assert _same(one._teacher.state_dict(), two._teacher.state_dict())
        two.put(frames)
        assert two.step().step == 2


def test_a_gate_opens_with_validation(
    make_trainer: TrainerMaker, make_frame: FrameMaker, frames: list[TrainingFrame]
) -> None:
    trainer = make_trainer(changed=_recipe("gated", **{"schedule.validate_every": "2", "teacher.gate": "0.99"}))
    trainer.put(frames)
    trainer.set_validation([make_frame(100, ("disc",))])
    trainer.step()
    assert trainer._gated is not None
    assert trainer._gated.tolist() == [False, True, False, False]


@pytest.mark.parametrize("method", ["gradient", "genetic"])
def test_rows_are_fitted_again_at_publication_and_the_model_says_so(
    method: str, make_trainer: TrainerMaker, make_frame: FrameMaker, frames: list[TrainingFrame], tmp_path: Path
) -> None:
    recipe = _recipe("default").model_copy(
        update={"cft": CftSection.model_validate({"method": method, "least_frames": 1, "decay": 1e-4})}
    )
    trainer = make_trainer(changed=recipe)
    trainer.put(frames)
    held = [make_frame(100 + i, ("disc", "bar")) for i in range(3)]
    trainer.set_validation(held)
    for _ in range(35):
        trainer.step()
    path = tmp_path / "model.safetensors"
    candidate = trainer.candidate()
    path.write_bytes(candidate.write({"data_revision": 3}))
    predictor = weights.load(path, {"unet": UNetFactory()})
    facts = predictor.header.facts["cft"]
    assert facts["method"] == method
    assert set(facts["rows"]) == {"disc", "bar", "ghost"}
    assert predictor.header.facts["data_revision"] == 3
    assert set(facts["dice_before"]) == {"disc", "bar"}
    assert facts["dice_after"] == candidate.validation.dice
    assert facts["dice_after"] != facts["dice_before"]
    new = [name for name, of in facts["rows"].items() if of["is_new"]]
    assert new
    head, old = predictor.network.get_parameter("head.weight"), trainer._teacher.get_parameter("head.weight")
    for structure in trainer.protocol.ids:
        c = trainer.protocol.index(structure)
        assert torch.equal(head[c], old[c]) == (structure not in new)


def test_nothing_is_fitted_where_no_patient_is_held_aside(
    make_trainer: TrainerMaker, frames: list[TrainingFrame], tmp_path: Path
) -> None:
    trainer = make_trainer(changed=_recipe("cft", **{"calibration.fit": "true"}))
    trainer.put(frames)
    trainer.step()
    path = tmp_path / "model.safetensors"
    path.write_bytes(trainer.publish())
    header = weights.read_header(path)
    assert "held aside" in header.facts["cft"]["reason"]
    assert "held aside" in header.facts["calibration"]["reason"]


class _WithoutBias(UNetFactory):
    """A head that no bias is added to, as many networks have."""

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> UNet:
        network = super().build(in_channels=in_channels, n_classes=n_classes, options=options)
        network.head = torch.nn.Conv2d(network.head.in_channels, n_classes, 1, bias=False)
        return network


@pytest.mark.parametrize("name", ["cft", "hdc", "labo", "inversion"])
def test_a_head_without_a_bias_trains_and_publishes(
    name: str, protocol: LabelProtocol, make_frame: FrameMaker, frames: list[TrainingFrame]
) -> None:
    trainer = Trainer(protocol=protocol, recipe=_recipe(name), factory=_WithoutBias(), device="cpu")
    trainer.put(frames)
    trainer.set_validation([make_frame(100, ("disc", "bar"))])
    trainer.step()
    found = trainer.candidate().facts
    assert name != "cft" or "no bias" in found["cft"]["reason"]


@pytest.mark.parametrize("applied", [True, False])
def test_confidence_is_stored_and_applied_where_asked(
    make_trainer: TrainerMaker, make_frame: FrameMaker, frames: list[TrainingFrame], tmp_path: Path, *, applied: bool
) -> None:
    trainer = make_trainer(changed=_recipe("calibrated", **{"calibration.apply": str(applied).lower()}))
    trainer.put(frames)
    held = [make_frame(100 + i, ("disc", "bar")) for i in range(3)]
    trainer.set_validation(held)
    for _ in range(12):
        trainer.step()
    candidate = trainer.candidate()
    assert candidate.validation.n_patients == 3
    path = tmp_path / "model.safetensors"
    path.write_bytes(candidate.write())
    predictor = weights.load(path, {"unet": UNetFactory()})
    found = predictor.header.facts["calibration"]["structures"]
    assert set(found) == {"disc", "bar"}
    assert predictor.header.facts["calibration"]["is_cross_fitted"]
    images = np.stack([f.image for f in held])
    difference = np.abs(predictor.predict_fitted(images) - trainer.predict(images)).max()
    assert bool(difference > 0.02) is applied
    classes = list(predictor.predict_fitted(images).argmax(axis=1))
    assert candidate.validation == score(held, classes, trainer.protocol), "what is published is what was scored"
