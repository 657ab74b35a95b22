"""Video: frames, times, and files that end early."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotator.plugin import BadInput, Pseudonymiser, Reader
from annotator.testing.readers import ReaderContract
from annotator_formats.video import VideoReader

SALT = Pseudonymiser(b"salt")


def clip(n_frames: int, *, is_colour: bool) -> NDArray[np.uint8]:
    frames = np.zeros((n_frames, 64, 96, 3), dtype=np.uint8)
    for index, frame in enumerate(frames):
        cv2.circle(frame, (20 + 4 * index, 32), 12, (40, 40, 220) if is_colour else (200, 200, 200), -1)
    return frames


def save(path: Path, frames: NDArray[np.uint8], *, code: str = "MJPG", rate: float = 40) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (frames.shape[2], frames.shape[1]))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


class TestContract(ReaderContract):
    reads_masks = False

    def make_reader(self) -> Reader:
        return VideoReader()

    def make_file(self, folder: Path) -> Path:
        return save(folder / "clip.avi", clip(10, is_colour=False))


@pytest.mark.parametrize(("name", "code"), [("a.avi", "MJPG"), ("a.mp4", "mp4v")])
@pytest.mark.parametrize("is_colour", [False, True])
def test_frames_and_times(tmp_path: Path, name: str, code: str, is_colour: bool) -> None:
    frames = clip(7, is_colour=is_colour)
    recording = VideoReader().read(save(tmp_path / name, frames, code=code), SALT)[0]
    header = recording.header
    assert (header.n_frames, header.shape, header.channels) == (7, (64, 96), 3 if is_colour else 1)
    assert header.frame_times_ms == pytest.approx([25 * i for i in range(7)])
    assert (header.spacing, header.ed_frames) == (None, ())
    expected = frames[..., ::-1] if is_colour else frames[..., 0]
    difference = np.abs(np.stack(list(recording.frames)).astype(int) - expected)
    assert difference.mean() < 8


def test_frames_that_last_differently_are_timed_as_the_container_says(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mp4", clip(8, is_colour=False), code="mp4v")
    path.write_bytes(slowed(path.read_bytes()))
    header = VideoReader().read(path, SALT)[0].header
    assert header.frame_times_ms == pytest.approx([0, 25, 50, 75, 100, 200, 300, 400])


def slowed(data: bytes) -> bytes:
    """The MP4 with the times of its 8 frames told in two runs, the second four times as long (ISO 14496-12, 8.6.1)."""
    changed = bytearray(data.replace(b"edts", b"free"))
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = changed.find(name) - 4
        changed[start : start + 4] = struct.pack(">I", struct.unpack_from(">I", changed, start)[0] + 8)
    start = changed.find(b"stts") - 4
    (step,) = struct.unpack_from(">I", changed, start + 20)
    changed[start : start + 24] = struct.pack(">I4s6I", 32, b"stts", 0, 2, 4, step, 4, 4 * step)
    return bytes(changed)


@pytest.mark.parametrize("first", [b"wide", b"free", b"skip", b"pnot"])
def test_quicktime_files_that_name_no_type_are_recognised(tmp_path: Path, first: bytes) -> None:
    path = save(tmp_path / "a.mov", clip(7, is_colour=False), code="mp4v")
    path.write_bytes(path.read_bytes().replace(b"ftyp", first, 1))
    assert VideoReader().recognises(path)
    assert VideoReader().read(path, SALT)[0].header.n_frames == 7


@pytest.mark.parametrize("text", [b"The free clips are", b"Use skip, please.", b"\0\0\0\x20ftypavif\0\0\0\0"])
def test_texts_and_stills_are_no_video(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a").write_bytes(text)
    assert not VideoReader().recognises(tmp_path / "a")


def test_a_video_cut_in_the_middle(tmp_path: Path) -> None:
    for name, code in (("a.avi", "MJPG"), ("a.mp4", "mp4v")):
        path = save(tmp_path / name, clip(30, is_colour=False), code=code)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(BadInput, match=name):
            VideoReader().read(path, SALT)


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = save(tmp_path / "a.avi", clip(0, is_colour=False))
    with pytest.raises(BadInput):
        VideoReader().read(path, SALT)


def test_a_video_holds_no_masks(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot hold labels"):
        VideoReader().read_masks(save(tmp_path / "a.avi", clip(2, is_colour=False)))


@given(share=st.floats(0, 1), noise=st.binary(max_size=6), is_cut=st.booleans())
@profile(max_examples=30)
def test_damage_raises_nothing_but_bad_input(
    tmp_path_factory: pytest.TempPathFactory, share: float, noise: bytes, is_cut: bool
) -> None:
    base = tmp_path_factory.getbasetemp() / "base.avi"
    data = (base if base.exists() else save(base, clip(5, is_colour=False))).read_bytes()
    at = int(share * len(data))
    path = base.with_name("damaged.avi")
    path.write_bytes(data[:at] + noise + (b"" if is_cut else data[at + len(noise) :]))
    with contextlib.suppress(BadInput):
        recording = VideoReader().read(path, SALT)[0]
        assert len(list(recording.frames)) == recording.header.n_frames
