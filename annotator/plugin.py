"""Everything that a plugin may import.

A plugin registers objects under the entry-point groups ``annotator.readers``, ``annotator.writers``,
``annotator.protocols``, ``annotator.networks``, ``annotator.simulators`` and ``annotator.measurements``.
Readers, writers, networks, simulators and measurements are zero-argument callables (usually the class)
that return the object; a protocol's entry point is a module or package whose folder holds ``*.toml``.
"""

from annotator.core.allowed import allowed_bitmap
from annotator.core.errors import AnnotatorError, BadInput, Contradiction
from annotator.core.identity import (
    MAX_SIDE,
    Clip,
    ClipHeader,
    FrameKey,
    Pseudonymiser,
    Spacing,
    SpacingStatus,
    Split,
    safe_stem,
)
from annotator.core.indexed import NOT_KNOWN, from_indexed, to_indexed
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask, from_run_lengths, run_lengths
from annotator.core.plugin_types import (
    ExportContext,
    Frame,
    LabelledClip,
    LabelledFrame,
    Measurement,
    NetworkFactory,
    Quantity,
    Reader,
    Recording,
    SegmentationNetwork,
    Simulator,
    Writer,
    WriteReport,
)
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus, Origin, Provenance

__all__ = [
    "MAX_SIDE",
    "NOT_KNOWN",
    "AnnotatorError",
    "BadInput",
    "Clip",
    "ClipHeader",
    "Contradiction",
    "ExportContext",
    "Frame",
    "FrameKey",
    "LabelProtocol",
    "LabelStatus",
    "LabelledClip",
    "LabelledFrame",
    "Mask",
    "Measurement",
    "NetworkFactory",
    "Origin",
    "PartialLabel",
    "Provenance",
    "Pseudonymiser",
    "Quantity",
    "Reader",
    "Recording",
    "SegmentationNetwork",
    "Simulator",
    "Spacing",
    "SpacingStatus",
    "Split",
    "Structure",
    "StructureLabel",
    "WriteReport",
    "Writer",
    "allowed_bitmap",
    "from_indexed",
    "from_run_lengths",
    "run_lengths",
    "safe_stem",
    "to_indexed",
]
