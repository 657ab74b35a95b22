"""Masks that lie beside their images: told by their names, or in a folder of masks by the images of the same names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from annotator.core.errors import BadInput
from annotator.core.plugin_types import Reader
from annotator.ingest.readers import NAMELESS, recognised

MASK_ENDINGS: Final = ("_gt", "_mask", "_masks", "_seg", "_label", "_labels")
"""A file named like one beside it, with such an ending, is that one's mask."""

_MASK_FOLDER: Final = re.compile(
    r"(.*[ ._-])?(gt|ground[ _-]?truths?|masks?|seg|segmentations?|labels?|annotations?)(tr|ts)?", re.IGNORECASE
)
"""Names of folders that may hold masks; ``labelsTr`` is one of the Medical Segmentation Decathlon."""

_INITIALS: Final = re.compile(r"gt|seg", re.IGNORECASE)
"""Those among them that a patient's or a hospital's folder may have too."""

_MOST_VALUES: Final = 32
"""Different values in a mask; a picture has more."""


def is_named_as_mask(file: Path, others: Collection[Path]) -> bool:
    """Whether a file is named as the mask of another, which may be of another format; ``others`` are :func:`bare`."""
    own = bare(file)
    return any(own.with_name(name) in others for name in _images_of(own.name))


def bare(file: Path) -> Path:
    """A path without its suffix; ``.nii.gz`` is one, whatever its case."""
    without = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    return without.with_suffix("")


def _images_of(mask: str) -> list[str]:
    """What the image may be called, of which a file of this bare name is the mask."""
    bases = (mask[: -len(ending)] for ending in MASK_ENDINGS if mask.lower().endswith(ending))
    return [base for base in bases if base]


class MaskFolders:
    """Tells masks that lie in a folder of their own, such as ``labels`` beside ``images``, each listed once.

    A file in a folder of such a name is one where a folder beside that one holds an image of the same name (or of what
    the name is without one of :data:`MASK_ENDINGS`), at the same place in it. What its pixels are says nothing: masks
    are saved in colour and as JPEG too, and a picture with outlines drawn on it is nothing to learn from either. But a
    folder may have a patient's initials, and recordings of several be called alike: files that name a patient are no
    masks, and in a folder that is called ``gt`` or ``seg`` those alone are whose pixels have few values.

    Parameters
    ----------
    readers
        Readers by name.
    """

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        self._readers = readers
        self._beside: dict[tuple[Path, Path], Mapping[str, Sequence[Path]]] = {}

    def has(self, file: Path, reader: Reader, *, within: Path) -> bool:
        """Whether a file, which a reader takes, is such a mask; folders above the one that was named do not count."""
        if file.suffix.lower() not in NAMELESS:
            return False
        place, top = file.absolute(), within.absolute()
        folders = [p for p in place.parents if p.is_relative_to(top) and _MASK_FOLDER.fullmatch(p.name)]
        masks = [folder for folder in folders if self._has_image(place, folder)]
        is_clear = any(not _INITIALS.fullmatch(folder.name) for folder in masks)
        return is_clear or (bool(masks) and _has_few_values(file, reader))

    def _has_image(self, mask: Path, folder: Path) -> bool:
        """Whether an image of the name of a mask is at its place in a folder beside that of the masks."""
        place = mask.parent.relative_to(folder)
        if (folder, place) not in self._beside:
            self._beside[folder, place] = _files_beside(folder, place)
        beside, name = self._beside[folder, place], bare(mask).name
        candidates = (file for image in (name, *_images_of(name)) for file in beside.get(image, ()))
        return any(recognised(file, self._readers) is not None for file in candidates)


def _files_beside(folder: Path, place: Path) -> Mapping[str, Sequence[Path]]:
    """Files by their bare names, at one place in each folder beside a folder that may itself hold no masks."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    with suppress(OSError):
        for other in folder.parent.iterdir():
            if other.name.startswith(".") or _MASK_FOLDER.fullmatch(other.name):
                continue
            with suppress(OSError):
                for file in (other / place).iterdir():
                    found[bare(file).name].append(file)
    return found


def _has_few_values(file: Path, reader: Reader) -> bool:
    """Whether a file can be read as masks, and has the values of such."""
    values: set[int] = set()
    try:
        for mask in reader.read_masks(file):
            # Sorting takes several times as long, and thousands of masks are looked at before the first image is read.
            of_mask = np.flatnonzero(np.bincount(mask.ravel())) if mask.dtype == np.uint8 else np.unique(mask)
            values.update(of_mask.tolist())
            if len(values) > _MOST_VALUES:
                return False
    except BadInput:
        return False
    return True
