"""The text of a ``labels.json``: every label of an export, to and from values; no file is touched here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from annotator.core.clip_json import clip_from_json, clip_to_json, protocol_from_json, protocol_to_json
from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, ClipHeader, FrameKey
from annotator.core.label_json import label_from_json, label_to_json, provenance_from_json, provenance_to_json
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import ExportContext
from annotator.core.protocols import LabelProtocol
from annotator.core.status import Provenance

FORMAT: Final = "echo-annotator labels"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class DocumentFrame:
    """What is known of one frame, and where each label came from; ``frame`` counts from 0."""

    frame: int
    label: PartialLabel
    provenance: Mapping[str, Provenance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DocumentClip:
    """One clip and its labels, in frame order."""

    clip: Clip
    frames: tuple[DocumentFrame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelsDocument:
    """A whole ``labels.json``."""

    protocol: LabelProtocol
    values: Mapping[str, int]
    data_revision: int
    clips: tuple[DocumentClip, ...]
    _clips_of: dict[tuple[int, int, int], dict[tuple[str, str], list[Clip]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[tuple[int, int, int], dict[tuple[str, str], list[Clip]]] = {}
        for clip in (entry.clip for entry in self.clips):
            told_by = (clip.pixels, "" if clip.pixels else clip.name)
            found.setdefault(_extent(clip.header), {}).setdefault(told_by, []).append(clip)
        object.__setattr__(self, "_clips_of", found)

    def frames_for(self, clips: Sequence[Clip]) -> dict[FrameKey, DocumentFrame]:
        """The document's frames under the keys of other clips, such as those of a project.

        A clip is found by its pixels, among several of the same by its patient, else its name; where all that the
        document has of the same pixels are among ``clips`` by their content hashes, by these, since patients may have
        been put right. One that the document says no pixels of is found by its name, where frames and size agree.

        Raises
        ------
        AnnotatorError
            Where a clip of the document is not among ``clips``, or two that are one there differ.
        """
        by_pixels: dict[str, list[Clip]] = {}
        for clip in clips:
            if clip.pixels:
                by_pixels.setdefault(clip.pixels, []).append(clip)
        by_name = {clip.name: clip for clip in clips}
        same = self._twins_among(clips)
        found: dict[FrameKey, DocumentFrame] = {}
        for entry in self.clips:
            named = None if entry.clip.pixels else by_name.get(entry.clip.name)
            alike = max(by_pixels.get(entry.clip.pixels, ()), key=likeness(entry.clip), default=named)
            match = same.get(entry.clip.content_hash, alike)
            if match is None or _extent(match.header) != _extent(entry.clip.header):
                n_frames, height, width = _extent(entry.clip.header)
                raise AnnotatorError(
                    f"The labels speak of '{entry.clip.name}' ({n_frames} frames of {height} x {width} pixels), "
                    "and no clip here has its pixels; import its images first."
                )
            for frame in entry.frames:
                key = FrameKey(match.name, frame.frame)
                if found.setdefault(key, frame).label != frame.label:
                    raise AnnotatorError(
                        f"It labels {key.in_words} twice and differently, since several of its clips are the "
                        f"picture of '{key.clip}' here; import the images of '{self._missing(entry, clips)}' too."
                    )
        return found

    def _missing(self, one: DocumentClip, clips: Sequence[Clip]) -> str:
        """Which of the document's clips of a picture is not among ``clips``."""
        here = {clip.content_hash for clip in clips}
        alike = (entry.clip for entry in self.clips if entry.clip.pixels == one.clip.pixels)
        return next((clip.name for clip in alike if clip.content_hash not in here), one.clip.name)

    def _twins_among(self, clips: Sequence[Clip]) -> dict[str, Clip]:
        """Clips whose pictures several of the document's have, by content hash, where all of those are there.

        The hash of the second of two such clips names its first patient, so that no other project has both by chance.
        """
        by_content = {clip.content_hash: clip for clip in clips}
        twins: dict[str, list[str]] = {}
        for entry in self.clips:
            twins.setdefault(entry.clip.pixels, []).append(entry.clip.content_hash)
        whole = (hashes for hashes in twins.values() if len(set(hashes)) > 1 and by_content.keys() >= set(hashes))
        return {content: by_content[content] for hashes in whole for content in hashes}

    def clip_like(self, header: ClipHeader, pixels: str) -> Clip | None:
        """The document's clip of that size and those pixels, of several the one of that stem; ``None`` without one.

        A clip that the document says no pixels of is found by its stem.
        """
        alike = self._clips_of.get(_extent(header), {})
        same = [*alike.get((pixels, ""), ()), *alike.get(("", header.stem), ())]
        return max(same, key=lambda clip: clip.name == header.stem, default=None)

    def has_extent_of(self, header: ClipHeader) -> bool:
        """Whether a clip of the document has that many frames of that size."""
        return _extent(header) in self._clips_of


def document_text(clips: Iterable[DocumentClip], context: ExportContext) -> Iterator[str]:
    """The text of a document piece by piece, one clip at a time, so that a large export needs little memory."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "data_revision": context.data_revision,
        "protocol": protocol_to_json(context.protocol),
        "values": dict(context.values),
    }
    yield json.dumps(head, ensure_ascii=False, indent=1).rstrip("}").rstrip() + ',\n "clips": ['
    separator = "\n"
    for entry in clips:
        data = {**clip_to_json(entry.clip), "frames": [_frame_to_json(f) for f in entry.frames]}
        yield separator + json.dumps(data, ensure_ascii=False)
        separator = ",\n"
    yield "\n ]\n}\n"


def document_from_text(text: str) -> LabelsDocument:
    """Inverse of :func:`document_text`.

    Raises
    ------
    AnnotatorError
        Where the text is no such document, is of a newer version, or a label in it is damaged.
    """
    try:
        data = json.loads(text)
        version = data["version"] if data["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise AnnotatorError("It is not a labels.json of this program; choose one that it exported.") from None
    if version != VERSION:
        raise AnnotatorError(f"It is a labels.json of version {version} and this program reads {VERSION}; update it.")
    try:
        return LabelsDocument(
            protocol=protocol_from_json(data["protocol"]),
            values={str(name): int(value) for name, value in data["values"].items()},
            data_revision=int(data["data_revision"]),
            clips=tuple(
                DocumentClip(clip_from_json(entry), tuple(_frame_from_json(f) for f in entry["frames"]))
                for entry in data["clips"]
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnnotatorError(f"The labels.json is damaged ({error}); export it again.") from None


def likeness(clip: Clip) -> Callable[[Clip], tuple[bool, bool, bool]]:
    """How surely another clip of the same pixels is this one, to compare."""
    patient, name, content = clip.header.patient, clip.name, clip.content_hash
    return lambda other: (other.header.patient == patient, other.name == name, other.content_hash == content)


def _extent(header: ClipHeader) -> tuple[int, int, int]:
    return header.n_frames, header.height, header.width


def _frame_to_json(frame: DocumentFrame) -> dict[str, Any]:
    origins = {name: provenance_to_json(value) for name, value in frame.provenance.items()}
    return {"frame": frame.frame, "label": label_to_json(frame.label), "provenance": origins}


def _frame_from_json(data: Mapping[str, Any]) -> DocumentFrame:
    origins = {str(name): provenance_from_json(value) for name, value in data["provenance"].items()}
    return DocumentFrame(int(data["frame"]), label_from_json(data["label"]), origins)
