"""Small clips and random partial labels for tests; the same seed gives the same values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import numpy as np

from annotator.core.identity import Clip, ClipHeader, Pseudonymiser, Spacing, SpacingStatus, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.plugin_types import ExportContext, LabelledClip, LabelledFrame
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure
from annotator.core.status import LabelStatus, Origin, Provenance

SAMPLE_PROTOCOL: Final = LabelProtocol(
    name="sample",
    title="Three structures and a union",
    structures=(
        Structure("one", "First", "#e4572e", "q"),
        Structure("two", "Second", "#17bebb", "w"),
        Structure("three", "Third", "#ffc914", "e"),
    ),
    derived=(DerivedStructure("both", "First and second", "#8f2d56", ("one", "two")),),
)
"""Three structures and one derived."""

_STATUSES: Final = tuple(LabelStatus)


def random_label(seed: int, shape: tuple[int, int], protocol: LabelProtocol = SAMPLE_PROTOCOL) -> PartialLabel:
    """A label that mixes every status, 'is not' pixels and the unsure brush.

    Parameters
    ----------
    seed
        Any non-negative integer.
    shape
        (H, W) in pixels.
    protocol
        The structures to speak of.
    """
    rng = np.random.default_rng(seed)
    owner = rng.integers(-1, len(protocol.structures), size=shape)
    said: dict[str, StructureLabel] = {}
    for number, name in enumerate(protocol.ids):
        status = _STATUSES[rng.integers(len(_STATUSES))]
        inside = np.asarray(owner == number, dtype=np.bool_)
        outside = np.asarray((owner != number) & (rng.random(shape) < 0.3), dtype=np.bool_)
        match status:
            case LabelStatus.OUTLINED:
                said[name] = StructureLabel(status, inside)
            case LabelStatus.PARTIAL | LabelStatus.DRAFT:
                said[name] = StructureLabel(status, inside, outside if rng.random() < 0.7 else None)
            case _:
                said[name] = StructureLabel(status)
    unsure = np.asarray(rng.random(shape) < 0.2, dtype=np.bool_) if rng.random() < 0.5 else None
    return PartialLabel(shape, said, unsure)


def sample_clip(name: str = "clip", *, n_frames: int = 3, shape: tuple[int, int] = (6, 9), channels: int = 1) -> Clip:
    """A calibrated clip with every field of its header filled in."""
    header = ClipHeader(
        stem=name,
        patient=Pseudonymiser(b"samples").key(name),
        n_frames=n_frames,
        height=shape[0],
        width=shape[1],
        channels=channels,
        view="a4c",
        domain="sample-scanner",
        spacing=Spacing(0.25, 0.5),
        spacing_status=SpacingStatus.TRUSTED,
        frame_times_ms=tuple(i * 33.5 for i in range(n_frames)),
        heart_rate_bpm=61.5,
        ed_frames=(0,),
        es_frames=(n_frames - 1,),
        format="sample",
    )
    return Clip(name, header, Split.TRAIN, content_hash="0" * 60 + f"{n_frames:04d}")


def labelled_clip(clip: Clip, labels: Sequence[PartialLabel]) -> LabelledClip:
    """A clip with random images, these labels from frame 0 on, and an author for each structure."""
    rng = np.random.default_rng(len(clip.name))
    tail = clip.header.shape if clip.header.channels == 1 else (*clip.header.shape, 3)
    images = rng.integers(0, 256, size=(len(labels), *tail), dtype=np.uint8)
    frames = [
        LabelledFrame(
            number,
            partial(images.__getitem__, number),
            label,
            {name: sample_provenance(revision=number + 1) for name in label.structures},
        )
        for number, label in enumerate(labels)
    ]
    return LabelledClip(clip, frames)


def sample_provenance(*, revision: int) -> Provenance:
    """An accepted suggestion of snapshot 7, at a fixed time."""
    return Provenance(revision, "A. Reader", datetime(2026, 5, 4, 3, 2, 1, 500, tzinfo=UTC), Origin.ACCEPTED, 7)


def sample_context() -> ExportContext:
    """The sample protocol with values that are not its own order."""
    return ExportContext(SAMPLE_PROTOCOL, {"one": 5, "two": 2, "three": 9}, data_revision=42)
