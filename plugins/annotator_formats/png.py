"""Indexed PNG masks with one ``labels.json`` that restores every label exactly.

One PNG a labelled frame and no other: ``<clip>.png`` for a still, ``<clip>_<frame>.png`` for a clip; where that is
taken, as by a still that is called like a clip's frame, ``~2`` stands behind it, in the order of ``labels.json``. A
pixel is a structure's value, 0 for known background or 255 for not known; the palette shows the protocol's colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from annotator.plugin import (
    NOT_KNOWN,
    Clip,
    DocumentClip,
    DocumentFrame,
    ExportContext,
    FrameKey,
    LabelledClip,
    LabelledFrame,
    LabelProtocol,
    WriteReport,
    document_text,
    free_name,
    to_indexed,
)
from annotator_formats._written_aside import written_aside

LABELS_FILE: Final = "labels.json"
_NOT_KNOWN_COLOUR: Final = (128, 128, 128)


class PngWriter:
    """Writes indexed PNG + JSON."""

    name = "png"
    is_lossless = True

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        """Write a PNG for every frame with a finished label, and ``labels.json`` for everything that was said.

        Raises
        ------
        AnnotatorError
            Where the disk does not take a file.
        """
        written: dict[Path, None] = {}
        labels = out / LABELS_FILE
        with written_aside(labels) as aside, aside.open("w", encoding="utf-8") as stream:
            for piece in document_text(_entries(clips, context, out, written), context):
                stream.write(piece)
        return WriteReport((*written, labels))


def mask_stem(clip: Clip, frame: int) -> str:
    """File stem of one frame's mask: the image's, and the frame where the clip has several."""
    return clip.name if clip.header.n_frames == 1 else FrameKey(clip.name, frame).file_stem


def _entries(
    clips: Iterable[LabelledClip], context: ExportContext, out: Path, written: dict[Path, None]
) -> Iterator[DocumentClip]:
    palette = _palette(context.protocol, context.values)
    taken: set[str] = set()
    for entry in clips:
        kept: list[DocumentFrame] = []
        for frame in entry.frames:
            if frame.label.has_finished:
                path = out / f"{free_name(mask_stem(entry.clip, frame.frame), taken)}.png"
                _write_mask(frame, context, path, palette)
                written[path] = None
            if frame.label.structures or frame.label.unsure is not None:
                kept.append(DocumentFrame(frame.frame, frame.label, frame.provenance))
        yield DocumentClip(entry.clip, tuple(kept))


def _write_mask(frame: LabelledFrame, context: ExportContext, path: Path, palette: bytes) -> None:
    image = Image.fromarray(to_indexed(frame.label, context.protocol, context.values))
    image.putpalette(palette)
    with written_aside(path) as aside:
        image.save(aside, format="PNG", optimize=False)


def _palette(protocol: LabelProtocol, values: Mapping[str, int]) -> bytes:
    """768 bytes: black for background, the structures' colours, grey for not known."""
    colours = [(0, 0, 0)] * 256
    colours[NOT_KNOWN] = _NOT_KNOWN_COLOUR
    for structure in protocol.structures:
        red, green, blue = (round(part * 255) for part in structure.rgb)
        colours[values[structure.id]] = (red, green, blue)
    return bytes(part for colour in colours for part in colour)
