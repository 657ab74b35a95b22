"""Opening a DICOM file so that nothing it declares is believed before the file is seen to hold it."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pydicom
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from annotator.plugin import BadInput
from annotator_formats.codestream import declared_shape
from annotator_formats.pixels import check_size, sentences

REMEDY: Final = "export it again from the scanner or the archive"
MAX_INFLATED: Final = 2**29
"""Bytes that a deflated data set may inflate to."""

_PIXEL_TAGS: Final = {(0x7FE0, 0x0010): "PixelData", (0x7FE0, 0x0008): "Float", (0x7FE0, 0x0009): "Double"}
_NEEDED: Final = (
    "rows",
    "columns",
    "samples_per_pixel",
    "bits_allocated",
    "bits_stored",
    "pixel_representation",
    "photometric_interpretation",
)
_UNDEFINED: Final = 0xFFFFFFFF
_SMALL_CLIP: Final = 16 * 2**20
# The most decoded bytes that one coded byte of these syntaxes can stand for, with a factor of two to spare: a JPEG
# block of 64 samples takes 2 bits (1 bit in progressive scans), lossless JPEG 1 bit a sample, an RLE run 2 bytes
# for 128. JPEG-LS and JPEG 2000 have no such bound; 4096 is far beyond any ultrasound image.
_EXPANSION: Final = {
    JPEGBaseline8Bit: 1024,
    JPEGExtended12Bit: 2048,
    JPEGLossless: 32,
    JPEGLosslessSV1: 32,
    RLELossless: 128,
}


class _Clipped(io.BufferedReader):
    """A file whose ``read`` never asks for more bytes than are left, since CPython allocates what is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb", buffering=0))
        self.total = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.total - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


@dataclass(frozen=True, slots=True)
class DicomSource:
    """An opened data set and where its pixels are.

    Parameters
    ----------
    path
        The file.
    dataset
        Everything before the pixel data.
    syntax
        Transfer syntax.
    options
        What :mod:`pydicom.pixels` needs to decode; empty where the file holds no image.
    offset
        Byte offset of the pixel data's value.
    inflated
        The pixel data of a deflated file, else None.
    """

    path: Path
    dataset: pydicom.Dataset
    syntax: UID
    options: dict[str, Any]
    offset: int = 0
    inflated: bytes | None = None

    @property
    def is_image(self) -> bool:
        """Whether there are pixels to decode."""
        return bool(self.options)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.options["number_of_frames"])

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.options["rows"]), int(self.options["columns"])

    @contextmanager
    def pixel_stream(self) -> Iterator[BinaryIO]:
        """The file at the first byte of the pixel data's value."""
        stream: BinaryIO = _Clipped(self.path) if self.inflated is None else io.BytesIO(self.inflated)
        with stream:
            stream.seek(self.offset)
            yield stream


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings on odd values to itself; what matters is checked here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts with the DICOM prefix, or without preamble by a group 2 or 8 element."""
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    return start[128:] == b"DICM" or _starts_with_element(start)


def _starts_with_element(start: bytes) -> bool:
    if len(start) < 16:
        return False
    group, element, length = struct.unpack("<HHL", start[:8])
    is_explicit = start[4:6] in (b"UL", b"CS", b"UI", b"OB", b"DA", b"TM", b"SH", b"LO", b"AE")
    return group in (0x0002, 0x0008) and element <= 0x0070 and (is_explicit or length < 128)


def open_source(path: Path) -> DicomSource:
    """Read the header of a DICOM file and check that the file can hold the image it declares.

    Raises
    ------
    BadInput
        Where the file is not DICOM, is damaged or truncated, or declares more than it holds.
    """
    with sentences(path, REMEDY), quiet(), _Clipped(path) as stream:
        has_preamble = stream.read(132)[128:] == b"DICM"
        if not has_preamble and not looks_like_dicom(path):
            raise BadInput(path, "it is not a DICOM file", "name a DICOM file")
        stream.seek(0)
        syntax = _declared_syntax(stream, path, has_preamble=has_preamble)
        stream.seek(0)
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=not has_preamble)
        position = stream.tell()
        if not syntax:
            syntax = _guessed_syntax(dataset)
        if "Rows" not in dataset and "Columns" not in dataset:
            return DicomSource(path, dataset, syntax, {})
        if syntax == DeflatedExplicitVRLittleEndian:
            return _deflated(path, dataset, syntax)
        stream.seek(position)
        return _located(path, stream, dataset, syntax)


def _declared_syntax(stream: _Clipped, path: Path, *, has_preamble: bool) -> UID | None:
    """Transfer syntax of the file meta, if any; a deflated body is measured before it is inflated for real."""
    start = 132 if has_preamble else 0
    stream.seek(start)
    if stream.read(2) != b"\x02\x00":
        return None
    stream.seek(start)
    meta = pydicom.filereader.read_dataset(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, _vr, _length: tag.group != 2
    )
    syntax = meta.get("TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        pending = stream.read(65536)
        while pending and not inflater.eof:
            size += len(inflater.decompress(pending, 2**20))
            if size > MAX_INFLATED:
                raise BadInput(path, f"it inflates to more than {MAX_INFLATED // 2**20} MiB", REMEDY)
            pending = inflater.unconsumed_tail or stream.read(65536)
    return UID(syntax) if syntax else None


def _guessed_syntax(dataset: pydicom.Dataset) -> UID:
    is_implicit, is_little = dataset.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian


def _deflated(path: Path, header: pydicom.Dataset, syntax: UID) -> DicomSource:
    with _Clipped(path) as stream:
        whole = pydicom.dcmread(stream, force=True)
    data = whole.get("PixelData")
    if not data:
        raise BadInput(path, "it holds no pixel data", REMEDY)
    options = _options(path, header, syntax)
    _check_native(path, options, len(data))
    return DicomSource(path, header, syntax, options, 0, data)


def _located(path: Path, stream: _Clipped, dataset: pydicom.Dataset, syntax: UID) -> DicomSource:
    order = "<" if syntax.is_little_endian else ">"
    start = stream.read(8)
    keyword = _PIXEL_TAGS.get(struct.unpack(f"{order}HH", start[:4])) if len(start) == 8 else None
    if keyword is None:
        raise BadInput(path, "it describes an image and holds no pixel data", REMEDY)
    if keyword != "PixelData":
        raise BadInput(path, "its pixels are floating-point numbers, which are no ultrasound image", REMEDY)
    options = _options(path, dataset, syntax)
    # Some files declare explicit VR and are written implicit; pydicom found out by reading.
    if start[4:6] not in (b"OB", b"OW", b"UN"):
        (length,) = struct.unpack(f"{order}L", start[4:])
    else:
        options["pixel_vr"] = start[4:6].decode("ascii")
        (length,) = struct.unpack(f"{order}L", stream.read(4))
    offset = stream.tell()
    held = stream.total - offset
    if syntax.is_encapsulated:
        _check_encapsulated(path, stream, options, syntax)
    elif length == _UNDEFINED or length > held:
        raise BadInput(path, f"its pixel data ends after {held} bytes{_of(length)}", REMEDY)
    else:
        _check_native(path, options, length)
    return DicomSource(path, dataset, syntax, options, offset)


def _of(length: int) -> str:
    return "" if length == _UNDEFINED else f" of {length}"


def _options(path: Path, dataset: pydicom.Dataset, syntax: UID) -> dict[str, Any]:
    """The declared image, refused where no clip can be like it."""
    if not syntax.is_transfer_syntax or "MPEG" in syntax.name or "HEVC" in syntax.name:
        raise BadInput(path, f"its transfer syntax '{syntax.name}' cannot be decoded", "export it as JPEG or RLE")
    options = dict(as_pixel_options(dataset))
    missing = [name for name in _NEEDED if options.get(name) is None]
    if missing:
        raise BadInput(path, f"its header does not state its {missing[0].replace('_', ' ')}", REMEDY)
    options.update(transfer_syntax_uid=syntax, pixel_keyword="PixelData")
    options["number_of_frames"] = int(options.get("number_of_frames") or 1)
    bits, samples = int(options["bits_allocated"]), int(options["samples_per_pixel"])
    if bits not in (1, 8, 16, 32) or samples not in (1, 3):
        raise BadInput(path, f"it has {samples} samples of {bits} bits a pixel, which is no ultrasound image", REMEDY)
    check_size(path, options["number_of_frames"], (options["rows"], options["columns"]), samples * max(1, bits // 8))
    return options


def _frame_bytes(options: dict[str, Any]) -> float:
    """Bytes of one uncompressed frame; chroma of 4:2:2 is stored once for two pixels (PS3.3 C.7.6.3.1.2)."""
    samples = 2 if str(options["photometric_interpretation"]).endswith("_422") else options["samples_per_pixel"]
    return float(options["rows"] * options["columns"] * samples * options["bits_allocated"] / 8)


def _check_native(path: Path, options: dict[str, Any], length: int) -> None:
    frame, n_frames = _frame_bytes(options), options["number_of_frames"]
    if length < int(frame * n_frames):
        raise BadInput(
            path,
            f"it declares {n_frames} frames of {options['rows']} x {options['columns']} pixels and holds pixel "
            f"data for {int(length // frame)}",
            REMEDY,
        )
    if length - frame * n_frames >= max(2.0, frame):
        raise BadInput(path, f"it declares {n_frames} frames and holds {int(length // frame)}", REMEDY)


def _check_encapsulated(path: Path, stream: _Clipped, options: dict[str, Any], syntax: UID) -> None:
    sizes, offsets, found = _fragments(path, stream)
    n_frames, declared = options["number_of_frames"], (options["rows"], options["columns"])
    for shape in set(found) - {declared}:
        raise BadInput(
            path,
            f"it declares frames of {declared[0]} x {declared[1]} pixels and holds one of {shape[0]} x {shape[1]}",
            REMEDY,
        )
    # An image begins a fragment, and may go on in others; RLE has no others.
    begun = sum(size > 0 for size in sizes) if syntax == RLELossless else len(found)
    if len(sizes) < n_frames or (offsets and offsets != n_frames) or begun > n_frames:
        held = len(sizes) if len(sizes) < n_frames else offsets or begun
        raise BadInput(path, f"it declares {n_frames} frames and holds {held}", REMEDY)
    decoded = options["rows"] * options["columns"] * options["samples_per_pixel"] * options["bits_allocated"] / 8
    if decoded * n_frames > max(_SMALL_CLIP, sum(sizes) * _EXPANSION.get(syntax, 4096)):
        raise BadInput(
            path,
            f"it declares {n_frames} frames of {options['rows']} x {options['columns']} pixels and holds "
            f"{sum(sizes)} bytes of pixel data",
            REMEDY,
        )


def _fragments(path: Path, stream: _Clipped) -> tuple[list[int], int, list[tuple[int, int]]]:
    """Sizes of the fragments, entries of the basic offset table, and size of each image (PS3.5 annex A.4)."""
    sizes: list[int] = []
    shapes: list[tuple[int, int] | None] = []
    while True:
        head = stream.read(8)
        if len(head) < 8:
            break
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            break
        if (group, element) != (0xFFFE, 0xE000):
            raise BadInput(path, "its compressed pixel data is damaged", REMEDY)
        if length > stream.total - stream.tell():
            raise BadInput(path, f"its pixel data ends within frame {max(1, len(sizes))}", REMEDY)
        following = stream.tell() + length
        if sizes:
            shapes.append(declared_shape(stream.read(min(length, 4096))))
        sizes.append(length)
        stream.seek(following)
    if not sizes:
        raise BadInput(path, "it holds no pixel data", REMEDY)
    return sizes[1:], sizes[0] // 4, [shape for shape in shapes if shape is not None]
