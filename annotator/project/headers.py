"""Clip headers and protocols as JSON text, and back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any, Final

from annotator.core.clip_json import DAMAGE, protocol_of
from annotator.core.errors import COMMAND, AnnotatorError, CorruptProject
from annotator.core.identity import ClipHeader, Spacing, SpacingStatus
from annotator.core.protocols import LabelProtocol

EDITABLE: Final = ("view", "domain", "spacing", "spacing_status", "proposed_spacing", "ed_frames", "es_frames")
"""Fields that may change after import; the others describe the pixels or the patient."""


def header_text(header: ClipHeader) -> str:
    """A header as JSON."""
    return json.dumps(asdict(header), ensure_ascii=False, allow_nan=False)


def parse_header(text: str) -> ClipHeader:
    """Inverse of :func:`header_text`.

    Raises
    ------
    CorruptProject
        Where the text is not a header.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        for name in ("spacing", "proposed_spacing"):
            fields[name] = None if fields[name] is None else Spacing(**fields[name])
        for name in ("frame_times_ms", "ed_frames", "es_frames"):
            fields[name] = tuple(fields[name])
        fields["spacing_status"] = SpacingStatus(fields["spacing_status"])
        return ClipHeader(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, AnnotatorError) as error:
        what = f"The details of a clip are damaged ({error})"
        raise CorruptProject(f"{what}; run 'annotator check', {COMMAND}.") from error


def refuse_fixed_changes(before: ClipHeader, after: ClipHeader) -> None:
    """Refuse a change of what describes the pixels or the patient.

    Raises
    ------
    AnnotatorError
        Where a field outside :data:`EDITABLE` differs.
    """
    kept = replace(after, **{name: getattr(before, name) for name in EDITABLE})
    if kept != before:
        changed = next(name for name in asdict(before) if getattr(kept, name) != getattr(before, name))
        raise AnnotatorError(f"'{changed}' of a clip comes from its file and cannot be edited.")


def protocol_value(protocol: LabelProtocol) -> dict[str, Any]:
    """A protocol as plain JSON values."""
    return asdict(protocol)


def parse_protocol_value(value: dict[str, Any]) -> LabelProtocol:
    """Inverse of :func:`protocol_value`.

    Raises
    ------
    CorruptProject
        Where the value is not a protocol.
    """
    try:
        return protocol_of(value)
    except (*DAMAGE, AnnotatorError) as error:
        raise CorruptProject(f"The protocol stored in the project is damaged ({error}).") from error
