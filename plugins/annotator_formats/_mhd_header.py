"""The text header of a MetaImage and its pixels, read with every declared size checked first.

ITK's own reader prints to the terminal and takes a damaged compressed stream for pixels, so it is only what the
tests compare with. Keys are those of the MetaIO documentation.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import BadInput
from annotator_formats._volumes import DEFLATE_RATIO, check_size, swaps_rows

_HEAD: Final = 1 << 16
_CHUNK: Final = 1 << 20
_TYPES: Final = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_FIRST_KEYS: Final = ("ObjectType", "NDims", "Comment", "ObjectSubType", "FileFormat")


@dataclass(frozen=True, slots=True, eq=False)
class MhdHeader:
    """What a MetaImage header says.

    Parameters
    ----------
    sizes
        Pixels along each axis, fastest first.
    channels
        Values a pixel.
    dtype
        Of one value, with its byte order.
    steps_mm
        Size along each axis in mm; empty where the header does not say.
    is_row_first
        Whether the transform sends the first axis to y and the second to x.
    data_file, offset
        Where the pixels start; bytes.
    is_packed, is_text
        Whether they are a zlib or gzip stream, or numbers in words.
    """

    sizes: tuple[int, ...]
    channels: int
    dtype: np.dtype[Any]
    steps_mm: tuple[float, ...]
    is_row_first: bool
    data_file: Path
    offset: int
    is_packed: bool
    is_text: bool

    @property
    def n_bytes(self) -> int:
        """Bytes of all pixels, unpacked."""
        return math.prod(self.sizes) * self.channels * self.dtype.itemsize


def is_mhd(path: Path) -> bool:
    """Whether the first kilobytes are a MetaImage header; never raises."""
    try:
        with path.open("rb") as stream:
            text = stream.read(4096).decode("latin-1")
    except (OSError, ValueError):
        return False
    first = text.split("=", 1)[0].strip()
    return first in _FIRST_KEYS and "DimSize" in text and "NDims" in text


def read_header(path: Path) -> MhdHeader:
    """Read and check a header.

    Raises
    ------
    BadInput
        Where the header is no MetaImage's, its pixels are missing or elsewhere, or too few for its size.
    """
    if not is_mhd(path):
        raise BadInput(path, "it is not a MetaImage header", "choose the .mhd or .mha file")
    fields, end = _fields(path)
    sizes, channels, skipped = _numbers(fields, path)
    kind = fields.get("ElementType", "").removesuffix("_ARRAY")
    if kind not in _TYPES:
        raise BadInput(path, f"its pixels are of type '{kind}', not an image's", "export it again")
    is_big = _is_true(fields, "BinaryDataByteOrderMSB") or _is_true(fields, "ElementByteOrderMSB")
    dtype: np.dtype[Any] = np.dtype(_TYPES[kind]).newbyteorder(">" if is_big else "<")
    is_text = "BinaryData" in fields and not _is_true(fields, "BinaryData")
    is_packed = _is_true(fields, "CompressedData")
    data_file, offset = _data_place(path, fields, end)
    stored = data_file.stat().st_size
    values = math.prod(sizes) * channels
    needed = 2 * values - 1 if is_text else values * dtype.itemsize
    # HeaderSize -1 says that the pixels are the last bytes of their file.
    offset = max(stored - needed, 0) if skipped == -1 else offset + max(skipped, 0)
    held = stored - offset
    check_size(data_file, sizes, needed, held * DEFLATE_RATIO if is_packed else held)
    steps = _floats(fields.get("ElementSpacing", fields.get("ElementSize", "")))
    return MhdHeader(
        sizes=sizes,
        channels=channels,
        dtype=dtype,
        steps_mm=steps if len(steps) == len(sizes) else (),
        is_row_first=_is_row_first(fields, len(sizes)),
        data_file=data_file,
        offset=offset,
        is_packed=is_packed,
        is_text=is_text,
    )


def read_pixels(header: MhdHeader) -> NDArray[Any]:
    """Pixels with the axes of ``header.sizes``, and a last axis of 3 where they are colours.

    Raises
    ------
    BadInput
        Where the pixels end early or their compressed stream is damaged.
    """
    if header.is_packed:
        data = _unpacked(header)
    else:
        with header.data_file.open("rb") as stream:
            stream.seek(header.offset)
            data = stream.read() if header.is_text else stream.read(header.n_bytes)
    if header.is_text:
        values = np.array(data.split(), dtype=header.dtype.newbyteorder("="))
    else:
        values = np.frombuffer(data, dtype=header.dtype).astype(header.dtype.newbyteorder("="), copy=False)
    array = values.reshape((header.channels, *header.sizes), order="F")
    return array[0] if header.channels == 1 else np.moveaxis(array, 0, -1)[..., :3]


def _unpacked(header: MhdHeader) -> bytes:
    """The zlib or gzip stream unpacked; memory grows with what it really holds."""
    unpacker, data = zlib.decompressobj(zlib.MAX_WBITS | 32), bytearray()
    with header.data_file.open("rb") as stream:
        stream.seek(header.offset)
        while not unpacker.eof and len(data) <= header.n_bytes:
            chunk = unpacker.unconsumed_tail or stream.read(_HEAD)
            if not chunk:
                break
            data += unpacker.decompress(chunk, _CHUNK)
    if len(data) != header.n_bytes or not unpacker.eof:
        what = f"its pixels unpack to {len(data)} of {header.n_bytes} bytes"
        raise BadInput(header.data_file, what, "copy or export it again, whole")
    return bytes(data)


def _numbers(fields: Mapping[str, str], path: Path) -> tuple[tuple[int, ...], int, int]:
    try:
        sizes = tuple(int(size) for size in fields["DimSize"].split())
        rank, channels = int(fields["NDims"]), int(fields.get("ElementNumberOfChannels", "1"))
        skipped = int(fields.get("HeaderSize", "0"))
    except (KeyError, ValueError):
        raise BadInput(path, "its header does not give a size in whole numbers", "export it again") from None
    if rank != len(sizes) or channels not in (1, 3, 4):
        what = f"its header declares {rank} dimensions, {len(sizes)} sizes and {channels} channels"
        raise BadInput(path, what, "export it again from its source")
    return sizes, channels, skipped


def _fields(path: Path) -> tuple[Mapping[str, str], int]:
    """Keys and values up to ElementDataFile (the last line of every header), and the byte after it."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    fields: dict[str, str] = {}
    position = 0
    for raw in head.split(b"\n"):
        position += len(raw) + 1
        key, _, value = raw.partition(b"=")
        name = key.decode("latin-1").strip()
        fields[name] = value.decode("utf-8", errors="replace").strip()
        if name == "ElementDataFile":
            return fields, position
    raise BadInput(path, "its header does not name its pixel file", "export it again from its source")


def _data_place(path: Path, fields: Mapping[str, str], end: int) -> tuple[Path, int]:
    named = fields["ElementDataFile"]
    if named.upper() == "LOCAL":
        return path, end
    if named.split(" ")[0].upper() == "LIST" or "%" in named:
        raise BadInput(path, "it spreads its pixels over a list of files", "export it as one .mha file")
    if not named or "\0" in named or "/" in named or "\\" in named or named in (".", ".."):
        raise BadInput(path, f"its header names pixels outside its folder ('{named}')", "put both files in one folder")
    data_file = path.with_name(named)
    if not data_file.is_file():
        raise BadInput(path, f"it is a header without its pixels: there is no {named} beside it", "copy that file too")
    return data_file, 0


def _is_row_first(fields: Mapping[str, str], rank: int) -> bool:
    for key in ("TransformMatrix", "Rotation", "Orientation"):
        matrix = _floats(fields.get(key, ""))
        if len(matrix) == rank * rank:
            return swaps_rows(np.asarray(matrix).reshape(rank, rank))
    return False


def _floats(text: str) -> tuple[float, ...]:
    # A program of a country with decimal commas may have written them.
    plain = text if "." in text else text.replace(",", ".")
    try:
        return tuple(float(word) for word in plain.split())
    except ValueError:
        return ()


def _is_true(fields: Mapping[str, str], key: str) -> bool:
    # MetaIO looks at the first letter alone.
    return fields.get(key, "")[:1] in ("T", "t", "1")
