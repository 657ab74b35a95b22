"""Pixel size of the two-dimensional tissue region, and whether it may be trusted (DICOM PS3.3 C.8.5.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pydicom

from annotator.plugin import Frame, Spacing, SpacingStatus
from annotator_formats._volumes import judge_spacing

STANDARD_FRAMES: Final = (
    (480, 640), (480, 720), (576, 704), (576, 720), (576, 768), (600, 800), (720, 960), (720, 1280), (768, 1024),
    (960, 1280), (1024, 1280), (1050, 1400), (1050, 1680), (1080, 1440), (1080, 1920), (1200, 1600), (1200, 1920),
)  # fmt: skip
"""(H, W) of the screens that scanners store, in order of size."""

_CENTIMETRES: Final = 3
_NOBODY_KNOWS: Final = Spacing(1.0, 1.0)
"""What a file declares where its writer had to declare something, which contradicts no region."""

_AGREE: Final = 0.02
_DARK: Final = 48
_TEXT_SHARE: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Region:
    """A calibrated region: corners in pixels (the last row and column belong to it) and mm/px where it has any."""

    left: int
    top: int
    right: int
    bottom: int
    is_tissue: bool
    spacing: Spacing | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a file says of its pixel size.

    Parameters
    ----------
    status, spacing, proposed
        As in :class:`~annotator.plugin.ClipHeader`; mm/px.
    regions
        All regions, in pixels of the stored frame.
    warnings
        Plain sentences.
    """

    status: SpacingStatus
    spacing: Spacing | None
    proposed: Spacing | None
    regions: tuple[Region, ...]
    warnings: tuple[str, ...] = ()


def calibration(dataset: pydicom.Dataset, shape: tuple[int, int]) -> Calibration:
    """Read the pixel size of a data set whose frames have ``shape`` (H, W) pixels."""
    regions = _regions(dataset)
    tagged = _tagged_spacing(dataset)
    tissue = [r for r in regions if r.is_tissue and r.spacing is not None]
    if not tissue:
        status, believed, proposed, doubts = judge_spacing(None if tagged is None else (tagged.y, tagged.x))
        return Calibration(status, believed, proposed, regions, doubts)
    main = max(tissue, key=lambda r: (r.right - r.left) * (r.bottom - r.top))
    spacing = main.spacing
    assert spacing is not None
    if main.right > shape[1] or main.bottom > shape[0]:
        return _rescaled(main, spacing, regions, shape)
    if spacing != _NOBODY_KNOWS:
        status, believed, proposed, doubts = judge_spacing((spacing.y, spacing.x))
        if believed is None:
            return Calibration(status, None, proposed, regions, doubts)
    others = [r.spacing for r in tissue if r.spacing is not None]
    others += [] if tagged in (None, _NOBODY_KNOWS) else [tagged]
    for other in others:
        if not _agree(other, spacing):
            sentence = (
                f"The file states two pixel sizes, {_text(spacing)} and {_text(other)}; millimetres stay unset until "
                "you confirm one."
            )
            return Calibration(SpacingStatus.DOUBTED, None, spacing, regions, (sentence,))
    return Calibration(SpacingStatus.TRUSTED, spacing, None, regions)


def text_outside(frame: Frame, regions: Sequence[Region]) -> bool:
    """Whether a frame, (H, W) or (H, W, 3) uint8, has pixels that are not black outside all regions."""
    if not regions:
        return False
    light = frame if frame.ndim == 2 else frame.max(axis=2)
    outside = np.ones(light.shape, dtype=np.bool_)
    for region in regions:
        outside[max(0, region.top) : region.bottom + 1, max(0, region.left) : region.right + 1] = False
    return float(np.count_nonzero(light[outside] > _DARK)) > _TEXT_SHARE * light.size


def _rescaled(main: Region, spacing: Spacing, regions: tuple[Region, ...], shape: tuple[int, int]) -> Calibration:
    """A region beyond the frame: the frame was scaled (or cut) after its header was written."""
    original = _original_frame(main, shape)
    scale = (1.0, 1.0) if original is None else (original[0] / shape[0], original[1] / shape[1])
    proposed = Spacing(spacing.y * scale[0], spacing.x * scale[1])
    outside = (
        f"The calibrated region reaches to column {main.right} and row {main.bottom} of a frame of {shape[1]} x "
        f"{shape[0]} pixels, so the clip was"
    )
    if original is None:
        sentence = f"{outside} cut or scaled after its header was written; if it was cut, {_text(spacing)} still holds"
    else:
        sentence = (
            f"{outside} scaled down after its header was written and {_text(spacing)} cannot be right; a frame of "
            f"{original[1]} x {original[0]} would make it {_text(proposed)}"
        )
    fitted = tuple(_scaled(region, scale) for region in regions)
    sentence += ", and millimetres stay unset until you confirm."
    return Calibration(SpacingStatus.DOUBTED, None, proposed, fitted, (sentence,))


def _scaled(region: Region, scale: tuple[float, float]) -> Region:
    left, right = int(region.left / scale[1]), int(region.right / scale[1])
    top, bottom = int(region.top / scale[0]), int(region.bottom / scale[0])
    return Region(left, top, right, bottom, region.is_tissue, None)


def _original_frame(main: Region, shape: tuple[int, int]) -> tuple[int, int] | None:
    """Smallest standard frame of the same proportions that holds the region, else the smallest multiple.

    None where the region fits in one direction, as a frame does that was cut in the other.
    """
    for height, width in STANDARD_FRAMES:
        same = abs(height * shape[1] / (width * shape[0]) - 1) < _AGREE
        if same and main.right < width and main.bottom < height:
            return height, width
    if main.right <= shape[1] or main.bottom <= shape[0]:
        return None
    factor = max((main.right + 1) / shape[1], (main.bottom + 1) / shape[0])
    return round(shape[0] * factor), round(shape[1] * factor)


def _regions(dataset: pydicom.Dataset) -> tuple[Region, ...]:
    found = []
    for item in _items(dataset, "SequenceOfUltrasoundRegions"):
        corners = [number(item, f"RegionLocation{n}") for n in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        if any(c is None or c < 0 or c >= 2**31 for c in corners):
            continue
        left, top, right, bottom = (int(c) for c in corners if c is not None)
        if right > left and bottom > top:
            is_tissue = number(item, "RegionSpatialFormat") == 1 and number(item, "RegionDataType") == 1
            found.append(Region(left, top, right, bottom, is_tissue, _region_spacing(item)))
    return tuple(found)


def _region_spacing(item: pydicom.Dataset) -> Spacing | None:
    """mm/px of a region in centimetres; a delta may be negative, since an axis may point up."""
    units = [number(item, f"PhysicalUnits{axis}Direction") for axis in "YX"]
    deltas = [number(item, f"PhysicalDelta{axis}") for axis in "YX"]
    if units != [_CENTIMETRES, _CENTIMETRES]:
        return None
    return _spacing([None if d is None else 10 * abs(d) for d in deltas])


def _tagged_spacing(dataset: pydicom.Dataset) -> Spacing | None:
    """mm/px of the first spacing attribute (row spacing, then column spacing)."""
    groups = _items(dataset, "SharedFunctionalGroupsSequence")
    measures = [item for group in groups for item in _items(group, "PixelMeasuresSequence")]
    for place in (dataset, *measures):
        for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            values = numbers(place, keyword)
            if len(values) == 2 and (spacing := _spacing(values)) is not None:
                return spacing
    return None


def _spacing(values: Sequence[float | None]) -> Spacing | None:
    good = [v for v in values if v is not None and math.isfinite(v) and 1e-4 < v < 100]
    return Spacing(good[0], good[1]) if len(good) == 2 else None


def _agree(one: Spacing, two: Spacing) -> bool:
    return all(abs(a / b - 1) < _AGREE for a, b in ((one.y, two.y), (one.x, two.x)))


def _text(spacing: Spacing) -> str:
    if abs(spacing.y / spacing.x - 1) < 1e-3:
        return f"{spacing.x:.3g} mm per pixel"
    return f"{spacing.y:.3g} x {spacing.x:.3g} mm per pixel"


def _items(dataset: pydicom.Dataset, keyword: str) -> list[pydicom.Dataset]:
    value = dataset.get(keyword)
    return list(value) if isinstance(value, pydicom.Sequence) else []


def numbers(dataset: pydicom.Dataset, keyword: str) -> list[float]:
    """Finite numbers of an element; empty where it is missing or malformed."""
    try:
        value: Any = dataset.get(keyword)
        values = [value] if isinstance(value, (int, float, str)) else list(value or [])
        result = [float(v) for v in values]
    except (TypeError, ValueError, OverflowError):
        return []
    return result if all(math.isfinite(v) for v in result) else []


def number(dataset: pydicom.Dataset, keyword: str) -> float | None:
    """The one number of an element; None where it is missing, malformed or not one."""
    values = numbers(dataset, keyword)
    return values[0] if len(values) == 1 else None
