"""How unlike a picture is to those that a model learnt from.

Each picture is described by the encoder's deepest features, averaged over its four quarters. The distance
is Mahalanobis' under a Gaussian of few principal components and equal variance in all other directions (probabilistic
principal components: Tipping and Bishop 1999); that such a distance in a network's features tells foreign pictures
apart is Lee et al. 2018, arXiv 1807.03888. Dividing by the number of features makes it about 1 for known pictures. A
picture that is far is asked again mirrored: some laboratories show the left heart on the left, and the network, which
learnt from both, outlines their pictures as well.

Weights from a simulator that carry no such statistics are asked how steady they are instead: where a little turn and
shift of the picture changes the outlines a lot, the network is guessing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from annotator.core.errors import IncompatibleWeights
from annotator.learn.augment import normalise

if TYPE_CHECKING:
    from annotator.learn.weights import Predictor

FACT: Final = "familiar"
"""Name of the statistics in the facts of a model file."""

COMPONENTS: Final = 8
QUARTERS: Final = 2
"""Cells of the descriptor down and across: an upside-down echo has the right features in the wrong place."""

FARTHEST: Final = 2.0
"""Distance of pictures that are still taken for known. Simulated pictures that were not used for the statistics reach
about 1.8 (99 of 100); real ones lie a little farther out."""

STEADIEST_GUESS: Final = 0.75
"""Overlap under small movements below which outlines are guesses."""

_MOVES: Final = ((8.0, 5.0, 0.0, 1.0), (-8.0, -5.0, 4.0, 1.1))
"""Turn in degrees, shift right and down in pixels at 128, zoom."""

_LEAST_SPREAD: Final = 1e-3
_LEAST_VARIANCE: Final = 1e-9
_BATCH: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """What pictures look like to an encoder that knows them.

    Parameters
    ----------
    mean, spread
        (F,) float32, of each feature.
    components
        (C, F) float32, orthonormal directions of the standardised features.
    variances
        (C,) float32, along them.
    rest
        Variance along every other direction.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    components: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: float

    def distances(self, descriptors: NDArray[np.float32]) -> NDArray[np.float64]:
        """(B, F) to (B,); about 1 for known pictures."""
        x = (descriptors.astype(np.float64) - self.mean) / self.spread
        along = x @ self.components.T.astype(np.float64)
        outside = (x**2).sum(axis=1) - (along**2).sum(axis=1)
        total = (along**2 / self.variances).sum(axis=1) + np.maximum(outside, 0.0) / self.rest
        return np.asarray(np.sqrt(total / x.shape[1]), dtype=np.float64)

    def as_facts(self) -> dict[str, Any]:
        """Plain data for a model's header."""
        arrays = {name: getattr(self, name) for name in ("mean", "spread", "components", "variances")}
        return {**{n: b64encode(a.astype("<f4").tobytes()).decode() for n, a in arrays.items()}, "rest": self.rest}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Familiar:
        """Inverse of :meth:`as_facts`.

        Raises
        ------
        KeyError, TypeError, ValueError
            Where something is missing, of another kind or size, or no distance could be measured by it.
        """
        mean, spread, components, variances = (
            np.frombuffer(b64decode(facts[name]), dtype="<f4").astype(np.float32)
            for name in ("mean", "spread", "components", "variances")
        )
        found = cls(mean, spread, components.reshape(-1, len(mean)), variances, float(facts["rest"]))
        divisors = np.concatenate([spread, variances, [found.rest]])
        if spread.shape != mean.shape or len(variances) != len(found.components):
            raise ValueError(f"'{FACT}' has parts of different sizes")
        if not (np.isfinite(mean).all() and np.isfinite(components).all() and np.isfinite(divisors).all()):
            raise ValueError(f"'{FACT}' has parts that are no numbers")
        if not (divisors > 0).all():
            raise ValueError(f"'{FACT}' has a spread that is not above 0")
        return found


def fit_familiar(descriptors: NDArray[np.float32]) -> Familiar:
    """The statistics of known pictures.

    Parameters
    ----------
    descriptors
        (N, F) float32, from :func:`describe`; two at least.
    """
    x = descriptors.astype(np.float64)
    mean = x.mean(axis=0)
    spread = x.std(axis=0) + _LEAST_SPREAD
    standard = (x - mean) / spread
    _, singular, directions = np.linalg.svd(standard, full_matrices=False)
    variances = singular**2 / len(x)
    count = min(COMPONENTS, len(x) - 1)
    rest = variances[count:].sum() / max(1, x.shape[1] - count)
    return Familiar(
        mean.astype(np.float32),
        spread.astype(np.float32),
        directions[:count].astype(np.float32),
        np.maximum(variances[:count], _LEAST_VARIANCE).astype(np.float32),
        float(max(rest, _LEAST_SPREAD)),
    )


@torch.inference_mode()
def describe(encoder: torch.nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Descriptors of pictures.

    Parameters
    ----------
    encoder
        Of a segmentation network, in evaluation mode.
    images
        (N, S, S) uint8.

    Returns
    -------
    (N, 4 D) float32
    """
    device = next(encoder.parameters()).device
    found = [
        F.adaptive_avg_pool2d(encoder(normalise(torch.from_numpy(images[i : i + _BATCH]).to(device))), QUARTERS)
        for i in range(0, len(images), _BATCH)
    ]
    return np.asarray(torch.cat(found).flatten(1).cpu().numpy(), dtype=np.float32)


def steadiness(
    predict: Callable[[NDArray[np.uint8]], NDArray[np.float32]], images: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Overlap (Dice over all structures) of the outlines of moved pictures with the moved outlines.

    Parameters
    ----------
    predict
        (B, S, S) uint8 to (B, K+1, S, S) float32.
    images
        (B, S, S) uint8.

    Returns
    -------
    (B,) float64
        0..1; 0 where nothing is found.
    """
    side = images.shape[-1]
    still = predict(images).argmax(axis=1).astype(np.uint8)
    total = np.zeros(len(images))
    for turn, right, down, zoom in _MOVES:
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), turn, zoom)
        matrix[:, 2] += np.array([right, down]) * side / 128
        moved = np.stack([cv2.warpAffine(image, matrix, (side, side)) for image in images]).astype(np.uint8)
        found = predict(moved).argmax(axis=1)
        for i, classes in enumerate(still):
            expected = cv2.warpAffine(classes, matrix, (side, side), flags=cv2.INTER_NEAREST)
            both = int(((expected == found[i]) & (expected > 0)).sum())
            total[i] += 2 * both / max(1, int((expected > 0).sum()) + int((found[i] > 0).sum()))
    return total / len(_MOVES)


def strangeness(predictor: Predictor, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How unlike pictures are to those that a model knows; above 1 its outlines mean nothing.

    Parameters
    ----------
    predictor
        A loaded model. One that learnt from real labels knows better than any statistics, and finds nothing strange.
    images
        (B, S, S) uint8.

    Returns
    -------
    (B,) float64

    Raises
    ------
    IncompatibleWeights
        Where the statistics are of another network's features.
    """
    facts = predictor.header.facts
    if FACT in facts:
        encoder: Any = predictor.network.encoder
        known, found = Familiar.from_facts(facts[FACT]), describe(encoder, images)
        if found.shape[1] != len(known.mean):
            raise IncompatibleWeights(
                f"These weights say of {len(known.mean)} features what known pictures look like, and their network has "
                f"{found.shape[1]}; export them again."
            )
        strange = known.distances(found) / FARTHEST
        far = np.flatnonzero(strange > 1)
        if len(far):
            mirrored = known.distances(describe(encoder, np.ascontiguousarray(images[far, :, ::-1]))) / FARTHEST
            strange[far] = np.minimum(strange[far], mirrored)
        return strange
    if str(facts.get("origin", "")).startswith("simulated"):
        return STEADIEST_GUESS / np.maximum(steadiness(predictor.predict_fitted, images), 1e-6)
    return np.zeros(len(images))
