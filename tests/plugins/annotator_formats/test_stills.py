"""Still images: number types, palettes, pages, and files that lie."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from annotator.plugin import BadInput, Pseudonymiser, Reader, Recording, SpacingStatus
from annotator.testing.readers import ReaderContract
from annotator_formats.stills import StillReader

SALT = Pseudonymiser(b"salt")
GREY = np.random.default_rng(3).integers(0, 256, size=(13, 17), dtype=np.uint8)
COLOUR = np.stack([GREY, GREY.T[:13, :].repeat(2, axis=1)[:, :17], 255 - GREY], axis=-1)
MASK = np.zeros((20, 30), dtype=np.uint8)
MASK[2:9, 3:20], MASK[10:15, 5:25] = 1, 7


def read(path: Path) -> tuple[Recording, NDArray[np.uint8]]:
    recording = StillReader().read(path, SALT)[0]
    return recording, np.stack(list(recording.frames))


class TestPngContract(ReaderContract):
    def make_reader(self) -> Reader:
        return StillReader()

    def make_file(self, folder: Path) -> Path:
        Image.fromarray(GREY).save(folder / "still.png")
        return folder / "still.png"

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        image = Image.fromarray(mask[0], mode=None)
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
        image.save(folder / "mask.png")
        return folder / "mask.png"


class TestTiffContract(ReaderContract):
    def make_reader(self) -> Reader:
        return StillReader()

    def make_file(self, folder: Path) -> Path:
        tifffile.imwrite(folder / "still.tif", np.stack([GREY] * 3), photometric="minisblack", metadata=None)
        return folder / "still.tif"

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        tifffile.imwrite(folder / "mask.tif", mask, photometric="minisblack", compression="zlib", metadata=None)
        return folder / "mask.tif"


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_lossless_formats(tmp_path: Path, suffix: str, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / f"a b.{suffix}"
    Image.fromarray(pixels).save(path)
    recording, frames = read(path)
    assert recording.header.stem == "a b"
    assert recording.header.patient == SALT.key(tmp_path.name)
    assert np.array_equal(frames[0], pixels)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "packbits"])
def test_tiff_compressions(tmp_path: Path, compression: str | None) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(read(tmp_path / "a.tif")[1][0], GREY)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read(tmp_path / "a.jpg")[1][0].astype(int) - smooth).mean() < 2


def test_colour_without_colour_is_grey(tmp_path: Path) -> None:
    Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png")[1][0], GREY)


def test_sixteen_bits_share_one_window_over_the_pages(tmp_path: Path) -> None:
    pages = np.stack([GREY.astype(np.uint16) * 10, GREY.astype(np.uint16) * 100 + 500])
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    frames = read(tmp_path / "a.tif")[1]
    expected = (pages - pages.min()) / (int(pages.max()) - int(pages.min())) * 255
    assert np.abs(frames - expected).max() <= 0.51
    Image.fromarray(pages[1]).save(tmp_path / "b.png")
    assert (read(tmp_path / "b.png")[1].min(), read(tmp_path / "b.png")[1].max()) == (0, 255)


def test_a_stack_of_colour_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([COLOUR, 255 - COLOUR]), photometric="rgb")
    assert np.array_equal(read(tmp_path / "a.tif")[1], np.stack([COLOUR, 255 - COLOUR]))


def test_a_stack_of_colour_pages_stored_plane_by_plane(tmp_path: Path) -> None:
    pages = np.stack([COLOUR, 255 - COLOUR])
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(pages, -1, 1), photometric="rgb", planarconfig="separate")
    assert np.array_equal(read(tmp_path / "a.tif")[1], pages)


@pytest.mark.parametrize("axes", ["CYX", "TCYX", "TZYX"])
def test_channels_apart_and_volumes_in_time_are_no_frames(tmp_path: Path, axes: str) -> None:
    pages = np.zeros((4, 3, 13, 17) if len(axes) == 4 else (3, 13, 17), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, metadata={"axes": axes})
    with pytest.raises(BadInput, match=f"its axes are {axes}"):
        StillReader().read(tmp_path / "a.tif", SALT)


@pytest.mark.parametrize("other", [np.zeros((20, 17), np.uint8), np.zeros((13, 17), np.uint16)])
def test_pages_unlike_the_first_are_not_left_out_in_silence(tmp_path: Path, other: NDArray[Any]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in (GREY, other, GREY):
            tiff.write(page, photometric="minisblack", metadata=None)
    with pytest.raises(BadInput, match="its pages differ in size or kind"):
        StillReader().read(tmp_path / "a.tif", SALT)


@pytest.mark.parametrize("other", [Image.new("L", (17, 20)), Image.new("RGB", (17, 13), (200, 0, 0))])
def test_packed_pages_unlike_the_first_are_refused_too(tmp_path: Path, other: Image.Image) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.tif", save_all=True, append_images=[other], compression="tiff_lzw")
    with pytest.raises(BadInput, match="its pages differ in size or kind"):
        StillReader().read(tmp_path / "a.tif", SALT)


def test_a_smaller_copy_beside_an_image_is_passed_over(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(GREY, photometric="minisblack", metadata=None)
        tiff.write(GREY[::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    assert np.array_equal(read(tmp_path / "a.tif")[1], GREY[np.newaxis])


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_colours_of_a_plain_tiff_become_rgb(tmp_path: Path, mode: str) -> None:
    flat = np.full((20, 30, 3), (200, 100, 10), dtype=np.uint8)
    image = Image.fromarray(flat)
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        image = ImageCms.applyTransform(image, to_lab) or image
    else:
        image = image.convert(mode)
    image.save(tmp_path / "a.tif")
    assert np.abs(read(tmp_path / "a.tif")[1][0].astype(int) - flat).max() <= 3


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_a_tiff_of_two_values(tmp_path: Path, compression: str | None, photometric: Literal["minisblack"]) -> None:
    is_set = MASK == 1
    tifffile.imwrite(tmp_path / "a.tif", is_set, photometric=photometric, compression=compression, metadata=None)
    is_light = is_set if photometric == "minisblack" else ~is_set
    assert np.array_equal(read(tmp_path / "a.tif")[1][0], np.where(is_light, 255, 0))
    assert np.array_equal(StillReader().read_masks(tmp_path / "a.tif")[0], is_set)


def test_a_palette_is_colour_in_an_image_and_indices_in_a_mask(tmp_path: Path) -> None:
    image = Image.fromarray(MASK).convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0] + [0] * 15 + [0, 255, 0])
    image.save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[1][0, 3, 4].tolist() == [255, 0, 0]
    assert np.array_equal(StillReader().read_masks(tmp_path / "a.png")[0], MASK)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_mask_of_few_bits_keeps_its_values(tmp_path: Path, bits: int) -> None:
    mask = np.random.default_rng(bits).integers(0, 1 << bits, (6, 8), dtype=np.uint8)
    (tmp_path / "m.png").write_bytes(_grey_png(mask, bits))
    assert np.array_equal(StillReader().read_masks(tmp_path / "m.png")[0], mask)
    assert read(tmp_path / "m.png")[1].max() == 255


def _grey_png(mask: np.ndarray[Any, np.dtype[np.uint8]], bits: int) -> bytes:
    """A PNG of so few bits of grey, which Pillow reads and does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = mask.shape
    single = np.unpackbits(mask[..., None], axis=-1)[..., 8 - bits :].reshape(height, width * bits)
    lines = b"".join(b"\x00" + np.packbits(line).tobytes() for line in single)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "two.tif"])
def test_a_picture_that_says_how_it_was_held_is_turned_upright(tmp_path: Path, kind: str) -> None:
    lying = np.zeros((16, 32), dtype=np.uint8)
    lying[:8] = 200
    path = tmp_path / f"image.{kind}"
    if kind == "two.tif":
        with tifffile.TiffWriter(path) as tiff:
            for _ in range(2):
                tiff.write(lying, extratags=[(274, 3, 1, 6, True)], contiguous=False)
    else:
        picture = Image.fromarray(lying)
        exif = picture.getexif()
        exif[274] = 6  # a quarter turn to the right
        picture.save(path, exif=exif)
    upright = np.rot90(lying, -1)
    assert all(np.abs(frame.astype(int) - upright).max() < 50 for frame in read(path)[1])
    if kind != "jpg":
        np.testing.assert_array_equal(StillReader().read_masks(path)[0], upright)


def test_a_jpeg_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(MASK).save(tmp_path / "m.jpg")
    with pytest.raises(BadInput, match="JPEG alters pixels"):
        StillReader().read_masks(tmp_path / "m.jpg")


def test_a_colour_picture_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="colour picture"):
        StillReader().read_masks(tmp_path / "a.png")


def png_that_declares(width: int, height: int, *, depth: int = 8) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    header = struct.pack(">LLBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [7000, 40000, 2**31 - 1])
def test_a_size_that_the_file_cannot_hold_is_refused_before_memory_is_taken(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_that_declares(side, side))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput):
            StillReader().read(tmp_path / "a.png", SALT)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


def samples() -> dict[str, bytes]:
    made = {}
    for name, options in {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "JPEG": {}, "BMP": {}}.items():
        stream = io.BytesIO()
        saved: dict[str, Any] = options
        Image.fromarray(COLOUR).save(stream, format=name, **saved)
        made[name] = stream.getvalue()
    return made


GOOD = samples()


@given(name=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1), noise=st.binary(max_size=6), is_cut=st.booleans())
def test_damage_raises_nothing_but_bad_input(
    tmp_path_factory: pytest.TempPathFactory, name: str, share: float, noise: bytes, is_cut: bool
) -> None:
    data = GOOD[name]
    at = int(share * len(data))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data[:at] + noise + (b"" if is_cut else data[at + len(noise) :]))
    for attempt in (lambda: StillReader().read(path, SALT), lambda: StillReader().read_masks(path)):
        with contextlib.suppress(BadInput):
            assert len(attempt()) >= 1


def test_real_masks_of_three_formats(real_data: Path) -> None:
    masks = sorted((real_data / "usgra" / "masks").glob("*.png"))
    for path in masks:
        values = StillReader().read_masks(path)
        image = read(path.parents[1] / "images" / path.name)[0].header
        assert set(np.unique(values)) <= {0, 1, 2}
        assert values.shape == (1, *image.shape)


@pytest.mark.parametrize("pixels", [GREY, COLOUR])
@pytest.mark.parametrize("has_cover", [False, True])
def test_every_frame_of_an_animated_png_comes_with_its_time(
    tmp_path: Path, pixels: NDArray[np.uint8], has_cover: bool
) -> None:
    """All frames but the first were lost in silence; a cover is what programs show that know no animation."""
    frames = [np.roll(pixels, i, axis=0) for i in range(4)]
    path, times = tmp_path / "loop.png", [40, 20, 40]
    pictures = [Image.fromarray(f) for f in (frames if has_cover else frames[1:])]
    pictures[0].save(
        path, format="PNG", save_all=True, append_images=pictures[1:], duration=times, default_image=has_cover
    )
    recording, found = read(path)
    assert np.array_equal(found, frames[1:])
    assert recording.header.frame_times_ms == (0.0, 40.0, 60.0)
    assert pixels is COLOUR or np.array_equal(StillReader().read_masks(path), frames[1:])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInput):
        read(path)
    still = path.with_name("still.png")
    whole = io.BytesIO()
    pictures[0].save(whole, format="PNG", save_all=True, append_images=pictures[1:])
    control = whole.getvalue().index(b"acTL") - 4
    still.write_bytes(whole.getvalue()[:control] + whole.getvalue()[control + 20 :])
    assert read(still)[0].header.n_frames == 1


def test_a_file_that_is_no_image_is_told_of_once(tmp_path: Path) -> None:
    """Its path stood in the sentence twice, the second time as the name of a stream."""
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnothing of that kind")
    with pytest.raises(BadInput) as error:
        read(path)
    assert str(error.value).count("broken.png") == 1
    assert "_io" not in str(error.value)


def proposed(path: Path) -> tuple[float, float] | None:
    header = StillReader().read(path, SALT)[0].header
    assert (header.spacing, header.spacing_status) == (None, SpacingStatus.UNKNOWN), "never believed unseen"
    found = header.proposed_spacing
    return None if found is None else (round(found.y, 9), round(found.x, 9))


@pytest.mark.parametrize(
    ("unit", "along", "expected"),
    [
        ("mm", (4.0, 5.0), (0.2, 0.25)),
        ("cm", (40.0, 50.0), (0.2, 0.25)),
        ("um", (0.004, 0.005), (0.2, 0.25)),
        ("\\u00B5m", (0.004, 0.005), (0.2, 0.25)),
        ("micron", (0.004, 0.005), (0.2, 0.25)),
        ("mm", (0.01, 0.01), None),
        ("mm", (1.0, 1.0), None),
        ("mm", (0.0, 5.0), None),
        ("inch", (72.0, 72.0), None),
        ("pixel", (4.0, 5.0), None),
        ("", (4.0, 5.0), None),
    ],
)
def test_what_imagej_noted_of_the_pixel_size_is_proposed(
    tmp_path: Path, unit: str, along: tuple[float, float], expected: tuple[float, float] | None
) -> None:
    path = tmp_path / "stack.tif"
    stack = np.stack([GREY, 255 - GREY])
    across, down = along
    tifffile.imwrite(path, stack, imagej=True, resolution=(across, down), metadata={"unit": unit, "axes": "TYX"})
    assert proposed(path) == expected


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (
            {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 200, "PhysicalSizeYUnit": "µm"},
            (0.2, 0.25),
        ),
        ({"PhysicalSizeX": 250, "PhysicalSizeY": 200}, (0.2, 0.25)),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "mm"}, None),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 0.2, "PhysicalSizeYUnit": "mm"}, None),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.2}, None),
        ({}, None),
    ],
)
def test_what_ome_says_of_the_pixel_size_is_proposed(
    tmp_path: Path, noted: dict[str, Any], expected: tuple[float, float] | None
) -> None:
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, np.stack([GREY, 255 - GREY]), ome=True, metadata={"axes": "TYX", **noted})
    assert proposed(path) == expected


def test_what_printers_are_told_of_the_pixel_size_is_no_proposal(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    for unit in ("INCH", "CENTIMETER"):
        tifffile.imwrite(path, GREY, resolution=(40, 40), resolutionunit=unit)
        assert proposed(path) is None
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 5), metadata={"unit": "mm"})
    assert proposed(path) == (0.2, 0.25)
    Image.fromarray(GREY).save(path.with_suffix(".png"), dpi=(72, 72))
    assert proposed(path.with_suffix(".png")) is None


def test_a_picture_that_is_turned_has_no_proposal(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    noted = {"unit": "mm"}
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 5), metadata=noted, extratags=[(274, "H", 1, 6, True)])
    assert proposed(path) is None
