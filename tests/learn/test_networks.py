"""A network's parts: the second decoder owns itself and shares the encoder; disturbing keeps the mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from annotator import registry
from annotator.core.errors import AnnotatorError, BrokenPlugin
from annotator.core.protocols import LabelProtocol
from annotator.learn import ema, networks
from annotator.learn.recipe import Recipe
from annotator_unet import UNetFactory


def _network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNetFactory().build(in_channels=1, n_classes=3, options={"width": 8, "feature_channels": 8})


class _Whole(torch.nn.Module):
    """Declares its parts, but does not decode apart."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.head = torch.nn.Conv2d(4, 3, 1)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.encoder(images)
        return out.relu()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.features(images))
        return out


IMAGES = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", [_network(), _Whole()])
def test_looking_inside_changes_nothing(network: torch.nn.Module) -> None:
    with torch.no_grad():
        inside, plain = networks.look(network, IMAGES, inside=True), networks.look(network, IMAGES)
    assert torch.equal(inside.logits, plain.logits)
    assert inside.features is not None
    assert torch.equal(networks.decode(network, inside.levels), inside.features)
    assert plain.features is None


def test_the_twin_shares_the_encoder_and_nothing_else() -> None:
    student = _network()
    twin = networks.noisy_twin(student)
    own = networks.own_parameters(twin, student)
    of_encoder = list(networks.parts_of(student).encoder.parameters())
    assert len(own) + len(of_encoder) == len(list(student.parameters()))
    with torch.no_grad():
        before = student(IMAGES)
        for parameter in own:
            parameter.zero_()
        assert torch.equal(student(IMAGES), before)
        of_encoder[0].zero_()
    assert torch.equal(twin.get_parameter("encoder.stem.weight"), student.get_parameter("encoder.stem.weight"))
    assert networks.own_parameters(None, student) == []


def test_the_teacher_is_not_touched_by_the_twin() -> None:
    student = _network()
    teacher = ema.teacher_of(student)
    twin = networks.noisy_twin(student)
    assert all(p.requires_grad for p in twin.parameters())
    assert not {id(p) for p in teacher.parameters()} & {id(p) for p in twin.parameters()}


def test_disturbing_keeps_the_mean_and_silences_whole_channels() -> None:
    level = torch.ones(4, 64, 8, 8)
    generator = torch.Generator().manual_seed(0)
    (noisy,) = networks.disturbed([level], noise=0.3, dropout=0.0, generator=generator)
    assert 0.7 <= float(noisy.min()) < float(noisy.max()) <= 1.3
    assert float(noisy.mean()) == pytest.approx(1.0, abs=0.01)
    (dropped,) = networks.disturbed([level], noise=0.0, dropout=0.5, generator=generator)
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped.amin((2, 3)), dropped.amax((2, 3)))
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.15)
    (same,) = networks.disturbed([level], noise=0.0, dropout=0.0, generator=generator)
    assert same is level


def test_a_network_without_parts_is_one_sentence() -> None:
    with pytest.raises(AnnotatorError, match="does not declare"):
        networks.noisy_twin(torch.nn.Conv2d(1, 3, 1))


class _Made:
    """A factory of what a function makes."""

    name = "made"

    def __init__(self, make: Callable[[int], Any]) -> None:
        self._make = make

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> torch.nn.Module:
        made: torch.nn.Module = self._make(n_classes)
        return made


class _Sick(torch.nn.Conv2d):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * torch.nan


def _plain(channels: int, n_classes: int, *, pace: int = 1) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(channels, n_classes, 1, stride=pace))


def _no_network(n_classes: int) -> None:
    raise TypeError("boom")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_no_network, "failed .TypeError: boom, in test_networks.py"),
        (lambda _: "a network", "built no torch.nn.Module"),
        (lambda n: _plain(1, n + 1), r"gives \(1, 7, 64, 64\)"),
        (lambda n: _plain(1, n, pace=2), r"gives \(1, 6, 32, 32\)"),
        (lambda n: _plain(3, n), "failed .RuntimeError"),
        (lambda n: torch.nn.Sequential(_Sick(1, n, 1)), "gives values that are no numbers"),
    ],
)
def test_a_network_that_breaks_its_contract_is_named_before_it_trains(make: Callable[[int], Any], says: str) -> None:
    recipe = Recipe.model_validate({"data": {"image_size": 64}})
    with pytest.raises(BrokenPlugin, match=f"'made' .annotator.networks. {says}"):
        networks.build(_Made(make), registry.protocol("apical"), recipe, seed=0)


def test_trying_a_network_changes_nothing_of_it() -> None:
    """Not its running averages, not whether it trains, not the numbers that come after."""
    made = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 1), torch.nn.BatchNorm2d(6), torch.nn.Dropout())
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    drawn = torch.random.get_rng_state()
    recipe = Recipe.model_validate({"data": {"image_size": 64}})
    built = networks.build(_Made(lambda _: made), registry.protocol("apical"), recipe, seed=0)
    assert built.training
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert all(torch.equal(before[name], tensor) for name, tensor in built.state_dict().items())


def test_building_leaves_the_generators_of_other_devices_alone(
    protocol: LabelProtocol, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_gpu(_seed: int) -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", of_gpu)
    one, two = (networks.build(UNetFactory(), protocol, recipe, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
