"""The pixel size that ImageJ, or a program that follows OME, wrote into a TIFF.

Both keep it as a picture is cut, and other programs keep their notes as they scale it: it is good for a proposal. What
printers are told (dots per inch) says nothing of the patient, and is not read.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Final

import tifffile

from annotator.plugin import Spacing, SpacingStatus
from annotator_formats._volumes import judge_spacing

_MM: Final = {
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer"), 1e-3),
    **dict.fromkeys(("mm", "millimeter"), 1.0),
    **dict.fromkeys(("cm", "centimeter"), 10.0),
    **dict.fromkeys(("m", "meter"), 1000.0),
}
_PIXELS: Final = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_ATTRIBUTE: Final = re.compile(r"""(PhysicalSize[XY](?:Unit)?)\s*=\s*["']([^"']*)["']""")


def proposed_spacing(path: Path) -> Spacing | None:
    """Pixel size that a TIFF names with its unit, where an ultrasound image may have it."""
    try:
        with tifffile.TiffFile(path) as tiff:
            if tiff.pages.first.tags.valueof("Orientation", default=1) != 1:
                return None
            declared = _of_ome(tiff) if tiff.is_ome else _of_imagej(tiff)
    except Exception:
        # Damage is told of where the pixels are read; notes that nobody understands propose nothing.
        return None
    status, spacing, _, _ = judge_spacing(declared)
    return spacing if status is SpacingStatus.TRUSTED else None


def _of_imagej(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """(y, x) in mm/px; ImageJ counts pixels a unit."""
    step = _step((tiff.imagej_metadata or {}).get("unit"))
    if step is None:
        return None
    tags = tiff.pages.first.tags
    (along_y, of_y), (along_x, of_x) = tags.valueof("YResolution"), tags.valueof("XResolution")
    return of_y / along_y * step, of_x / along_x * step


def _of_ome(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """(y, x) in mm/px; micrometres where no unit stands beside the size."""
    pixels = _PIXELS.search(tiff.ome_metadata or "")
    said = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(pixels.group())} if pixels else {}
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= said.keys():
        return None
    y, x = (_step(said.get(f"PhysicalSize{axis}Unit", "um")) for axis in "YX")
    if y is None or x is None:
        return None
    return float(said["PhysicalSizeY"]) * y, float(said["PhysicalSizeX"]) * x


def _step(unit: object) -> float | None:
    """Millimetres in a unit of length; ImageJ writes other letters than ASCII as escapes."""
    return _MM.get(str(unit).strip().lower().replace("\\u00b5", "\u00b5"))
