"""Clips and protocols as plain JSON values: the list of what may leave a project, field by field.

Writers name each field here, so that one added to :class:`~annotator.core.identity.ClipHeader` later
stays inside until it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, ClipHeader, Spacing, SpacingStatus, Split
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure

DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading a stored description raises where a key is missing or a value has another form."""


def clip_to_json(clip: Clip) -> dict[str, Any]:
    """A clip's name, split, content hash and header as values that :mod:`json` takes."""
    header = clip.header
    return {
        "name": clip.name,
        "split": str(clip.split),
        "content_hash": clip.content_hash,
        "header": {
            "stem": header.stem,
            "patient": header.patient,
            "n_frames": header.n_frames,
            "height": header.height,
            "width": header.width,
            "channels": header.channels,
            "view": header.view,
            "domain": header.domain,
            "spacing": _spacing_to_json(header.spacing),
            "spacing_status": str(header.spacing_status),
            "proposed_spacing": _spacing_to_json(header.proposed_spacing),
            "frame_times_ms": list(header.frame_times_ms),
            "heart_rate_bpm": header.heart_rate_bpm,
            "ed_frames": list(header.ed_frames),
            "es_frames": list(header.es_frames),
            "format": header.format,
        },
    }


def clip_from_json(data: Mapping[str, Any]) -> Clip:
    """Inverse of :func:`clip_to_json`.

    Raises
    ------
    AnnotatorError
        Where a key is missing or a value does not fit the schema.
    """
    try:
        fields = dict(data["header"])
        header = ClipHeader(
            stem=fields["stem"],
            patient=fields["patient"],
            n_frames=int(fields["n_frames"]),
            height=int(fields["height"]),
            width=int(fields["width"]),
            channels=int(fields["channels"]),
            view=fields["view"],
            domain=fields["domain"],
            spacing=_spacing_from_json(fields["spacing"]),
            spacing_status=SpacingStatus(fields["spacing_status"]),
            proposed_spacing=_spacing_from_json(fields["proposed_spacing"]),
            frame_times_ms=tuple(float(t) for t in fields["frame_times_ms"]),
            heart_rate_bpm=fields["heart_rate_bpm"],
            ed_frames=tuple(int(f) for f in fields["ed_frames"]),
            es_frames=tuple(int(f) for f in fields["es_frames"]),
            format=fields["format"],
        )
        return Clip(str(data["name"]), header, Split(data["split"]), str(data["content_hash"]))
    except DAMAGE as error:
        raise AnnotatorError(f"A stored clip description is damaged ({error}); export it again.") from None


def protocol_to_json(protocol: LabelProtocol) -> dict[str, Any]:
    """A protocol as values that :mod:`json` takes."""
    return {
        "name": protocol.name,
        "title": protocol.title,
        "structures": [
            {
                "id": s.id,
                "name": s.name,
                "colour": s.colour,
                "key": s.key,
                "connected": s.connected,
                "views": list(s.views),
            }
            for s in protocol.structures
        ],
        "derived": [
            {"id": d.id, "name": d.name, "colour": d.colour, "members": list(d.members)} for d in protocol.derived
        ],
        "views": list(protocol.views),
    }


def protocol_from_json(data: Mapping[str, Any]) -> LabelProtocol:
    """Inverse of :func:`protocol_to_json`.

    Raises
    ------
    AnnotatorError
        Where a key is missing or a value does not fit the schema.
    """
    try:
        return protocol_of(data)
    except DAMAGE as error:
        raise AnnotatorError(f"A stored protocol is damaged ({error}); export it again.") from None


def protocol_of(data: Mapping[str, Any]) -> LabelProtocol:
    """The same, for callers who have a sentence of their own for what is damaged.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        Where a key is missing or a value has another form (:data:`DAMAGE`).
    AnnotatorError
        Where a value does not fit the schema.
    """
    return LabelProtocol(
        name=data["name"],
        title=data["title"],
        structures=tuple(_structure_of(s) for s in data["structures"]),
        derived=tuple(DerivedStructure(d["id"], d["name"], d["colour"], tuple(d["members"])) for d in data["derived"]),
        views=tuple(data["views"]),
    )


def _structure_of(data: Mapping[str, Any]) -> Structure:
    # The last two came later than the others: a description from before has neither.
    connected, views = bool(data.get("connected", False)), tuple(data.get("views", ()))
    return Structure(data["id"], data["name"], data["colour"], data["key"], connected=connected, views=views)


def _spacing_to_json(spacing: Spacing | None) -> list[float] | None:
    return None if spacing is None else [spacing.y, spacing.x]


def _spacing_from_json(data: Any) -> Spacing | None:
    return None if data is None else Spacing(float(data[0]), float(data[1]))
