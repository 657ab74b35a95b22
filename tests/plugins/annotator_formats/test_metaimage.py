"""MetaImage: axes, spacing, missing and short pixels, and the public echo set in its original form."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from annotator.plugin import BadInput, Clip, Pseudonymiser, Reader, Spacing, SpacingStatus, Writer
from annotator.testing.readers import ReaderContract
from annotator.testing.writers import WriterContract
from annotator_formats.metaimage import MetaImageReader, MetaImageWriter

SALT = Pseudonymiser(b"salt")
THW = np.random.default_rng(2).integers(0, 256, size=(4, 9, 7), dtype=np.uint8)
DATA = Path(__file__).parents[4] / "shared" / "data"
ITK: Any = SimpleITK


def save(
    path: Path, array: NDArray[Any], spacing: tuple[float, ...] = (0.308, 0.154, 1.0), packed: bool = False
) -> Path:
    image = ITK.GetImageFromArray(array)
    image.SetSpacing(spacing)
    ITK.WriteImage(image, str(path), useCompression=packed)
    return path


def frames_of(path: Path) -> NDArray[np.uint8]:
    return np.stack(list(MetaImageReader().read(path, SALT)[0].frames))


class TestMetaImageReaderContract(ReaderContract):
    def make_reader(self) -> Reader:
        return MetaImageReader()

    def make_file(self, folder: Path) -> Path:
        return save(folder / "clip.mha", THW)

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        return save(folder / "mask.mhd", mask)


class TestMetaImageWriterContract(WriterContract):
    def make_writer(self) -> Writer:
        return MetaImageWriter()

    def read_masks(self, out: Path, clip: Clip) -> Mapping[int, NDArray[np.integer[Any]]]:
        path = out / f"{clip.name}.mhd"
        assert MetaImageReader().read(path, SALT)[0].header.spacing == clip.header.spacing
        return dict(enumerate(MetaImageReader().read_masks(path)))


@pytest.mark.parametrize(("name", "packed"), [("a.mhd", False), ("a.mhd", True), ("a.mha", False), ("a.mha", True)])
def test_sizes_and_spacing_are_x_first(tmp_path: Path, name: str, packed: bool) -> None:
    recording = MetaImageReader().read(save(tmp_path / name, THW, packed=packed), SALT)[0]
    assert recording.header.shape == (9, 7)
    assert recording.header.spacing == Spacing(y=0.154, x=0.308)
    assert np.array_equal(np.stack(list(recording.frames)), THW)


def test_a_transform_that_swaps_the_axes_is_stored_rows_first(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mhd", THW)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("1 0 0 0 1 0 0 0 1", "0 1 0 1 0 0 0 0 1"), encoding="utf-8")
    recording = MetaImageReader().read(path, SALT)[0]
    assert recording.header.spacing == Spacing(y=0.308, x=0.154)
    assert np.array_equal(np.stack(list(recording.frames)), THW.transpose(0, 2, 1))


def test_two_and_four_axes_and_colours(tmp_path: Path) -> None:
    assert np.array_equal(frames_of(save(tmp_path / "a.mha", THW[0], (0.3, 0.2))), THW[:1])
    four = ITK.JoinSeries([ITK.GetImageFromArray(THW[i : i + 1]) for i in range(4)])
    ITK.WriteImage(four, str(tmp_path / "b.mha"))
    assert np.array_equal(frames_of(tmp_path / "b.mha"), THW)
    colours = np.stack([THW, THW // 2, THW // 3], axis=-1)
    ITK.WriteImage(ITK.GetImageFromArray(colours, isVector=True), str(tmp_path / "c.mha"))
    assert np.array_equal(frames_of(tmp_path / "c.mha"), colours)
    with pytest.raises(BadInput, match="colours"):
        MetaImageReader().read_masks(tmp_path / "c.mha")


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_pixel_type_reads_as_itk_reads_it(tmp_path: Path, kind: str, packed: bool) -> None:
    array = (THW // 2).astype(kind)
    path = save(tmp_path / "a.mhd", array, packed=packed)
    assert np.array_equal(MetaImageReader().read_masks(path), ITK.GetArrayFromImage(ITK.ReadImage(str(path))))


def test_byte_order_text_and_trailing_pixels(tmp_path: Path) -> None:
    head = "ObjectType = Image\nNDims = 2\nDimSize = 3 2\nElementType = MET_SHORT\n"
    array = np.array([[1, -2, 300], [4, 5, 6]], dtype=np.int16)
    cases = {
        "big": ("BinaryDataByteOrderMSB = True\n", array.astype(">i2").tobytes()),
        "big in a letter": ("ElementByteOrderMSB = T\n", array.astype(">i2").tobytes()),
        "text": ("BinaryData = False\n", b"1 -2 300\n4 5 6\n"),
        "text in a letter": ("BinaryData = F\n", b"1 -2 300\n4 5 6\n"),
        "gzip": ("CompressedData = T\n", gzip.compress(array.tobytes())),
        "last": ("HeaderSize = -1\n", b"a foreign header" + array.astype("<i2").tobytes()),
        "skipped": ("HeaderSize = 5\n", b"12345" + array.astype("<i2").tobytes()),
    }
    for name, (line, data) in cases.items():
        (tmp_path / f"{name}.raw").write_bytes(data)
        (tmp_path / f"{name}.mhd").write_text(f"{head}{line}ElementDataFile = {name}.raw\n", encoding="utf-8")
        assert np.array_equal(MetaImageReader().read_masks(tmp_path / f"{name}.mhd"), array[None]), name


@pytest.mark.parametrize(
    ("text", "spacing"),
    [("0,308 0,154 1", Spacing(y=0.154, x=0.308)), ("0.308,0.154,1", None), ("1,2 1.5 1", None), ("1,1,1", None)],
)
def test_a_decimal_comma_is_one_and_a_list_with_commas_is_no_size(
    tmp_path: Path, text: str, spacing: Spacing | None
) -> None:
    path = save(tmp_path / "a.mhd", THW)
    header = path.read_text(encoding="utf-8").replace("ElementSpacing = 0.308 0.154 1", f"ElementSpacing = {text}")
    path.write_text(header, encoding="utf-8")
    assert f"ElementSpacing = {text}\n" in header
    assert MetaImageReader().read(path, SALT)[0].header.spacing == spacing


def test_without_a_pixel_size_there_are_no_millimetres(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mhd", THW)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("ElementSpacing")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    header = MetaImageReader().read(path, SALT)[0].header
    assert header.spacing is None
    assert header.spacing_status is SpacingStatus.UNKNOWN


def test_a_header_without_its_pixels_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mhd", THW)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(BadInput, match=r"a\.mhd: it is a header without its pixels: there is no a\.raw beside it"):
        MetaImageReader().read(path, SALT)


def test_pixels_that_end_early_are_refused_by_size(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "a.mhd", THW)
    (tmp_path / "a.raw").write_bytes(THW.tobytes()[:100])
    with pytest.raises(BadInput, match=r"a\.raw: it declares 7 x 9 x 4 pixels \(252 bytes\) and can hold 100"):
        MetaImageReader().read(path, SALT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("damage", [lambda d: d[:50] + bytes(len(d) - 50), lambda d: d[:-9]])
def test_damaged_compression_is_refused_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    path = save(tmp_path / "a.mhd", np.tile(THW, (3, 8, 8)), packed=True)
    data = (tmp_path / "a.zraw").read_bytes()
    (tmp_path / "a.zraw").write_bytes(damage(data))
    with pytest.raises(BadInput, match=r"a\.(mhd|zraw)"):
        MetaImageReader().read(path, SALT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("named", ["../../secret.raw", "/etc/passwd", "LIST", "frame%03d.raw 1 4 1"])
def test_pixels_elsewhere_are_refused(tmp_path: Path, named: str) -> None:
    path = save(tmp_path / "a.mhd", THW)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("= a.raw", f"= {named}"), encoding="utf-8")
    with pytest.raises(BadInput):
        MetaImageReader().read(path, SALT)


def test_names_in_any_script(tmp_path: Path) -> None:
    folder = tmp_path / "Müller heart 心"
    folder.mkdir()
    assert np.array_equal(frames_of(save(folder / "clip ä.mhd", THW)), THW)


@pytest.mark.skipif(not (DATA / "camus_mhd_5").is_dir(), reason="../shared/data/camus_mhd_5 is absent")
def test_areas_agree_with_square_pixels() -> None:
    with (DATA / "camus_4ch_dev" / "index.csv").open(encoding="utf-8") as stream:
        square = {row["name"]: row for row in csv.DictReader(stream)}
    masks = sorted((DATA / "camus_mhd_5").glob("*/*_4CH_E?_gt.mhd"))
    assert len(masks) == 10
    for path in masks:
        spacing = MetaImageReader().read(path, SALT)[0].header.spacing
        assert spacing is not None
        row = square[path.name.removesuffix("_gt.mhd")]
        pixels = int(np.count_nonzero(MetaImageReader().read_masks(path) == 1))
        area_cm2 = pixels * spacing.y * spacing.x / 100
        expected_cm2 = int(row["px_lv"]) * float(row["spacing_y_mm"]) * float(row["spacing_x_mm"]) / 100
        assert area_cm2 == pytest.approx(expected_cm2, rel=0.02)


@pytest.mark.skipif(not (DATA / "camus_mhd_5").is_dir(), reason="../shared/data/camus_mhd_5 is absent")
def test_the_sequences_without_pixels_are_named() -> None:
    for path in (DATA / "camus_mhd_5").glob("*/*_sequence.mhd"):
        assert MetaImageReader().recognises(path)
        with pytest.raises(BadInput, match="header without its pixels"):
            MetaImageReader().read(path, SALT)
