"""Partial labels and their provenance as plain JSON values, with nothing lost; no file is touched here.

A mask is its row-major run lengths, the first run counting pixels outside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask, from_run_lengths, run_lengths
from annotator.core.status import LabelStatus, Origin, Provenance


def label_to_json(label: PartialLabel) -> dict[str, Any]:
    """Everything that a label says, as values that :mod:`json` takes."""
    said = {name: _structure_to_json(value) for name, value in label.structures.items()}
    result: dict[str, Any] = {"shape": list(label.shape), "structures": said}
    if label.unsure is not None:
        result["unsure"] = run_lengths(label.unsure)
    return result


def label_from_json(data: Mapping[str, Any]) -> PartialLabel:
    """Inverse of :func:`label_to_json`.

    Raises
    ------
    AnnotatorError
        Where the values are no label: a missing key, an unknown status, runs of another size than the frame.
    Contradiction
        Where a pixel is claimed twice.
    """
    try:
        height, width = (int(side) for side in data["shape"])
        shape = (height, width)
        said = {str(name): _structure_from_json(value, shape) for name, value in data["structures"].items()}
        return PartialLabel(shape, said, _mask_from_json(data.get("unsure"), shape))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise AnnotatorError(f"A stored label is damaged ({error}); export it again.") from None


def provenance_to_json(provenance: Provenance) -> dict[str, Any]:
    """Provenance as plain values; the time is ISO 8601 with its offset."""
    return {
        "revision": provenance.revision,
        "author": provenance.author,
        "time": provenance.time.isoformat(),
        "origin": str(provenance.origin),
        "snapshot": provenance.snapshot,
    }


def provenance_from_json(data: Mapping[str, Any]) -> Provenance:
    """Inverse of :func:`provenance_to_json`.

    Raises
    ------
    AnnotatorError
        Where a key is missing or a value makes no sense.
    """
    try:
        snapshot = data.get("snapshot")
        return Provenance(
            revision=int(data["revision"]),
            author=str(data["author"]),
            time=datetime.fromisoformat(data["time"]),
            origin=Origin(data["origin"]),
            snapshot=None if snapshot is None else int(snapshot),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise AnnotatorError(f"The origin of a stored label is damaged ({error}); export it again.") from None


def _structure_to_json(said: StructureLabel) -> dict[str, Any]:
    result: dict[str, Any] = {"status": str(said.status)}
    if said.inside is not None:
        result["inside"] = run_lengths(said.inside)
    if said.outside is not None:
        result["outside"] = run_lengths(said.outside)
    return result


def _structure_from_json(data: Mapping[str, Any], shape: tuple[int, int]) -> StructureLabel:
    inside = _mask_from_json(data.get("inside"), shape)
    return StructureLabel(LabelStatus(data["status"]), inside, _mask_from_json(data.get("outside"), shape))


def _mask_from_json(runs: Any, shape: tuple[int, int]) -> Mask | None:
    return None if runs is None else from_run_lengths([int(run) for run in runs], shape)
