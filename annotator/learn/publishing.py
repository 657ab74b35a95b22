"""What happens between the teacher and a model file: rows fitted again, confidence measured, the result scored."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from annotator.core.allowed import everything_allowed
from annotator.core.protocols import LabelProtocol
from annotator.learn import calibration, cft
from annotator.learn.augment import normalise
from annotator.learn.contours import near_contour
from annotator.learn.dataset import TrainingFrame
from annotator.learn.losses import mask_inactive
from annotator.learn.networks import head_of, parts_of
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import CftSection
from annotator.learn.validation import Validation, score_probabilities
from annotator.learn.weights import WeightsHeader, probabilities, save

_BATCH = 16
_DICE_NOISE = 0.001
"""Mean Dice that calibrated confidence may cost where it moves a border by a pixel."""

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What publication may look at.

    Parameters
    ----------
    protocol
        Structures in class order.
    active
        (K+1,) bool on the network's device.
    labelled
        Batches of training frames: images (B, S, S) uint8 and bitmaps (B, S, S) on that device; read once.
    validation
        Labelled frames of patients held aside.
    """

    protocol: LabelProtocol
    active: Tensor
    labelled: Iterable[tuple[Tensor, Tensor]]
    validation: tuple[TrainingFrame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model as it would be published.

    Parameters
    ----------
    network, header
        What the file will hold.
    validation
        Of this very model, refitted and tempered; empty where nothing is held aside.
    """

    network: nn.Module
    header: WeightsHeader
    validation: Validation

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was done to the teacher: ``cft`` and ``calibration``, where the recipe asks for them."""
        return self.header.facts

    def write(self, facts: Mapping[str, Any] | None = None) -> bytes:
        """The model file (safetensors), with further plain data in its header."""
        return save(replace(self.header, facts={**(facts or {}), **self.header.facts}), self.network)


def candidate(teacher: nn.Module, material: Material, recipe: Recipe, header: WeightsHeader) -> Candidate:
    """The model to publish and its score; the teacher itself is left as it is.

    Parameters
    ----------
    teacher
        In evaluation mode.
    material, recipe
        What to look at; what to do.
    header
        Of the file, as yet without what is done here.
    """
    network, facts = teacher, dict[str, Any]()
    if recipe.cft.method != "off":
        network, facts["cft"] = _refitted(teacher, material, recipe.cft)
    if not material.validation:
        if recipe.calibration.fit:
            reason = "no patient is held aside"
            facts["calibration"] = {"structures": {}, "is_applied": False, "reason": reason}
        return Candidate(network, replace(header, facts=facts), Validation())
    found = _predicted(network, material)
    scored = _scored(found, material)
    if "cft" in facts:
        before = scored if network is teacher else _scored(_predicted(teacher, material), material)
        facts["cft"] |= {"dice_before": dict(before.dice), "dice_after": dict(scored.dice)}
    if recipe.calibration.fit:
        scored, facts["calibration"] = _calibrated(found, scored, material, is_wanted=recipe.calibration.apply)
    return Candidate(network, replace(header, facts=facts), scored)


def _predicted(network: nn.Module, material: Material) -> Probabilities:
    """In the precision of a loaded model file, whatever that of training is."""
    images = torch.from_numpy(np.stack([frame.image for frame in material.validation]))
    starts = range(0, len(images), _BATCH)
    device = material.active.device
    return np.concatenate([probabilities(network, images[i : i + _BATCH].to(device), material.active) for i in starts])


def _scored(found: Probabilities, material: Material) -> Validation:
    return score_probabilities(material.validation, found, material.protocol)


def _calibrated(
    predicted: Probabilities, scored: Validation, material: Material, *, is_wanted: bool
) -> tuple[Validation, dict[str, Any]]:
    """Temperatures are applied where other patients confirm them and no border pays for it."""
    found = calibration.calibrate(material.validation, predicted, material.protocol)
    facts: dict[str, Any] = {**found.as_facts(), "is_applied": False}
    if not is_wanted:
        facts["reason"] = "the recipe does not ask for it"
        return scored, facts
    if not found.is_confirmed:
        few = "no structure is shown by two patients held aside, so no other could confirm it"
        facts["reason"] = "other patients did not confirm it" if found.is_cross_fitted else few
        return scored, facts
    after = _scored(calibration.apply_temperatures(predicted, found.temperatures(material.protocol)), material)
    if after.mean_dice < scored.mean_dice - _DICE_NOISE:
        facts["reason"] = "it would have cost overlap on the patients held aside"
        return scored, facts
    facts["is_applied"] = True
    return after, facts


@torch.no_grad()
def _refitted(teacher: nn.Module, material: Material, section: CftSection) -> tuple[nn.Module, dict[str, Any]]:
    facts: dict[str, Any] = {"method": section.method, "rows": {}}
    old = head_of(teacher)
    if old.bias is None:
        facts["reason"] = "the head of this network has no bias, and a row would need one"
        return teacher, facts
    pixels = collect_pixels(teacher, material, section)
    if not material.validation or pixels is None:
        facts["reason"] = "no patient is held aside, so nothing could confirm a new row"
        return teacher, facts
    kept = _validation_features(teacher, material)

    def validate(head: cft.Head) -> Validation:
        found: list[Probabilities] = []
        for features in kept:
            logits = torch.einsum("bdhw,kd->bkhw", features, head.weight) + head.bias.view(1, -1, 1, 1)
            found += list(mask_inactive(logits, material.active).cpu().numpy())
        return score_probabilities(material.validation, found, material.protocol)

    result = cft.refit(
        pixels,
        cft.Head(old.weight.detach()[:, :, 0, 0].clone(), old.bias.detach().clone()),
        validate=validate,
        protocol=material.protocol,
        active=material.active,
        section=section,
    )
    network = copy.deepcopy(teacher)
    head = head_of(network)
    head.weight.copy_(result.head.weight[:, :, None, None])
    assert head.bias is not None
    head.bias.copy_(result.head.bias)
    facts["rows"] = result.facts
    return network, facts


@torch.no_grad()
def collect_pixels(teacher: nn.Module, material: Material, section: CftSection) -> cft.Pixels | None:
    """Features of pixels that say something, up to ``section.pixels`` per frame, half near contours.

    Parameters
    ----------
    teacher
        In evaluation mode.
    material, section
        See :class:`Material`; the recipe's numbers.

    Returns
    -------
    Pixels or None
        Nothing where no frame says anything.
    """
    everything = everything_allowed(material.protocol)
    generator = torch.Generator().manual_seed(0)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    n_frames = 0
    for images, bitmaps in material.labelled:
        features = parts_of(teacher).features(normalise(images)).float()
        near = near_contour(bitmaps, width=section.contour_width, everything=everything)
        for maps, sets, close in zip(features, bitmaps, near, strict=True):
            says = sets != everything
            half = _some(close, section.pixels // 2, generator)
            rest = _some(says & ~close, section.pixels - len(half), generator)
            at = torch.cat([half, rest])
            frame = torch.full_like(at, n_frames)
            parts.append((maps.flatten(1).T[at], sets.flatten()[at], frame))
            n_frames += 1
    if not parts:
        return None
    features, sets, frames = (torch.cat(column) for column in zip(*parts, strict=True))
    return cft.Pixels(features, sets, frames)


def _some(mask: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Up to ``count`` flat positions of a mask (S, S), without replacement."""
    places = mask.flatten().nonzero().flatten()
    order = torch.randperm(len(places), generator=generator)[:count].to(places.device)
    return places[order]


def _validation_features(teacher: nn.Module, material: Material) -> list[Tensor]:
    device = material.active.device
    images = torch.from_numpy(np.stack([frame.image for frame in material.validation]))
    starts = range(0, len(images), _BATCH)
    return [parts_of(teacher).features(normalise(images[i : i + _BATCH].to(device))).float() for i in starts]
