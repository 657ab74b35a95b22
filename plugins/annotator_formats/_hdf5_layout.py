"""The layout of ``dataset.h5``, and how one clip is written into it.

Root attributes: ``format``, ``version``, ``data_revision``, ``protocol`` and ``values`` (JSON), ``structures``
(ids in class order). Under ``clips`` one group a clip, with the attribute ``clip`` (JSON of the closed schema;
name, patient, split, view and domain stand beside it for readers by eye) and, for N stored frames and K structures:

================  ==================  ==========================================================
``frame_index``   (N,) int32          index in the clip, from 0
``images``        (N, H, W[, 3])      uint8
``masks``         (N, H, W) uint8     value of the structure, 0 known background, 255 not known
``allowed``       (N, H, W) uint16    bit c is set where class c is still possible
``status``        (N, K) uint8        index into the attribute ``names``: what was said
``inside``        (N, K, H, W) bool   'is'
``outside``       (N, K, H, W) bool   'is not', where ``has_outside`` (N, K) says so
``unsure``        (N, H, W) bool      the unsure brush
``provenance``    (M,) compound       who said what of which frame and structure, when and how
================  ==================  ==========================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    Clip,
    ExportContext,
    LabelledClip,
    LabelledFrame,
    LabelProtocol,
    LabelStatus,
    allowed_bitmap,
    clip_to_json,
    to_indexed,
)

FORMAT: Final = "echo-annotator dataset"
VERSION: Final = 1
STATUS_NAMES: Final = tuple(str(status) for status in LabelStatus)
NO_SNAPSHOT: Final = -1

_PACKED: Final = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
_ORIGIN_FIELDS: Final = ("frame", "structure", "revision", "author", "time", "origin", "snapshot")


def fixed_text(text: str) -> NDArray[np.bytes_]:
    """Text of fixed length in UTF-8: HDF5 keeps the other kind in a heap without check sums, and can hang there."""
    return np.array(text.encode() or b" ", dtype=np.bytes_)


def write_clip(group: h5py.Group, entry: LabelledClip, context: ExportContext, *, check: Callable[[], None]) -> None:
    """Write one clip, frame by frame as they come; ``check`` is called after each and may raise."""
    _describe(group, entry.clip)
    stored = _make_datasets(group, entry.clip, context.protocol)
    origins: list[tuple[Any, ...]] = []
    for position, frame in enumerate(entry.frames):
        for dataset in stored.values():
            dataset.resize(position + 1, axis=0)
        _write_frame(stored, position, frame, context)
        check()
        for name, said in frame.provenance.items():
            snapshot = NO_SNAPSHOT if said.snapshot is None else said.snapshot
            texts = (said.author.encode(), said.time.isoformat().encode(), str(said.origin).encode())
            origins.append((frame.frame, name.encode(), said.revision, *texts, snapshot))
    group.create_dataset("provenance", data=_table(origins))


def _table(origins: list[tuple[Any, ...]]) -> NDArray[np.void]:
    columns = list(zip(*origins, strict=True)) or [()] * len(_ORIGIN_FIELDS)
    kinds = (
        (name, f"S{max((len(text) for text in column), default=1) or 1}")
        if name in ("structure", "author", "time", "origin")
        else (name, "i8")
        for name, column in zip(_ORIGIN_FIELDS, columns, strict=True)
    )
    return np.array(origins, dtype=list(kinds))


def _describe(group: h5py.Group, clip: Clip) -> None:
    header = clip.header
    group.attrs["clip"] = fixed_text(json.dumps(clip_to_json(clip), ensure_ascii=False))
    group.attrs["name"] = fixed_text(clip.name)
    group.attrs["patient"] = fixed_text(header.patient)
    group.attrs["split"] = fixed_text(str(clip.split))
    group.attrs["domain"] = fixed_text(header.domain)
    group.attrs["view"] = fixed_text(header.view or "")
    if header.spacing is not None:
        group.attrs["spacing_mm_y_x"] = (header.spacing.y, header.spacing.x)


def _make_datasets(group: h5py.Group, clip: Clip, protocol: LabelProtocol) -> Mapping[str, h5py.Dataset]:
    height, width = clip.header.shape
    count = len(protocol.structures)
    image = (height, width) if clip.header.channels == 1 else (height, width, 3)
    tails: dict[str, tuple[tuple[int, ...], Any]] = {
        "frame_index": ((), np.int32),
        "images": (image, np.uint8),
        "masks": ((height, width), np.uint8),
        "allowed": ((height, width), np.uint16),
        "status": ((count,), np.uint8),
        "has_outside": ((count,), np.bool_),
        "inside": ((count, height, width), np.bool_),
        "outside": ((count, height, width), np.bool_),
        "unsure": ((height, width), np.bool_),
    }
    result = {}
    for name, (tail, dtype) in tails.items():
        # One structure of one frame is one chunk, so that what was never said takes no space.
        chunk = (1, 1, *tail[1:]) if name in ("inside", "outside") else (1, *tail)
        packed = _PACKED if len(tail) > 1 else {}
        chunks = chunk if len(tail) > 1 else (clip.header.n_frames, *tail)
        limit = (clip.header.n_frames, *tail)
        result[name] = group.create_dataset(name, (0, *tail), dtype, maxshape=limit, chunks=chunks, **packed)
    result["status"].attrs["names"] = np.array(STATUS_NAMES, dtype=np.bytes_)
    return result


def _write_frame(
    stored: Mapping[str, h5py.Dataset], position: int, frame: LabelledFrame, context: ExportContext
) -> None:
    label, protocol = frame.label, context.protocol
    stored["frame_index"][position] = frame.frame
    stored["images"][position] = frame.image
    stored["masks"][position] = to_indexed(label, protocol, context.values)
    stored["allowed"][position] = allowed_bitmap(label, protocol)
    for number, name in enumerate(protocol.ids):
        said = label[name]
        stored["status"][position, number] = STATUS_NAMES.index(str(said.status))
        stored["has_outside"][position, number] = said.outside is not None
        if said.inside is not None:
            stored["inside"][position, number] = said.inside
        if said.outside is not None:
            stored["outside"][position, number] = said.outside
    if label.unsure is not None:
        stored["unsure"][position] = label.unsure
