"""Video: frames, times, and files that end early."""

from __future__ import annotations

import contextlib
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
