"""Reader for PNG, TIFF, JPEG and BMP; a TIFF of several pages and an animated PNG are clips."""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from annotator.plugin import BadInput, ClipHeader, Frame, Pseudonymiser, Recording, safe_stem
from annotator_formats._tiff_calibration import proposed_spacing
from annotator_formats.apng import animation
from annotator_formats.pixels import Window, check_size, finite_range, has_colour, sentences, to_grey

# tifffile logs what it thinks of a damaged file; the sentence raised here says it once.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

REMEDY: Final = "save the image again"
_MAGIC: Final = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
}
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP")
# The most pixels of one coded byte: deflate expands 1032-fold, to 8 pixels a byte in two-level images; a JPEG
# block of 64 pixels takes at least one bit.
_EXPANSION: Final = 16 * 1032
_DEEP: Final = {"I;16", "I;16B", "I;16L", "I", "F"}
_GREY_OR_RGB: Final = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.RGB)
_INDEXED: Final = (*_GREY_OR_RGB, tifffile.PHOTOMETRIC.PALETTE)


class StillReader:
    """Single images, multi-page TIFF and animated PNG; 16-bit images are windowed over all their pages."""

    name = "stills"

    def recognises(self, path: Path) -> bool:
        """Whether the file starts as one of the formats does."""
        return _kind(path) is not None

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """The image as a clip of one frame, or a frame a page; the patient is the folder's name.

        Raises
        ------
        BadInput
            Where the file is damaged or too large.
        """
        frames = _rendered(_pages(path, keeps_palette=False))
        kind, (height, width) = _kind(path), frames[0].shape[:2]
        moving = animation(path)
        # Programs that know no time write 0.
        is_timed = moving is not None and len(moving.starts_ms) == len(frames) and moving.starts_ms[-1] > 0
        starts = moving.starts_ms if moving is not None and is_timed else ()
        with sentences(path, REMEDY):
            header = ClipHeader(
                stem=safe_stem(path.stem),
                patient=pseudonymiser.key(path.resolve().parent.name),
                n_frames=len(frames),
                height=height,
                width=width,
                channels=1 if frames[0].ndim == 2 else 3,
                proposed_spacing=proposed_spacing(path) if kind == "tiff" else None,
                frame_times_ms=starts,
                format=kind or "stills",
            )
        return (Recording(header, frames),)

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) stored integers; a palette's indices, not its colours.

        Raises
        ------
        BadInput
            Where the file is damaged, in colour, a JPEG, or holds numbers that are no integers.
        """
        if _kind(path) == "jpeg":
            raise BadInput(path, "JPEG alters pixels, so that a mask does not survive in it", "save it as PNG or TIFF")
        step = _grey_step(path)
        pages = []
        for page in _pages(path, keeps_palette=True):
            if page.ndim == 3 and not all((page[..., 0] == page[..., i]).all() for i in (1, 2)):
                raise BadInput(path, "it is a colour picture and not an indexed mask", "save it with one value a pixel")
            flat = page[..., 0] if page.ndim == 3 else page
            if flat.dtype.kind not in "iu":
                raise BadInput(path, "its pixels are no integers", "save it with one integer a pixel")
            pages.append(flat // step)
        return np.stack(pages)


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            start = stream.read(26)
    except OSError:
        return None
    if (
        start[:2] == b"BM"
        and len(start) == 26
        and struct.unpack("<L", start[14:18])[0] in (12, 40, 52, 56, 64, 108, 124)
    ):
        return "bmp"
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def _grey_step(path: Path) -> int:
    """By what Pillow multiplies the values of a PNG of 2 or 4 bits of grey, so that they fill a byte; else 1."""
    with path.open("rb") as stream:
        start = stream.read(26)
    is_grey_png = start.startswith(b"\x89PNG") and len(start) == 26 and start[25] == 0
    return {2: 85, 4: 17}.get(start[24], 1) if is_grey_png else 1


def _pages(path: Path, *, keeps_palette: bool) -> list[NDArray[Any]]:
    """All pages, (H, W) or (H, W, 3), of the stored number type and of one size."""
    with sentences(path, REMEDY):
        if _kind(path) == "tiff":
            try:
                return _tiff_pages(path, keeps_palette=keeps_palette)
            except BadInput:
                raise
            except Exception:
                # tifffile lacks LZW and JPEG without a further package; Pillow's libtiff has them.
                return _pillow_pages(path, keeps_palette=keeps_palette)
        return _pillow_pages(path, keeps_palette=keeps_palette)


def _pillow_pages(path: Path, *, keeps_palette: bool) -> list[NDArray[Any]]:
    size, moving = path.stat().st_size, animation(path)
    first = 0 if moving is None else moving.first
    # Of a file that it opens by name Pillow 13 turns no TIFF page upright that is not compressed.
    with path.open("rb") as stream, Image.open(stream, formats=_FORMATS) as image:
        n_pages = getattr(image, "n_frames", 1) if image.format == "TIFF" or moving is not None else 1
        pages: list[NDArray[Any]] = []
        for index in range(first, n_pages):
            image.seek(index)
            _check(path, n_pages, (image.height, image.width), size)
            image.load()
            pages.append(_array(ImageOps.exif_transpose(image), keeps_palette=keeps_palette))
            if (pages[-1].shape, pages[-1].dtype) != (pages[0].shape, pages[0].dtype):
                raise BadInput(path, "its pages differ in size or kind", "save each page as a file")
    return pages


def _check(path: Path, n_pages: int, shape: tuple[int, int], size: int) -> None:
    check_size(path, n_pages, shape, 8)
    if shape[0] * shape[1] > max(2**20, size * _EXPANSION):
        raise BadInput(path, f"it declares {shape[0]} x {shape[1]} pixels and holds {size} bytes", REMEDY)


def _array(image: Image.Image, *, keeps_palette: bool) -> NDArray[Any]:
    if image.mode in _DEEP or image.mode == "L" or (image.mode == "P" and keeps_palette):
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8) * (1 if keeps_palette else 255)
    if image.mode in ("LA", "La"):
        return np.asarray(image)[..., 0]
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _tiff_pages(path: Path, *, keeps_palette: bool) -> list[NDArray[Any]]:
    with tifffile.TiffFile(path) as tiff:
        series, page = tiff.series[0], tiff.pages.first
        if page.photometric not in (_INDEXED if keeps_palette else _GREY_OR_RGB):
            raise ValueError("Pillow turns other colours into RGB")
        if page.tags.valueof("Orientation", default=1) != 1:
            raise ValueError("Pillow turns pages upright")
        if any(not other.keyframe.is_reduced for other in tiff.series[1:]):
            raise BadInput(path, "its pages differ in size or kind", "save each page as a file")
        axes = series.axes
        stacked = axes.replace("S", "").removesuffix("YX")
        if not axes.replace("S", "").endswith("YX") or len(stacked) > 1 or stacked == "C":
            raise BadInput(path, f"its axes are {axes}, which is no image or clip", "save it as an image or a stack")
        stack = _checked(path, tiff, series.shape)
    if "S" in axes:
        stack = np.moveaxis(stack, axes.index("S"), -1)
    if stack.dtype == np.bool_:
        stack = stack.astype(np.uint8) * (1 if keeps_palette else 255)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and not keeps_palette and stack.dtype.kind == "u":
        stack = np.iinfo(stack.dtype).max - stack
    single = 3 if "S" in axes else 2
    pages = stack.reshape(-1, *stack.shape[-single:])
    if single == 3:
        pages = pages[..., :3] if pages.shape[-1] >= 3 else pages[..., 0]
    return list(pages)


def _checked(path: Path, tiff: tifffile.TiffFile, shape: tuple[int, ...]) -> NDArray[Any]:
    """The pixels of the first series, after its size was seen to fit the file."""
    page = tiff.pages.first
    n_pages = max(1, int(np.prod(shape, dtype=object)) // max(1, int(page.imagewidth) * int(page.imagelength)))
    _check(path, n_pages, (int(page.imagelength), int(page.imagewidth)), path.stat().st_size)
    declared = int(tiff.series[0].size) * page.bitspersample // 8
    if declared > path.stat().st_size * (1 if page.compression == 1 else _EXPANSION):
        raise BadInput(path, f"it declares {declared} bytes of pixels and is smaller", REMEDY)
    stack = np.asarray(tiff.series[0].asarray())
    if stack.size == 0 or stack.shape != shape:
        raise BadInput(path, f"its pages do not hold the {n_pages} images that it declares", REMEDY)
    return stack


def _rendered(pages: list[NDArray[Any]]) -> list[Frame]:
    """uint8 frames through one window, in grey where no page has colour."""
    if any(page.dtype != np.uint8 for page in pages):
        ranges = [finite_range(page) for page in pages]
        window = Window(min(low for low, _ in ranges), max(high for _, high in ranges))
        pages = [window(page) for page in pages]
    if pages[0].ndim == 3 and not any(has_colour(page) for page in pages):
        return [to_grey(page) for page in pages]
    return pages
