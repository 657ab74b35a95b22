"""One HDF5 file with images, masks, validity and provenance of a whole data set, read back without loss.

Frames without any label are kept where the export hands them over, so that whole clips come back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    BadInput,
    ExportContext,
    FrameKey,
    LabelledClip,
    Provenance,
    Pseudonymiser,
    Recording,
    WriteReport,
    protocol_to_json,
)
from annotator_formats._disk_file import DiskFile
from annotator_formats._hdf5_layout import FORMAT, VERSION, fixed_text, write_clip
from annotator_formats._hdf5_read import stored_clips
from annotator_formats._held_interrupt import held_interrupt
from annotator_formats._volumes import reading
from annotator_formats._written_aside import written_aside

DATASET_FILE: Final = "dataset.h5"

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


class Hdf5Writer:
    """Writes ``dataset.h5``."""

    name = "hdf5"
    is_lossless = True
    holds_pictures = True

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        """Write all clips into one file.

        Raises
        ------
        AnnotatorError
            Where the disk does not take the file.
        KeyboardInterrupt
            Where ctrl-C came, after the frame that was being written.
        """
        target = out / DATASET_FILE
        with written_aside(target) as aside, held_interrupt() as held, closing(DiskFile(aside, held)) as disk:
            # From layout 1.10 on the library checks sums of its own tables too, and so finds damage there.
            with h5py.File(disk, "w", libver=("v110", "v110")) as file:
                _write_dataset(file, clips, context, check=disk.check)
            disk.check()
        return WriteReport((target,))


def _write_dataset(
    file: h5py.File, clips: Iterable[LabelledClip], context: ExportContext, *, check: Callable[[], None]
) -> None:
    file.attrs["format"] = fixed_text(FORMAT)
    file.attrs["version"] = VERSION
    file.attrs["data_revision"] = context.data_revision
    file.attrs["protocol"] = fixed_text(json.dumps(protocol_to_json(context.protocol), ensure_ascii=False))
    file.attrs["values"] = fixed_text(json.dumps(dict(context.values)))
    file.attrs["structures"] = np.array(context.protocol.ids, dtype=np.bytes_)
    groups = file.create_group("clips")
    for number, entry in enumerate(clips):
        group = groups.create_group(f"{number:06d}")
        write_clip(group, entry, context, check=check)
        if group["frame_index"].shape[0] == 0:
            del groups[f"{number:06d}"]


class Hdf5Reader:
    """Reads what :class:`Hdf5Writer` wrote: clips with their labels."""

    name = "hdf5"

    def recognises(self, path: Path) -> bool:
        """Whether the file is an HDF5 file of this layout."""
        try:
            if not path.is_file():
                return False
            with path.open("rb") as stream:
                # It is asked of every file of an archive, and h5py takes ten times as long to say no.
                if stream.read(len(_SIGNATURE)) != _SIGNATURE:
                    return False
            with h5py.File(path, "r") as file:
                return bool(file.attrs.get("format") == FORMAT.encode())
        except (OSError, RuntimeError, ValueError, KeyError):
            return False

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """All clips, with frames and labels read as they are asked for.

        Patients keep the pseudonyms under which they were exported: the names behind them never were in the file,
        so ``pseudonymiser`` finds nothing to do.

        Raises
        ------
        BadInput
            Where the file is damaged, of a newer version or no data set of this program.
        """
        with reading(path), self._opened(path) as file:
            stored = stored_clips(path, file)
        if not stored:
            raise BadInput(path, "it holds no clip", "export the project again")
        with reading(path):
            return [entry.recording() for entry in stored]

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) uint8 mask values of a file with one clip; 255 where not known.

        Raises
        ------
        BadInput
            Where the file is damaged or holds several clips.
        """
        with reading(path), self._opened(path) as file:
            stored = stored_clips(path, file)
        if len(stored) != 1:
            raise BadInput(path, f"it holds {len(stored)} clips, not the masks of one", "import it as a data set")
        with reading(path):
            return stored[0].masks()

    def read_provenance(self, path: Path) -> Mapping[FrameKey, Mapping[str, Provenance]]:
        """Who said what, by frame and structure, as in the project that was exported.

        Raises
        ------
        BadInput
            Where the file is damaged.
        """
        found: dict[FrameKey, dict[str, Provenance]] = {}
        with reading(path), self._opened(path) as file:
            stored = stored_clips(path, file)
        with reading(path):
            for entry in stored:
                for (frame, structure), said in entry.provenance().items():
                    found.setdefault(FrameKey(entry.clip.name, frame), {})[structure] = said
        return found

    def _opened(self, path: Path) -> h5py.File:
        if not self.recognises(path):
            raise BadInput(path, "it is not a data set of this program, or it is damaged", "export it again")
        return h5py.File(path, "r")
