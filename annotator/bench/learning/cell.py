"""One training of the learning benchmark, and its score on the test frames."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from annotator import registry
from annotator.bench.learning.cases import Case
from annotator.bench.learning.design import Cell, Dealt, deal
from annotator.bench.learning.scoring import Probabilities, dice_only, score
from annotator.core.allowed import allowed_bitmap, conditioned, possible_classes
from annotator.core.indexed import complete_values
from annotator.core.protocols import LabelProtocol
from annotator.engine.recipes import find_recipe
from annotator.engine.trainer_protocol import FittedImages, ServedModel
from annotator.engine.workshop import LearnWorkshop
from annotator.learn.dataset import TrainingFrame
from annotator.learn.devices import choose_device
from annotator.learn.publish_policy import best_of, decide, hold_aside
from annotator.learn.recipe import read_recipe
from annotator.learn.trainer import Trainer


def run_cell(
    cell: Cell, cases: Sequence[Case], protocol: LabelProtocol, values: Mapping[str, int] | None
) -> dict[str, Any]:
    """Train as the cell says and score what came of it on the test frames.

    The model is the one that a project would use in the end, so the last one that the patients held aside (their
    labels count in the budget) do not call worse than the best by more than chance; for comparison the one that they
    call best is scored too. The clock counts training, validation and publishing, not the scoring on test frames, which
    chooses nothing.

    Returns
    -------
    dict
        JSON-ready: ``scores``, ``best_step``, ``curve``, ``steps``, ``seconds`` and what was trained on.

    Raises
    ------
    AnnotatorError
        Where recipe, network or device cannot be used.
    """
    return _Run(cell, deal(cases, cell), protocol, values).result()


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    """A model file, when it was made, and its mean Dice on the patients held aside, where there are any."""

    validation: float | None
    data: bytes
    step: int


class _Run:
    def __init__(self, cell: Cell, dealt: Dealt, protocol: LabelProtocol, values: Mapping[str, int] | None) -> None:
        self._cell, self._dealt, self._protocol = cell, dealt, protocol
        self._recipe = read_recipe(find_recipe(cell.row.recipe), cell.row.overrides)
        factory = registry.network(self._recipe.network.name)
        self._workshop = LearnWorkshop(
            protocol,
            complete_values(protocol, values),
            recipe=self._recipe,
            factory=factory,
            device=cell.device,
            seed=cell.seed,
        )
        made = self._workshop.trainer()
        assert isinstance(made, Trainer)
        self._trainer = made
        self._begins_at_weights = False
        begin = self._workshop.starting_weights or self._workshop.starting_features
        if begin is not None:
            self._begins_at_weights = bool(self._workshop.start_from(self._trainer, begin))
        self._clock = 0.0
        # One core's own time where there is one thread: other cells, or programs, shorten no training then.
        is_on_one_core = choose_device(cell.device).type == "cpu" and torch.get_num_threads() == 1
        self._now = time.process_time if is_on_one_core else time.perf_counter
        self._curve: list[dict[str, Any]] = []
        self._to_beat: Mapping[str, float] = {}
        self._published: _Checked | None = None
        self._best: _Checked | None = None

    def result(self) -> dict[str, Any]:
        held = self._put_frames()
        steps = self._train() if self._trainer.can_step else 0
        published = self._published or _Checked(None, self._trainer.publish(), self._trainer.step_count)
        best = self._best or published
        return {
            "labels": sum(len(of) for of in self._dealt.given.values()),
            "labelled_frames": len(self._dealt.given),
            "held_patients": len(held),
            "steps": steps,
            "seconds": round(self._clock, 2),
            "chosen_step": published.step,
            "validation": published.validation,
            "device": self._trainer.device_text,
            "notes": list(self._trainer.notes),
            "curve": self._curve,
            "scores": score(self._dealt.test, self._found(self._model(published).predict), self._protocol),
            "best_step": {
                "step": best.step,
                "validation": best.validation,
                "dice": dice_only(self._dealt.test, self._found(self._model(best).predict), self._protocol),
            },
        }

    def _put_frames(self) -> tuple[str, ...]:
        by_patient: dict[str, set[str]] = defaultdict(set)
        patient = {c.key: c.patient for c in self._dealt.pool}
        for key, structures in self._dealt.given.items():
            by_patient[patient[key]].update(structures)
        held = hold_aside(by_patient)
        training: list[TrainingFrame] = []
        validation: list[TrainingFrame] = []
        for case in self._dealt.pool:
            label = case.only(self._dealt.given.get(case.key, ()))
            if case.patient in held and label is None:
                continue
            frame = self._workshop.training_frame(
                case.key,
                case.header,
                image=self._workshop.image(case.image, case.header),
                allowed=None if label is None else allowed_bitmap(label, self._protocol),
                said=() if label is None else tuple(label.structures),
            )
            (validation if case.patient in held else training).append(frame)
        self._trainer.put(training)
        if validation:
            self._trainer.set_validation(validation)
        return held

    def _train(self) -> int:
        spending, marks = self._cell.spending, iter(sorted(self._cell.spending.at))
        mark = next(marks, None)
        if self._begins_at_weights:
            self._check()
        while (spent := self._spent()) < spending.end:
            if mark is not None and spent >= mark:
                self._note(mark)
                mark = next(marks, None)
            began = self._now()
            self._trainer.step()
            if self._trainer.step_count % self._recipe.schedule.validate_every == 0:
                self._check()
            self._clock += self._now() - began
        self._check()
        for rest in [mark, *marks]:
            if rest is not None and rest <= spending.end:
                self._note(rest)
        return self._trainer.step_count

    def _spent(self) -> float:
        return self._clock if self._cell.spending.seconds is not None else float(self._trainer.step_count)

    def _check(self) -> None:
        found = self._trainer.candidate()
        if not found.validation.dice:
            return
        is_start = self._begins_at_weights and self._published is not None and self._published.step == 0
        value = found.validation.mean_dice
        checked = _Checked(value, found.write(), self._trainer.step_count)
        if decide(found.validation, self._to_beat, is_start=is_start).publish:
            self._published = checked
            self._to_beat = best_of(found.validation.dice, {} if is_start else self._to_beat)
        if self._best is None or value > (self._best.validation or 0.0):
            self._best = checked

    def _note(self, mark: float) -> None:
        """The teacher of this moment on the test frames; the clock stands still."""
        found = dice_only(self._dealt.test, self._found(self._trainer.predict), self._protocol)
        self._curve.append({"at": mark, "step": self._trainer.step_count, "dice": found})

    def _model(self, checked: _Checked) -> ServedModel:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.safetensors"
            file.write_bytes(checked.data)
            return self._workshop.model(file)

    def _found(self, predict: Callable[[FittedImages], Probabilities]) -> Iterator[Probabilities]:
        for case in self._dealt.test:
            fitted = self._workshop.image(case.image, case.header)
            possible = possible_classes(self._protocol, case.header.view)
            yield self._workshop.native(conditioned(predict(fitted[None])[0], possible), case.header)
