"""Which reader takes a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.identity import safe_stem
from annotator.core.plugin_types import Reader
from annotator.core.unusable import UnusableReader, unusable

NAMELESS: Final = frozenset(
    (".avi", ".bmp", ".gz", ".jpeg", ".jpg", ".mha", ".mhd", ".mov", ".mp4", ".nii", ".png", ".tif", ".tiff")
)
"""Suffixes of files in which no patient is named."""

_PACKED: Final = (".7z", ".rar", ".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tgz", ".zip")
PACKED_REMEDY: Final = "unpack it, and import the folder"
"""What to do with a file that packs others."""


def reader_of(path: Path, readers: Mapping[str, Reader]) -> Reader:
    """The first reader that recognises a file (or folder).

    Raises
    ------
    BadInput
        Where the path does not exist or no reader recognises it; the message lists the formats, or says to unpack it.
    """
    if not path.exists():
        raise BadInput(path, "there is no such file or folder", "check the path")
    if not (path.is_file() or path.is_dir()):
        raise BadInput(path, "it is a device or a pipe, not a file", "copy its contents into a file")
    refuse_unreadable(path)
    found = recognised(path, readers)
    if found is None:
        refuse_packed(path)
        why, remedy = blamed(readers)
        raise BadInput(path, f"its content is of no known format{why}", f"use one of {formats(readers)}{remedy}")
    return found


def formats(readers: Mapping[str, Reader]) -> str:
    """Names of the formats that can be read."""
    return ", ".join(sorted(reader.name for reader in readers.values() if not isinstance(reader, UnusableReader)))


def blamed(readers: Mapping[str, Reader]) -> tuple[str, str]:
    """What a sentence on a strange file, and its remedy, add where a plugin that cannot be used might know it."""
    broken = unusable(readers)
    why = "".join(f", and the plugin {error.plugin}, which might know it, {error.what}" for error in broken)
    return why, ", or repair the plugin" if broken else ""


def told_of(readers: Mapping[str, Reader]) -> tuple[str, ...]:
    """A sentence on each reader that cannot be used."""
    return tuple(
        f"{error} Until then its files are passed over, or read as another format." for error in unusable(readers)
    )


def is_packed(path: Path) -> bool:
    """Whether a file is named as one that packs others."""
    return path.name.lower().endswith(_PACKED)


def refuse_packed(path: Path) -> None:
    """Refuse a file that packs others.

    Raises
    ------
    BadInput
        Where it is named as one.
    """
    if is_packed(path):
        raise BadInput(path, "it packs other files, which are not looked for in it", PACKED_REMEDY)


def refuse_unreadable(path: Path) -> None:
    """Refuse what the user may not read, which would otherwise look empty or of no format.

    Raises
    ------
    BadInput
        Where the rights to a file or folder are missing.
    """
    if not is_readable(path):
        raise BadInput(path, "it may not be read", "ask for the right to read it")


def is_readable(path: Path) -> bool:
    """Whether the user may read a file, or list a folder and open what is in it."""
    return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))


def recognised(path: Path, readers: Mapping[str, Reader]) -> Reader | None:
    """The first reader that recognises a path, else None."""
    return next((reader for reader in readers.values() if reader.recognises(path)), None)


def stem_of(path: Path) -> str:
    """A clip name from a file's name without its suffix (``.nii.gz`` is one)."""
    name = path.name[:-3] if path.suffix.lower() == ".gz" else path.name
    return safe_stem(Path(name).stem)
