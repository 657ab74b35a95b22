"""The real workshop: everything of :mod:`annotator.learn` that a session uses, imported late since it imports torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import Bitmap, everything_allowed, possible_classes
from annotator.core.identity import ClipHeader, FrameKey, SpacingStatus
from annotator.core.plugin_types import Frame, NetworkFactory
from annotator.core.protocols import LabelProtocol
from annotator.engine.starting import shipped_features, shipped_weights
from annotator.engine.trainer_protocol import FittedImages, Probabilities, ServedModel, TrainerProtocol

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.learn.preprocess import Fit
    from annotator.learn.recipe import Recipe
    from annotator.learn.validation import Validation
    from annotator.learn.weights import Predictor


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
    others
        Builders of further networks by name, for models that another recipe made.
    changes
        What of the recipe is not as its file says, option to value as text.
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
        others: Mapping[str, NetworkFactory] | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self._protocol = protocol
        self._factories = {**(others or {}), factory.name: factory}
        self._values = dict(values)
        self._recipe = recipe
        self._changes = dict(changes or {})
        self._factory = factory
        self._device = device
        self._seed = seed
        self._size = recipe.data.image_size

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self._recipe.name

    @property
    def recipe_digest(self) -> str:
        """Hash of what the recipe says, with its changes."""
        return self._recipe.digest

    @property
    def summary(self) -> str:
        """What the recipe does, in one line."""
        return self._recipe.summary

    @property
    def changes(self) -> Mapping[str, str]:
        """What was changed of it for this session, option to value as text."""
        return self._changes

    @property
    def starting_weights(self) -> Path | None:
        """The shipped weights that suit, where the recipe starts from weights."""
        if self._recipe.start != "weights":
            return None
        network = self._recipe.network
        return shipped_weights(self._protocol, network=network.name, options=network.options)

    @property
    def starting_features(self) -> Path | None:
        """Shipped weights of the recipe's network, whatever they know, where the recipe starts from weights."""
        network = self._recipe.network
        return shipped_features(network.name, network.options) if self._recipe.start == "weights" else None

    @property
    def patience(self) -> int:
        """Steps without improvement of the validation after which training sleeps."""
        return self._recipe.schedule.plateau_patience * self._recipe.schedule.validate_every

    @property
    def neighbour_reach(self) -> int:
        """Frames up to which training wants unlabelled neighbours of labelled frames; 0 for none."""
        return self._recipe.temporal.reach if self._recipe.temporal.is_on else 0

    @property
    def most_unlabelled(self) -> int:
        """Unlabelled frames that training holds at most."""
        return self._recipe.data.max_unlabelled

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

    def start_from(self, trainer: TrainerProtocol, weights: Path) -> tuple[str, ...]:
        """Give a fresh trainer the weights of a published file; the structures that it knows then.

        Raises
        ------
        IncompatibleWeights
            Where they do not fit.
        """
        from annotator.learn.trainer import Trainer  # noqa: PLC0415

        assert isinstance(trainer, Trainer)
        trainer.start_from(self._loaded(weights))
        return trainer.active_structures

    def model(self, weights: Path) -> ServedModel:
        """The model in a published file.

        Raises
        ------
        IncompatibleWeights
            Where it is damaged or has no structure of the protocol.
        """
        from annotator.learn.mapping import adapted  # noqa: PLC0415

        return FittedModel(adapted(self._loaded(weights), self._protocol, self._values))

    def _loaded(self, weights: Path) -> Predictor:
        from annotator.learn.devices import choose_device  # noqa: PLC0415
        from annotator.learn.weights import load  # noqa: PLC0415

        return load(weights, self._factories, device=choose_device(self._device))

    def score(self, model: ServedModel, frames: Sequence[TrainingFrame]) -> Validation:
        """Dice of a published model on labelled frames."""
        from annotator.learn.validation import score_probabilities  # noqa: PLC0415

        return score_probabilities(frames, (model.predict(frame.image[None])[0] for frame in frames), self._protocol)

    def image(self, frame: Frame, header: ClipHeader) -> NDArray[np.uint8]:
        """(H, W[, 3]) native to (S, S) uint8."""
        return self._fit(header).fit_image(frame)

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
        """A training frame from a fitted image, the native bitmap and the structures that it speaks of.

        Of them ``accepted`` are suggestions that were accepted as they were.
        """
        from annotator.learn.dataset import TrainingFrame  # noqa: PLC0415

        everything = everything_allowed(self._protocol)
        bitmap = None if allowed is None else self._fit(header).fit_bitmap(allowed, everything)
        possible = possible_classes(self._protocol, header.view, said=said)
        return TrainingFrame(key, header.patient, header.domain, image, bitmap, possible, frozenset(accepted))

    def native(self, probabilities: Probabilities, header: ClipHeader) -> Probabilities:
        """(K+1, S, S) to native (K+1, H, W)."""
        return self._fit(header).unfit_probabilities(probabilities)

    def _fit(self, header: ClipHeader) -> Fit:
        from annotator.learn.preprocess import Fit  # noqa: PLC0415

        # A doubted pixel size is worse than none: the frame would be stretched by a figure that nobody confirmed.
        is_known = header.spacing_status in (SpacingStatus.TRUSTED, SpacingStatus.CONFIRMED)
        return Fit.of(header.shape, self._size, spacing=header.spacing if is_known else None)


class FittedModel:
    """A published model, applied to fitted images; those of another size than its own are resized both ways.

    Parameters
    ----------
    predictor
        On its device.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, images: FittedImages, view: str | None = None) -> Probabilities:
        """(B, S, S) uint8 of one view to (B, K+1, S, S) float32; 0 for what the protocol says it cannot show."""
        own, given = self._predictor.header.image_size, images.shape[-1]
        found = self._predictor.predict_fitted(self._sized(images), view)
        if own == given:
            return found
        return np.stack([np.stack([_resized(plane, given) for plane in planes]) for planes in found])

    def strangeness(self, images: FittedImages) -> NDArray[np.float64]:
        """(B, S, S) uint8 to (B,): how unlike what the model knows; above 1 its predictions mean nothing."""
        from annotator.learn.familiarity import strangeness  # noqa: PLC0415

        return strangeness(self._predictor, self._sized(images))

    def _sized(self, images: FittedImages) -> FittedImages:
        own = self._predictor.header.image_size
        return images if images.shape[-1] == own else np.stack([_resized(image, own) for image in images])


def _resized(plane: NDArray[Any], side: int) -> NDArray[Any]:
    import cv2  # noqa: PLC0415 - only for a model of another size

    return np.asarray(cv2.resize(plane, (side, side), interpolation=cv2.INTER_LINEAR))
