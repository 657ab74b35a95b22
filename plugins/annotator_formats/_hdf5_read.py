"""Clips and labels out of ``dataset.h5``, read only when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    BadInput,
    Clip,
    ClipHeader,
    Frame,
    LabelStatus,
    Origin,
    Part,
    PartialLabel,
    Provenance,
    Recording,
    StructureLabel,
    clip_from_json,
)
from annotator_formats._hdf5_layout import NO_SNAPSHOT, STATUS_NAMES, VERSION
from annotator_formats._volumes import DEFLATE_RATIO, check_size, reading


@dataclass(frozen=True, eq=False)
class StoredClip:
    """Where one clip is in the file, and what was checked of it."""

    path: Path
    group: str
    clip: Clip
    frame_index: tuple[int, ...]
    structures: tuple[str, ...]

    @cached_property
    def header(self) -> ClipHeader:
        """The clip's header, cut down to the stored frames where the file holds only some."""
        header, kept = self.clip.header, self.frame_index
        if kept == tuple(range(header.n_frames)):
            return header
        times = header.frame_times_ms
        return replace(
            header,
            n_frames=len(kept),
            frame_times_ms=tuple(times[i] - times[kept[0]] for i in kept) if times else (),
            ed_frames=tuple(kept.index(f) for f in header.ed_frames if f in kept),
            es_frames=tuple(kept.index(f) for f in header.es_frames if f in kept),
        )

    def recording(self) -> Recording:
        """The clip with frames and labels that are read as they are asked for."""
        is_whole = self.header is self.clip.header
        count, full = self.header.n_frames, self.clip.header.n_frames
        sentence = f"The file holds {count} of the {full} frames of '{self.clip.name}'; the clip has only those."
        warnings = () if is_whole else (sentence,)
        said: dict[int, dict[str, Provenance]] = {}
        for (frame, structure), made in self.provenance().items():
            said.setdefault(self.frame_index.index(frame), {})[structure] = made
        part = None if is_whole else Part(self.clip, self.frame_index)
        return Recording(self.header, self.frames(), warnings, StoredLabels(self), self.clip.split, said, part)

    def frames(self) -> Iterator[Frame]:
        """Stored frames in order.

        Raises
        ------
        BadInput
            Where the file is damaged.
        """
        with reading(self.path), h5py.File(self.path, "r") as file:
            images = file[self.group]["images"]
            for position in range(len(self.frame_index)):
                yield np.asarray(images[position])

    def masks(self) -> NDArray[np.uint8]:
        """(T, H, W) uint8 mask values of the whole clip, 255 in frames that are not stored."""
        header = self.clip.header
        with h5py.File(self.path, "r") as file:
            result = np.full((header.n_frames, *header.shape), 255, dtype=np.uint8)
            result[list(self.frame_index)] = file[self.group]["masks"][()]
        return result

    def provenance(self) -> Mapping[tuple[int, str], Provenance]:
        """(Frame of the clip, structure) to who said it."""
        with h5py.File(self.path, "r") as file:
            rows = file[self.group]["provenance"][()]
        return {
            (int(row["frame"]), row["structure"].decode()): Provenance(
                revision=int(row["revision"]),
                author=row["author"].decode(),
                time=datetime.fromisoformat(row["time"].decode()),
                origin=Origin(row["origin"].decode()),
                snapshot=None if row["snapshot"] == NO_SNAPSHOT else int(row["snapshot"]),
            )
            for row in rows
        }


class StoredLabels(Mapping[int, PartialLabel]):
    """Labels by position among the stored frames; each is read when it is asked for.

    Parameters
    ----------
    stored
        The clip whose labels these are.
    """

    def __init__(self, stored: StoredClip) -> None:
        self._stored = stored
        with h5py.File(stored.path, "r") as file:
            group = file[stored.group]
            self._status: NDArray[np.uint8] = np.asarray(group["status"][()])
            self._has_outside: NDArray[np.bool_] = np.asarray(group["has_outside"][()], dtype=np.bool_)
            is_unsure = [bool(group["unsure"][i].any()) for i in range(len(stored.frame_index))]
        said = (self._status != STATUS_NAMES.index(LabelStatus.UNKNOWN)).any(axis=1)
        self._positions = tuple(int(i) for i in np.flatnonzero(said | np.asarray(is_unsure, dtype=np.bool_)))

    def __len__(self) -> int:
        return len(self._positions)

    def __iter__(self) -> Iterator[int]:
        return iter(self._positions)

    def __getitem__(self, position: int) -> PartialLabel:
        """The label of a frame.

        Raises
        ------
        BadInput
            Where the file is damaged.
        KeyError
            Where nothing was said of the frame.
        """
        if position not in self._positions:
            raise KeyError(position)
        with reading(self._stored.path), h5py.File(self._stored.path, "r") as file:
            group = file[self._stored.group]
            said = {
                name: self._structure(group, position, number) for number, name in enumerate(self._stored.structures)
            }
            return PartialLabel(self._stored.header.shape, said, np.asarray(group["unsure"][position], dtype=np.bool_))

    def _structure(self, group: h5py.Group, position: int, number: int) -> StructureLabel:
        status = LabelStatus(STATUS_NAMES[self._status[position, number]])
        inside = outside = None
        if status in (LabelStatus.OUTLINED, LabelStatus.DRAFT, LabelStatus.PARTIAL):
            inside = np.asarray(group["inside"][position, number], dtype=np.bool_)
        if self._has_outside[position, number]:
            outside = np.asarray(group["outside"][position, number], dtype=np.bool_)
        return StructureLabel(status, inside, outside)


def stored_clips(path: Path, file: h5py.File) -> list[StoredClip]:
    """All clips of an open file, each checked against what it declares.

    Raises
    ------
    BadInput
        Where the file is of a newer version, or a clip does not hold what it declares.
    """
    if int(file.attrs["version"]) != VERSION:
        what = f"it is of version {file.attrs['version']} and this program reads {VERSION}"
        raise BadInput(path, what, "update the program")
    structures = tuple(name.decode() for name in file.attrs["structures"])
    return [_checked(path, group, structures) for group in file["clips"].values()]


def _checked(path: Path, group: h5py.Group, structures: tuple[str, ...]) -> StoredClip:
    clip = clip_from_json(json.loads(group.attrs["clip"]))
    index = group["frame_index"]
    if not 1 <= index.shape[0] <= clip.header.n_frames:
        raise BadInput(path, f"it holds {index.shape[0]} frames of '{clip.name}'", "export the frames again")
    tail = clip.header.shape if clip.header.channels == 1 else (*clip.header.shape, 3)
    count = int(index.shape[0])
    expected = {
        "images": (count, *tail),
        "masks": (count, *clip.header.shape),
        "unsure": (count, *clip.header.shape),
        "status": (count, len(structures)),
        "has_outside": (count, len(structures)),
        "inside": (count, len(structures), *clip.header.shape),
        "outside": (count, len(structures), *clip.header.shape),
    }
    for name, shape in expected.items():
        if group[name].shape != shape:
            what = f"its {name} of '{clip.name}' are {group[name].shape} where {shape} were expected"
            raise BadInput(path, what, "export it again")
    images = group["images"]
    held = images.id.get_storage_size() * DEFLATE_RATIO
    check_size(path, (*clip.header.shape, count), int(np.prod(images.shape)), held)
    frames = tuple(int(i) for i in index[()])
    if list(frames) != sorted(set(frames)) or not 0 <= frames[0] <= frames[-1] < clip.header.n_frames:
        raise BadInput(path, f"its frames of '{clip.name}' are out of order", "export it again")
    return StoredClip(path, group.name, clip, frames, structures)
