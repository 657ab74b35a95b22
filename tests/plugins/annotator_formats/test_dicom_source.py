"""DICOM that lies, ends early or was never DICOM: one sentence each, and no memory taken."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom.uid as uids
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from annotator.plugin import BadInput, Pseudonymiser
from annotator_formats.dicom import DicomReader

SALT = Pseudonymiser(b"salt")
PIXELS = np.arange(2 * 12 * 10, dtype=np.uint8).reshape(2, 12, 10)


def bundled(name: str) -> bytes:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found).read_bytes()


def data_set(syntax: uids.UID = uids.ExplicitVRLittleEndian) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uids.UltrasoundMultiFrameImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uids.UID("1.2.3")
    made.PatientID = "x"
    made.NumberOfFrames, made.Rows, made.Columns = PIXELS.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = PIXELS.tobytes()
    return made


def save(path: Path, made: Dataset) -> Path:
    if made.file_meta.TransferSyntaxUID.is_encapsulated and "PixelData" in made:
        made["PixelData"].VR = "OB"
    made.save_as(path, enforce_file_format=True)
    return path


def read_all(path: Path) -> None:
    for recording in DicomReader().read(path, SALT):
        assert sum(1 for _ in recording.frames) == recording.header.n_frames


def complaint(path: Path) -> str:
    """The sentence that reading ``path`` to its last frame ends with, having taken little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(BadInput) as caught:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(str(path))
    return sentence


@pytest.mark.parametrize(
    "syntax", [uids.ExplicitVRLittleEndian, uids.RLELossless, uids.JPEGBaseline8Bit, uids.JPEG2000, uids.JPEGLSLossless]
)
def test_a_huge_declared_size_is_refused_before_memory_is_taken(tmp_path: Path, syntax: uids.UID) -> None:
    made = data_set(syntax)
    made.Rows = made.Columns = 65535
    made.PixelData = encapsulate([b"\xff\xd8" + bytes(98)] * 2) if syntax.is_encapsulated else bytes(200)
    assert "65535 x 65535" in complaint(save(tmp_path / "a.dcm", made))


@pytest.mark.parametrize("syntax", [uids.RLELossless, uids.JPEGBaseline8Bit, uids.JPEG2000])
def test_an_allowed_size_that_the_file_cannot_hold(tmp_path: Path, syntax: uids.UID) -> None:
    made = data_set(syntax)
    made.Rows = made.Columns = 8000
    made.PixelData = encapsulate([bytes(100)] * 2)
    assert "8000 x 8000" in complaint(save(tmp_path / "a.dcm", made))


def test_a_code_stream_of_another_size_than_the_header(tmp_path: Path) -> None:
    made = data_set(uids.JPEGBaseline8Bit)
    lie = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 60000, 60000, 1) + bytes(80)
    made.PixelData = encapsulate([lie, lie])
    assert "60000 x 60000" in complaint(save(tmp_path / "a.dcm", made))


@pytest.mark.parametrize("declared", [1, 3])
def test_another_number_of_frames_than_declared(tmp_path: Path, declared: int) -> None:
    made = data_set()
    made.NumberOfFrames = declared
    assert f"declares {declared} frames" in complaint(save(tmp_path / "a.dcm", made))
    coded = data_set()
    coded.compress(uids.RLELossless, generate_instance_uid=False)
    coded.NumberOfFrames = declared + 1 if declared > 1 else 3
    assert "holds 2" in complaint(save(tmp_path / "b.dcm", coded))


@pytest.mark.parametrize("syntax", [uids.RLELossless, uids.JPEGLSLossless])
def test_coded_frames_of_a_file_that_states_no_number_are_not_left_out(tmp_path: Path, syntax: uids.UID) -> None:
    made = data_set()
    made.compress(syntax, generate_instance_uid=False)
    coded = list(generate_frames(made.PixelData, number_of_frames=2))
    made.PixelData = encapsulate(coded, has_bot=False)
    read_all(save(tmp_path / "sound.dcm", made))
    del made.NumberOfFrames
    assert "declares 1 frames and holds 2" in complaint(save(tmp_path / "a.dcm", made))


def test_an_image_in_several_fragments_is_one(tmp_path: Path) -> None:
    made = data_set()
    made.NumberOfFrames, made.PixelData = 1, PIXELS[0].tobytes()
    made.compress(uids.JPEGLSLossless, generate_instance_uid=False)
    (coded,) = generate_frames(made.PixelData, number_of_frames=1)
    made.PixelData = encapsulate([coded], fragments_per_frame=3, has_bot=False)
    read_all(save(tmp_path / "a.dcm", made))


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    """As one that is copied anew meanwhile; the sentence was of bytes in a buffer."""
    path, whole = tmp_path / "a.dcm", bundled("examples_ybr_color.dcm")
    path.write_bytes(whole)
    (recording,) = DicomReader().read(path, SALT)
    path.write_bytes(whole[:9000])
    with pytest.raises(BadInput, match=r"a\.dcm: it ends too early; export it again"):
        list(recording.frames)


def test_no_pixel_data(tmp_path: Path) -> None:
    made = data_set()
    del made.PixelData
    assert "no pixel data" in complaint(save(tmp_path / "a.dcm", made))


def test_a_text_file_called_dcm(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_text("Dear colleague,\n" * 30)
    assert not DicomReader().recognises(path)
    assert "not a DICOM file" in complaint(path)


@pytest.mark.parametrize("is_defined", [False, True])
def test_sequences_nested_without_end(tmp_path: Path, is_defined: bool) -> None:
    start = save(tmp_path / "a.dcm", data_set()).read_bytes()
    head = start[: start.index(b"\x08\x00\x16\x00UI")]
    depth = 3000
    body = b""
    for level in range(depth):
        length = 0xFFFFFFFF if not is_defined else 8 + len(body) if level < 1 else len(body) + 8
        if is_defined:
            body = (
                b"\x18\x00\x11\x60SQ\x00\x00"
                + struct.pack("<L", length)
                + b"\xfe\xff\x00\xe0"
                + struct.pack("<L", len(body))
                + body
            )
        else:
            body += b"\x18\x00\x11\x60SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    rows = start[start.index(b"\x28\x00\x02\x00US") :]
    path = tmp_path / "b.dcm"
    path.write_bytes(head + body + rows)
    if is_defined:
        # Sequences of stated length are read when they are asked for, so the image itself is sound.
        assert len(DicomReader().read(path, SALT)) == 1
    else:
        assert "nested" in complaint(path)


def test_a_deflated_bomb_is_measured_first(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.dcm", data_set(uids.DeflatedExplicitVRLittleEndian)).read_bytes()
    meta_length = struct.unpack("<L", whole[140:144])[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    mebibyte = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = mebibyte * 600 + packer.flush()
    path = tmp_path / "b.dcm"
    path.write_bytes(whole[: 144 + meta_length] + bomb)
    assert "inflates" in complaint(path)


def test_video_inside_dicom_is_said_to_be_so(tmp_path: Path) -> None:
    made = data_set(uids.MPEG4HP41)
    made.PixelData = encapsulate([bytes(100), bytes(100)])
    assert "MPEG-4" in complaint(save(tmp_path / "a.dcm", made))


GOOD = {
    name: bundled(name)
    for name in (
        "SC_rgb_rle_2frame.dcm",
        "MR_small_jp2klossless.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "image_dfl.dcm",
    )
}


def survives(path: Path, data: bytes) -> None:
    """Reading ends with frames of the declared size, with nothing, or with BadInput; never otherwise."""
    path.write_bytes(data)
    DicomReader().recognises(path)
    with contextlib.suppress(BadInput):
        read_all(path)


@given(data=st.binary(max_size=400), has_prefix=st.booleans())
def test_noise(tmp_path_factory: pytest.TempPathFactory, data: bytes, has_prefix: bool) -> None:
    survives(tmp_path_factory.getbasetemp() / "noise.dcm", (bytes(128) + b"DICM" if has_prefix else b"") + data)


@given(name=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1))
@profile(max_examples=120)
def test_truncation_anywhere(tmp_path_factory: pytest.TempPathFactory, name: str, share: float) -> None:
    data = GOOD[name]
    survives(tmp_path_factory.getbasetemp() / "cut.dcm", data[: int(share * len(data))])


@given(name=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1), noise=st.binary(min_size=1, max_size=8))
@profile(max_examples=150)
def test_flipped_bytes_anywhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float, noise: bytes
) -> None:
    data = bytearray(GOOD[name])
    at = 132 + int(share * (len(data) - 132))
    data[at : at + len(noise)] = noise[: len(data) - at]
    survives(tmp_path_factory.getbasetemp() / "flipped.dcm", bytes(data))


def test_a_panic_of_the_rle_decoder_stays_off_the_screen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "damaged.dcm").write_bytes(bundled("MR_small_RLE.dcm"))
    damaged = dcmread(tmp_path / "damaged.dcm")
    run = b"\x81\x00"  # 128 zeros
    whole, too_long = run * 32, run * 33
    header = struct.pack("<16L", 2, 64, 64 + len(too_long), *[0] * 13)
    damaged.PixelData = encapsulate([header + too_long + whole])
    damaged.save_as(tmp_path / "damaged.dcm")
    with pytest.raises(BadInput, match="damaged"):
        read_all(tmp_path / "damaged.dcm")
    assert not capfd.readouterr().err


def test_a_damaged_frame_is_told_of_without_addresses_in_memory(tmp_path: Path) -> None:
    data = bytearray(Path(str(get_testdata_file("examples_ybr_color.dcm"))).read_bytes())
    last = bytes(data).rindex(b"\xff\xd8\xff")
    data[last : last + 64] = bytes(64)
    path = tmp_path / "half.dcm"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="cannot be decoded") as caught:
        list(DicomReader().read(path, Pseudonymiser(b"salt"))[0].frames)
    assert "0x" not in str(caught.value)
