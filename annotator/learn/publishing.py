"""What happens between the teacher and a model file: rows fitted again, confidence measured. Off by default."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from annotator.core.allowed import everything_allowed
from annotator.core.protocols import LabelProtocol
from annotator.learn import calibration, cft
from annotator.learn.augment import normalise
from annotator.learn.contours import near_contour
from annotator.learn.dataset import TrainingFrame
from annotator.learn.losses import mask_inactive
from annotator.learn.networks import head_of, parts_of
from annotator.learn.recipe import CftSection, Recipe
from annotator.learn.validation import Validation, score

_BATCH = 16


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
        Batches of training frames: images (B, S, S) uint8 and bitmaps (B, S, S) int32 on that device; read once.
    validation
        Labelled frames of patients held aside.
    """

    protocol: LabelProtocol
    active: Tensor
    labelled: Iterable[tuple[Tensor, Tensor]]
    validation: tuple[TrainingFrame, ...]


def finished(teacher: nn.Module, material: Material, recipe: Recipe) -> tuple[nn.Module, dict[str, Any]]:
    """The network to write and what to say of it; the teacher itself is left as it is.

    Parameters
    ----------
    teacher
        In evaluation mode.
    material, recipe
        What to look at; what to do.
    """
    network, facts = teacher, dict[str, Any]()
    if recipe.cft.method != "off":
        network, facts["cft"] = _refitted(teacher, material, recipe.cft)
    if recipe.calibration.fit:
        facts["calibration"] = _calibrated(network, material)
    return network, facts


@torch.no_grad()
def _refitted(teacher: nn.Module, material: Material, section: CftSection) -> tuple[nn.Module, dict[str, Any]]:
    facts: dict[str, Any] = {"method": section.method, "rows": {}}
    pixels = collect_pixels(teacher, material, section)
    if not material.validation or pixels is None:
        facts["reason"] = "no patient is held aside, so nothing could confirm a new row"
        return teacher, facts
    old = head_of(teacher)
    assert old.bias is not None
    kept = _validation_features(teacher, material)

    def validate(head: cft.Head) -> Validation:
        classes = []
        for features in kept:
            logits = torch.einsum("bdhw,kd->bkhw", features, head.weight) + head.bias.view(1, -1, 1, 1)
            classes += list(mask_inactive(logits, material.active).argmax(dim=1).cpu().numpy())
        return score(material.validation, classes, material.protocol)

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


@torch.no_grad()
def _calibrated(network: nn.Module, material: Material) -> dict[str, Any]:
    if not material.validation:
        return {"structures": {}, "reason": "no patient is held aside, so confidence could not be measured"}
    head = head_of(network)
    parts = [
        torch.softmax(mask_inactive(head(features), material.active), dim=1)
        for features in _validation_features(network, material)
    ]
    found = calibration.calibrate(material.validation, torch.cat(parts).cpu().numpy(), material.protocol)
    return {"structures": {name: of.as_facts() for name, of in found.items()}}
