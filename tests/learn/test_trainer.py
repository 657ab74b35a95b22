"""The trainer from first step to published model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from annotator.core.errors import AnnotatorError, IncompatibleWeights, TrainingFailed
from annotator.core.protocols import LabelProtocol
from annotator.learn import chance
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import DataSection, LossSection, NetworkSection
from annotator.learn.trainer import Trainer
from annotator_unet import UNetFactory

FrameMaker = Callable[..., TrainingFrame]
TrainerMaker = Callable[..., Trainer]


def _state(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: t.clone() for name, t in trainer._student.state_dict().items()}


def _same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


def test_learns_each_structure_from_other_patients(
    make_trainer: TrainerMaker, make_frame: FrameMaker, frames: list[TrainingFrame]
) -> None:
    trainer = make_trainer()
    trainer.put(frames)
    trainer.set_validation([make_frame(100 + i, ("disc", "bar")) for i in range(4)])
    for _ in range(120):
        trainer.step()
    validation = trainer.validate()
    assert set(validation.dice) == {"disc", "bar"}
    assert min(validation.dice.values()) > 0.75
    assert validation.by_domain["default"] == validation.dice
    assert validation.n_patients == 4


def test_naive_reading_loses_what_is_rarely_labelled(
    make_trainer: TrainerMaker, make_frame: FrameMaker, recipe: Recipe
) -> None:
    known = ["disc"] + ["bar"] * 11
    validation = [make_frame(100 + i, ("disc",)) for i in range(4)]
    scores = {}
    for unknown in ("marginal", "background"):
        changed = recipe.model_copy(update={"loss": LossSection.model_validate({"unknown": unknown})})
        trainer = make_trainer(changed=changed)
        trainer.put(make_frame(i, (of,)) for i, of in enumerate(known))
        trainer.set_validation(validation)
        for _ in range(60):
            trainer.step()
        scores[unknown] = trainer.validate().mean_dice
    assert scores["marginal"] > scores["background"]


def test_what_a_view_cannot_show_is_unlearnt_there_without_a_label(
    make_trainer: TrainerMaker, make_frame: FrameMaker, recipe: Recipe
) -> None:
    # Contrast alone tells the views apart here, so it must not be exchanged.
    still = recipe.augment.model_copy(update={"exchange_contrast": 0.0})
    apart = recipe.model_copy(update={"augment": still})
    both = [make_frame(i, ("disc", "bar")) for i in range(6)]
    elsewhere = [make_frame(10 + i, ()) for i in range(6)]
    images = np.stack([255 - frame.image for frame in elsewhere])
    areas = {}
    for possible in (0b1111, 0b1011):
        trainer = make_trainer(changed=apart)
        trainer.put(both)
        trainer.put(replace(f, image=255 - f.image, possible=possible) for f in elsewhere)
        for _ in range(60):
            trainer.step()
        areas[possible] = float(trainer.predict(images)[:, 2].mean())
    assert areas[0b1011] < 0.5 * areas[0b1111]


def test_the_same_seed_trains_alike(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    states = []
    for seed, order in ((0, 1), (0, -1), (1, 1)):
        trainer = make_trainer(seed=seed)
        trainer.put(frames[::order])
        losses = [trainer.step().losses for _ in range(3)]
        assert losses
        states.append(_state(trainer))
    assert _same(states[0], states[1])
    assert not _same(states[0], states[2])


def test_stopping_and_going_on_equals_never_having_stopped(
    make_trainer: TrainerMaker, frames: list[TrainingFrame]
) -> None:
    straight = make_trainer()
    straight.put(frames)
    for _ in range(3):
        straight.step()
    data = straight.checkpoint()
    resumed = make_trainer(seed=7)
    resumed.restore(data)
    resumed.put(frames[::-1])
    for _ in range(3):
        one, two = straight.step(), resumed.step()
        assert one.losses == two.losses
        assert one.step == two.step
    assert _same(_state(straight), _state(resumed))
    images = np.stack([f.image for f in frames[:2]])
    np.testing.assert_array_equal(straight.predict(images), resumed.predict(images))


class _Dropping(torch.nn.Module):
    """A network that drops features, as one of a plugin may, at random from torch's own generator of some device."""

    generator: ClassVar[torch.Generator] = torch.default_generator

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.encoder = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.head = torch.nn.Conv2d(8, n_classes, 1)
        self.stride = 1

    def features(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.relu(self.encoder(x))
        return found * (torch.rand(found.shape, generator=self.generator) < 0.5) if self.training else found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(x))
        return logits


class _DroppingFactory(UNetFactory):
    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> Any:
        return _Dropping(n_classes)


@pytest.mark.parametrize("of_gpu", [None, torch.Generator()])
def test_a_network_that_drops_features_goes_on_as_if_never_stopped_and_follows_the_seed(
    of_gpu: torch.Generator | None,
    protocol: LabelProtocol,
    recipe: Recipe,
    frames: list[TrainingFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = {"undeclared_rng": torch.default_generator} | ({"undeclared_cuda_rng": of_gpu} if of_gpu else {})
    monkeypatch.setattr(chance, "own_generators", lambda _device: own)
    monkeypatch.setattr(_Dropping, "generator", of_gpu or torch.default_generator)

    def made(seed: int) -> Trainer:
        trainer = Trainer(protocol=protocol, recipe=recipe, factory=_DroppingFactory(), device="cpu", seed=seed)
        trainer.put(frames)
        return trainer

    outside = [generator.get_state() for generator in own.values()]
    straight = made(0)
    straight.step()
    data = straight.checkpoint()
    straight.step()
    for other in (made(7), made(0)):
        other.restore(data)
        # Whoever else draws from torch's own generator changes nothing.
        for generator in own.values():
            torch.rand(3, generator=generator)
        other.step()
        assert _same(_state(straight), _state(other))
    for generator, state in zip(own.values(), outside, strict=True):
        generator.set_state(state)
    made(0).step()
    assert all(torch.equal(g.get_state(), state) for g, state in zip(own.values(), outside, strict=True))


def test_what_the_recipe_says_now_holds_after_going_on(
    make_trainer: TrainerMaker, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    first = make_trainer()
    first.put(frames)
    first.step()
    firm = recipe.optimiser.model_copy(update={"weight_decay": 0.5})
    moved = []
    for changed in (recipe, recipe.model_copy(update={"optimiser": firm})):
        trainer = make_trainer(changed=changed)
        trainer.restore(first.checkpoint())
        trainer.put(frames)
        trainer.step()
        moved.append(torch.cat([p.detach().flatten() for p in trainer._student.parameters()]))
    # All else being equal, AdamW's decay takes its share of the rate times the weight as it was.
    before = torch.cat([p.detach().flatten() for p in first._student.parameters()])
    share = trainer._pacing.learning_rate(1) * (0.5 - recipe.optimiser.weight_decay)
    torch.testing.assert_close(moved[0] - moved[1], share * before, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("data", [b"", b"not a checkpoint", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_checkpoint_is_one_sentence(make_trainer: TrainerMaker, data: bytes) -> None:
    with pytest.raises(IncompatibleWeights, match="anew"):
        make_trainer().restore(data)


def test_a_checkpoint_of_another_network_is_refused(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    wider = recipe.model_copy(update={"network": NetworkSection(options={"width": 16})})
    before = make_trainer()
    kept = _state(before)
    with pytest.raises(IncompatibleWeights):
        before.restore(make_trainer(changed=wider).checkpoint())
    assert _same(kept, _state(before))


def test_a_structure_comes_alive_with_its_first_label(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    images = np.stack([f.image for f in frames[:2]])
    trainer.put(frames[:6])
    assert list(trainer.active_structures) == ["disc"]
    trainer.step()
    assert not trainer.predict(images)[:, 2:].any()
    trainer.put(frames[6:])
    assert list(trainer.active_structures) == ["disc", "bar"]
    trainer.forget([f.key for f in frames[6:]])
    trainer.step()
    probabilities = trainer.predict(images)
    assert list(trainer.active_structures) == ["disc", "bar"]
    assert probabilities[:, 2].any()
    assert not probabilities[:, 3].any()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_needs_a_label(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    trainer.put(frames[12:])
    assert not trainer.can_step
    with pytest.raises(TrainingFailed, match="label"):
        trainer.step()


def test_validation_frames_never_train(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    trainer.put(frames)
    trainer.set_validation(frames[:2])
    assert trainer.n_labelled == 10
    assert trainer.n_unlabelled == 4
    with pytest.raises(AnnotatorError, match="labels"):
        trainer.set_validation(frames[12:])


def test_nothing_held_aside_gives_an_empty_validation(make_trainer: TrainerMaker) -> None:
    validation = make_trainer().validate()
    assert validation.dice == {}
    assert np.isnan(validation.loss)


class _Hungry(torch.nn.Module):
    """A network that runs out of memory beyond a number of frames."""

    stride = 16

    def __init__(self, inner: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        out: torch.Tensor = self.inner(images)
        return out


class _HungryFactory(UNetFactory):
    def __init__(self, most: int) -> None:
        self.most = most

    def build(self, **kwargs: object) -> torch.nn.Module:  # type: ignore[override]
        return _Hungry(super().build(**kwargs), self.most)  # type: ignore[arg-type]


def test_a_batch_that_does_not_fit_shrinks_and_says_so(
    protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    trainer = Trainer(protocol=protocol, recipe=recipe, factory=_HungryFactory(3), device="cpu")
    trainer.put(frames)
    assert trainer.batch_size == 6
    trainer.step()
    assert trainer.batch_size == 3
    assert trainer.notes == ("Memory ran short: the batch shrank from 6 to 3 frames.",)
    assert trainer.step_count == 1


def test_no_memory_at_all_ends_in_a_sentence(
    protocol: LabelProtocol, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    trainer = Trainer(protocol=protocol, recipe=recipe, factory=_HungryFactory(0), device="cpu")
    trainer.put(frames)
    with pytest.raises(TrainingFailed, match="smallest batch"):
        trainer.step()


def test_a_loss_that_is_no_number_ends_in_a_sentence(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    trainer.put(frames)
    with torch.no_grad():
        next(trainer._student.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingFailed, match="learning_rate"):
        trainer.step()


@pytest.mark.parametrize(
    "options",
    [
        {"width": 9},
        {"width": 0},
        {"width": "wide"},
        {"feature_channels": 0},
        {"feature_channels": 2.5},
        {"nonsense": 1},
    ],
)
def test_options_that_do_not_fit_are_one_sentence(
    make_trainer: TrainerMaker, recipe: Recipe, options: dict[str, int | float | str]
) -> None:
    with pytest.raises(AnnotatorError, match="unet"):
        make_trainer(changed=recipe.model_copy(update={"network": NetworkSection(options=options)}))


def test_unlabelled_frames_are_limited(make_trainer: TrainerMaker, recipe: Recipe, make_frame: FrameMaker) -> None:
    limited = recipe.model_copy(update={"data": replace_data(recipe.data, max_unlabelled=3)})
    trainer = make_trainer(changed=limited)
    trainer.put(make_frame(i, ()) for i in range(10))
    assert trainer.n_unlabelled == 3


def replace_data(section: DataSection, **changes: int) -> DataSection:
    return section.model_copy(update=changes)


def test_facts_for_the_status(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    trainer.put(frames)
    report = trainer.step()
    assert report.step == 1
    assert set(report.losses) == {"supervised", "dice", "consistency"}
    assert report.seconds > 0
    assert trainer.device_text == "CPU, 1 thread"
    assert trainer.memory_mb > 0
    assert trainer.predict(np.zeros((0, 32, 32), dtype=np.uint8)).shape == (0, 4, 32, 32)


def test_all_labels_taken_back_stops_training(make_trainer: TrainerMaker, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer()
    trainer.put(frames)
    trainer.step()
    trainer.put(replace(frame, bitmap=None) for frame in frames)
    assert not trainer.can_step
    assert trainer.n_unlabelled == len(frames)
