"""The trainer: one student, one EMA teacher, and one explicit :meth:`Trainer.step`.

The teacher sees the plain view, the student the strong one of the same geometry; human knowledge teaches through the
marginal loss, the teacher through its soft target on everything that nobody decided (Tarvainen and Valpola 2017,
arXiv 1703.01780; Le et al. 2025, arXiv 2504.09876, for one teacher over partial labels).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotator.core.errors import AnnotatorError, TrainingFailed
from annotator.core.identity import FrameKey
from annotator.core.memory_errors import is_out_of_memory
from annotator.core.plugin_types import NetworkFactory
from annotator.core.protocols import LabelProtocol
from annotator.learn import devices, ema, losses, networks, publishing, supervision, terms, weights
from annotator.learn.captured import runner
from annotator.learn.chance import Chance
from annotator.learn.checkpoints import load_matching, pack, unpack
from annotator.learn.dataset import TrainingFrame
from annotator.learn.descent import Descent
from annotator.learn.gating import below, gated_consistency
from annotator.learn.mapping import beginning
from annotator.learn.pacing import Pacing
from annotator.learn.partial_losses import supervised
from annotator.learn.pool import FramePool
from annotator.learn.prefetch import Prefetch
from annotator.learn.recipe import Recipe
from annotator.learn.validation import Validation, score_probabilities


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did: its number from 1, each of its losses by name where they were read, and the seconds it took.

    On a CPU they are read in every step; on a GPU in some, and the time counts what waits for the device.
    """

    step: int
    losses: Mapping[str, float]
    seconds: float


class Trainer:
    """Learns from the frames it is given, one step at a time; knows no thread, window or project.

    Parameters
    ----------
    protocol
        Structures in class order.
    recipe
        Every number of the training.
    factory
        Builds the network that the recipe names.
    values
        Structure id to mask value, stored with the weights; protocol order where not given.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or a torch device string.
    seed
        The same seed, frames and threads give the same training on a CPU.
    threads
        CPU threads for the calling thread; untouched where ``None``.

    Raises
    ------
    AnnotatorError
        Where the device does not exist, or the network cannot be built for this image size.
    """

    def __init__(
        self,
        *,
        protocol: LabelProtocol,
        recipe: Recipe,
        factory: NetworkFactory,
        values: Mapping[str, int] | None = None,
        device: str = "auto",
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.protocol, self.recipe = protocol, recipe
        self.values = dict(values) if values is not None else protocol.default_values()
        self.step_count = 0
        self._pacing = Pacing(recipe)
        self._factory_name = factory.name
        self._device = devices.choose_device(device)
        devices.keep_freed_memory()
        self._pool = FramePool(protocol.n_classes, recipe.data, device=self._device, temporal=recipe.temporal)
        self._validation: tuple[TrainingFrame, ...] = ()
        self._notes: list[str] = []
        self._shrink = 1
        parameters_rng = torch.Generator().manual_seed(seed)
        noise = parameters_rng if self._device.type == "cpu" else torch.Generator(self._device).manual_seed(seed)
        self._chance = Chance(parameters_rng, noise)
        self._precision = partial(devices.precision, self._device)
        self._student = networks.build(factory, protocol, recipe, seed=seed).to(self._device).train()
        self._teacher = ema.teacher_of(self._student)
        self._average = ema.Average(self._teacher, self._student)
        self._twin = networks.noisy_twin(self._student) if recipe.hdc.weight else None
        chance, precision = self._chance, self._precision
        self._terms = terms.chosen(recipe, self._student, twin=self._twin, chance=chance, precision=precision)
        gated = torch.zeros(protocol.n_classes, dtype=torch.bool, device=self._device)
        self._gated = gated if recipe.teacher.gate else None
        parameters = [*self._student.parameters(), *networks.own_parameters(self._twin, self._student)]
        self._descent = Descent(parameters, recipe.optimiser, self._device)
        self._lessons = Prefetch(lambda: supervision.prepare(self._pool, recipe, self._shrink, chance), chance)
        tell = self._notes.append if recipe.optimiser.is_recorded else None
        self._run = runner(self._step_once, self._chance, tell)
        self._active = weights.active_mask(protocol, ()).to(self._device)

    # --- frames -------------------------------------------------------------------------------------------

    def put(self, frames: Iterable[TrainingFrame]) -> None:
        """Add frames, or replace those of the same key; a frame without allowed sets is unlabelled."""
        self._lessons.drop()
        for frame in frames:
            self._pool.put(frame)
        self._look_at_labels()

    def forget(self, keys: Iterable[FrameKey]) -> None:
        """Drop frames, such as those of a removed patient or of one now held aside."""
        self._lessons.drop()
        for key in keys:
            self._pool.forget(key)

    def set_validation(self, frames: Sequence[TrainingFrame]) -> None:
        """Replace the labelled frames of the patients held aside; they are dropped from training.

        Raises
        ------
        AnnotatorError
            Where a frame has no allowed sets.
        """
        if any(frame.bitmap is None for frame in frames):
            raise AnnotatorError("A frame without labels cannot validate; hold aside labelled frames only.")
        self._validation = tuple(frames)
        self.forget(frame.key for frame in frames)

    # --- learning -----------------------------------------------------------------------------------------

    @property
    def can_step(self) -> bool:
        """Whether there is a labelled frame to learn from."""
        return self._pool.n_labelled > 0

    def step(self) -> StepReport:
        """One batch: two views, two losses, one update of the student, one of the teacher.

        A batch that does not fit into memory is halved and tried again, and :attr:`notes` says so. On CUDA the step
        can be recorded as a graph and replayed (:mod:`annotator.learn.captured`).

        Raises
        ------
        TrainingFailed
            Where there is nothing to learn from, memory does not hold the smallest batch, or the loss is not finite.
        """
        if not self.can_step:
            raise TrainingFailed("There is no finished label to learn from yet; label a structure in a frame.")
        started = time.perf_counter()
        self._look_at_gate()
        while True:
            try:
                with self._chance.everywhere():
                    found = self._run()
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._shrink_batch()
        self.step_count += 1
        self._pacing.advance()
        if report := self._run.read(found, self.step_count):
            self._descent.check()
        return StepReport(self.step_count, report, time.perf_counter() - started)

    def _step_once(self) -> dict[str, Tensor]:
        # Nothing here waits for the device; what differs between steps comes from `chance`: CUDA replays the rest.
        recipe, chance, pacing = self.recipe, self._chance, self._pacing
        lesson = self._lessons.take()
        allowed, active, gated = lesson.allowed, self._active, self._gated
        inside = any(term.needs_features for term in self._terms)

        with self._precision():
            seen = networks.look(self._student, lesson.for_student, inside=inside)
        student = losses.log_probabilities(seen.logits, active)
        known, dice = supervised(recipe.loss.unknown, student, allowed, active=active)
        loss = known + recipe.loss.dice_weight * dice
        report = {"supervised": known, "dice": dice}

        ramp = chance.figure(lambda: pacing.trust(self.step_count))
        weight = recipe.teacher.weight * ramp
        is_taught = recipe.teacher.weight > 0
        taught, target = None, None
        if is_taught or any(term.needs_teacher for term in self._terms):
            with torch.no_grad(), self._precision():
                taught = networks.look(self._teacher, lesson.for_teacher, inside=inside)
            target = losses.soft_target(taught.logits, allowed, active)
        if is_taught and target is not None:
            report["consistency"] = gated_consistency(student, target, allowed, active=active, gated=gated)
            loss = loss + weight * report["consistency"]
        state = terms.StepState(lesson, active, gated, seen, student, taught, target, ramp)
        for term in self._terms:
            more = term(state)
            loss = loss + torch.stack(list(more.values())).sum()
            report.update(more)

        self._lessons.begin()
        rate = chance.figure(lambda: pacing.learning_rate(self.step_count))
        paces = chance.draw(lambda _: torch.tensor(pacing.paces(self.step_count)))
        self._descent.step(loss, rate, networks.rows_of_head(self._student, pacing.new_rows, paces))
        self._average.follow(chance.figure(pacing.decay))
        return {name: value.detach() for name, value in report.items()}

    def renew_average(self) -> None:
        """Labels came that were not there before: for a while the teacher follows the student sooner again."""
        self._pacing.renew()

    def _look_at_labels(self) -> None:
        # Once alive, a structure stays alive: the weights have learnt it even if its label is taken back.
        shown = self._pool.shown_structures()
        self._active |= torch.from_numpy(shown).to(self._device)
        self._pacing.show([0, *np.flatnonzero(shown).tolist()], self.step_count)

    def _look_at_gate(self) -> None:
        """Every so many steps, so that what is taught follows from seed and data, not from the clock."""
        if self._gated is not None and self.step_count % self.recipe.schedule.validate_every == 0:
            # In place, since a recorded step reads it there.
            self._gated.copy_(below(self.validate(), self.recipe.teacher.gate, self.protocol))

    def _shrink_batch(self) -> None:
        self._run.drop()
        self._lessons.drop()
        devices.release(self._device)
        before = self.batch_size
        self._shrink *= 2
        if self.batch_size == before:
            raise TrainingFailed(
                "Memory does not hold even the smallest batch; close other programs or lower data.image_size."
            )
        self._notes.append(f"Memory ran short: the batch shrank from {before} to {self.batch_size} frames.")

    # --- using it -----------------------------------------------------------------------------------------

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The teacher's probabilities: (B, S, S) uint8 to (B, K+1, S, S) float32."""
        with self._precision():
            return weights.probabilities_of_many(self._teacher, images, self._active)

    def validate(self) -> Validation:
        """Dice of the teacher on the frames held aside, per structure and domain; empty where none are."""
        self._descent.check()
        if not self._validation:
            return Validation()
        found = self.predict(np.stack([frame.image for frame in self._validation]))
        return score_probabilities(self._validation, found, self.protocol)

    def candidate(self) -> publishing.Candidate:
        """The model as it would be published now, scored: the teacher, refitted and tempered as the recipe says."""
        self._descent.check()
        labelled = self._pool.labelled_batches(weights.PREDICTION_BATCH)
        material = publishing.Material(self.protocol, self._active, labelled, self._validation)
        header = weights.WeightsHeader(
            protocol=self.protocol,
            values=self.values,
            image_size=self.recipe.data.image_size,
            network=self._factory_name,
            options=dict(self.recipe.network.options),
            active=self.active_structures,
            recipe=self.recipe.model_dump(),
            step=self.step_count,
        )
        return publishing.candidate(self._teacher, material, self.recipe, header)

    def publish(self, facts: Mapping[str, Any] | None = None) -> bytes:
        """The candidate as a model file (safetensors), with ``facts`` (plain data) in its header."""
        return self.candidate().write(facts)

    def start_from(self, predictor: weights.Predictor) -> None:
        """Begin at a loaded model's weights; structures that it shares with the protocol are alive from the first step.

        The others begin as empty rows of the head, which learn faster than the rest from their first label on, with a
        teacher that is trusted as little as from nothing then.

        Raises
        ------
        IncompatibleWeights
            Where the network differs from this one.
        """
        begin = beginning(predictor, self._student, self.protocol)
        load_matching(self._student, begin.state)
        load_matching(self._teacher, begin.state)
        if self._twin is not None:
            load_matching(self._twin, begin.state)
        self._active |= weights.active_mask(self.protocol, begin.known).to(self._device)
        self._pacing.begin_at(begin)
        self._look_at_labels()

    # --- stopping and going on ----------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        """Everything but the frames, such that :meth:`restore` and going on equals never having stopped."""
        self._descent.check()
        self._lessons.drop()
        return pack(
            {
                "structures": list(self.protocol.ids),
                "network": self._factory_name,
                "step": self.step_count,
                **self._pacing.state(),
                "student": self._student.state_dict(),
                "teacher": self._teacher.state_dict(),
                "twin": None if self._twin is None else self._twin.state_dict(),
                "gated": None if self._gated is None else self._gated.cpu(),
                "optimiser": self._descent.adamw.state_dict(),
                "active": self._active.cpu(),
                "shrink": self._shrink,
                **self._chance.state(),
            }
        )

    def restore(self, data: bytes) -> None:
        """Go on from a checkpoint, by a recipe of other decoders with a new optimiser; frames are put separately.

        Raises
        ------
        IncompatibleWeights
            Where the checkpoint is damaged, or belongs to another protocol or network.
        """
        self._lessons.drop()
        state = unpack(data, structures=self.protocol.ids, network=self._factory_name)
        load_matching(self._student, state["student"])
        load_matching(self._teacher, state["teacher"])
        if self._twin is not None:
            load_matching(self._twin, state.get("twin") or state["student"])
        if self._gated is not None and state.get("gated") is not None:
            self._gated.copy_(state["gated"])
        self._run.drop()
        if (state.get("twin") is None) == (self._twin is None):
            self._descent.load(state["optimiser"])
        self._active |= state["active"].to(self._device)
        self.step_count, self._shrink = state["step"], state["shrink"]
        self._pacing.restore(state)
        self._look_at_labels()
        self._chance.restore(state)

    # --- facts for the status -------------------------------------------------------------------------------

    @property
    def active_structures(self) -> tuple[str, ...]:
        """Structures that ever had a positive label or came with starting weights."""
        return tuple(s for s in self.protocol.ids if bool(self._active[self.protocol.index(s)]))

    @property
    def n_labelled(self) -> int:
        """Labelled frames that it trains on."""
        return self._pool.n_labelled

    @property
    def n_unlabelled(self) -> int:
        """Unlabelled frames that it trains on."""
        return self._pool.n_unlabelled

    @property
    def device_text(self) -> str:
        """Such as ``"CPU, 2 threads"``."""
        return devices.describe(self._device)

    @property
    def memory_mb(self) -> float:
        """MiB held for frames, weights and optimiser, and by torch on a GPU."""
        state = 4 * sum(p.nbytes for p in self._student.parameters())
        return max((self._pool.n_bytes + state) / 2**20, devices.held_mib(self._device))

    @property
    def batch_size(self) -> int:
        """Frames per step."""
        return self._pool.batch_size(self._shrink)

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences on what was adapted, oldest first."""
        return tuple(self._notes)
