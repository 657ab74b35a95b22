"""What all image readers share: size limits, the window to uint8, and whether colour is real."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.plugin import MAX_SIDE, BadInput, Frame

_ADDRESS: Final = re.compile(r"\s*<(?:[^<>]* object at 0x[0-9a-fA-F]+|_io\.\w+ [^<>]*)>")
"""How a library names a stream that it reads, which tells nobody anything."""

MAX_FRAME_PIXELS: Final = 64 * 2**20
"""Pixels of one frame that are accepted; the largest echo screen has some 2 million."""

MAX_CLIP_BYTES: Final = 8 * 2**30
"""Decoded bytes of one clip that are accepted."""

COLOUR_DIFFERENCE: Final = 32
"""Largest difference between the channels of a grey pixel that JPEG chroma noise explains."""

COLOUR_SHARE: Final = 0.005
"""Share of coloured pixels of a frame above which colour is content; an ECG trace or a logo stays below."""


@contextmanager
def sentences(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever a decoder raises on ``path`` into one plain sentence.

    Raises
    ------
    BadInput
        In place of every exception that is not one already.
    """
    try:
        yield
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(path, "there is no such file", "check the path") from None
    except (struct.error, EOFError):
        raise BadInput(path, "it ends too early", remedy) from None
    except RecursionError:
        raise BadInput(path, "its elements are nested without end", remedy) from None
    except MemoryError:
        raise BadInput(path, "it needs more memory than there is", remedy) from None
    except PermissionError:
        raise BadInput(path, "it may not be read", "ask for the right to read it") from None
    except Exception as error:
        reason = " ".join(_ADDRESS.sub("", str(error)).split())[:160].rstrip(" .;") or type(error).__name__
        raise BadInput(path, f"it cannot be decoded ({reason})", remedy) from None
    except BaseException as error:
        # A panic of a decoder in Rust is no Exception.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise BadInput(path, "its compressed pixel data is damaged", remedy) from None


def check_size(path: Path, n_frames: int, shape: tuple[int, int], bytes_per_pixel: int) -> None:
    """Refuse a declared size that no clip has.

    Parameters
    ----------
    path
        The file, for the message.
    n_frames, shape, bytes_per_pixel
        Frames, (H, W) in pixels, decoded bytes of one pixel.

    Raises
    ------
    BadInput
        Where a side, a frame or the clip is empty or larger than the limits.
    """
    height, width = shape
    declared = f"it declares {n_frames} frames of {height} x {width} pixels"
    if n_frames < 1 or height < 1 or width < 1:
        raise BadInput(path, f"{declared}, which is no image", "export it again")
    if height > MAX_SIDE or width > MAX_SIDE or height * width > MAX_FRAME_PIXELS:
        raise BadInput(path, f"{declared}, which is larger than any image that is accepted", "export it smaller")
    if n_frames * height * width * bytes_per_pixel > MAX_CLIP_BYTES:
        raise BadInput(path, f"{declared}, which is more than {MAX_CLIP_BYTES // 2**30} GiB", "cut it into clips")


def has_colour(frame: NDArray[np.uint8]) -> bool:
    """Whether (H, W, 3) uint8 shows colour beyond compression noise and small graphics."""
    spread = frame.max(axis=2) - frame.min(axis=2)
    return float(np.mean(spread > COLOUR_DIFFERENCE)) > COLOUR_SHARE


def to_grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of (H, W, 3) uint8 as (H, W) uint8, exact where R = G = B (ITU-R BT.601 weights)."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Window:
    """A linear map of ``low..high`` to 0..255 (to 255..0 where inverted), one for all frames of a clip."""

    low: float
    high: float
    is_inverted: bool = False

    def __call__(self, frame: NDArray[Any]) -> Frame:
        """uint8 of a frame of any number type."""
        if self.low == 0 and self.high == 255 and frame.dtype == np.uint8:
            return 255 - frame if self.is_inverted else frame
        scale = 255.0 / (self.high - self.low) if self.high > self.low else 0.0
        scaled = np.nan_to_num((frame.astype(np.float32) - self.low) * scale)
        result: Frame = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return 255 - result if self.is_inverted else result


WHOLE: Final = Window(0, 255)
"""The window of images that are uint8 already."""


def finite_range(frame: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest finite value of a frame; (0, 0) where there is none."""
    values = frame if frame.dtype.kind in "iub" else frame[np.isfinite(frame)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
