"""The header and the pixels of a NIfTI file, read with every declared size checked first."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import BadInput
from annotator_formats._volumes import DEFLATE_RATIO, check_size, swaps_rows

_MAGIC: Final = {b"n+1": 348, b"ni1": 348, b"n+2": 540, b"ni2": 540}
_MM: Final = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_MS: Final = {8: 1000.0, 16: 1.0, 24: 0.001}
_CHUNK: Final = 1 << 20


def nibabel_late() -> Any:
    """The library, which is not annotated; half a second that only a reader or writer of a file needs to spend."""
    import nibabel  # noqa: PLC0415 - it brings pydicom along, and lists of formats are asked for in the window

    return nibabel


@dataclass(frozen=True, slots=True, eq=False)
class NiftiHeader:
    """What a NIfTI header says, in our units.

    Parameters
    ----------
    sizes
        Pixels along each axis, fastest first.
    dtype
        Of one pixel; structured for colours, unless they are planes.
    planes
        Colours that are stored one whole image after the other, else 1.
    data_file, offset
        Where the pixels start; bytes.
    slope, intercept
        ``value = slope * stored + intercept``.
    steps_mm
        Size along each axis; mm for the spatial ones.
    frame_ms
        Time step of the fourth axis in ms, where the header gives its unit.
    is_row_first
        Whether the affine sends the first axis to y and the second to x.
    has_unit
        Whether the header names the unit of length.
    """

    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    planes: int
    data_file: Path
    offset: int
    slope: float
    intercept: float
    steps_mm: tuple[float, ...]
    frame_ms: float | None
    is_row_first: bool
    has_unit: bool


def magic_of(path: Path) -> bytes | None:
    """The three magic letters of a NIfTI file, or None where it is none; never raises."""
    try:
        with _opened(path) as stream:
            head = stream.read(348)
    except (OSError, EOFError, ValueError, RuntimeError):
        return None
    for magic in (head[344:347], head[4:7]):
        if magic in _MAGIC and len(head) == 348:
            return magic
    return None


def read_header(path: Path) -> NiftiHeader:
    """Read and check a header.

    Raises
    ------
    BadInput
        Where the file is no NIfTI, its pixel type is not real, or its size is more than the file can hold.
    """
    magic = magic_of(path)
    if magic is None:
        raise BadInput(path, "it is not a NIfTI file (its first bytes are not a NIfTI header)", "choose another file")
    with _opened(path) as stream:
        block = stream.read(_MAGIC[magic])
    kinds = nibabel_late()
    kind = kinds.Nifti1Header if _MAGIC[magic] == 348 else kinds.Nifti2Header
    header = kind(block, check=False)
    rank = int(header["dim"][0])
    if not 1 <= rank <= 7:
        raise BadInput(path, f"its header declares {rank} dimensions", "export it again from its source")
    sizes = tuple(int(size) for size in header["dim"][1 : rank + 1])
    dtype = _pixel_type(header, path)
    data_file, offset = _data_place(path, magic, float(header["vox_offset"]))
    stored = data_file.stat().st_size
    available = stored * DEFLATE_RATIO if _is_gzip(data_file) else stored
    check_size(path, sizes, math.prod(sizes) * dtype.itemsize, available - offset)
    units = int(header["xyzt_units"])
    # The fifth axis holds what one place and time has several values of, such as ITK's colours.
    planes = sizes[4] if rank == 5 and sizes[4] in (3, 4) else 1
    steps = [abs(float(step)) for step in header["pixdim"][1 : rank + 1]]
    step_ms = _MS.get(units & 0x38, math.nan) * steps[3] if rank > 3 else math.nan
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    is_scaled = math.isfinite(slope) and slope != 0
    return NiftiHeader(
        sizes=sizes if planes == 1 else sizes[:4],
        dtype=dtype,
        planes=planes,
        data_file=data_file,
        offset=offset,
        slope=slope if is_scaled else 1.0,
        intercept=intercept if is_scaled and math.isfinite(intercept) else 0.0,
        # NIfTI-1 keeps single precision: 0.308 mm comes back as 0.30799999833107.
        steps_mm=tuple(float(f"{step * _MM.get(units & 7, 1.0):.7g}") for step in steps),
        frame_ms=step_ms if math.isfinite(step_ms) and step_ms > 0 else None,
        is_row_first=_is_row_first(header),
        has_unit=units & 7 in (1, 2, 3),
    )


def read_pixels(header: NiftiHeader) -> NDArray[Any]:
    """Pixels with the axes of ``header.sizes``, and a last axis of 3 where they are colours.

    Memory grows with what the file really holds, never ahead of it.

    Raises
    ------
    BadInput
        Where the file ends before the declared size, or its bytes do not match the checksum of a packed file.
    """
    needed = math.prod(header.sizes) * header.planes * header.dtype.itemsize
    payload = bytearray()
    with _opened(header.data_file) as stream, _unpacking(header.data_file):
        stream.seek(header.offset)
        while len(payload) < needed and (chunk := stream.read(min(_CHUNK, needed - len(payload)))):
            payload += chunk
        # Length and checksum stand behind the last of the packed bytes, and are compared where they are read.
        while stream.read(_CHUNK):
            pass
    if len(payload) < needed:
        raise BadInput(
            header.data_file,
            f"its pixel data end after {len(payload)} of {needed} bytes",
            "copy or export it again, whole",
        )
    if header.dtype.fields:
        channels = len(header.dtype.fields)
        colours = np.frombuffer(payload, dtype=np.uint8).reshape((channels, *header.sizes), order="F")
        return np.moveaxis(colours, 0, -1)[..., :3]
    array = np.frombuffer(payload, dtype=header.dtype).reshape((*header.sizes, header.planes), order="F")
    array = array[..., 0] if header.planes == 1 else array[..., :3]
    if (header.slope, header.intercept) == (1.0, 0.0):
        return array.astype(header.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float64) * header.slope + header.intercept


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error):
        what = "it is damaged: its packed bytes are incomplete or do not match their checksum"
        raise BadInput(path, what, "copy or export it again, whole") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as plain:
        if _starts_gzip(plain):
            with gzip.GzipFile(fileobj=plain) as unpacked:
                yield unpacked  # type: ignore[misc]  # a GzipFile reads and seeks as IO[bytes] does
        else:
            yield plain


def _starts_gzip(stream: IO[bytes]) -> bool:
    start = stream.read(2)
    stream.seek(0)
    return start == b"\x1f\x8b"


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return _starts_gzip(stream)


def _pixel_type(header: Any, path: Path) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except (nibabel_late().spatialimages.HeaderDataError, KeyError):
        raise BadInput(path, "its header names a pixel type that does not exist", "export it again") from None
    if dtype.fields is None and (dtype.kind not in "iuf" or dtype.itemsize > 8):
        raise BadInput(path, f"its pixels are of type {dtype}, not an image's", "export the magnitude image")
    return dtype


def _data_place(path: Path, magic: bytes, declared: float) -> tuple[Path, int]:
    if not math.isfinite(declared) or not 0 <= declared < 2**40:
        raise BadInput(path, "its header does not say where the pixels start", "export it again from its source")
    if magic.startswith(b"n+"):
        return path, max(int(declared), _MAGIC[magic] + 4)
    stem = path.name.removesuffix(".gz").removesuffix(".hdr")
    for name in (f"{stem}.img", f"{stem}.img.gz"):
        if path.with_name(name).is_file():
            return path.with_name(name), int(declared)
    raise BadInput(path, f"it is a header without its pixels: there is no {stem}.img beside it", "copy that file too")


def _is_row_first(header: Any) -> bool:
    if not (int(header["sform_code"]) or int(header["qform_code"])):
        return False
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (ValueError, ArithmeticError, nibabel_late().spatialimages.HeaderDataError):
        return False
    return bool(np.isfinite(affine).all()) and swaps_rows(affine[:3, :3])
