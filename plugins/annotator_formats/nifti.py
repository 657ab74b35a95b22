"""NIfTI-1 and NIfTI-2 clips and masks, plain or gzip-compressed, in one file or a pair.

An image is stored x first; (X, Y), (X, Y, T) and (X, Y, 1, T) are read as frames of rows y and columns x.
Where the affine sends the first axis to y and the second to x, the file is stored rows first and read so.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import ExportContext, LabelledClip, Pseudonymiser, Recording, WriteReport
from annotator_formats._mask_volumes import MaskVolume, write_volumes
from annotator_formats._nifti_header import magic_of, nibabel_late, read_header, read_pixels
from annotator_formats._side_files import phase_marks
from annotator_formats._volumes import Volume, plane_axes, reading, to_frames, to_integers, to_recording


class NiftiReader:
    """Reads ``.nii``, ``.nii.gz`` and ``.hdr`` + ``.img``."""

    name = "nifti"

    def recognises(self, path: Path) -> bool:
        """Whether the file starts with a NIfTI header, unpacked where needed."""
        return magic_of(path) is not None

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """The one clip of the file.

        Raises
        ------
        BadInput
            Where the file is damaged, too large for its bytes or no clip of plane images.
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
            Where the file is damaged or holds no integers.
        """
        with reading(path):
            return to_integers(_read_volume(path).pixels, path)


class NiftiWriter:
    """Writes one ``<clip>.nii.gz`` of mask values a clip, x first, in mm and ms."""

    name = "nifti"
    is_lossless = False

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        """Write the masks, and ``legend.json`` with the meaning of each value.

        Raises
        ------
        AnnotatorError
            Where the disk does not take a file.
        """
        return write_volumes(clips, context, out, suffix=".nii.gz", save=_save)


def _save(volume: MaskVolume, path: Path) -> None:
    steps = (volume.spacing.x, volume.spacing.y, 1.0)
    image = nibabel_late().Nifti1Image(np.transpose(volume.mask, (2, 1, 0)), np.diag([*steps, 1.0]))
    image.header.set_xyzt_units("mm" if volume.is_calibrated else "unknown", "msec")
    # nibabel leaves its file open where the disk is full, and Windows then deletes nothing of it.
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def _read_volume(path: Path) -> Volume:
    header = read_header(path)
    first, second, frames = plane_axes(header.sizes, path)
    pixels = to_frames(read_pixels(header), header.sizes, path, is_row_first=header.is_row_first)
    one, two = header.steps_mm[first], header.steps_mm[second]
    sentence = "The file names no unit of length; its pixel size is taken as millimetres, as the format's users do."
    return Volume(
        pixels=pixels,
        spacing=(one, two) if header.is_row_first else (two, one),
        frame_ms=header.frame_ms if frames == 3 else None,
        warnings=() if header.has_unit else (sentence,),
    )
