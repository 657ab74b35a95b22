"""One HDF5 data set: clips, labels and provenance back exactly, damage in one sentence."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.plugin import BadInput, Clip, FrameKey, LabelledClip, PartialLabel, Pseudonymiser, Reader, Writer
from annotator.testing.readers import ReaderContract
from annotator.testing.samples import labelled_clip, random_label, sample_clip, sample_context
from annotator.testing.writers import WriterContract
from annotator_formats import hdf5
from annotator_formats._disk_file import DiskFile
from annotator_formats.hdf5 import Hdf5Reader, Hdf5Writer

SALT = Pseudonymiser(b"salt")


def random_clip(name: str = "clip", n_frames: int = 5, channels: int = 1) -> LabelledClip:
    labels = [random_label(seed, (6, 9)) for seed in range(n_frames)]
    return labelled_clip(sample_clip(name, n_frames=n_frames, channels=channels), labels)


def write(folder: Path, *clips: LabelledClip) -> Path:
    return Hdf5Writer().write(clips, sample_context(), folder).files[0]


class TestHdf5ReaderContract(ReaderContract):
    renames_patients = False

    def make_reader(self) -> Reader:
        return Hdf5Reader()

    def make_file(self, folder: Path) -> Path:
        return write(folder, random_clip("a"), random_clip("b", channels=3))

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        clip = sample_clip(n_frames=len(mask), shape=(mask.shape[1], mask.shape[2]))
        path = write(folder, labelled_clip(clip, [PartialLabel(clip.header.shape)] * len(mask)))
        with h5py.File(path, "r+") as file:
            file["clips/000000/masks"][...] = mask
        return path


class TestHdf5WriterContract(WriterContract):
    def make_writer(self) -> Writer:
        return Hdf5Writer()

    def read_masks(self, out: Path, clip: Clip) -> Mapping[int, NDArray[np.integer[Any]]]:
        return dict(enumerate(Hdf5Reader().read_masks(out / "dataset.h5")))

    def read_labels(self, out: Path) -> Mapping[FrameKey, PartialLabel]:
        recordings = Hdf5Reader().read(out / "dataset.h5", SALT)
        return {FrameKey(r.header.stem, i): label for r in recordings for i, label in r.labels.items()}


def test_whole_clips_come_back_equal(tmp_path: Path) -> None:
    entries = [random_clip("grey"), random_clip("colour", channels=3)]
    recordings = Hdf5Reader().read(write(tmp_path, *entries), SALT)
    for entry, recording in zip(entries, recordings, strict=True):
        assert recording.header == entry.clip.header
        assert recording.warnings == ()
        images = [frame.image for frame in entry.frames]
        assert all(np.array_equal(a, b) for a, b in zip(images, recording.frames, strict=True))


def test_a_part_of_a_clip_comes_back_as_a_shorter_one_and_says_so(tmp_path: Path) -> None:
    entry = random_clip(n_frames=6)
    kept = [frame for frame in entry.frames if frame.frame in (1, 3, 5)]
    recording = Hdf5Reader().read(write(tmp_path, LabelledClip(entry.clip, kept)), SALT)[0]
    assert recording.header.n_frames == len(list(recording.frames)) == 3
    assert recording.header.frame_times_ms == (0.0, 67.0, 134.0)
    assert (recording.header.ed_frames, recording.header.es_frames) == ((), (2,))
    assert "3 of the 6 frames" in recording.warnings[0]
    assert recording.part is not None
    assert (recording.part.whole, recording.part.frames) == (entry.clip, (1, 3, 5))
    assert all(recording.labels[i] == kept[i].label for i in recording.labels)
    assert recording.provenance == {i: frame.provenance for i, frame in enumerate(kept) if frame.provenance}


def test_provenance_comes_back(tmp_path: Path) -> None:
    entry = random_clip()
    found = Hdf5Reader().read_provenance(write(tmp_path, entry))
    assert found == {FrameKey("clip", f.frame): f.provenance for f in entry.frames if f.provenance}


def test_a_clip_without_frames_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, LabelledClip(sample_clip("empty"), []), random_clip("full"))
    assert [r.header.stem for r in Hdf5Reader().read(path, SALT)] == ["full"]


class Interrupting(DiskFile):
    """Ctrl-C comes in the write of a number, counted from 0; ``None`` for never."""

    at: int | None = None
    writes = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        number, Interrupting.writes = Interrupting.writes, Interrupting.writes + 1
        if number == Interrupting.at:
            signal.raise_signal(signal.SIGINT)
        return super().write(data)


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Ctrl-C as in a terminal; a program that a script starts in the background ignores it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("heeds_interrupts")
def test_an_interrupt_at_any_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "DiskFile", Interrupting)
    monkeypatch.setattr(Interrupting, "writes", 0)
    write(tmp_path / "whole", random_clip("a"), random_clip("b"))
    count = Interrupting.writes
    for number in range(0, count, max(1, count // 12)):
        monkeypatch.setattr(Interrupting, "at", number)
        monkeypatch.setattr(Interrupting, "writes", 0)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "out", random_clip("a"), random_clip("b"))
        assert list((tmp_path / "out").iterdir()) == []
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_file_is_written_in_another_thread_too(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        path = pool.submit(write, tmp_path, random_clip()).result()
    assert len(Hdf5Reader().read(path, SALT)) == 1


def test_a_size_without_bytes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, random_clip())
    with h5py.File(path, "r+") as file:
        del file["clips/000000/images"]
        file["clips/000000"].create_dataset("images", (5, 6, 9), np.uint8)
    with pytest.raises(BadInput, match="can hold 0 bytes"):
        Hdf5Reader().read(path, SALT)


def test_flipped_bytes_of_an_image_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, random_clip())
    with h5py.File(path, "r") as file:
        chunk = file["clips/000000/images"].id.get_chunk_info(2)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + 5 : chunk.byte_offset + 15] = bytes(10)
    path.write_bytes(bytes(data))
    with pytest.raises(BadInput, match=r"dataset\.h5"):
        list(Hdf5Reader().read(path, SALT)[0].frames)


def test_a_newer_version_and_other_hdf5_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, random_clip())
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(BadInput, match="version 99"):
        Hdf5Reader().read(path, SALT)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    assert not Hdf5Reader().recognises(tmp_path / "other.h5")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 16), width=st.integers(1, 16))
def test_any_label_comes_back(seed: int, height: int, width: int) -> None:
    label = random_label(seed, (height, width))
    clip = sample_clip(n_frames=1, shape=(height, width))
    with TemporaryDirectory() as folder:
        labels = Hdf5Reader().read(write(Path(folder), labelled_clip(clip, [label])), SALT)[0].labels
        assert labels.get(0, PartialLabel((height, width))) == label
