"""Weights of one protocol read by another: by structure id, and never by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.core.errors import IncompatibleWeights
from annotator.core.protocols import LabelProtocol, Structure
from annotator.learn import weights
from annotator.learn.dataset import TrainingFrame
from annotator.learn.mapping import MappedPredictor, adapted, beginning, shared_structures
from annotator.learn.recipe_sections import NetworkSection
from annotator.learn.trainer import Trainer
from annotator_unet import UNetFactory

IDS = ("disc", "bar", "ghost")
COLOURS = {"disc": "#e4572e", "bar": "#3ddc97", "ghost": "#4aa8ff", "new": "#ffffff"}


def protocol_of(*ids: str, views: tuple[str, ...] = ("front",)) -> LabelProtocol:
    structures = tuple(Structure(s, s.title(), COLOURS[s], "qwer"[i]) for i, s in enumerate(ids))
    return LabelProtocol("other", "Other", structures, views=views)


@pytest.fixture
def predictor(make_trainer: Callable[..., Trainer], frames: list[TrainingFrame], tmp_path: Path) -> weights.Predictor:
    trainer = make_trainer()
    trainer.put(frames)
    for _ in range(3):
        trainer.step()
    file = tmp_path / "model.safetensors"
    file.write_bytes(trainer.publish())
    return weights.load(file, {"unet": UNetFactory()})


@pytest.fixture
def images(frames: list[TrainingFrame]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.stack([frame.image for frame in frames[:2]])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(IDS))
def test_permuted_structures_give_permuted_probabilities(
    order: list[str], predictor: weights.Predictor, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    theirs, ours = predictor.predict_fitted(images), protocol_of(*order)
    mapped = adapted(predictor, ours, ours.default_values()).predict_fitted(images)
    np.testing.assert_array_equal(mapped[:, 0], theirs[:, 0])
    for structure in IDS:
        was = theirs[:, predictor.header.protocol.index(structure)]
        np.testing.assert_array_equal(mapped[:, ours.index(structure)], was)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(st.sampled_from(("disc", "bar", "ghost", "new")), min_size=1, unique=True))
def test_what_is_not_shared_is_background_or_never_predicted(
    ids: list[str], predictor: weights.Predictor, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    ours = protocol_of(*ids)
    if not {"disc", "bar"} & set(ids):
        with pytest.raises(IncompatibleWeights, match="none of them"):
            MappedPredictor(predictor, ours, ours.default_values())
        return
    mapped = MappedPredictor(predictor, ours, ours.default_values()).predict_fitted(images)
    np.testing.assert_allclose(mapped.sum(axis=1), 1.0, atol=1e-5)
    for structure in {"ghost", "new"} & set(ids):
        assert not mapped[:, ours.index(structure)].any()


def test_another_view_shares_nothing(predictor: weights.Predictor) -> None:
    assert shared_structures(predictor.header, protocol_of("disc", "bar")) == ("disc", "bar")
    assert shared_structures(predictor.header, protocol_of("disc", views=())) == ("disc",)
    assert shared_structures(predictor.header, protocol_of("disc", views=("side",))) == ()


def test_the_same_structures_in_order_need_no_mapping(predictor: weights.Predictor) -> None:
    same = protocol_of(*IDS)
    found = adapted(predictor, same, same.default_values())
    assert not isinstance(found, MappedPredictor)
    assert found.network is predictor.network
    assert found.header.protocol == same


def test_training_starts_from_permuted_rows_and_draws_the_unknown_ones(
    predictor: weights.Predictor, make_trainer: Callable[..., Trainer]
) -> None:
    ours = protocol_of("new", "bar", "disc")
    recipe = make_trainer().recipe
    trainer = Trainer(protocol=ours, recipe=recipe, factory=UNetFactory(), device="cpu", seed=5)
    trainer.start_from(predictor)
    assert trainer.active_structures == ("bar", "disc")
    known = predictor.network.head.weight  # type: ignore[union-attr]
    for network in (trainer._student, trainer._teacher):
        rows = network.head.weight  # type: ignore[union-attr]
        for row, source in ((0, known[0]), (1, torch.zeros_like(known[0])), (2, known[2]), (3, known[1])):  # type: ignore[index]
            torch.testing.assert_close(rows[row], source)  # type: ignore[index]


@pytest.mark.parametrize("ours", [protocol_of("ghost", "new"), protocol_of("disc", "bar", views=("side",))])
def test_training_begins_at_the_features_where_nothing_is_shared(
    ours: LabelProtocol, predictor: weights.Predictor, make_trainer: Callable[..., Trainer]
) -> None:
    recipe = make_trainer().recipe
    trainer = Trainer(protocol=ours, recipe=recipe, factory=UNetFactory(), device="cpu", seed=5)
    trainer.start_from(predictor)
    assert trainer.active_structures == ()
    known = predictor.network.state_dict()
    for network in (trainer._student, trainer._teacher):
        for name, tensor in network.state_dict().items():
            if name.startswith("head."):
                assert not tensor.any()
            else:
                torch.testing.assert_close(tensor, known[name])


def test_a_network_of_another_make_is_refused(
    predictor: weights.Predictor, make_trainer: Callable[..., Trainer]
) -> None:
    wider = make_trainer().recipe.model_copy(update={"network": NetworkSection(options={"width": 32})})
    for ours in (protocol_of(*IDS), protocol_of("new")):
        trainer = Trainer(protocol=ours, recipe=wider, factory=UNetFactory(), device="cpu")
        before = {name: tensor.clone() for name, tensor in trainer._student.state_dict().items()}
        with pytest.raises(IncompatibleWeights, match="another make"):
            trainer.start_from(predictor)
        for name, tensor in trainer._student.state_dict().items():
            torch.testing.assert_close(tensor, before[name])


def test_the_same_structures_need_no_head(predictor: weights.Predictor) -> None:
    headless = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1))
    theirs = weights.Predictor(predictor.header, headless)
    begin = beginning(theirs, torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1)), protocol_of(*IDS))
    assert begin.known == ("disc", "bar")
    untaught = weights.Predictor(replace(predictor.header, active=("disc",)), headless)
    assert beginning(untaught, torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1)), protocol_of(*IDS)).new_rows == ()
    for name, tensor in headless.state_dict().items():
        torch.testing.assert_close(begin.state[name], tensor)
    with pytest.raises(IncompatibleWeights, match="no head"):
        beginning(theirs, torch.nn.Sequential(torch.nn.Conv2d(1, 4, 1)), protocol_of("bar", "disc"))
