"""Training that begins at weights: the teacher keeps what they know while the student takes its first steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator.learn import weights
from annotator.learn.dataset import TrainingFrame
from annotator.learn.networks import head_of
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import FineTuningSection
from annotator.learn.trainer import Trainer
from annotator_unet import UNetFactory

TrainerMaker = Callable[..., Trainer]


@pytest.fixture
def taught(make_trainer: TrainerMaker, frames: list[TrainingFrame], tmp_path: Path) -> weights.Predictor:
    """Weights of a short training."""
    trainer = make_trainer()
    trainer.put(frames)
    for _ in range(20):
        trainer.step()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(trainer.publish())
    return weights.load(path, {"unet": UNetFactory()})


def test_an_average_with_an_age_is_not_replaced_by_the_first_steps(
    make_trainer: TrainerMaker, recipe: Recipe, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    images = np.stack([frame.image for frame in frames])
    ways = {}
    for age in (0, 1000):
        fine_tuning = FineTuningSection(learning_rate=5e-3, average_age=age)
        trainer = make_trainer(changed=recipe.model_copy(update={"fine_tuning": fine_tuning}), seed=1)
        trainer.start_from(taught)
        began = trainer.predict(images)
        trainer.put(frames)
        for _ in range(3):
            trainer.step()
        ways[age] = float(np.abs(trainer.predict(images) - began).mean())
    assert 0.0 < ways[1000] < 0.2 * ways[0]


def test_from_nothing_fine_tuning_changes_nothing(
    make_trainer: TrainerMaker, recipe: Recipe, frames: list[TrainingFrame]
) -> None:
    other = recipe.model_copy(update={"fine_tuning": FineTuningSection(learning_rate=0.1, age=7, average_age=7)})
    found = []
    for trainer in (make_trainer(), make_trainer(changed=other)):
        trainer.put(frames)
        found.append([dict(trainer.step().losses) for _ in range(3)])
    assert found[0] == found[1]


def test_a_checkpoint_remembers_where_training_began(
    make_trainer: TrainerMaker, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    trainer, other = make_trainer(), make_trainer()
    trainer.start_from(taught)
    trainer.put(frames)
    trainer.step()
    other.put(frames)
    other.restore(trainer.checkpoint())
    assert dict(trainer.step().losses) == dict(other.step().losses)
    assert trainer.publish() == other.publish()


def test_the_average_follows_sooner_after_new_labels(
    make_trainer: TrainerMaker, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    images = np.stack([frame.image for frame in frames])
    moved = {}
    for is_renewed in (False, True):
        trainer = make_trainer()
        trainer.start_from(taught)
        trainer.put(frames)
        # As after a long training.
        trainer._pacing.average_age = 1000
        if is_renewed:
            trainer.renew_average()
        began = trainer.predict(images)
        for _ in range(3):
            trainer.step()
        moved[is_renewed] = float(np.abs(trainer.predict(images) - began).mean())
    assert moved[True] > 2 * moved[False] > 0.0


def test_new_labels_do_not_make_a_young_average_older(make_trainer: TrainerMaker, taught: weights.Predictor) -> None:
    trainer = make_trainer()
    trainer.start_from(taught)
    before = trainer._pacing.decay()
    trainer.renew_average()
    assert trainer._pacing.decay() == before


def test_a_new_head_learns_faster_than_the_features_at_first(
    make_trainer: TrainerMaker, recipe: Recipe, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    stranger = weights.Predictor(replace(taught.header, active=()), taught.network)
    moved = {}
    for pace in (1.0, 20.0):
        fine_tuning = FineTuningSection(head_pace=pace)
        trainer = make_trainer(changed=recipe.model_copy(update={"fine_tuning": fine_tuning}))
        trainer.start_from(stranger)
        trainer.put(frames)
        trainer.step()
        network, body = trainer._student, taught.network.state_dict()
        head = network.head.weight.detach().clone()  # type: ignore[union-attr, operator]
        moved[pace] = (head, [t - body[n] for n, t in network.state_dict().items() if not n.startswith("head.")])
    np.testing.assert_allclose(moved[20.0][0], 20.0 * moved[1.0][0], rtol=1e-5)
    for slow, fast in zip(moved[1.0][1], moved[20.0][1], strict=True):
        np.testing.assert_array_equal(slow, fast)


def _without(taught: weights.Predictor, *unknown: str) -> weights.Predictor:
    """The same weights, with these structures under names that no protocol of the tests has."""
    theirs = taught.header.protocol
    renamed = tuple(replace(s, id=f"other-{s.id}") if s.id in unknown else s for s in theirs.structures)
    active = tuple(s for s in taught.header.active if s not in unknown)
    return weights.Predictor(
        replace(taught.header, protocol=replace(theirs, structures=renamed), active=active), taught.network
    )


def test_a_row_that_is_new_beside_known_ones_learns_faster_than_they(
    make_trainer: TrainerMaker, recipe: Recipe, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    moved = {}
    for pace in (1.0, 20.0):
        fine_tuning = FineTuningSection(head_pace=pace)
        trainer = make_trainer(changed=recipe.model_copy(update={"fine_tuning": fine_tuning}))
        trainer.start_from(_without(taught, "bar"))
        row = trainer.protocol.index("bar")
        began = {n: t.clone() for n, t in trainer._student.state_dict().items()}
        assert not began["head.weight"][row].any()
        assert not began["head.bias"][row].any()
        trainer.put(frames)
        trainer.step()
        moved[pace] = {n: t - began[n] for n, t in trainer._student.state_dict().items()}
    for name, slow in moved[1.0].items():
        fast = moved[20.0][name].clone()
        if name.startswith("head."):
            np.testing.assert_allclose(fast[row], 20.0 * slow[row], rtol=1e-5)
            fast[row] = slow[row]
        np.testing.assert_array_equal(slow, fast)


def _never_taught(taught: weights.Predictor, structure: str) -> weights.Predictor:
    """The same weights, as of a project that has this structure in its protocol and never labelled it."""
    active = tuple(s for s in taught.header.active if s != structure)
    return weights.Predictor(replace(taught.header, active=active), taught.network)


@pytest.mark.parametrize("never_taught", [False, True])
def test_a_new_structure_s_time_counts_from_its_first_label(
    never_taught: bool,
    make_trainer: TrainerMaker,
    taught: weights.Predictor,
    frames: list[TrainingFrame],
) -> None:
    trainer, from_nothing = make_trainer(), make_trainer()
    trainer.start_from(_never_taught(taught, "bar") if never_taught else _without(taught, "bar"))
    bar = trainer.protocol.index("bar")
    for network in (trainer._student, trainer._teacher):
        assert not any(parameter[bar].any() for parameter in head_of(network).parameters())
    trainer.put([*frames[:6], *frames[12:]])
    for _ in range(4):
        trainer.step()
    assert trainer._pacing.new_rows == ()
    assert trainer._pacing.trust(4) == 1.0
    other = make_trainer()
    other.restore(trainer.checkpoint())
    for late in (trainer, other):
        late.put(frames[6:12])
        late.step()
        assert late._pacing.new_rows == (bar,)
        assert late._pacing.paces(4) == [FineTuningSection().head_pace]
        assert late._pacing.trust(9) == from_nothing._pacing.trust(5) < 0.1


@pytest.mark.parametrize("known", [0, 1])
def test_a_checkpoint_remembers_what_is_new_of_a_head(
    known: int, make_trainer: TrainerMaker, taught: weights.Predictor, frames: list[TrainingFrame]
) -> None:
    trainer, other = make_trainer(), make_trainer()
    trainer.start_from(_without(taught, *trainer.protocol.ids[known:]))
    trainer.put(frames)
    trainer.step()
    other.put(frames)
    other.restore(trainer.checkpoint())
    trainer.step()
    other.step()
    assert trainer.publish() == other.publish()
