"""DICOM: every coding and colour, calibration, timing, identity; files written here and those inside pydicom."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.uid as uids
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence

from annotator.core.identity import is_pseudonym
from annotator.plugin import EVERYBODY_SENTENCE, BadInput, Pseudonymiser, Reader, Recording, Spacing, SpacingStatus
from annotator.testing.readers import ReaderContract
from annotator_formats.dicom import DicomReader

SALT = Pseudonymiser(b"salt")
RNG = np.random.default_rng(5)
SMOOTH = np.stack([np.add.outer(np.arange(40), np.arange(48)) * 2 + t for t in range(3)]).astype(np.uint8)
COLOUR = np.stack([SMOOTH, SMOOTH[:, ::-1], SMOOTH[:, :, ::-1]], axis=-1)
LOSSLESS = [uids.RLELossless, uids.JPEGLSLossless, uids.JPEG2000Lossless]


def bundled(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def data_set(pixels: NDArray[Any], photometric: str, **elements: Any) -> Dataset:
    """A multi-frame ultrasound object of (T, H, W) or (T, H, W, 3) pixels, uncompressed."""
    bits = 8 * pixels.itemsize
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uids.UltrasoundMultiFrameImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uids.UID("1.2.3.4.5.6")
    made.PatientName, made.PatientID, made.PatientBirthDate = "Doe^Jane", "MRN-77", "19500102"
    made.StudyDate, made.StudyDescription, made.AccessionNumber = "20240506", "Echo of Jane Doe", "ACC9"
    made.Rows, made.Columns = pixels.shape[1:3]
    made.NumberOfFrames = pixels.shape[0]
    made.SamplesPerPixel, made.PhotometricInterpretation = (3 if pixels.ndim == 4 else 1), photometric
    if pixels.ndim == 4:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def save(path: Path, made: Dataset, *, fragments: Iterable[bytes] | None = None, syntax: Any = None) -> Path:
    if fragments is not None:
        made.PixelData = encapsulate(list(fragments))
    if syntax is not None:
        made.file_meta.TransferSyntaxUID = syntax
    if made.file_meta.TransferSyntaxUID.is_encapsulated:
        made["PixelData"].VR = "OB"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_as(path, enforce_file_format=True)
    return path


def read(path: Path) -> tuple[Recording, NDArray[np.uint8]]:
    recording = DicomReader().read(path, SALT)[0]
    return recording, np.stack(list(recording.frames))


def region(left: int, top: int, right: int, bottom: int, **elements: Any) -> Dataset:
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 2
    made.RegionLocationMinX0, made.RegionLocationMinY0 = left, top
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = right, bottom
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX = made.PhysicalDeltaY = 0.05
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def with_regions(*regions: Dataset, **elements: Any) -> Dataset:
    return data_set(SMOOTH, "MONOCHROME2", SequenceOfUltrasoundRegions=DicomSequence(regions), **elements)


class TestContract(ReaderContract):
    def make_reader(self) -> Reader:
        return DicomReader()

    def make_file(self, folder: Path) -> Path:
        return save(folder / "clip.dcm", data_set(SMOOTH, "MONOCHROME2"))

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        return save(folder / "mask.dcm", data_set(mask, "MONOCHROME2"))


@pytest.mark.parametrize("syntax", [uids.ImplicitVRLittleEndian, uids.DeflatedExplicitVRLittleEndian])
def test_uncompressed_syntaxes(tmp_path: Path, syntax: uids.UID) -> None:
    assert np.array_equal(read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2"), syntax=syntax))[1], SMOOTH)


def test_big_endian_sixteen_bit_is_windowed_like_little_endian() -> None:
    little, big = (read(bundled(f"MR_small{kind}.dcm"))[1] for kind in ("", "_bigendian"))
    assert np.array_equal(little, big)
    assert (little.min(), little.max()) == (0, 255)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(("pixels", "photometric"), [(SMOOTH, "MONOCHROME2"), (COLOUR, "RGB")])
def test_lossless_codings_give_the_pixels_back(
    tmp_path: Path, syntax: uids.UID, pixels: NDArray[np.uint8], photometric: str
) -> None:
    made = data_set(pixels, photometric)
    made.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read(save(tmp_path / "a", made))[1], pixels)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_deep_pixels_share_one_window_over_the_clip(tmp_path: Path, syntax: uids.UID) -> None:
    deep = (SMOOTH.astype(np.uint16) * 16) + np.arange(3, dtype=np.uint16)[:, None, None] * 1000
    made = data_set(deep, "MONOCHROME2")
    made.compress(syntax, generate_instance_uid=False)
    frames = read(save(tmp_path / "a", made))[1]
    low, high = int(deep.min()), int(deep.max())
    assert np.abs(frames.astype(float) - (deep.astype(float) - low) / (high - low) * 255).max() <= 0.51


def test_signed_pixels(tmp_path: Path) -> None:
    signed = (SMOOTH.astype(np.int16) - 100) * 7
    frames = read(save(tmp_path / "a", data_set(signed, "MONOCHROME2")))[1]
    assert frames[signed == signed.min()].max() == 0
    assert frames[signed == signed.max()].min() == 255


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    assert np.array_equal(read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME1")))[1], 255 - SMOOTH)


def test_planar_configuration_one(tmp_path: Path) -> None:
    made = data_set(COLOUR, "RGB", PlanarConfiguration=1, PixelData=np.moveaxis(COLOUR, -1, 1).tobytes())
    assert np.array_equal(read(save(tmp_path / "a", made))[1], COLOUR)


def to_ybr(rgb: NDArray[np.uint8], *, is_partial: bool) -> NDArray[np.uint8]:
    """Full range as in PS3.3 C.7.6.3.1.2, or 16..235 and 16..240."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    ybr = rgb.astype(float) @ matrix.T
    scale, offset = ((219 / 255, 224 / 255, 224 / 255), (16, 128, 128)) if is_partial else ((1, 1, 1), (0, 128, 128))
    result: NDArray[np.uint8] = np.clip(np.rint(ybr * scale + offset), 0, 255).astype(np.uint8)
    return result


def test_ybr_full(tmp_path: Path) -> None:
    frames = read(save(tmp_path / "a", data_set(to_ybr(COLOUR, is_partial=False), "YBR_FULL")))[1]
    assert np.abs(frames.astype(int) - COLOUR).max() <= 3


@pytest.mark.parametrize("is_partial", [False, True])
def test_ybr_422_in_full_and_partial_range(tmp_path: Path, is_partial: bool) -> None:
    pairs = np.repeat(COLOUR[:, :, ::2], 2, axis=2)
    ybr = to_ybr(pairs, is_partial=is_partial)
    packed = np.stack([ybr[:, :, ::2, 0], ybr[:, :, 1::2, 0], ybr[:, :, ::2, 1], ybr[:, :, ::2, 2]], axis=-1)
    photometric = "YBR_PARTIAL_422" if is_partial else "YBR_FULL_422"
    made = data_set(ybr, photometric, PixelData=packed.tobytes())
    assert np.abs(read(save(tmp_path / "a", made))[1].astype(int) - pairs).max() <= 4


@pytest.mark.parametrize("entry_bits", [8, 16])
def test_palette_colour(tmp_path: Path, entry_bits: int) -> None:
    table = RNG.integers(0, 256, size=(256, 3)).astype(np.uint16)
    made = data_set(SMOOTH, "PALETTE COLOR")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        entries = table[:, channel] * 257 if entry_bits == 16 else table[:, channel].astype(np.uint8)
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, entry_bits])
        setattr(made, f"{name}PaletteColorLookupTableData", entries.tobytes())
    assert np.array_equal(read(save(tmp_path / "a", made))[1], table[SMOOTH].astype(np.uint8))


@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_palette_colour_in_both_byte_orders(tmp_path: Path, order: str) -> None:
    table = RNG.integers(0, 256, size=(256, 3)).astype(np.uint16)
    made = data_set(SMOOTH.astype(f"{order}u2"), "PALETTE COLOR")
    made["PixelData"].VR = "OW"
    for channel, name in enumerate(("Red", "Green", "Blue")):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        entries = f"{name}PaletteColorLookupTableData"
        setattr(made, entries, (table[:, channel] * 257).astype(f"{order}u2").tobytes())
        made[entries].VR = "OW"
    syntax = uids.ExplicitVRLittleEndian if order == "<" else uids.ExplicitVRBigEndian
    assert np.array_equal(read(save(tmp_path / "a", made, syntax=syntax))[1], table[SMOOTH].astype(np.uint8))


def jpeg(frame: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, format="JPEG", quality=97)
    return stream.getvalue()


@pytest.mark.parametrize(("pixels", "photometric"), [(SMOOTH, "MONOCHROME2"), (COLOUR, "YBR_FULL_422")])
def test_jpeg_baseline(tmp_path: Path, pixels: NDArray[np.uint8], photometric: str) -> None:
    made = data_set(pixels, photometric)
    path = save(tmp_path / "a", made, fragments=map(jpeg, pixels), syntax=uids.JPEGBaseline8Bit)
    assert np.abs(read(path)[1].astype(int) - pixels).mean() < 4


def test_colour_only_as_noise_and_small_graphics_is_grey(tmp_path: Path) -> None:
    grey = np.stack([SMOOTH] * 3, axis=-1)
    grey[:, 0, :5] = (255, 255, 0)
    recording, frames = read(save(tmp_path / "a", data_set(grey, "RGB")))
    assert recording.header.channels == 1
    assert np.array_equal(frames[:, 1:], SMOOTH[:, 1:])


@pytest.mark.parametrize(
    ("coded", "plain"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_rle_2frame.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
    ],
)
def test_bundled_files_agree_across_codings(coded: str, plain: str) -> None:
    assert np.array_equal(read(bundled(coded))[1], read(bundled(plain))[1])


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_gdcm_KY.dcm", "SC_ybr_full_422_uncompressed.dcm"],
)
def test_bundled_lossy_and_subsampled_colours_are_the_same_colours(name: str) -> None:
    bars = read(bundled("SC_rgb_rle.dcm"))[1].astype(int)
    assert np.median(np.abs(read(bundled(name))[1].astype(int) - bars)) <= 2


def test_the_four_chamber_cine() -> None:
    recording, frames = read(bundled("examples_ybr_color.dcm"))
    header = recording.header
    assert frames.shape == (30, 240, 320)
    assert header.frame_times_ms[1] == pytest.approx(33.333)
    assert header.heart_rate_bpm is None
    assert (header.spacing, header.spacing_status) == (None, SpacingStatus.DOUBTED)
    assert header.proposed_spacing is not None
    assert header.proposed_spacing.x == pytest.approx(1.021, abs=1e-3)
    assert any("640 x 480" in sentence for sentence in recording.warnings)
    assert header.domain == "sonosite-inc-turbo"


def test_the_largest_tissue_region_in_centimetres_gives_the_spacing(tmp_path: Path) -> None:
    doppler = region(0, 0, 47, 39, RegionSpatialFormat=3, PhysicalDeltaX=9.0)
    tissue = region(4, 4, 44, 36, PhysicalDeltaX=0.02, PhysicalDeltaY=-0.03)
    path = save(tmp_path / "a", with_regions(doppler, tissue))
    header = read(path)[0].header
    assert header.spacing_status is SpacingStatus.TRUSTED
    assert header.spacing is not None
    assert (header.spacing.y, header.spacing.x) == pytest.approx((0.3, 0.2))


def test_regions_of_other_units_say_nothing(tmp_path: Path) -> None:
    seconds = region(0, 0, 47, 39, PhysicalUnitsXDirection=4)
    header = read(save(tmp_path / "a", with_regions(seconds)))[0].header
    assert (header.spacing, header.spacing_status) == (None, SpacingStatus.UNKNOWN)


def test_pixel_spacing_serves_where_no_region_does(tmp_path: Path) -> None:
    made = data_set(SMOOTH, "MONOCHROME2", PixelSpacing=["0.4", "0.2"])
    assert read(save(tmp_path / "a", made))[0].header.spacing == Spacing(y=0.4, x=0.2)


def test_a_pixel_spacing_that_nobody_measured_is_not_believed(tmp_path: Path) -> None:
    recording, _ = read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2", PixelSpacing=["1", "1"])))
    assert (recording.header.spacing, recording.header.spacing_status) == (None, SpacingStatus.UNKNOWN)
    assert any("1 x 1 mm" in sentence for sentence in recording.warnings)
    recording, _ = read(save(tmp_path / "b", data_set(SMOOTH, "MONOCHROME2", PixelSpacing=["40", "50"])))
    assert recording.header.spacing_status is SpacingStatus.DOUBTED
    assert recording.header.proposed_spacing == Spacing(40.0, 50.0)


def test_two_sizes_that_disagree_are_doubted(tmp_path: Path) -> None:
    path = save(tmp_path / "a", with_regions(region(0, 0, 47, 39), PixelSpacing=["0.4", "0.4"]))
    recording = read(path)[0]
    assert recording.header.spacing_status is SpacingStatus.DOUBTED
    assert recording.header.proposed_spacing == Spacing(0.5, 0.5)
    assert any("two pixel sizes" in sentence for sentence in recording.warnings)


def test_a_size_that_nobody_measured_contradicts_no_region(tmp_path: Path) -> None:
    """Exports of several vendors' archives write 1 x 1 beside a true region, which cost every clip its millimetres."""
    path = save(tmp_path / "a", with_regions(region(0, 0, 47, 39), PixelSpacing=["1", "1"]))
    recording = read(path)[0]
    assert (recording.header.spacing, recording.header.spacing_status) == (Spacing(0.5, 0.5), SpacingStatus.TRUSTED)
    assert not any("pixel" in sentence and "size" in sentence for sentence in recording.warnings)


def test_a_region_whose_size_no_ultrasound_image_has_is_doubted(tmp_path: Path) -> None:
    """As where millimetres, or none at all, were written as centimetres."""
    made = with_regions(region(0, 0, 47, 39, PhysicalDeltaX=3.0, PhysicalDeltaY=3.0))
    recording = read(save(tmp_path / "a", made))[0]
    assert recording.header.spacing_status is SpacingStatus.DOUBTED
    assert recording.header.proposed_spacing == Spacing(30.0, 30.0)


def test_frame_time_vector_and_heart_rate(tmp_path: Path) -> None:
    made = data_set(SMOOTH, "MONOCHROME2", FrameTimeVector=["0", "20", "30"], HeartRate="61")
    header = read(save(tmp_path / "a", made))[0].header
    assert header.frame_times_ms == (0.0, 20.0, 50.0)
    assert header.heart_rate_bpm == 61


def test_a_frame_time_in_seconds_is_not_taken_for_milliseconds(tmp_path: Path) -> None:
    """A clip of 30 frames a second was one of 30 000."""
    rated = data_set(SMOOTH, "MONOCHROME2", FrameTime="0.0333", CineRate="30")
    assert read(save(tmp_path / "a", rated))[0].header.frame_times_ms[1] == pytest.approx(1000 / 30)
    for elements in ({"FrameTime": "0.0333"}, {"FrameTimeVector": ["0", "0.03", "0.03"]}):
        made = data_set(SMOOTH, "MONOCHROME2", **elements)
        assert read(save(tmp_path / "b", made))[0].header.frame_times_ms == ()


def test_cine_rate(tmp_path: Path) -> None:
    header = read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2", CineRate="50")))[0].header
    assert header.frame_times_ms == (0.0, 20.0, 40.0)


def test_views_come_from_a_closed_set(tmp_path: Path) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "399232001", "SCT", "Apical two chamber"
    coded = data_set(SMOOTH, "MONOCHROME2", ViewCodeSequence=DicomSequence([code]))
    assert read(save(tmp_path / "a", coded))[0].header.view == "a2c"
    named = data_set(SMOOTH, "MONOCHROME2", ViewName="Jane Doe sitting")
    assert read(save(tmp_path / "b", named))[0].header.view is None


def test_nothing_of_the_patient_survives(tmp_path: Path) -> None:
    made = data_set(SMOOTH, "MONOCHROME2", Manufacturer="Made by / MÜLLER\n", ManufacturerModelName="X" * 60)
    recording = read(save(tmp_path / "Jane Doe.dcm", made))[0]
    header = recording.header
    assert header.patient == SALT.key("MRN-77")
    assert header.stem.startswith(header.patient + "-")
    assert is_pseudonym(header.patient)
    assert len(header.domain) <= 32
    text = repr(header) + " ".join(recording.warnings)
    for secret in ("Doe", "Jane", "MRN", "1950", "2024", "ACC9", "1.2.3"):
        assert secret not in text


@pytest.mark.parametrize(
    ("patient", "is_told"),
    [
        ("ANONYMOUS", True),
        ("Anonymized^", True),
        ("000000", True),
        ("---", True),
        ("ANON_017", False),
        ("MRN-77", False),
    ],
)
def test_an_id_that_anonymisation_gives_to_everybody_is_told_of(tmp_path: Path, patient: str, is_told: bool) -> None:
    """A whole archive became one patient, who can neither validate nor test, and nobody was told."""
    recording = read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2", PatientID=patient)))[0]
    assert (EVERYBODY_SENTENCE in recording.warnings) == is_told
    assert recording.header.patient == SALT.key(patient)


def test_burned_in_text_is_warned_of(tmp_path: Path) -> None:
    said = read(save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2", BurnedInAnnotation="YES")))[0]
    assert any("burned" in sentence for sentence in said.warnings)
    seen = read(save(tmp_path / "b", with_regions(region(0, 0, 20, 39))))[0]
    assert any("outside the calibrated regions" in sentence for sentence in seen.warnings)
    denied = read(save(tmp_path / "c", with_regions(region(0, 0, 20, 39), BurnedInAnnotation="NO")))[0]
    assert not denied.warnings
    for elements, is_told in (({}, True), ({"BurnedInAnnotation": "NO"}, False)):
        shot = read(save(tmp_path / "d", data_set(SMOOTH, "MONOCHROME2", **elements)))[0]
        assert any("which part of its picture is ultrasound" in sentence for sentence in shot.warnings) == is_told


def test_objects_without_image_give_no_clip() -> None:
    for name in ("DICOMDIR", "reportsi.dcm", "rtplan.dcm"):
        assert DicomReader().read(bundled(name), SALT) == ()


def test_slices_of_a_volume_are_no_clip(tmp_path: Path) -> None:
    made = data_set(SMOOTH, "MONOCHROME2")
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uids.EnhancedUSVolumeStorage
    with pytest.raises(BadInput, match="volume in space"):
        DicomReader().read(save(tmp_path / "a", made), SALT)


def test_masks_are_not_windowed(tmp_path: Path) -> None:
    deep = SMOOTH.astype(np.uint16) * 3
    assert np.array_equal(DicomReader().read_masks(save(tmp_path / "a", data_set(deep, "MONOCHROME2"))), deep)
    with pytest.raises(BadInput):
        DicomReader().read_masks(save(tmp_path / "b", data_set(COLOUR, "RGB")))


def test_a_file_without_preamble(tmp_path: Path) -> None:
    whole = save(tmp_path / "a", data_set(SMOOTH, "MONOCHROME2")).read_bytes()
    body = tmp_path / "b"
    body.write_bytes(whole[whole.index(b"\x08\x00\x16\x00UI") :])
    assert DicomReader().recognises(body)
    assert np.array_equal(read(body)[1], SMOOTH)
    assert dcmread(body, force=True).Rows == 40


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "image_dfl.dcm", "SC_rgb_rle.dcm"])
def test_a_compressed_file_without_preamble(tmp_path: Path, name: str) -> None:
    """Its transfer syntax, which stands right at its start, was not looked for."""
    whole = Path(str(get_testdata_file(name, download=False)))
    bare = tmp_path / "a"
    bare.write_bytes(whole.read_bytes()[132:])
    assert np.array_equal(read(bare)[1], read(whole)[1])
