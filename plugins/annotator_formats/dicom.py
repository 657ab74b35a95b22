"""Reader for DICOM ultrasound, single images and cine clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import EnhancedUSVolumeStorage

from annotator.plugin import BadInput, ClipHeader, Frame, Pseudonymiser, Recording
from annotator_formats.dicom_calibration import calibration, text_outside
from annotator_formats.dicom_frames import Rendering, rendering, stored_frames
from annotator_formats.dicom_header import domain_of, frame_times, heart_rate, identity
from annotator_formats.dicom_source import REMEDY, DicomSource, looks_like_dicom, open_source, quiet
from annotator_formats.dicom_views import view_of
from annotator_formats.pixels import sentences


class DicomReader:
    """DICOM through pydicom: every transfer syntax of ultrasound but video, every photometric interpretation."""

    name = "dicom"

    def recognises(self, path: Path) -> bool:
        """Whether the file starts as DICOM does."""
        return path.is_file() and looks_like_dicom(path)

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """The clip of the file; none where it is a report, a directory or another object without image.

        Raises
        ------
        BadInput
            Where the file is damaged, declares more than it holds, or holds a volume.
        """
        source = open_source(path)
        if not source.is_image:
            return ()
        with sentences(path, REMEDY), quiet():
            is_volume = source.dataset.get("SOPClassUID") == EnhancedUSVolumeStorage
        if is_volume:
            # Its frames are slices, one behind the other, and then those of the next volume in time.
            raise BadInput(path, "it holds a volume in space, not a clip of plane images", "export one plane of it")
        with sentences(path, REMEDY):
            look = rendering(source)
        with sentences(path, REMEDY), quiet():
            header, warnings = _header(source, look, pseudonymiser)
        return (Recording(header, _Frames(source, look), warnings),)

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) stored integers.

        Raises
        ------
        BadInput
            Where the file is damaged, has no image, or is in colour.
        """
        source = open_source(path)
        if not source.is_image or int(source.options["samples_per_pixel"]) != 1:
            raise BadInput(path, "it holds no label image", "name an indexed PNG, NIfTI or MetaImage")
        return np.stack(list(stored_frames(source)))


class _Frames:
    """The frames of a clip, decoded while they are read."""

    def __init__(self, source: DicomSource, look: Rendering) -> None:
        self._source, self._look = source, look

    def __iter__(self) -> Iterator[Frame]:
        for stored in stored_frames(self._source):
            yield self._look(stored)


def _header(source: DicomSource, look: Rendering, pseudonymiser: Pseudonymiser) -> tuple[ClipHeader, tuple[str, ...]]:
    dataset = source.dataset
    patient, stem, warnings = identity(dataset, source.path, pseudonymiser)
    scale = calibration(dataset, source.shape)
    header = ClipHeader(
        stem=stem,
        patient=patient,
        n_frames=source.n_frames,
        height=source.shape[0],
        width=source.shape[1],
        channels=look.channels,
        view=view_of(dataset),
        domain=domain_of(dataset),
        spacing=scale.spacing,
        spacing_status=scale.status,
        proposed_spacing=scale.proposed,
        frame_times_ms=frame_times(dataset, source.n_frames),
        heart_rate_bpm=heart_rate(dataset),
        format="dicom",
    )
    burned = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    if burned == "YES":
        warnings += ("The file says that text is burned into its pixels; look whether it names the patient.",)
    elif burned != "NO" and not scale.regions:
        warnings += (
            "The file does not say which part of its picture is ultrasound, so that burned-in text, as in a screen "
            "shot, cannot be told from it; look whether it names the patient.",
        )
    elif burned != "NO" and text_outside(look(next(stored_frames(source, [0]))), scale.regions):
        warnings += (
            "There are pixels outside the calibrated regions, which may be burned-in text; look whether they name "
            "the patient.",
        )
    return header, warnings + scale.warnings
