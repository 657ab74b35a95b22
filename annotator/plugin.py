"""Everything that a plugin may import.

A plugin registers objects under the entry-point groups ``annotator.readers``, ``annotator.writers``,
``annotator.protocols``, ``annotator.networks``, ``annotator.simulators`` and ``annotator.measurements``.
Readers, writers, networks, simulators and measurements are zero-argument callables (usually the class)
that return the object, and the entry point's name is the object's ``name``, which no other plugin has; a protocol's
entry point is a module or package whose folder holds ``*.toml``.
"""

from annotator.core.allowed import allowed_bitmap
from annotator.core.clip_json import clip_from_json, clip_to_json, protocol_from_json, protocol_to_json
from annotator.core.disk_errors import patiently, write_failure
from annotator.core.errors import AnnotatorError, BadInput, Contradiction
from annotator.core.identity import (
    EVERYBODY_SENTENCE,
    MAX_SIDE,
    NO_PATIENT_SENTENCE,
    PLAUSIBLE_MM,
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
from annotator.core.label_json import label_from_json, label_to_json, provenance_from_json, provenance_to_json
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.labels_document import (
    DocumentClip,
    DocumentFrame,
    LabelsDocument,
    document_from_text,
    document_text,
)
from annotator.core.names import free_name, passing_name
from annotator.core.packing import Mask, from_run_lengths, run_lengths
from annotator.core.plugin_types import (
    DecodingNetwork,
    ExportContext,
    Frame,
    LabelledClip,
    LabelledFrame,
    Measurement,
    NetworkFactory,
    Part,
    PictureWriter,
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
from annotator.core.views import view_named

__all__ = [
    "EVERYBODY_SENTENCE",
    "MAX_SIDE",
    "NOT_KNOWN",
    "NO_PATIENT_SENTENCE",
    "PLAUSIBLE_MM",
    "AnnotatorError",
    "BadInput",
    "Clip",
    "ClipHeader",
    "Contradiction",
    "DecodingNetwork",
    "DocumentClip",
    "DocumentFrame",
    "ExportContext",
    "Frame",
    "FrameKey",
    "LabelProtocol",
    "LabelStatus",
    "LabelledClip",
    "LabelledFrame",
    "LabelsDocument",
    "Mask",
    "Measurement",
    "NetworkFactory",
    "Origin",
    "Part",
    "PartialLabel",
    "PictureWriter",
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
    "clip_from_json",
    "clip_to_json",
    "document_from_text",
    "document_text",
    "free_name",
    "from_indexed",
    "from_run_lengths",
    "label_from_json",
    "label_to_json",
    "passing_name",
    "patiently",
    "protocol_from_json",
    "protocol_to_json",
    "provenance_from_json",
    "provenance_to_json",
    "run_lengths",
    "safe_stem",
    "to_indexed",
    "view_named",
    "write_failure",
]
