"""Label files of a manifest's rows to partial labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.identity import ClipHeader
from annotator.core.indexed import NOT_KNOWN, from_indexed
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Reader
from annotator.ingest.manifest_rows import Row
from annotator.ingest.readers import reader_of


@dataclass(frozen=True, slots=True)
class LabelSource:
    """How the label files of a manifest are read: by which readers, with which value for each structure.

    Values of structures that are not ``named`` may occur where a row knows these alone: who names the values of some
    structures has not said what any other value means.
    """

    csv_path: Path
    readers: Mapping[str, Reader]
    values: Mapping[str, int]
    named: frozenset[str]


def labels_of(rows: Sequence[Row], header: ClipHeader, source: LabelSource) -> dict[int, PartialLabel]:
    """Frame index to what all rows of one clip say of it.

    Raises
    ------
    BadInput
        Where a frame is not in the clip, a label file has another size than its image or a value without
        structure that its row does not ignore, or two rows speak of one structure in one frame.
    """
    labels: dict[int, PartialLabel] = {}
    for row in rows:
        if row.frame is not None and row.frame >= header.n_frames:
            what = f"line {row.line}: there is no frame {row.frame} in {row.image.name}, which has {header.n_frames}"
            raise BadInput(source.csv_path, what, "count frames from 0")
        for frame, label in _labels(row, header, source):
            labels[frame] = merged(labels[frame], label, row, source.csv_path) if frame in labels else label
    return labels


def merged(one: PartialLabel, two: PartialLabel, row: Row, where: Path) -> PartialLabel:
    """What two sources say of one frame, together.

    Raises
    ------
    BadInput
        Where both speak of one structure and differ, or claim the same pixels.
    """
    for structure in one.structures.keys() & two.structures.keys():
        if one[structure] != two[structure]:
            what = f"line {row.line}: '{structure}' of a frame of {row.image.name} is labelled twice, differently"
            raise BadInput(where, what, "label each structure of a frame once")
    unsure = two.unsure if one.unsure is None else one.unsure if two.unsure is None else one.unsure | two.unsure
    try:
        return PartialLabel(one.shape, {**one.structures, **two.structures}, unsure)
    except AnnotatorError as error:
        raise BadInput(where, f"line {row.line}: {str(error).rstrip('.')}", "correct the label files") from None


def _labels(row: Row, header: ClipHeader, source: LabelSource) -> Iterator[tuple[int, PartialLabel]]:
    frames = range(header.n_frames) if row.frame is None else (row.frame,)
    if row.labels is None or not row.known:
        if row.labels is not None:
            _masks(row, header, source)
        if row.absent:
            nothing = np.zeros(header.shape, dtype=np.uint8)
            for frame in frames:
                yield frame, from_indexed(nothing, source.values, known=(), absent=row.absent)
        return
    masks = _masks(row, header, source)
    for structure in row.known:
        if source.values[structure] in row.ignore:
            what = f"line {row.line}: the value {source.values[structure]} is '{structure}' and to be ignored too"
            raise BadInput(source.csv_path, what, "take it out of 'ignore', or the structure out of 'known'")
    is_clip_row = row.frame is None and header.n_frames > 1
    for mask, frame in zip(masks, frames, strict=True):
        _refuse_white(mask, row, source)
        known = () if _says_nothing(mask, is_clip_row=is_clip_row) else row.known
        if known or row.absent:
            try:
                yield frame, from_indexed(mask, source.values, known=known, absent=row.absent)
            except AnnotatorError as error:
                raise BadInput(row.labels, str(error).rstrip("."), "correct the mask or the manifest") from None


def _refuse_white(mask: NDArray[np.integer[Any]], row: Row, source: LabelSource) -> None:
    """Refuse 255 as the one structure of a black and white mask, where the known structures would count as absent."""
    if row.ignore or set(row.known) <= set(row.absent) or set(np.unique(mask).tolist()) != {0, NOT_KNOWN}:
        return
    wanted = ", ".join(f"{name} {source.values[name]}" for name in row.known)
    what = f"it is black and white, and its white, {NOT_KNOWN}, means 'not known' and no structure"
    raise BadInput(row.labels or row.image, what, f"save it with the values of the structures: {wanted}")


def _says_nothing(mask: NDArray[np.integer[Any]], *, is_clip_row: bool) -> bool:
    """Whether a mask is wholly 'not known', or in a clip's row has no structure at all (most frames are unlabelled)."""
    silent = mask == NOT_KNOWN
    return bool((silent | (mask == 0)).all() if is_clip_row else silent.all())


def _masks(row: Row, header: ClipHeader, source: LabelSource) -> NDArray[np.integer[Any]]:
    """(T, H, W) integers for the frames that a row speaks of."""
    assert row.labels is not None
    masks = reader_of(row.labels, source.readers).read_masks(row.labels)
    if masks.shape[1:] != header.shape:
        theirs, ours = (f"{h} x {w}" for h, w in (masks.shape[1:], header.shape))
        what = f"the mask has {theirs} pixels and its image {row.image.name} has {ours}"
        raise BadInput(row.labels, what, "make the mask in the size of its image")
    n_frames = header.n_frames if row.frame is None else 1
    if row.frame is not None and len(masks) == header.n_frames:
        masks = masks[row.frame : row.frame + 1]
    if len(masks) != n_frames:
        what = f"it labels {len(masks)} frames where {row.image.name} has {header.n_frames}"
        raise BadInput(row.labels, what, "give the row a frame, or the label file a mask for each frame")
    meant = {name: value for name, value in source.values.items() if name in {*source.named, *row.known}}
    for value in np.unique(masks).tolist():
        if value not in {0, NOT_KNOWN, *meant.values(), *row.ignore}:
            pairs = ", ".join(f"{name}={number}" for name, number in meant.items())
            what = f"it has the value {value}, which no structure has ({pairs})"
            remedy = (
                f"correct the values of the structures (--values), or put {value} into the manifest's column 'ignore'"
            )
            raise BadInput(row.labels, what, remedy)
    return np.where(np.isin(masks, row.ignore), 0, masks) if row.ignore else masks
