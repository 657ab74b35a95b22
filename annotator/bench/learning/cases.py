"""The frames of a manifest for the learning benchmark: pictures, truth, and simulated changes of appearance."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from annotator import ingest, registry
from annotator.core.errors import BadInput
from annotator.core.identity import ClipHeader, FrameKey, Pseudonymiser, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Frame
from annotator.core.protocols import LabelProtocol

_SALT: Final = b"annotator learning benchmark"
"""Fixed, so that the same manifest is dealt alike in every run."""

RUNGS: Final = ("none", "mild", "moderate", "strong", "inverted")
"""The ladder of simulated appearance shift, by number."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One frame with everything that a person said of it.

    Parameters
    ----------
    key, header
        Identity, and size, patient, domain, pixel size.
    split
        Part of the data.
    image
        (H, W) or (H, W, 3) uint8.
    label
        Its truth.
    """

    key: FrameKey
    header: ClipHeader
    split: Split
    image: Frame
    label: PartialLabel

    @property
    def patient(self) -> str:
        """Whose frame it is."""
        return self.header.patient

    @property
    def known(self) -> tuple[str, ...]:
        """Structures with a finished label."""
        return tuple(s for s, said in self.label.structures.items() if said.status.is_finished)

    def only(self, structures: Sequence[str]) -> PartialLabel | None:
        """What is said of some structures; ``None`` where nothing is."""
        kept = {s: said for s, said in self.label.structures.items() if s in structures and said.status.is_finished}
        return replace(self.label, structures=kept) if kept else None

    def of(self, domain: str, rung: int) -> Case:
        """The same frame as a scanner of another name and appearance shows it."""
        return replace(
            self,
            header=replace(self.header, domain=domain),
            image=shifted(self.image, rung, seed=zlib.crc32(self.key.file_stem.encode())),
        )


def read_cases(manifest: Path, protocol: LabelProtocol, values: Mapping[str, int] | None) -> tuple[Case, ...]:
    """All frames of a manifest; those without a label are pool frames that no budget can label.

    Raises
    ------
    BadInput
        Where the manifest or a file in it is damaged, or no test frame or no training frame has a label.
    """
    found = ingest.read_manifest(
        manifest, protocol, values=values, readers=registry.readers(), pseudonymiser=Pseudonymiser(_SALT)
    )
    cases = []
    for number, (recording, split) in enumerate(found):
        header = recording.header
        for index, image in enumerate(recording.frames):
            label = recording.labels.get(index, PartialLabel(header.shape))
            cases.append(Case(FrameKey(f"{number:05d}-{header.stem}", index), header, split, np.asarray(image), label))
    tested = [c for c in cases if c.split is Split.TEST]
    if not tested:
        raise BadInput(manifest, "no frame is of the split 'test'", "mark whole patients as 'test'")
    if not any(c.known for c in tested):
        remedy = "name the structures that each mask speaks of in the column 'known'"
        raise BadInput(manifest, "no frame of the split 'test' has a label", remedy)
    kept = _without_twins(cases)
    if not any(c.known for c in kept if c.split is Split.TRAIN):
        remedy = "leave whole labelled patients to training"
        raise BadInput(manifest, "no frame of the split 'train' has a label", remedy)
    return kept


def _without_twins(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Leave out training pictures that are also a test patient's."""
    tested = {c.image.tobytes() for c in cases if c.split is Split.TEST}
    return tuple(c for c in cases if c.split is Split.TEST or c.image.tobytes() not in tested)


def shifted(image: Frame, rung: int, *, seed: int) -> Frame:
    """A frame as another scanner might show it: gain, contrast and speckle, and at last inverted contrast.

    Parameters
    ----------
    image
        (H, W) or (H, W, 3) uint8.
    rung
        Index in :data:`RUNGS`.
    seed
        Of the speckle.
    """
    if rung == 0:
        return image
    if RUNGS[rung] == "inverted":
        return np.asarray(255 - image, dtype=np.uint8)
    gamma, gain, speckle, blur = ((0.8, 0.9, 0.1, 0.0), (0.6, 0.8, 0.25, 1.0), (1.9, 1.3, 0.45, 2.0))[rung - 1]
    from scipy import ndimage  # noqa: PLC0415 - it takes longer to import than most commands to run

    rng = np.random.default_rng(seed)
    grain = ndimage.gaussian_filter(rng.standard_normal(image.shape[:2]), 1.0)
    grain *= speckle / grain.std()
    light = image.astype(np.float32) / 255.0
    if blur:
        light = ndimage.gaussian_filter(light, (blur, blur, 0.0)[: light.ndim])
    factor = np.exp(grain).astype(np.float32)
    light = gain * light**gamma * (factor if light.ndim == 2 else factor[..., None])
    return np.asarray(np.clip(np.rint(light * 255.0), 0, 255), dtype=np.uint8)
