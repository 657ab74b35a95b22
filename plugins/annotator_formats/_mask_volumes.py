"""Clips as volumes of mask values, for the formats that hold one integer a pixel and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    NOT_KNOWN,
    ExportContext,
    LabelledClip,
    LabelledFrame,
    LabelStatus,
    Spacing,
    WriteReport,
    free_name,
    to_indexed,
)
from annotator_formats._written_aside import written_aside

LEGEND_FILE: Final = "legend.json"

_LOST: Final = "The format cannot hold {}; export PNG + JSON or HDF5 to keep it."
_PLACED: Final = frozenset({"nifti", "metaimage"})
"""Formats whose images have a place and directions in a patient."""

_LAID_OUT: Final = (
    "Masks begin at the origin, first columns and then rows of the picture: the position and directions of the image "
    "files of {n} clips are not kept in a project."
)


@dataclass(frozen=True, slots=True, eq=False)
class MaskVolume:
    """Mask values of a clip.

    Parameters
    ----------
    mask
        (T, H, W) uint8, 255 where not known and in every frame without a finished label.
    spacing
        mm/px; 1 x 1 where the clip has none.
    is_calibrated
        Whether ``spacing`` is the clip's own.
    """

    mask: NDArray[np.uint8]
    spacing: Spacing
    is_calibrated: bool


def write_volumes(
    clips: Iterable[LabelledClip],
    context: ExportContext,
    out: Path,
    *,
    suffix: str,
    save: Callable[[MaskVolume, Path], None],
) -> WriteReport:
    """Write one file a clip that has a finished label, and the legend; say what was left behind.

    Where a disk may take two clips' names for one, as it does ``a`` and ``A``, ``~2`` stands behind the second.

    Raises
    ------
    AnnotatorError
        Where the disk does not take a file.
    """
    written: list[Path] = []
    losses: dict[str, int] = {}
    taken: set[str] = set()
    for entry in clips:
        header = entry.clip.header
        mask = np.full((header.n_frames, *header.shape), NOT_KNOWN, dtype=np.uint8)
        has_finished = False
        for frame in entry.frames:
            _count_losses(frame, losses)
            if frame.label.has_finished:
                has_finished = True
                mask[frame.frame] = to_indexed(frame.label, context.protocol, context.values)
        if has_finished:
            volume = MaskVolume(mask, header.spacing or Spacing(1.0, 1.0), header.spacing is not None)
            _count(_LAID_OUT, int(header.format in _PLACED), losses)
            _count(_LOST.format("the times of the frames of {n} clips"), int(bool(header.frame_times_ms)), losses)
            with written_aside(out / f"{free_name(entry.clip.name, taken)}{suffix}", written) as aside:
                save(volume, aside)
    with written_aside(out / LEGEND_FILE, written) as aside:
        aside.write_text(json.dumps(_legend(context), indent=1, ensure_ascii=False), encoding="utf-8")
    return WriteReport(tuple(written), tuple(what.replace("{n}", str(count)) for what, count in losses.items()))


def _legend(context: ExportContext) -> Mapping[str, Any]:
    structures = [
        {"value": context.values[s.id], "id": s.id, "name": s.name, "colour": s.colour}
        for s in context.protocol.structures
    ]
    background = {"value": 0, "id": "background", "name": "known to be none of these structures"}
    return {
        "format": "echo-annotator legend",
        "version": 1,
        "protocol": context.protocol.name,
        "data_revision": context.data_revision,
        "values": [background, *structures, {"value": NOT_KNOWN, "id": "not-known", "name": "not known"}],
    }


def _count_losses(frame: LabelledFrame, losses: dict[str, int]) -> None:
    said = frame.label.structures.values()
    counts = {
        "who made {n} labels, when and how": len(frame.provenance),
        "that a structure was looked for and is absent ({n} labels)": sum(s.status is LabelStatus.ABSENT for s in said),
        "'is not' marks of {n} partial labels": sum(
            s.status is LabelStatus.PARTIAL and s.outside is not None for s in said
        ),
        "{n} drafts": sum(s.status is LabelStatus.DRAFT for s in said),
        "{n} rejected suggestions": sum(s.status is LabelStatus.REJECTED for s in said),
        "the unsure brush of {n} frames, which is written as not known": int(frame.label.unsure is not None),
    }
    for what, count in counts.items():
        _count(_LOST.format(what), count, losses)


def _count(sentence: str, count: int, losses: dict[str, int]) -> None:
    if count:
        losses[sentence] = losses.get(sentence, 0) + count
