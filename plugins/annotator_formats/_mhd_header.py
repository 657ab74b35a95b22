"""The text header of a MetaImage, checked against the bytes beside it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from annotator.plugin import BadInput
from annotator_formats._volumes import DEFLATE_RATIO, check_size

_HEAD: Final = 1 << 16
_CHUNK: Final = 1 << 20
_BYTES: Final = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
    "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_FIRST_KEYS: Final = ("ObjectType", "NDims", "Comment", "ObjectSubType", "FileFormat")


@dataclass(frozen=True, slots=True)
class MhdHeader:
    """What a MetaImage header says: sizes fastest first, channels, and whether it gives a pixel size."""

    sizes: tuple[int, ...]
    channels: int
    has_spacing: bool


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
    try:
        sizes = tuple(int(size) for size in fields["DimSize"].split())
        rank, channels = int(fields["NDims"]), int(fields.get("ElementNumberOfChannels", "1"))
        skipped = max(int(fields.get("HeaderSize", "0")), 0)
    except (KeyError, ValueError):
        raise BadInput(path, "its header does not give a size in whole numbers", "export it again") from None
    if rank != len(sizes) or channels not in (1, 3, 4):
        what = f"its header declares {rank} dimensions, {len(sizes)} sizes and {channels} channels"
        raise BadInput(path, what, "export it again from its source")
    kind = fields.get("ElementType", "")
    if kind.removesuffix("_ARRAY") not in _BYTES:
        raise BadInput(path, f"its pixels are of type '{kind}', not an image's", "export it again")
    data_file, offset = _data_place(path, fields, end)
    needed = math.prod(sizes) * channels * _BYTES[kind.removesuffix("_ARRAY")]
    stored = data_file.stat().st_size - offset - skipped
    if fields.get("BinaryData", "True").lower() in ("false", "0"):
        needed = math.prod(sizes) * channels * 2 - 1
    is_packed = fields.get("CompressedData", "False").lower() in ("true", "1")
    check_size(data_file, sizes, needed, stored * DEFLATE_RATIO if is_packed else stored)
    if is_packed:
        _check_packed(data_file, offset + skipped, needed)
    return MhdHeader(sizes, channels, "ElementSpacing" in fields or "ElementSize" in fields)


def _check_packed(path: Path, offset: int, needed: int) -> None:
    """Unpack once, keeping nothing: ITK takes a damaged stream for pixels and only prints that it is one."""
    unpacker, count = zlib.decompressobj(), 0
    with path.open("rb") as stream:
        stream.seek(offset)
        while not unpacker.eof and (chunk := unpacker.unconsumed_tail or stream.read(_HEAD)):
            count += len(unpacker.decompress(chunk, _CHUNK))
    if count != needed or not unpacker.eof:
        raise BadInput(path, f"its pixels unpack to {count} of {needed} bytes", "copy or export it again, whole")


def _fields(path: Path) -> tuple[Mapping[str, str], int]:
    """Keys and values up to ElementDataFile (the last line of every header), and the byte after it."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    fields: dict[str, str] = {}
    position = 0
    for raw in head.splitlines(keepends=True):
        position += len(raw)
        key, _, value = raw.decode("latin-1").partition("=")
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            fields["ElementDataFile"] = raw.partition(b"=")[2].decode("utf-8", errors="replace").strip()
            return fields, position
    raise BadInput(path, "its header does not name its pixel file", "export it again from its source")


def _data_place(path: Path, fields: Mapping[str, str], end: int) -> tuple[Path, int]:
    named = fields["ElementDataFile"]
    if named.upper() == "LOCAL":
        return path, end
    if named.split(" ")[0].upper() == "LIST" or "%" in named:
        raise BadInput(path, "it spreads its pixels over a list of files", "export it as one .mha file")
    if not named or "/" in named or "\\" in named or named in (".", ".."):
        raise BadInput(path, f"its header names pixels outside its folder ('{named}')", "put both files in one folder")
    data_file = path.with_name(named)
    if not data_file.is_file():
        raise BadInput(path, f"it is a header without its pixels: there is no {named} beside it", "copy that file too")
    return data_file, 0
