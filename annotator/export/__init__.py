"""Core values to files that others read: masks, derived structures, the labels of an export, model cards."""

from annotator.export.deidentify import RELEASED_FIELDS, released
from annotator.export.derived import derived_clips, derived_context, derived_label
from annotator.export.labels_file import read_labels_json
from annotator.export.masks import export_masks
from annotator.export.model_card import ModelFacts, model_card

__all__ = [
    "RELEASED_FIELDS",
    "ModelFacts",
    "derived_clips",
    "derived_context",
    "derived_label",
    "export_masks",
    "model_card",
    "read_labels_json",
    "released",
]
