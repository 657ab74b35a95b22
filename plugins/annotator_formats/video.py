"""Reader for AVI, MP4 and MOV through OpenCV."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import BadInput, ClipHeader, Frame, Pseudonymiser, Recording, safe_stem
from annotator_formats.pixels import check_size, has_colour, sentences, to_grey

REMEDY: Final = "export the video again as AVI or MP4"
_STILL_BRANDS: Final = (b"avif", b"heic", b"heix", b"mif1")
_FIRST_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""How QuickTime files begin that are older than 'ftyp' (QuickTime File Format, chapter 1)."""


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a first pass over the whole video found."""

    n_frames: int
    shape: tuple[int, int]
    is_colour: bool
    times_ms: tuple[float, ...]


class VideoReader:
    """Video clips; frames are counted by decoding them, since containers guess."""

    name = "video"

    def recognises(self, path: Path) -> bool:
        """Whether the file starts as AVI or as MP4 and MOV do."""
        return _kind(path) is not None

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """The clip of the file; the patient is the folder's name.

        Raises
        ------
        BadInput
            Where the video cannot be decoded or ends before its declared end.
        """
        with sentences(path, REMEDY):
            survey = _survey(path)
            header = ClipHeader(
                stem=safe_stem(path.stem),
                patient=pseudonymiser.key(path.resolve().parent.name),
                n_frames=survey.n_frames,
                height=survey.shape[0],
                width=survey.shape[1],
                channels=3 if survey.is_colour else 1,
                frame_times_ms=survey.times_ms,
                format=_kind(path) or "video",
            )
        return (Recording(header, _Frames(path, survey)),)

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """Refuse: video compression changes the integers of a mask.

        Raises
        ------
        BadInput
            Always.
        """
        raise BadInput(path, "a video cannot hold labels", "name an indexed PNG, NIfTI or MetaImage")


class _Frames:
    """The frames of a video, decoded while they are read."""

    def __init__(self, path: Path, survey: _Survey) -> None:
        self._path, self._survey = path, survey

    def __iter__(self) -> Iterator[Frame]:
        n_frames = 0
        with sentences(self._path, REMEDY):
            for _, frame in _decoded(self._path):
                if n_frames == self._survey.n_frames:
                    break
                n_frames += 1
                yield frame if self._survey.is_colour else to_grey(frame)
            if n_frames < self._survey.n_frames:
                raise BadInput(self._path, f"it ended after {n_frames} frames this time", "import it again")


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
            size = stream.seek(0, os.SEEK_END)
    except OSError:
        return None
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "avi"
    if start[4:8] == b"ftyp":
        return None if start[8:12] in _STILL_BRANDS else "mp4"
    # A text may have such a word there too, but no length before it that fits; 0 and 1 say that it stands elsewhere.
    length = int.from_bytes(start[:4], "big")
    fits = length in (0, 1) or 8 <= length <= size
    return "mp4" if start[4:8] in _FIRST_ATOMS and fits else None


@contextmanager
def _capture(path: Path) -> Iterator[cv2.VideoCapture]:
    # FFmpeg prints what it thinks of a damaged file; the sentence raised here says it once.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise BadInput(path, "no video can be read from it", REMEDY)
        yield capture
    finally:
        capture.release()


def _decoded(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """When each frame is shown, in ms, and its (H, W, 3) uint8 RGB."""
    with _capture(path) as capture:
        width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        check_size(path, 1, (height, width), 3)
        while True:
            is_read, frame = capture.read()
            if not is_read:
                return
            yield float(capture.get(cv2.CAP_PROP_POS_MSEC)), np.ascontiguousarray(frame[..., ::-1])


def _survey(path: Path) -> _Survey:
    with _capture(path) as capture:
        rate, declared = float(capture.get(cv2.CAP_PROP_FPS)), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    shown, is_colour, shape = list[float](), False, (0, 0)
    for at, frame in _decoded(path):
        shape = (frame.shape[0], frame.shape[1])
        is_colour = is_colour or (len(shown) % 8 == 0 and has_colour(frame))
        shown.append(at)
    n_frames = len(shown)
    if n_frames == 0:
        raise BadInput(path, "it holds no frame", REMEDY)
    # Containers round their frame count; a loss of more than a few frames is a truncated file.
    if declared - n_frames > max(3, 0.05 * declared):
        raise BadInput(path, f"it ends after {n_frames} of {declared} frames", REMEDY)
    check_size(path, n_frames, shape, 3)
    return _Survey(n_frames, shape, is_colour, _times_ms(shown, rate))


def _times_ms(shown: Sequence[float], rate: float) -> tuple[float, ...]:
    """Start of each frame in ms from the first: as the container has it, else by its mean rate; empty without either.

    Parameters
    ----------
    shown
        When each frame is shown; ms, or anything where the container does not say.
    rate
        Frames a second.
    """
    if not (math.isfinite(rate) and 1 <= rate <= 1000 and len(shown) > 1):
        return ()
    if all(one < two for one, two in pairwise(shown)):
        return tuple(at - shown[0] for at in shown)
    return tuple(1000 * i / rate for i in range(len(shown)))
