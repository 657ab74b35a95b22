"""A small protocol, recordings of noise and masks for the tests of storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from annotator.core.identity import ClipHeader
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus
from annotator.project import Project

SHAPE = (24, 32)
PROTOCOL = LabelProtocol(
    name="two",
    title="Two structures",
    structures=(Structure("one", "Left chamber", "#ff0000", "q"), Structure("two", "Right chamber", "#00ff00", "w")),
    views=("side",),
)


def recording(
    project: Project,
    stem: str = "clip",
    *,
    patient: str = "P1",
    seed: int = 0,
    n_frames: int = 3,
    channels: int = 1,
    labels: Mapping[int, PartialLabel] | None = None,
    domain: str = "default",
) -> Recording:
    """Noise whose pixels follow from ``seed``."""
    shape = SHAPE if channels == 1 else (*SHAPE, channels)
    frames = np.random.default_rng(seed).integers(0, 256, (n_frames, *shape), dtype=np.uint8)
    header = ClipHeader(stem, project.pseudonymiser.key(patient), n_frames, *SHAPE, channels)
    return Recording(replace(header, domain=domain), iter(frames), labels=labels or {})


def box(top: int, left: int, height: int = 6, width: int = 8) -> Mask:
    """(24, 32) bool with a rectangle."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def outlined(mask: Mask) -> StructureLabel:
    """A complete outline."""
    return StructureLabel(LabelStatus.OUTLINED, mask)
