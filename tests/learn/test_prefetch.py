"""Lessons made ahead are the lessons that would be made one by one, whatever happens between two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from annotator.learn import devices
from annotator.learn.chance import Chance
from annotator.learn.dataset import TrainingFrame
from annotator.learn.prefetch import Prefetch
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import HdcSection
from annotator.learn.supervision import Lesson
from annotator.learn.trainer import Trainer

TrainerMaker = Callable[..., Trainer]

ACTS = ("step", "put", "forget", "validate", "go back", "resume", "memory")


@pytest.fixture(autouse=True)
def _a_core_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: torch.get_num_threads() + 1)


def _not_ahead(trainer: Trainer) -> Trainer:
    trainer._lessons.begin = lambda: None  # type: ignore[method-assign]
    return trainer


def _act(trainer: Trainer, act: str, frames: list[TrainingFrame], fresh: Callable[[], Trainer]) -> Trainer:
    if act == "step":
        trainer.step()
    elif act == "put":
        trainer.put([replace(frame, image=255 - frame.image) for frame in frames])
    elif act == "forget":
        trainer.forget([frame.key for frame in frames])
    elif act == "validate":
        trainer.set_validation([frame for frame in frames if frame.bitmap is not None])
    elif act == "memory":
        trainer._shrink_batch()
    elif act == "go back":
        data = trainer.checkpoint()
        trainer.step()
        trainer.restore(data)
    else:
        resumed = fresh()
        resumed._pool = trainer._pool
        resumed.restore(trainer.checkpoint())
        return resumed
    return trainer


@pytest.mark.parametrize("is_noisy", [False, True])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(acts=[("put", 1)])
@example(acts=[("forget", 1)])
@example(acts=[("go back", 1)])
@example(acts=[("resume", 1)])
@example(acts=[("memory", 1)])
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 15)), max_size=6))
def test_training_is_the_same_whether_lessons_are_made_ahead_or_not(
    make_trainer: TrainerMaker,
    recipe: Recipe,
    frames: list[TrainingFrame],
    is_noisy: bool,
    acts: list[tuple[str, int]],
) -> None:
    # HDC's terms draw random numbers in the middle of a step.
    changed = recipe.model_copy(update={"hdc": HdcSection(weight=0.5, pixels=64)}) if is_noisy else recipe
    if sum(act == "memory" for act, _ in acts) > 1:
        acts = [(act, i) for act, i in acts if act != "memory"]

    def one() -> Trainer:
        return make_trainer(changed=changed)

    def other() -> Trainer:
        return _not_ahead(make_trainer(changed=changed))

    ahead, plain = one(), other()
    for trainer in (ahead, plain):
        trainer.put(frames)
        trainer.step()
    for act, index in [*acts, ("step", 0)]:
        ahead, plain = _act(ahead, act, frames[index:], one), _act(plain, act, frames[index:], other)
    assert ahead.checkpoint() == plain.checkpoint()


def _made(make: Callable[[Chance], Any]) -> tuple[Prefetch, Chance]:
    generator = torch.Generator().manual_seed(0)
    chance = Chance(generator, generator)
    return Prefetch(lambda: make(chance), chance), chance


def _drawn(chance: Chance) -> Any:
    return float(chance.draw(lambda generator: torch.rand((), generator=generator)))


def test_a_lesson_that_is_taken_back_leaves_chance_where_it_was() -> None:
    lessons, chance = _made(_drawn)
    before = chance.parameters.get_state()
    lessons.begin()
    lessons.drop()
    assert torch.equal(chance.parameters.get_state(), before)
    lessons.begin()
    first, second = lessons.take(), lessons.take()
    chance.parameters.set_state(before)
    assert [first, second] == [_drawn(chance), _drawn(chance)]


def test_what_fails_ahead_is_raised_where_the_lesson_is_taken_and_the_next_is_made_anew() -> None:
    failures = [MemoryError("no memory"), MemoryError("still none")]

    def make(chance: Chance) -> Lesson:
        if failures:
            raise failures.pop(0)
        return _drawn(chance)  # type: ignore[no-any-return]

    lessons, chance = _made(make)
    lessons.begin()
    with pytest.raises(MemoryError, match="no memory"):
        lessons.take()
    lessons.begin()
    lessons.drop()
    assert isinstance(lessons.take(), float)
    assert chance.tape is None


def test_a_step_that_takes_every_core_is_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", torch.get_num_threads)
    lessons, chance = _made(_drawn)
    before = chance.parameters.get_state()
    lessons.begin()
    lessons.begin()
    assert torch.equal(chance.parameters.get_state(), before)


def test_the_second_thread_computes_alone_and_the_step_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        said: list[int] = []
        lessons, _ = _made(lambda _chance: said.append(torch.get_num_threads()))
        lessons.begin()
        lessons.take()
        assert said == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
