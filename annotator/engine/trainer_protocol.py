"""What the engine needs of a trainer, of a served model, and of the workshop that makes both.

The session knows nothing else of the learner, so that its states are tested with a trainer that
takes no time or always breaks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import Bitmap
from annotator.core.identity import ClipHeader, FrameKey
from annotator.core.plugin_types import Frame

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.learn.validation import Validation

FittedImages = NDArray[np.uint8]
"""(B, S, S) uint8, grey, letterboxed to the training size."""

Probabilities = NDArray[np.float32]
"""(B, K+1, S, S) or (K+1, H, W) float32, sums to 1 over the classes."""


class StepFacts(Protocol):
    """What one training step reports."""

    @property
    def step(self) -> int:
        """Steps done since the project began."""
        ...

    @property
    def losses(self) -> Mapping[str, float]:
        """Loss name to value."""
        ...


class CandidateProtocol(Protocol):
    """A model that may be published.

    Contract: ``validation`` is that of the very model that ``write`` writes, and empty where nothing is held aside.
    """

    @property
    def validation(self) -> Validation:
        """Dice on the validation frames."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """Plain data on what was done to it at the end: ``cft``, ``calibration``."""
        ...

    def write(self, facts: Mapping[str, Any] | None = None) -> bytes:
        """The weights file, with plain data on its origin."""
        ...


class TrainerProtocol(Protocol):
    """Learns from frames, one explicit step at a time.

    Contract:

    - Every method is called from one thread, the engine's, and never while another runs.
    - ``put`` adds frames or replaces those with an equal key; ``forget`` ignores keys that it does not have.
    - ``step`` does one optimiser step; it may be called where ``can_step`` is true.
    - ``candidate`` changes nothing that a later step depends on.
    - ``restore(checkpoint())`` goes on at the same step with the same weights; frames are not part of a
      checkpoint and are put again.
    - ``restore`` raises an error for bytes that are damaged or of another network, protocol or version,
      and then leaves the trainer as it was.
    - Anything may raise; the engine then makes a new trainer at the user's next 'retry'.
    """

    @property
    def step_count(self) -> int:
        """Steps done since the project began."""
        ...

    @property
    def can_step(self) -> bool:
        """Whether there is a labelled frame to learn from."""
        ...

    @property
    def device_text(self) -> str:
        """Plain words, such as ``"CPU, 2 threads"``."""
        ...

    @property
    def memory_mb(self) -> float:
        """Memory that it holds, in MiB."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Plain sentences on what it adapted, such as a smaller batch; it only grows."""
        ...

    @property
    def active_structures(self) -> Sequence[str]:
        """Structures that it learns, or knew when it began."""
        ...

    def put(self, frames: Sequence[TrainingFrame]) -> None:
        """Add or replace training frames."""
        ...

    def forget(self, keys: Sequence[FrameKey]) -> None:
        """Remove training frames."""
        ...

    def set_validation(self, frames: Sequence[TrainingFrame]) -> None:
        """Replace the validation frames."""
        ...

    def renew_average(self) -> None:
        """What it puts out shall show the labels that came last sooner than it would in the long run."""
        ...

    def step(self) -> StepFacts:
        """One optimiser step."""
        ...

    def candidate(self) -> CandidateProtocol:
        """The model as it would be published now, and its score."""
        ...

    def checkpoint(self) -> bytes:
        """Everything that ``restore`` needs."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from a checkpoint."""
        ...


class ServedModel(Protocol):
    """A published model that makes suggestions.

    Contract: ``predict`` and ``strangeness`` are pure, and take any batch size.
    """

    def predict(self, images: FittedImages, view: str | None = None) -> Probabilities:
        """(B, S, S) uint8 of one view to (B, K+1, S, S) float32; 0 for what the protocol says it cannot show."""
        ...

    def strangeness(self, images: FittedImages) -> NDArray[np.float64]:
        """(B, S, S) uint8 to (B,): how unlike what it knows; above 1 its predictions mean nothing."""
        ...


class Workshop(Protocol):
    """Makes trainers and models, and fits frames to the size that they work at.

    Contract: nothing is cached between calls, so that a fresh trainer after a failure owes nothing to the old one.
    """

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        ...

    @property
    def recipe_digest(self) -> str:
        """Hash of what the recipe says: a file that was edited since keeps its name."""
        ...

    @property
    def summary(self) -> str:
        """What the recipe does, in one plain line; may be empty."""
        ...

    @property
    def changes(self) -> Mapping[str, str]:
        """What was changed of the recipe for this session, option to value as text; empty for nothing."""
        ...

    @property
    def starting_weights(self) -> Path | None:
        """What a project without a model begins with by this recipe, where there is something."""
        ...

    @property
    def starting_features(self) -> Path | None:
        """What its training begins at otherwise: weights that know none of its structures, but what pictures show."""
        ...

    @property
    def patience(self) -> int:
        """Steps without improvement of the validation after which training sleeps."""
        ...

    @property
    def neighbour_reach(self) -> int:
        """Frames up to which training wants unlabelled neighbours of labelled frames; 0 for none."""
        ...

    @property
    def most_unlabelled(self) -> int:
        """Unlabelled frames that training holds at most; 0 where it has no use for them."""
        ...

    def trainer(self) -> TrainerProtocol:
        """A fresh trainer without frames."""
        ...

    def start_from(self, trainer: TrainerProtocol, weights: Path) -> tuple[str, ...]:
        """Give a fresh trainer the weights of a published file; the structures that it knows then, which may be none.

        Raises where they do not fit.
        """
        ...

    def model(self, weights: Path) -> ServedModel:
        """The model in a published file; raises where it does not fit."""
        ...

    def score(self, model: ServedModel, frames: Sequence[TrainingFrame]) -> Validation:
        """Dice of a published model on labelled frames."""
        ...

    def image(self, frame: Frame, header: ClipHeader) -> NDArray[np.uint8]:
        """(H, W[, 3]) native to (S, S) uint8."""
        ...

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
        """A training frame from a fitted (S, S) image and the native (H, W) bitmap; ``None`` is unlabelled.

        ``said`` are the structures that the labels speak of, and ``accepted`` those of them that a model suggested and
        a person accepted as they were.
        """
        ...

    def native(self, probabilities: Probabilities, header: ClipHeader) -> Probabilities:
        """(K+1, S, S) to native (K+1, H, W)."""
        ...
