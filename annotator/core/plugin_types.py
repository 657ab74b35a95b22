"""The Protocols that plugins implement, each with its contract, and the values they exchange.

``annotator.plugin`` re-exports these; plugins import nothing else of the application. The conformance
kits in :mod:`annotator.testing` check the contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from annotator.core.identity import Clip, ClipHeader, Pseudonymiser, Split
from annotator.core.labels import PartialLabel
from annotator.core.protocols import LabelProtocol
from annotator.core.status import Provenance

if TYPE_CHECKING:
    import torch

Frame = NDArray[np.uint8]
"""(H, W) or (H, W, 3) uint8."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Which frames of a longer clip a recording has.

    Parameters
    ----------
    whole
        The clip as the export that left frames out describes it, with the hash of all of its pixels.
    frames
        For each frame of the recording, its number in that clip, from 0.
    """

    whole: Clip
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One clip as a reader found it.

    Parameters
    ----------
    header
        Size, calibration, timing, identity.
    frames
        Exactly ``header.n_frames`` frames, each of ``header``'s size; may be a generator, is read once,
        and may raise :class:`~annotator.core.errors.BadInput` while being read.
    warnings
        Plain sentences for the user, such as one on burned-in text.
    labels
        Frame index to label, where the file brings its own (the simulator, the project's own export).
    split
        Part of the data that the file itself, or the manifest that names it, says the clip belongs to, so that an
        export that comes back keeps its test patients out of training.
    provenance
        Frame index to structure to who said it, for those of ``labels`` that have it: an export that comes back keeps
        authors and origins. What is not named here counts as imported by whoever imports it.
    part
        Where the file is an export that left frames of the clip out: a project that has the whole clip takes the labels
        for that one.
    """

    header: ClipHeader
    frames: Iterable[Frame]
    warnings: tuple[str, ...] = ()
    labels: Mapping[int, PartialLabel] = field(default_factory=dict)
    split: Split | None = None
    provenance: Mapping[int, Mapping[str, Provenance]] = field(default_factory=dict)
    part: Part | None = None


@runtime_checkable
class Reader(Protocol):
    """Reads one file format.

    Contract:

    - ``recognises`` looks at the content (a few kilobytes), not only at the suffix, and never raises.
    - ``read`` raises :class:`BadInput` and nothing else; a size that the file cannot hold is refused
      before memory is taken for it.
    - Every patient field goes through the pseudonymiser; nothing outside :class:`ClipHeader` survives.
    - Frames are uint8; deeper images are windowed over the whole clip, never frame by frame.
    - ``read_masks`` returns the stored integers untouched (no palette is applied, no scaling).
    """

    name: str
    """Short name, such as ``"dicom"``."""

    def recognises(self, path: Path) -> bool:
        """Whether the file (or folder) is of this format."""
        ...

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """All clips of the file; ``Raises`` BadInput."""
        ...

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) integers of a label file; ``Raises`` BadInput where the format or file holds none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrame:
    """One frame of an export: its image, what is known, and where each label came from.

    The image is read where it is asked for, so that masks can be written of a clip whose frames are damaged.
    """

    frame: int
    read_image: Callable[[], Frame]
    label: PartialLabel
    provenance: Mapping[str, Provenance] = field(default_factory=dict)

    @property
    def image(self) -> Frame:
        """(H, W) or (H, W, 3) uint8.

        Raises
        ------
        CorruptProject
            Where the clip's file is damaged.
        """
        return self.read_image()


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A clip with its labelled frames, in frame order; ``frames`` may be a generator and is read once."""

    clip: Clip
    frames: Iterable[LabelledFrame]


@dataclass(frozen=True, slots=True)
class ExportContext:
    """What every file of an export shares: the protocol and the value of each structure."""

    protocol: LabelProtocol
    values: Mapping[str, int]
    data_revision: int = 0


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What a writer did: files written, in order, and plain sentences on what the format could not hold."""

    files: tuple[Path, ...]
    dropped: tuple[str, ...] = ()


@runtime_checkable
class Writer(Protocol):
    """Writes labels in one format.

    Contract:

    - Unknown is never written as background: 255 or a validity table says so.
    - ``is_lossless`` writers restore everything through the reader of the same name; the others say
      what they drop.
    - Files appear whole or not at all (written aside, then renamed).
    """

    name: str
    is_lossless: bool

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        """Write all clips below the folder ``out``; ``Raises`` AnnotatorError where it cannot."""
        ...


@runtime_checkable
class PictureWriter(Writer, Protocol):
    """Optional: a writer that says whether its files hold the frames too, so that an import of them brings clips.

    Files of one that does not say it are masks alone, which an import of recordings passes over.
    """

    holds_pictures: bool


@runtime_checkable
class SegmentationNetwork(Protocol):
    """A ``torch.nn.Module`` that declares its parts, since the learner needs each.

    Contract:

    - ``encoder`` maps (B, C, H, W) to its deepest features, without skips into ``forward``'s result.
    - ``features`` maps (B, C, H, W) float to (B, D, H, W), the input of ``head``.
    - ``head`` is the final 1x1 convolution, D to n_classes; ``forward(x) == head(features(x))``.
    - H and W are multiples of ``stride``.
    """

    encoder: torch.nn.Module
    head: torch.nn.Conv2d
    stride: int

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) float to (B, D, H, W) float."""
        ...

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) float to logits (B, n_classes, H, W) float."""
        ...


@runtime_checkable
class DecodingNetwork(SegmentationNetwork, Protocol):
    """Optional: a network whose encoder and decoder can be used apart, for methods that disturb what lies between.

    Contract:

    - ``encode`` maps (B, C, H, W) to the feature maps that the decoder takes, each (B, ., ., .).
    - ``decode`` maps them to (B, D, H, W); ``decode(encode(x)) == features(x)``.
    - ``encode`` uses no parameter outside ``encoder``, and ``decode`` none inside it.
    """

    def encode(self, images: torch.Tensor) -> Sequence[torch.Tensor]:
        """(B, C, H, W) float to the decoder's inputs."""
        ...

    def decode(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """The decoder's inputs to (B, D, H, W) float."""
        ...


@runtime_checkable
class NetworkFactory(Protocol):
    """Builds a network; ``options`` are plain numbers and strings, stored with the weights."""

    name: str

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> torch.nn.Module:
        """A fresh network that satisfies :class:`SegmentationNetwork`."""
        ...


@runtime_checkable
class Simulator(Protocol):
    """Makes clips with known truth.

    Contract: the same arguments give the same pixels; every frame's label speaks of every structure of
    ``protocol``; ``Recording.header.domain`` is the asked domain.
    """

    name: str
    protocol: str
    domains: tuple[str, ...]

    def simulate(self, *, patient: int, domain: str, seed: int, n_frames: int) -> Recording:
        """One clip of one simulated patient, with a label for every frame."""
        ...


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value with its unit, such as 57.0 and ``"%"``."""

    name: str
    value: float
    unit: str


@runtime_checkable
class Measurement(Protocol):
    """Derives clinical quantities from labels; returns nothing where spacing or labels do not allow it."""

    name: str

    def measure(self, clip: Clip, labels: Mapping[int, PartialLabel]) -> Sequence[Quantity]:
        """Quantities of one clip from frame index to label."""
        ...
