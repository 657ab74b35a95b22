"""What NIfTI and MetaImage share: axes into (T, H, W), depth into uint8, millimetres with a check."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from annotator.plugin import (
    MAX_SIDE,
    PLAUSIBLE_MM,
    AnnotatorError,
    BadInput,
    ClipHeader,
    Pseudonymiser,
    Recording,
    Spacing,
    SpacingStatus,
    safe_stem,
)
from annotator_formats.pixels import MAX_CLIP_BYTES

DEFLATE_RATIO: Final = 1032
"""No deflate stream unpacks to more than this many times its size (zlib's technical notes)."""


_DAMAGE: Final = (
    OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, zlib.error,
    AnnotatorError,
)  # fmt: skip
"""What libraries and our own values raise on bytes that make no sense."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """The pixels of a file before they become a clip.

    Parameters
    ----------
    pixels
        (T, H, W) or (T, H, W, 3), any real dtype.
    spacing
        (y, x) in mm/px as declared, or None where the file says nothing.
    frame_ms
        Milliseconds from one frame to the next, where known.
    """

    pixels: NDArray[Any]
    spacing: tuple[float, float] | None
    frame_ms: float | None = None
    warnings: tuple[str, ...] = ()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes a library raise into one :class:`BadInput`.

    Raises
    ------
    BadInput
        Always instead of the library's own error.
    """
    try:
        yield
    except BadInput:
        raise
    except MemoryError:
        raise BadInput(path, "its pixels do not fit into memory", "cut the recording into shorter clips") from None
    except _DAMAGE as error:
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise BadInput(path, f"it cannot be read ({reason[0][:200]})", "export it again from its source") from error


def check_size(path: Path, sizes: tuple[int, ...], needed: int, available: int) -> None:
    """Refuse a declared size that the file cannot hold, before memory is taken.

    Parameters
    ----------
    path
        The file that holds the pixels.
    sizes
        Declared pixels along each axis.
    needed, available
        Bytes that the declared size takes, and that the file can hold at most.

    Raises
    ------
    BadInput
        Where a size is not positive, a side is too long, the bytes do not suffice or the clip is too large.
    """
    declared = " x ".join(str(s) for s in sizes)
    if not sizes or min(sizes) < 1:
        raise BadInput(path, f"it declares a size of {declared or 'nothing'} pixels", "export it again from its source")
    if max(sizes[:2]) > MAX_SIDE:
        raise BadInput(path, f"it declares {declared} pixels, more than {MAX_SIDE} a side", "crop the images")
    if needed > available:
        raise BadInput(
            path,
            f"it declares {declared} pixels ({needed} bytes) and can hold {max(available, 0)} bytes",
            "copy or export it again, whole",
        )
    if needed > MAX_CLIP_BYTES:
        what = f"it declares {declared} pixels, which is more than {MAX_CLIP_BYTES // 2**30} GiB"
        raise BadInput(path, what, "cut it into clips")


def plane_axes(sizes: tuple[int, ...], path: Path) -> tuple[int, int, int | None]:
    """Which axes of an x-fastest array are (first, second, frames).

    Leading axes of one pixel are passed over where two longer ones follow.

    Raises
    ------
    BadInput
        Where there are fewer than two axes, or two axes beside the image plane are longer than one.
    """
    if len(sizes) < 2:
        raise BadInput(path, "it holds a line of numbers, not an image", "choose an image file")
    start = 0
    while sizes[start] == 1 and sum(s > 1 for s in sizes[start + 1 :]) >= 2 and len(sizes) - start > 2:
        start += 1
    longer = [axis for axis in range(start + 2, len(sizes)) if sizes[axis] > 1]
    if len(longer) > 1:
        raise BadInput(path, "it holds a volume in time, not a clip of plane images", "export one plane of it")
    return start, start + 1, longer[0] if longer else None


def to_frames(array: NDArray[Any], sizes: tuple[int, ...], path: Path, *, is_row_first: bool) -> NDArray[Any]:
    """(T, H, W) or (T, H, W, 3) view of an array whose axes are ``sizes``, with a last axis of channels or none.

    Parameters
    ----------
    array
        Axes in the order of the file, fastest first; a further last axis holds channels.
    is_row_first
        Whether the file's first axis runs down the rows instead of along the columns.
    """
    first, second, frames = plane_axes(sizes, path)
    rows, columns = (first, second) if is_row_first else (second, first)
    order = [axis for axis in (frames, rows, columns) if axis is not None]
    rest = [axis for axis in range(len(sizes)) if axis not in order]
    channels = list(range(len(sizes), array.ndim))
    turned = np.transpose(array, [*rest, *order, *channels])
    tail = (sizes[rows], sizes[columns], *array.shape[len(sizes) :])
    return turned.reshape((sizes[frames] if frames is not None else 1, *tail))


def swaps_rows(direction: NDArray[np.floating[Any]]) -> bool:
    """Whether a (d, d) direction matrix sends the first axis to y and the second to x."""
    size = np.abs(np.asarray(direction, dtype=np.float64))
    return bool(size[1, 0] > size[0, 0] and size[0, 1] > size[1, 1])


def to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Window pixels over the whole clip into uint8; whole numbers in 0..255 stay as they are.

    Parameters
    ----------
    pixels
        Any shape, real. NaN and infinite pixels become black.
    """
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    finite = np.isfinite(pixels)
    if not finite.any():
        return np.zeros(pixels.shape, dtype=np.uint8)
    low, high = float(pixels[finite].min()), float(pixels[finite].max())
    is_whole = pixels.dtype.kind in "iub" or bool((pixels[finite] == np.rint(pixels[finite])).all())
    if low >= 0 and high <= 255 and is_whole:
        return np.where(finite, pixels, 0).astype(np.uint8)
    scale = 255.0 / (high - low) if high > low else 0.0
    result = np.empty(pixels.shape, dtype=np.uint8)
    for frame, good, target in zip(pixels, finite, result, strict=True):
        target[...] = np.rint((np.where(good, frame, low).astype(np.float64) - low) * scale)
    return result


def to_integers(pixels: NDArray[Any], path: Path) -> NDArray[np.integer[Any]]:
    """(T, H, W) label integers, untouched; floats are taken where every one is a whole number.

    Raises
    ------
    BadInput
        Where the file holds colours or fractions.
    """
    if pixels.ndim != 3:
        raise BadInput(path, "it holds colours, not label values", "choose a file with one integer a pixel")
    if pixels.dtype.kind in "iu":
        return np.ascontiguousarray(pixels)
    if not (np.isfinite(pixels).all() and (pixels == np.rint(pixels)).all() and (np.abs(pixels) < 2**31).all()):
        raise BadInput(path, "it holds fractions, not label values", "choose a file with one integer a pixel")
    return np.ascontiguousarray(pixels.astype(np.int32))


def to_recording(
    volume: Volume, path: Path, pseudonymiser: Pseudonymiser, *, name: str, marks: Mapping[str, tuple[int, ...]]
) -> Recording:
    """The clip of a volume: named by its file, its patient by its folder, its spacing checked.

    Parameters
    ----------
    name
        The format's short name.
    marks
        ``ed_frames`` and ``es_frames`` where a side file gives them.
    """
    frames = to_uint8(volume.pixels)
    status, spacing, proposed, doubts = judge_spacing(volume.spacing)
    n_frames, height, width = frames.shape[:3]
    step = volume.frame_ms
    header = ClipHeader(
        stem=safe_stem((path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem),
        patient=pseudonymiser.key(path.resolve().parent.name),
        n_frames=n_frames,
        height=height,
        width=width,
        channels=3 if frames.ndim == 4 else 1,
        spacing=spacing,
        spacing_status=status,
        proposed_spacing=proposed,
        frame_times_ms=tuple(i * step for i in range(n_frames)) if step else (),
        ed_frames=marks.get("ed_frames", ()),
        es_frames=marks.get("es_frames", ()),
        format=name,
    )
    return Recording(header, frames, (*volume.warnings, *doubts))


def judge_spacing(
    declared: tuple[float, float] | None,
) -> tuple[SpacingStatus, Spacing | None, Spacing | None, tuple[str, ...]]:
    """Whether a declared (y, x) in mm/px may be believed: status, spacing, proposed spacing, and sentences on it."""
    if declared is None:
        return SpacingStatus.UNKNOWN, None, None, ()
    y, x = declared
    if not all(np.isfinite(v) and v > 0 for v in declared):
        return SpacingStatus.UNKNOWN, None, None, (f"The file declares a pixel size of {y} x {x} mm; none is used.",)
    spacing = Spacing(float(y), float(x))
    if y == x == 1.0:
        sentence = "The file declares 1 x 1 mm a pixel, which is also what is written where nobody knows; none is used."
        return SpacingStatus.UNKNOWN, None, None, (sentence,)
    if not all(PLAUSIBLE_MM[0] <= v <= PLAUSIBLE_MM[1] for v in declared):
        sentence = f"The file declares {y:g} x {x:g} mm a pixel, which no ultrasound image has; please correct it."
        return SpacingStatus.DOUBTED, None, spacing, (sentence,)
    return SpacingStatus.TRUSTED, spacing, None, ()
