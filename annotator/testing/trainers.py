"""Trainers that take no time or always break, and the workshop that makes them, for tests of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import Bitmap
from annotator.core.errors import AnnotatorError, IncompatibleWeights
from annotator.core.identity import ClipHeader, FrameKey
from annotator.core.plugin_types import Frame
from annotator.core.protocols import LabelProtocol

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.learn.validation import Validation

SIZE = 16
"""Side of the fake's images."""


@dataclass(frozen=True, slots=True)
class FakeStep:
    """What a fake step reports."""

    step: int
    losses: Mapping[str, float] = field(default_factory=lambda: {"supervised": 1.0})


@dataclass(frozen=True, slots=True)
class FakeCandidate:
    """What a fake trainer would publish: the step as JSON, its Dice, and what was done at the end."""

    step: int
    validation: Validation
    facts: Mapping[str, Any]

    def write(self, facts: Mapping[str, Any] | None = None) -> bytes:
        """The step as JSON."""
        return json.dumps({"step": self.step, "facts": {**(facts or {}), **self.facts}}).encode()


class FakeTrainer:
    """Keeps the trainer's contract without learning anything; remembers what it was given.

    Parameters
    ----------
    dice
        Mean Dice of the next validation, from the number of validations so far.
    """

    device_text = "no device"
    memory_mb = 0.0
    active_structures = ("lv",)

    def __init__(self, dice: Callable[[int], float] = lambda _: 0.5) -> None:
        self.step_count = 0
        self.frames: dict[FrameKey, TrainingFrame] = {}
        self.ever_seen: set[FrameKey] = set()
        self.validation: tuple[TrainingFrame, ...] = ()
        self.validations = 0
        self.renewals = 0
        self.notes: list[str] = []
        self.done: dict[str, Any] = {}
        self._dice = dice

    @property
    def can_step(self) -> bool:
        """Whether a labelled frame was put."""
        return any(frame.bitmap is not None for frame in self.frames.values())

    def put(self, frames: Sequence[TrainingFrame]) -> None:
        """Remember frames."""
        for frame in frames:
            self.frames[frame.key] = frame
            self.ever_seen.add(frame.key)

    def forget(self, keys: Sequence[FrameKey]) -> None:
        """Drop frames."""
        for key in keys:
            self.frames.pop(key, None)

    def set_validation(self, frames: Sequence[TrainingFrame]) -> None:
        """Remember validation frames."""
        self.validation = tuple(frames)

    def renew_average(self) -> None:
        """Count."""
        self.renewals += 1

    def step(self) -> FakeStep:
        """Count."""
        self.step_count += 1
        return FakeStep(self.step_count)

    def validate(self) -> Validation:
        """The Dice that was asked for."""
        from annotator.learn.validation import Validation  # noqa: PLC0415

        if not self.validation:
            return Validation()
        self.validations += 1
        dice = self._dice(self.validations)
        accepted = frozenset.intersection(*(frame.accepted for frame in self.validation))
        count = len(self.validation)
        return Validation({"lv": dice}, {"default": {"lv": dice}}, 1.0 - dice, count, 1, measured_on_accepted=accepted)

    def candidate(self) -> FakeCandidate:
        """The present step, with the Dice that was asked for."""
        return FakeCandidate(self.step_count, self.validate(), self.done)

    def checkpoint(self) -> bytes:
        """The step."""
        return str(self.step_count).encode()

    def restore(self, data: bytes) -> None:
        """Go on at the step.

        Raises
        ------
        IncompatibleWeights
            Where the bytes are no number.
        """
        try:
            self.step_count = int(data)
        except ValueError:
            raise IncompatibleWeights("The training checkpoint is damaged.") from None


class BrokenTrainer(FakeTrainer):
    """Raises in one of its methods from a given step on.

    Parameters
    ----------
    error
        What it raises.
    after
        Steps that still work.
    """

    def __init__(self, error: Exception, *, after: int = 0) -> None:
        super().__init__()
        self._error = error
        self._left = after

    def step(self) -> FakeStep:
        """Count, or raise.

        Raises
        ------
        Exception
            What it was told to raise.
        """
        if self._left == 0:
            raise self._error
        self._left -= 1
        return super().step()


class FakeModel:
    """Says that the brighter half of the range is the first structure.

    Parameters
    ----------
    n_classes
        K + 1.
    """

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes
        self.is_strange = False
        self.predicted = 0

    def predict(self, images: NDArray[np.uint8], view: str | None = None) -> NDArray[np.float32]:
        """(B, S, S) uint8 to (B, K+1, S, S) float32, the same for every view."""
        self.predicted += len(images)
        result = np.zeros((len(images), self._n_classes, *images.shape[1:]), dtype=np.float32)
        result[:, 1] = images / np.float32(255)
        result[:, 0] = 1 - result[:, 1]
        return result

    def strangeness(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Twice the limit where it was told so."""
        return np.full(len(images), 2.0 if self.is_strange else 0.0)


class FakeWorkshop:
    """Makes fake trainers and models; keeps those that it made.

    Parameters
    ----------
    protocol
        Of the project.
    make
        Makes the next trainer, from how many were made before.
    patience
        Steps without improvement.
    """

    recipe = "fake"
    recipe_digest = "fake"
    summary = "Learns nothing."
    starting_weights: Path | None = None
    starting_features: Path | None = None
    neighbour_reach = 0
    most_unlabelled = 4000

    def __init__(
        self,
        protocol: LabelProtocol,
        make: Callable[[int], FakeTrainer] = lambda _: FakeTrainer(),
        *,
        patience: int = 1000,
    ) -> None:
        self._protocol = protocol
        self._make = make
        self.patience = patience
        self.changes: Mapping[str, str] = {}
        self.trainers: list[FakeTrainer] = []
        self.models: list[FakeModel] = []
        self.started_from: list[Path] = []

    def trainer(self) -> FakeTrainer:
        """The next trainer."""
        self.trainers.append(self._make(len(self.trainers)))
        return self.trainers[-1]

    def start_from(self, trainer: object, weights: Path) -> tuple[str, ...]:
        """Remember the weights."""
        self.started_from.append(weights)
        return self._protocol.ids

    def model(self, weights: Path) -> FakeModel:
        """A model, where the file is one of the fake's.

        Raises
        ------
        AnnotatorError
            Where it is not.
        """
        try:
            json.loads(weights.read_bytes())
        except ValueError:
            raise AnnotatorError(f"{weights}: these are no weights.") from None
        self.models.append(FakeModel(self._protocol.n_classes))
        return self.models[-1]

    def score(self, model: object, frames: Sequence[TrainingFrame]) -> Validation:
        """A Dice of one half."""
        from annotator.learn.validation import Validation  # noqa: PLC0415

        return Validation({"lv": 0.5}, {}, 0.5, len(frames), 1)

    def image(self, frame: Frame, header: ClipHeader) -> NDArray[np.uint8]:
        """(H, W[, 3]) to (S, S) uint8, the nearest pixel each."""
        grey = frame if frame.ndim == 2 else frame[..., 0]
        return np.asarray(cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)

    def training_frame(
        self,
        key: FrameKey,
        header: ClipHeader,
        *,
        image: NDArray[np.uint8],
        allowed: Bitmap | None,
        said: Collection[str] = (),
        accepted: Collection[str] = (),
    ) -> TrainingFrame:
        """A training frame."""
        from annotator.learn.dataset import TrainingFrame  # noqa: PLC0415

        small = None
        if allowed is not None:
            small = np.asarray(cv2.resize(allowed, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST), dtype=np.uint16)
        return TrainingFrame(key, header.patient, header.domain, image, small, accepted=frozenset(accepted))

    def native(self, probabilities: NDArray[np.float32], header: ClipHeader) -> NDArray[np.float32]:
        """(K+1, S, S) to (K+1, H, W), the nearest pixel each."""
        size = (header.width, header.height)
        planes = [cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in probabilities]
        return np.stack(planes)
