"""Lossless JPEG, 8 bits in this process and 16 bits after a rehearsal in another."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
import pydicom.uid as uids
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset

from annotator.plugin import BadInput, Pseudonymiser
from annotator_formats.dicom import DicomReader

SALT = Pseudonymiser(b"salt")
RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, size=(3, 20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(2, 20, 30, 3), dtype=np.uint8)
DEEP = (RNG.integers(0, 2**12, size=(2, 20, 30)) * 16).astype(np.uint16)


def coded(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    """A multi-frame object in lossless JPEG, process 14 with selection value 1, as GDCM writes it."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uids.UltrasoundMultiFrameImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uids.UID("1.2.3")
    made.NumberOfFrames, made.Rows, made.Columns = pixels.shape[:3]
    made.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    made.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * pixels.itemsize
    made.HighBit, made.PixelRepresentation = 8 * pixels.itemsize - 1, 0
    made.PixelData = pixels.tobytes()
    made.save_as(path, enforce_file_format=True)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


def frames_of(path: Path) -> NDArray[np.uint8]:
    return np.stack(list(DicomReader().read(path, SALT)[0].frames))


@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_eight_bits_come_back(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    assert np.array_equal(frames_of(coded(tmp_path / "a.dcm", pixels)), pixels)


def test_sixteen_bits_come_back(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.dcm", DEEP)
    assert np.array_equal(DicomReader().read_masks(path), DEEP)


@pytest.mark.parametrize("pixels", [GREY, DEEP])
def test_damage_ends_in_a_sentence_and_not_in_the_process(
    tmp_path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]
) -> None:
    path = coded(tmp_path / "a.dcm", pixels)
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc4")
    data[at + 4 : at + 20] = b"\xff" * 16
    path.write_bytes(data)
    with pytest.raises(BadInput):
        frames_of(path)
