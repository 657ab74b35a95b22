"""The real workshop: everything of :mod:`annotator.learn` that a session uses, imported late since it imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import Bitmap, everything_allowed
from annotator.core.errors import UnknownName
from annotator.core.identity import ClipHeader, FrameKey, SpacingStatus
from annotator.core.plugin_types import Frame, NetworkFactory
from annotator.core.protocols import LabelProtocol
from annotator.engine.trainer_protocol import FittedImages, Probabilities, ServedModel, TrainerProtocol
from annotator.registry import resource

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.learn.preprocess import Fit
    from annotator.learn.recipe import Recipe
    from annotator.learn.validation import Validation
    from annotator.learn.weights import Predictor


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of a shipped one.

    Raises
    ------
    UnknownName
        Where there is neither.
    """
    path = Path(name)
    if path.suffix == ".toml" and path.exists():
        return path
    folder = resource("recipes")
    shipped = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if name not in shipped:
        raise UnknownName("recipe", name, sorted(shipped))
    return shipped[name]


class LearnWorkshop:
    """Makes the real trainers and models of one protocol and recipe.

    Parameters
    ----------
    protocol, values
        Of the project.
    recipe
        A validated recipe.
    factory
        Builds the recipe's network.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    seed
        Of the training.
    """

    def __init__(
        self,
        protocol: LabelProtocol,
        values: Mapping[str, int],
        *,
        recipe: Recipe,
        factory: NetworkFactory,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self._protocol = protocol
        self._values = dict(values)
        self._recipe = recipe
        self._factory = factory
        self._device = device
        self._seed = seed
        self._size = recipe.data.image_size

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self._recipe.name

    @property
    def patience(self) -> int:
        """Steps without improvement of the validation after which training sleeps."""
        return self._recipe.schedule.plateau_patience * self._recipe.schedule.validate_every

    def trainer(self) -> TrainerProtocol:
        """A fresh trainer.

        Raises
        ------
        AnnotatorError
            Where the device does not exist or the network does not fit.
        """
        from annotator.learn.trainer import Trainer  # noqa: PLC0415

        return Trainer(
            protocol=self._protocol,
            recipe=self._recipe,
            factory=self._factory,
            values=self._values,
            device=self._device,
            seed=self._seed,
        )

    def start_from(self, trainer: TrainerProtocol, weights: Path) -> None:
        """Give a fresh trainer the weights of a published file.

        Raises
        ------
        IncompatibleWeights
            Where they do not fit.
        """
        from annotator.learn.trainer import Trainer  # noqa: PLC0415

        assert isinstance(trainer, Trainer)
        trainer.start_from(self._predictor(weights))

    def model(self, weights: Path) -> ServedModel:
        """The model in a published file.

        Raises
        ------
        IncompatibleWeights
            Where it is damaged or has no structure of the protocol.
        """
        return FittedModel(self._predictor(weights))

    def _predictor(self, weights: Path) -> Predictor:
        from annotator.learn.devices import choose_device  # noqa: PLC0415
        from annotator.learn.mapping import adapted  # noqa: PLC0415
        from annotator.learn.weights import load  # noqa: PLC0415

        loaded = load(weights, {self._factory.name: self._factory}, device=choose_device(self._device))
        return adapted(loaded, self._protocol, self._values)

    def score(self, model: ServedModel, frames: Sequence[TrainingFrame]) -> Validation:
        """Dice of a published model on labelled frames."""
        from annotator.learn.validation import score  # noqa: PLC0415

        classes = [model.predict(frame.image[None])[0].argmax(axis=0) for frame in frames]
        return score(frames, classes, self._protocol)

    def image(self, frame: Frame, header: ClipHeader) -> NDArray[np.uint8]:
        """(H, W[, 3]) native to (S, S) uint8."""
        return self._fit(header).fit_image(frame)

    def training_frame(
        self, key: FrameKey, header: ClipHeader, *, image: NDArray[np.uint8], allowed: Bitmap | None
    ) -> TrainingFrame:
        """A training frame from a fitted image and the native bitmap; ``None`` is unlabelled."""
        from annotator.learn.dataset import TrainingFrame  # noqa: PLC0415

        everything = everything_allowed(self._protocol)
        bitmap = None if allowed is None else self._fit(header).fit_bitmap(allowed, everything)
        return TrainingFrame(key, header.patient, header.domain, image, bitmap)

    def native(self, probabilities: Probabilities, header: ClipHeader) -> Probabilities:
        """(K+1, S, S) to native (K+1, H, W)."""
        return self._fit(header).unfit_probabilities(probabilities)

    def _fit(self, header: ClipHeader) -> Fit:
        from annotator.learn.preprocess import Fit  # noqa: PLC0415

        # A doubted pixel size is worse than none: the frame would be stretched by a figure that nobody confirmed.
        is_known = header.spacing_status in (SpacingStatus.TRUSTED, SpacingStatus.CONFIRMED)
        return Fit.of(header.shape, self._size, spacing=header.spacing if is_known else None)


class FittedModel:
    """A published model, applied to fitted images.

    Parameters
    ----------
    predictor
        On its device.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, images: FittedImages) -> Probabilities:
        """(B, S, S) uint8 to (B, K+1, S, S) float32."""
        return self._predictor.predict_fitted(images)
