"""NIfTI: axes, units, depth, damage, and masks both ways."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.plugin import BadInput, Clip, Pseudonymiser, Reader, Recording, Spacing, SpacingStatus, Writer
from annotator.testing.readers import ReaderContract
from annotator.testing.writers import WriterContract
from annotator_formats.nifti import NiftiReader, NiftiWriter

SALT = Pseudonymiser(b"salt")
X_FIRST = np.diag([0.308, 0.154, 1.0, 1.0])
ROWS_FIRST = np.array([[0, 0.308, 0, 0], [0.154, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
XYT = np.random.default_rng(1).integers(0, 256, size=(7, 5, 4), dtype=np.uint8)


def save(
    path: Path, array: NDArray[Any], affine: NDArray[Any] = X_FIRST, units: tuple[str, str] = ("mm", "sec")
) -> Path:
    image: Any = nibabel.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units(*units)
    nibabel.save(image, path)
    return path


def read(path: Path) -> tuple[Recording, NDArray[np.uint8]]:
    recording = NiftiReader().read(path, SALT)[0]
    return recording, np.stack(list(recording.frames))


class TestNiftiReaderContract(ReaderContract):
    def make_reader(self) -> Reader:
        return NiftiReader()

    def make_file(self, folder: Path) -> Path:
        return save(folder / "clip.nii.gz", XYT)

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        return save(folder / "mask.nii", mask.transpose(2, 1, 0))


class TestNiftiWriterContract(WriterContract):
    def make_writer(self) -> Writer:
        return NiftiWriter()

    def read_masks(self, out: Path, clip: Clip) -> Mapping[int, NDArray[np.integer[Any]]]:
        path = out / f"{clip.name}.nii.gz"
        header = NiftiReader().read(path, SALT)[0].header
        assert header.spacing == clip.header.spacing
        return dict(enumerate(NiftiReader().read_masks(path)))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_x_comes_first_and_frames_last(tmp_path: Path, suffix: str) -> None:
    recording, frames = read(save(tmp_path / f"a{suffix}", XYT))
    assert np.array_equal(frames, XYT.transpose(2, 1, 0))
    assert recording.header.spacing == Spacing(y=0.154, x=0.308)
    assert recording.header.spacing_status is SpacingStatus.TRUSTED
    assert recording.header.stem == "a"
    assert recording.header.frame_times_ms == ()


@pytest.mark.parametrize("name", ["a.b.nii", "a.b.nii.gz", "a.b.NII.GZ"])
def test_the_stem_is_without_its_suffixes_whatever_their_case(tmp_path: Path, name: str) -> None:
    save(tmp_path / name.lower(), XYT).rename(tmp_path / name)
    assert read(tmp_path / name)[0].header.stem == "a.b"


def test_the_patient_is_the_folder_however_the_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.nii", XYT)
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    recording, _ = read(Path("..") / "a.nii")
    assert recording.header.patient == SALT.key(tmp_path.name)


def test_an_affine_that_swaps_the_axes_is_stored_rows_first(tmp_path: Path) -> None:
    recording, frames = read(save(tmp_path / "a.nii", XYT, ROWS_FIRST))
    assert np.array_equal(frames, XYT.transpose(2, 0, 1))
    assert recording.header.spacing == Spacing(y=0.154, x=0.308)


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1), (7, 5, 1, 1), (1, 7, 5)])
def test_singleton_axes_do_not_matter(tmp_path: Path, shape: tuple[int, ...]) -> None:
    _, frames = read(save(tmp_path / "a.nii", XYT[:, :, 0].reshape(shape)))
    assert np.array_equal(frames[0], XYT[:, :, 0].T)
    assert len(frames) == 1


def test_a_fourth_axis_is_time_with_its_unit(tmp_path: Path) -> None:
    image: Any = nibabel.Nifti1Image(XYT[:, :, None, :], X_FIRST)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((0.308, 0.154, 1.0, 25.0))
    nibabel.save(image, tmp_path / "a.nii.gz")
    recording, frames = read(tmp_path / "a.nii.gz")
    assert recording.header.frame_times_ms == (0.0, 25.0, 50.0, 75.0)
    assert np.array_equal(frames, XYT.transpose(2, 1, 0))


def test_micrometres_are_converted(tmp_path: Path) -> None:
    recording, _ = read(save(tmp_path / "a.nii", XYT, np.diag([308.0, 154.0, 1.0, 1.0]), ("micron", "sec")))
    assert recording.header.spacing == Spacing(y=0.154, x=0.308)


def test_one_millimetre_is_not_believed_and_metres_are_doubted(tmp_path: Path) -> None:
    recording, _ = read(save(tmp_path / "a.nii", XYT, np.eye(4)))
    assert recording.header.spacing_status is SpacingStatus.UNKNOWN
    assert len(recording.warnings) == 1
    recording, _ = read(save(tmp_path / "b.nii", XYT, np.diag([0.3, 0.2, 1, 1]), ("meter", "sec")))
    assert recording.header.spacing_status is SpacingStatus.DOUBTED
    assert recording.header.proposed_spacing == Spacing(y=200.0, x=300.0)


def test_a_volume_in_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="volume"):
        read(save(tmp_path / "a.nii", np.zeros((4, 5, 6, 7), dtype=np.uint8)))


def test_floats_are_windowed_over_the_clip_and_nan_is_black(tmp_path: Path) -> None:
    array = np.linspace(-1.0, 1.0, XYT.size, dtype=np.float32).reshape(XYT.shape)
    array[3, 2, 1] = np.nan
    _, frames = read(save(tmp_path / "a.nii", array))
    assert (frames.min(), frames.max()) == (0, 255)
    assert frames[1, 2, 3] == 0
    order = np.argsort(array.transpose(2, 1, 0)[0].ravel())
    assert (np.diff(frames[0].ravel()[order].astype(int)) >= 0).all()


def test_whole_numbers_below_256_stay_as_they_are(tmp_path: Path) -> None:
    _, frames = read(save(tmp_path / "a.nii", (XYT // 2).astype(np.float64)))
    assert np.array_equal(frames, (XYT // 2).transpose(2, 1, 0))
    assert np.array_equal(NiftiReader().read_masks(tmp_path / "a.nii"), (XYT // 2).transpose(2, 1, 0))


def test_colours(tmp_path: Path) -> None:
    array = np.zeros((7, 5, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    array["G"] = XYT
    recording, frames = read(save(tmp_path / "a.nii", array))
    assert recording.header.channels == 3
    assert np.array_equal(frames[..., 1], XYT.transpose(2, 1, 0))
    assert not frames[..., 0].any()
    with pytest.raises(BadInput, match="colours"):
        NiftiReader().read_masks(tmp_path / "a.nii")


@pytest.mark.parametrize("n_frames", [1, 4])
def test_colours_as_itk_writes_them_are_no_frames(tmp_path: Path, n_frames: int) -> None:
    colours = np.stack([XYT, XYT // 2, 255 - XYT], axis=-1)[:, :, :n_frames, np.newaxis]
    recording, frames = read(save(tmp_path / "a.nii.gz", colours))
    assert (recording.header.n_frames, recording.header.channels) == (n_frames, 3)
    assert np.array_equal(frames, colours[:, :, :, 0].transpose(2, 1, 0, 3))
    assert recording.header.spacing == Spacing(y=0.154, x=0.308)
    with pytest.raises(BadInput, match="colours"):
        NiftiReader().read_masks(tmp_path / "a.nii.gz")


def test_fractions_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fractions"):
        NiftiReader().read_masks(save(tmp_path / "a.nii", XYT / 3.0))


@pytest.mark.parametrize("packed", [False, True])
def test_a_size_that_the_file_cannot_hold_is_refused(tmp_path: Path, packed: bool) -> None:
    header: Any = nibabel.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_shape((16000, 16000, 30000))
    header["magic"], header["vox_offset"] = b"n+1", 352
    data = header.binaryblock + b"\0" * 100
    path = tmp_path / "a.nii"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(BadInput, match="16000 x 16000 x 30000 pixels"):
        read(path)


def test_a_small_packed_file_that_unpacks_beyond_every_clip_is_refused_unread(tmp_path: Path) -> None:
    header: Any = nibabel.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_dtype(np.uint8)
    header.set_data_shape((16384, 16384, 33))
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "a.nii.gz"
    with path.open("wb") as file:
        file.write(gzip.compress(header.binaryblock + b"\0" * 4))
        file.truncate(10 * 2**20)
    with pytest.raises(BadInput, match="16384 x 16384 x 33 pixels, which is more than 8 GiB"):
        read(path)


def test_compressed_pixels_that_end_early_are_counted(tmp_path: Path) -> None:
    whole = gzip.decompress(save(tmp_path / "a.nii.gz", XYT).read_bytes())
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(whole[:-10]))
    with pytest.raises(BadInput, match="end after 130 of 140 bytes"):
        read(tmp_path / "a.nii.gz")


def test_a_pair_is_read_and_its_missing_half_is_named(tmp_path: Path) -> None:
    image: Any = nibabel.Nifti1Pair(XYT, X_FIRST)  # type: ignore[no-untyped-call]
    nibabel.save(image, tmp_path / "a.hdr")
    _, frames = read(tmp_path / "a.hdr")
    assert np.array_equal(frames, XYT.transpose(2, 1, 0))
    (tmp_path / "a.img").unlink()
    with pytest.raises(BadInput, match=r"no a\.img beside it"):
        read(tmp_path / "a.hdr")


def test_nifti_2_and_big_endian_are_read(tmp_path: Path) -> None:
    two: Any = nibabel.Nifti2Image(XYT, X_FIRST)  # type: ignore[no-untyped-call]
    nibabel.save(two, tmp_path / "two.nii")
    big: Any = nibabel.Nifti1Image(XYT.astype(np.int16), X_FIRST, nibabel.Nifti1Header(endianness=">"))  # type: ignore[no-untyped-call]
    nibabel.save(big, tmp_path / "big.nii")
    for name in ("two.nii", "big.nii"):
        assert np.array_equal(read(tmp_path / name)[1], XYT.transpose(2, 1, 0))


def test_phase_marks_come_from_a_side_file_and_nothing_else_does(tmp_path: Path) -> None:
    text = "ED: 1\nES: 3\nNbFrame: 4\nSex: F\nAge: 56\n"
    (tmp_path / "Info_4CH.cfg").write_text(text, encoding="utf-8")
    recording, _ = read(save(tmp_path / "patient0001_4CH_sequence.nii.gz", XYT))
    assert (recording.header.ed_frames, recording.header.es_frames) == ((0,), (2,))
    other, _ = read(save(tmp_path / "patient0001_4CH_other.nii.gz", XYT[:, :, :3]))
    assert (other.header.ed_frames, other.header.es_frames) == ((), ())


@pytest.mark.parametrize("place", [-8, -4, -1])
def test_a_packed_file_that_does_not_match_its_checksum_is_refused(tmp_path: Path, place: int) -> None:
    file = save(tmp_path / "a.nii.gz", XYT)
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    sentence = r"a\.nii\.gz: it is damaged: its packed bytes are incomplete or do not match their checksum; copy"
    for act in (read, NiftiReader().read_masks):
        with pytest.raises(BadInput, match=sentence):
            act(file)


def test_a_packed_file_without_its_end_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "a.nii.gz", XYT)
    file.write_bytes(file.read_bytes()[:-6])
    with pytest.raises(BadInput, match="checksum"):
        read(file)
