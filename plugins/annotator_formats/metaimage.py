"""MetaImage clips and masks: ``.mhd`` + ``.raw`` or ``.zraw``, and ``.mha``.

DimSize and ElementSpacing are x first, so that an image of 549 columns and 778 rows declares ``549 778``.
Where the transform sends the first axis to y and the second to x, the file is stored rows first and read so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import ExportContext, LabelledClip, Pseudonymiser, Recording, WriteReport
from annotator_formats._mask_volumes import MaskVolume, write_volumes
from annotator_formats._mhd_header import is_mhd, read_header, read_pixels
from annotator_formats._side_files import phase_marks
from annotator_formats._volumes import Volume, plane_axes, reading, to_frames, to_integers, to_recording


class MetaImageReader:
    """Reads ``.mhd`` and ``.mha``."""

    name = "metaimage"

    def recognises(self, path: Path) -> bool:
        """Whether the file starts with a MetaImage header."""
        return is_mhd(path)

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """The one clip of the file.

        Raises
        ------
        BadInput
            Where the pixels are missing, too few for the declared size, damaged or no clip of plane images.
        """
        with reading(path):
            volume = _read_volume(path)
            marks = phase_marks(path, volume.pixels.shape[0])
            return [to_recording(volume, path, pseudonymiser, name=self.name, marks=marks)]

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) integers as stored.

        Raises
        ------
        BadInput
            Where the pixels are missing or damaged, or the file holds no integers.
        """
        with reading(path):
            return to_integers(_read_volume(path).pixels, path)


class MetaImageWriter:
    """Writes one ``<clip>.mhd`` with its ``<clip>.zraw`` of mask values a clip, x first, in mm."""

    name = "metaimage"
    is_lossless = False

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        """Write the masks, and ``legend.json`` with the meaning of each value.

        Raises
        ------
        AnnotatorError
            Where the disk does not take a file.
        """
        return write_volumes(clips, context, out, suffix=".mhd", save=_save)


def _save(volume: MaskVolume, path: Path) -> None:
    import SimpleITK  # noqa: PLC0415 - half a second that only a writer needs to spend

    itk: Any = SimpleITK  # its Python half is not annotated
    image = itk.GetImageFromArray(volume.mask)
    image.SetSpacing((volume.spacing.x, volume.spacing.y, 1.0))
    itk.WriteImage(image, str(path), useCompression=True)


def _read_volume(path: Path) -> Volume:
    header = read_header(path)
    first, second, _ = plane_axes(header.sizes, path)
    spacing = None
    if header.steps_mm:
        one, two = header.steps_mm[first], header.steps_mm[second]
        spacing = (one, two) if header.is_row_first else (two, one)
    pixels = to_frames(read_pixels(header), header.sizes, path, is_row_first=header.is_row_first)
    return Volume(pixels=pixels, spacing=spacing)
