"""The trainer: one student, one EMA teacher, and one explicit :meth:`Trainer.step`.

The teacher sees the plain view, the student the strong one of the same geometry; human knowledge teaches through the
marginal loss, the teacher through its soft target on everything that nobody decided (Tarvainen and Valpola 2017,
arXiv 1703.01780; Le et al. 2025, arXiv 2504.09876, for one teacher over partial labels).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotator.core.allowed import everything_allowed
from annotator.core.errors import AnnotatorError, TrainingFailed
from annotator.core.identity import FrameKey
from annotator.core.plugin_types import NetworkFactory
from annotator.core.protocols import LabelProtocol
from annotator.learn import augment, checkpoints, devices, ema, losses, validation, weights
from annotator.learn.dataset import TrainingFrame
from annotator.learn.label_dropout import choose_dropped, drop_labels
from annotator.learn.pool import FramePool
from annotator.learn.recipe import Recipe

_PREDICTION_BATCH = 16


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did: its number from 1, each loss by name, and how long it took in seconds."""

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
        self._factory_name = factory.name
        self._device = devices.choose_device(device)
        self._everything = everything_allowed(protocol)
        self._pool = FramePool(protocol.n_classes, recipe.data, device=self._device)
        self._validation: tuple[TrainingFrame, ...] = ()
        self._starting_structures: set[str] = set()
        self._notes: list[str] = []
        self._shrink = 1
        self._parameters_rng = torch.Generator().manual_seed(seed)
        on_cpu = self._device.type == "cpu"
        noise = self._parameters_rng if on_cpu else torch.Generator(device=self._device).manual_seed(seed)
        self._chance = augment.Chance(self._parameters_rng, noise)
        self._student = _built(factory, protocol, recipe, seed=seed).to(self._device).train()
        self._teacher = ema.teacher_of(self._student)
        section = recipe.optimiser
        self._optimiser = torch.optim.AdamW(
            self._student.parameters(), lr=section.learning_rate, weight_decay=section.weight_decay
        )
        self._active = torch.zeros(protocol.n_classes, dtype=torch.bool, device=self._device)
        self._active[0] = True

    # --- frames -------------------------------------------------------------------------------------------

    def put(self, frames: Iterable[TrainingFrame]) -> None:
        """Add frames, or replace those of the same key; a frame without allowed sets is unlabelled."""
        for frame in frames:
            self._pool.put(frame)
        # Once alive, a structure stays alive: the weights have learnt it even if its label is taken back.
        self._active |= torch.from_numpy(self._pool.shown_structures()).to(self._device)

    def forget(self, keys: Iterable[FrameKey]) -> None:
        """Drop frames, such as those of a removed patient or of one now held aside."""
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

        A batch that does not fit into memory is halved and tried again, and :attr:`notes` says so.

        Raises
        ------
        TrainingFailed
            Where there is nothing to learn from, memory does not hold the smallest batch, or the loss is not finite.
        """
        if not self.can_step:
            raise TrainingFailed("There is no finished label to learn from yet; label a structure in a frame.")
        started = time.perf_counter()
        while True:
            try:
                report = self._step_once()
                break
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
            self._shrink_batch()
        self.step_count += 1
        return StepReport(self.step_count, report, time.perf_counter() - started)

    def _step_once(self) -> dict[str, float]:
        recipe, chance = self.recipe, self._chance
        batch = self._pool.draw(self._shrink, chance.parameters)
        bitmaps = self._supervision(batch.bitmaps, batch.known)
        side = recipe.data.image_size
        grid = augment.random_grid(len(bitmaps), side, recipe.augment, chance.parameters).to(self._device)
        plain, bitmaps = augment.warp(batch.images, bitmaps, grid, everything=self._everything)
        strong = augment.strong_view(plain, recipe.augment, chance)
        allowed = losses.allowed_sets(bitmaps, self.protocol.n_classes)
        active = self._active

        weight = self._consistency_weight()
        with self._precision():
            logits = self._student(augment.to_input(strong))
        student = losses.log_probabilities(logits, active)
        supervised = losses.marginal_cross_entropy(student, allowed, active)
        dice = losses.partial_dice(student, allowed, active)
        loss = supervised + recipe.loss.dice_weight * dice
        report = {"supervised": supervised, "dice": dice}
        if weight > 0:
            with torch.no_grad(), self._precision():
                logits = self._teacher(augment.to_input(plain))
            target = losses.soft_target(logits, allowed, active)
            report["consistency"] = losses.consistency(student, target, allowed, active)
            loss = loss + weight * report["consistency"]

        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._student.parameters(), recipe.optimiser.clip_norm)
        if not math.isfinite(float(norm)):
            raise TrainingFailed("The loss is no longer a number; lower optimiser.learning_rate and try again.")
        for group in self._optimiser.param_groups:
            group["lr"] = self._learning_rate()
        self._optimiser.step()
        ema.follow(self._teacher, self._student, ema.decay_at(self.step_count, recipe.teacher.ema_limit))
        return {name: float(value.detach()) for name, value in report.items()}

    def _supervision(self, bitmaps: Tensor, known: Tensor) -> Tensor:
        """Allowed sets as the losses see them: with dropped labels, or with the naive reading for comparison."""
        section = self.recipe.loss
        if section.unknown == "background":
            labelled = known.any(dim=1).to(self._device).view(-1, 1, 1)
            return torch.where(labelled, losses.unknown_as_background(bitmaps), bitmaps)
        dropped = choose_dropped(known, self._pool.partial, section.label_dropout, self._parameters_rng)
        return drop_labels(bitmaps, known.to(self._device), dropped.to(self._device))

    def _consistency_weight(self) -> float:
        section = self.recipe.teacher
        progress = min(1.0, self.step_count / section.ramp_steps)
        return section.weight * math.exp(-5.0 * (1.0 - progress) ** 2)

    def _learning_rate(self) -> float:
        section = self.recipe.optimiser
        rise = min(1.0, (self.step_count + 1) / max(1, section.warm_up_steps))
        return section.learning_rate * rise / math.sqrt(1.0 + self.step_count / section.decay_steps)

    def _precision(self) -> AbstractContextManager[Any]:
        low = devices.low_precision(self._device)
        return nullcontext() if low is None else torch.autocast(self._device.type, dtype=low)

    def _shrink_batch(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
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
        parts = []
        for i in range(0, len(images), _PREDICTION_BATCH):
            part = torch.from_numpy(np.ascontiguousarray(images[i : i + _PREDICTION_BATCH])).to(self._device)
            with self._precision():
                parts.append(weights.probabilities(self._teacher, part, self._active))
        if not parts:
            side = self.recipe.data.image_size
            return np.empty((0, self.protocol.n_classes, side, side), dtype=np.float32)
        return np.concatenate(parts)

    def validate(self) -> validation.Validation:
        """Dice of the teacher on the frames held aside, per structure and domain; empty where none are."""
        if not self._validation:
            return validation.Validation()
        classes = self.predict(np.stack([frame.image for frame in self._validation])).argmax(axis=1)
        return validation.score(self._validation, list(classes), self.protocol)

    def publish(self, facts: Mapping[str, Any] | None = None) -> bytes:
        """The teacher as a model file (safetensors), with ``facts`` (plain data) in its header."""
        header = weights.WeightsHeader(
            protocol=self.protocol,
            values=self.values,
            image_size=self.recipe.data.image_size,
            network=self._factory_name,
            options=dict(self.recipe.network.options),
            active=self.active_structures,
            recipe=self.recipe.model_dump(),
            step=self.step_count,
            facts=dict(facts or {}),
        )
        return weights.save(header, self._teacher)

    def start_from(self, predictor: weights.Predictor) -> None:
        """Begin at a loaded model's weights; its structures are alive from the first step.

        Raises
        ------
        IncompatibleWeights
            Where the network differs from this one.
        """
        state = predictor.state_for(self._student)
        checkpoints.load_matching(self._student, state)
        checkpoints.load_matching(self._teacher, state)
        self._active |= predictor.active.to(self._device)

    # --- stopping and going on ----------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        """Everything but the frames, such that :meth:`restore` and going on equals never having stopped."""
        return checkpoints.pack(
            {
                "structures": list(self.protocol.ids),
                "network": self._factory_name,
                "step": self.step_count,
                "student": self._student.state_dict(),
                "teacher": self._teacher.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "active": self._active.cpu(),
                "shrink": self._shrink,
                "rng": self._parameters_rng.get_state(),
                "noise_rng": self._chance.noise.get_state(),
            }
        )

    def restore(self, data: bytes) -> None:
        """Go on from a checkpoint; frames are put separately, before or after.

        Raises
        ------
        IncompatibleWeights
            Where the checkpoint is damaged, or belongs to another protocol or network.
        """
        state = checkpoints.unpack(data, structures=self.protocol.ids, network=self._factory_name)
        checkpoints.load_matching(self._student, state["student"])
        checkpoints.load_matching(self._teacher, state["teacher"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._active |= state["active"].to(self._device)
        self.step_count, self._shrink = state["step"], state["shrink"]
        self._parameters_rng.set_state(state["rng"])
        if self._device.type != "cpu" and state["noise_rng"].shape == self._chance.noise.get_state().shape:
            self._chance.noise.set_state(state["noise_rng"])

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


def _built(factory: NetworkFactory, protocol: LabelProtocol, recipe: Recipe, *, seed: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = factory.build(in_channels=1, n_classes=protocol.n_classes, options=recipe.network.options)
        except ValueError as error:
            raise AnnotatorError(str(error)) from None
    stride = int(getattr(network, "stride", 1))
    if recipe.data.image_size % stride:
        raise AnnotatorError(
            f"The network '{factory.name}' needs an image size that is a multiple of {stride}, "
            f"not {recipe.data.image_size}; change data.image_size."
        )
    return network
