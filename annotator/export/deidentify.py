"""What of a clip may leave the project: a list of what is allowed, never of what is forbidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from annotator.core.identity import Clip, ClipHeader
from annotator.core.plugin_types import LabelledClip

RELEASED_FIELDS: Final = (
    "stem",
    "patient",
    "n_frames",
    "height",
    "width",
    "channels",
    "view",
    "domain",
    "spacing",
    "spacing_status",
    "proposed_spacing",
    "frame_times_ms",
    "heart_rate_bpm",
    "ed_frames",
    "es_frames",
    "format",
)
"""Header fields that an export carries; one that is added to the schema later stays inside until it stands here."""


def released(entry: LabelledClip) -> LabelledClip:
    """The same clip with only the released fields of its header; every other field has its default.

    Raises
    ------
    AnnotatorError
        Where what is left does not fit the schema.
    """
    header = entry.clip.header
    allowed = ClipHeader(**{name: getattr(header, name) for name in RELEASED_FIELDS})
    return replace(entry, clip=Clip(entry.clip.name, allowed, entry.clip.split, entry.clip.content_hash))
