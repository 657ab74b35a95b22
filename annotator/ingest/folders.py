"""What lies in a folder: files to read, and what is passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST, listed_files
from annotator.core.plugin_types import Reader
from annotator.core.predictions_table import PREDICTIONS_TABLE
from annotator.core.words import counted
from annotator.ingest.manifest_rows import MANIFEST_REMEDY, is_manifest, refuse_manifest
from annotator.ingest.masks import MASK_ENDINGS, MaskFolders, bare, is_named_as_mask
from annotator.ingest.readers import (
    NAMELESS,
    PACKED_REMEDY,
    blamed,
    formats,
    is_packed,
    is_readable,
    recognised,
    refuse_packed,
    refuse_unreadable,
)

_BESIDE_MASKS: Final = (EXPORT_LIST, "labels.json", "legend.json", PREDICTIONS_TABLE)
_GLANCE: Final = 200


@dataclass(frozen=True, slots=True)
class Folder:
    """The files below a folder, told apart.

    Parameters
    ----------
    found
        Files to read, with their readers, in sorted order.
    unknown
        Files of no known format.
    manifests
        Manifests, which are imported by themselves.
    masks
        Masks of files beside them, by their names.
    kept_apart
        Masks in a folder of their own, beside one with their images.
    exported
        Masks of an earlier export or prediction.
    locked
        What the user may not read.
    linked
        Links to folders, which may lead anywhere.
    """

    found: Mapping[Path, Reader]
    unknown: Sequence[Path]
    manifests: Sequence[Path]
    masks: Sequence[Path]
    kept_apart: Sequence[Path]
    exported: Sequence[Path]
    locked: Sequence[Path]
    linked: Sequence[Path]


def shared_folder(paths: Sequence[Path]) -> Path | None:
    """The first folder several of whose files name no patient, as far as a glance at their names tells.

    It costs no more than a listing: nothing is read, folders in a folder are not entered, and of each the first 200
    files count. Where an export's ``labels.json`` is among the paths, that names the patients.
    """
    if any(path.suffix.lower() == ".json" for path in paths):
        return None
    folders: Counter[Path] = Counter()
    for path in paths:
        with suppress(OSError):
            for file in islice(path.iterdir(), _GLANCE) if path.is_dir() else (path,):
                is_mask = file.name.lower().split(".")[0].endswith(MASK_ENDINGS)
                folders[file.parent] += file.suffix.lower() in NAMELESS and not is_mask
    return next((folder for folder, count in folders.items() if count > 1), None)


def search(folder: Path, readers: Mapping[str, Reader], exports: Container[Path]) -> Folder:
    """Look through a folder and those in it, hidden files aside; ``exports`` has the masks that this program wrote.

    Raises
    ------
    BadInput
        Where it may not be listed, or holds no file of a known format that may be read.
    """
    files, locked, linked = _files(folder)
    here = {file: recognised(file, readers) for file in files}
    known = {file: reader for file, reader in here.items() if reader is not None}
    manifests = [file for file in here if file not in known and is_manifest(file)]
    if not known:
        if locked:
            refuse_unreadable(locked[0])
        if manifests:
            refuse_manifest(manifests[0])
        for file in here:
            refuse_packed(file)
        if not here and not linked:
            raise BadInput(folder, "it is empty", f"name a folder with {formats(readers)} files")
        why, remedy = blamed(readers)
        what = f"it holds no file of a known format{why}"
        raise BadInput(folder, what, f"name a folder with {formats(readers)} files{remedy}")
    exported = [file for file in known if file in exports]
    # What was left beside masks is no file that anybody misses.
    beside = {file.with_name(name) for file in exported for name in _BESIDE_MASKS}
    others = {file: reader for file, reader in known.items() if file not in exports}
    names, mask_folders = {bare(file) for file in others}, MaskFolders(readers)
    masks = dict.fromkeys(file for file in others if is_named_as_mask(file, names))
    rest = {file: reader for file, reader in others.items() if file not in masks}
    kept_apart = dict.fromkeys(file for file, reader in rest.items() if mask_folders.has(file, reader, within=folder))
    found = {file: reader for file, reader in rest.items() if file not in kept_apart}
    lists = [file for file in here if file.name == EXPORT_LIST and _is_export_list(file)]
    told = {*known, *manifests, *beside, *lists}
    unknown = [file for file in here if file not in told and not _is_data(file, known)]
    return Folder(found, unknown, manifests, tuple(masks), tuple(kept_apart), exported, locked, linked)


def passed_over(folders: Sequence[Folder], exported: Sequence[Path]) -> list[str]:
    """A sentence on each kind of thing that was passed over in some folders, and on named masks."""
    return [
        *_sentence(
            (p for f in folders for p in f.locked), "that may not be read", "; ask for permission to read.", "item"
        ),
        *_sentence((p for f in folders for p in f.linked), "to a folder", "; name the folder too.", "link"),
        *_sentence((p for f in folders for p in f.unknown if not is_packed(p)), "of no known format", "."),
        *_sentence((p for f in folders for p in f.unknown if is_packed(p)), "that packs others", f"; {PACKED_REMEDY}."),
        *_sentence((p for f in folders for p in f.manifests), "that is a manifest", f"; {MANIFEST_REMEDY}."),
        *_sentence(
            (p for f in folders for p in f.masks),
            "named as the mask of a file beside it",
            "; a manifest imports labels.",
        ),
        *_sentence(
            (p for f in folders for p in f.kept_apart),
            "of masks, in a folder beside that of their images,",
            "; a manifest (a CSV alone in the window, --manifest on the command line) brings them as labels. One that "
            "is a recording comes in where the file itself is named.",
        ),
        *_sentence(
            (*exported, *(p for f in folders for p in f.exported)),
            "that an earlier export or prediction wrote as masks",
            "; a manifest brings them as labels, or an export's labels.json, named together with the recordings.",
        ),
    ]


def _sentence(paths: Iterable[Path], what: str, end: str, noun: str = "file") -> list[str]:
    """A sentence, where there are any."""
    found = tuple(paths)
    if not found:
        return []
    names = ", ".join(path.name for path in found[:3]) + (", ..." if len(found) > 3 else "")
    return [f"{counted(len(found), noun)} {what} passed over: {names}{end}"]


def _files(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Files below a folder in sorted order, what is locked, and links to folders; nothing hidden, nor below what is.

    Raises
    ------
    BadInput
        Where the folder may not be listed.
    """
    refuse_unreadable(folder)
    try:
        inside = sorted(folder.rglob("*"))
    except OSError as error:
        raise BadInput(folder, f"it cannot be listed ({error.strerror})", "check its permissions") from None
    shown = (path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    files: list[Path] = []
    locked: list[Path] = []
    linked: list[Path] = []
    for path in shown:
        # What lies in a folder that may be listed and not entered seems not to be there.
        if not os.access(path, os.F_OK):
            continue
        if not is_readable(path):
            locked.append(path)
        elif path.is_file():
            files.append(path)
        elif path.is_symlink():
            linked.append(path)
    return files, locked, linked


def _is_export_list(file: Path) -> bool:
    try:
        return bool(listed_files(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _is_data(file: Path, headers: Collection[Path]) -> bool:
    """Whether a file holds the pixels of a MetaImage header that was found."""
    return file.suffix.lower() in (".raw", ".zraw") and file.with_suffix(".mhd") in headers
