"""Frames of a DICOM source as uint8, decoded one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from annotator.plugin import BadInput, Frame
from annotator_formats import jpeg_lossless
from annotator_formats._rust_panics import hushed
from annotator_formats.dicom_source import REMEDY, DicomSource, quiet
from annotator_formats.pixels import WHOLE, Window, finite_range, has_colour, sentences, to_grey

_SURVEYED: Final = 9
"""Frames, evenly spread, in which colour is looked for; colour Doppler goes on through a clip."""

_PLUGINS: Final = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    RLELossless: "pylibjpeg",
}


@dataclass(frozen=True, slots=True)
class Rendering:
    """How stored pixels become uint8.

    Parameters
    ----------
    window
        Map of stored values to 0..255, the same for every frame.
    palette
        (N, 3) uint8 colour of every stored value, where the image is PALETTE COLOR.
    channels
        1 or 3.
    """

    window: Window = WHOLE
    palette: NDArray[np.uint8] | None = None
    channels: int = 1

    def __call__(self, stored: NDArray[Any]) -> Frame:
        """(H, W) or (H, W, 3) uint8 of one decoded frame."""
        if self.palette is not None:
            values = stored.astype(f"u{stored.itemsize}", copy=False)
            frame: Frame = np.take(self.palette, np.minimum(values, len(self.palette) - 1), axis=0)
        else:
            frame = self.window(stored)
        return to_grey(frame) if frame.ndim == 3 and self.channels == 1 else frame


def stored_frames(source: DicomSource, indices: Sequence[int] | None = None) -> Iterator[NDArray[Any]]:
    """Decoded frames, (H, W) or (H, W, 3) of the stored type, YBR already turned into RGB.

    Raises
    ------
    BadInput
        Where the pixel data cannot be decoded or holds another number of frames than declared.
    """
    wanted = range(source.n_frames) if indices is None else indices
    n_decoded = 0
    with sentences(source.path, REMEDY):
        decoded = _decoded(source, indices)
        while n_decoded <= len(wanted):
            with quiet(), hushed() if source.syntax == RLELossless else nullcontext():
                frame = next(decoded, None)
            if frame is None:
                break
            n_decoded += 1
            if n_decoded > len(wanted):
                break
            if frame.shape[:2] != source.shape:
                raise BadInput(source.path, f"frame {n_decoded} has another size than the header says", REMEDY)
            yield frame
    if n_decoded != len(wanted):
        held = f"{n_decoded}" if n_decoded < len(wanted) else f"more than {len(wanted)}"
        raise BadInput(source.path, f"it declares {source.n_frames} frames and holds {held}", REMEDY)


def _decoded(source: DicomSource, indices: Sequence[int] | None) -> Iterator[NDArray[Any]]:
    """Frames as pydicom decodes them, around two traps of pydicom 3.0."""
    options = dict(source.options)
    photometric = str(options["photometric_interpretation"])
    is_partial = photometric.startswith("YBR_PARTIAL")
    if is_partial:
        options["photometric_interpretation"] = photometric.replace("PARTIAL", "FULL")
    # JPEG itself is full range whatever the header calls it (JFIF 1.02); only uncompressed samples are not.
    to_rgb = _from_partial if is_partial and not source.syntax.is_encapsulated else _from_full
    # pydicom's own conversion of colours takes three times as long as decoding does.
    by_hand = options["bits_allocated"] == 8
    decoder = get_decoder(source.syntax)
    options["decoding_plugin"] = _plugin(source)

    def pixels(decoded: tuple[NDArray[Any], dict[str, Any]]) -> NDArray[Any]:
        frame, properties = decoded
        is_ybr = by_hand and str(properties["photometric_interpretation"]).startswith("YBR_FULL")
        return to_rgb(frame) if is_ybr else frame

    with source.pixel_stream() as stream:
        if photometric.endswith("_422") and not source.syntax.is_encapsulated:
            # A decoder forgets after its first 4:2:2 frame that the next is 4:2:2 too.
            for index in range(source.n_frames) if indices is None else indices:
                stream.seek(source.offset)
                yield pixels(next(decoder.iter_array(stream, indices=[index], raw=by_hand, **options)))
            return
        if indices is None and options["pixel_representation"]:
            # Signs are corrected in place, on a read-only array unless frames are asked for by index.
            indices = range(source.n_frames)
        yield from map(pixels, decoder.iter_array(stream, indices=indices, raw=by_hand, **options))


def _plugin(source: DicomSource) -> str:
    """Which of pydicom's plugins decodes a source: never GDCM where another can, since damage may abort it.

    Raises
    ------
    BadInput
        Where only GDCM can decode the source, and cannot.
    """
    if source.syntax in jpeg_lossless.DECODER_DEPENDENCIES:
        jpeg_lossless.register()
        if source.options["bits_allocated"] == 8:
            return jpeg_lossless.LABEL
        if not jpeg_lossless.survives_gdcm(source.path):
            raise BadInput(source.path, "its lossless JPEG is damaged", REMEDY)
    return _PLUGINS.get(source.syntax, "")


def _from_full(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB of 8-bit YBR in full range (PS3.3 C.7.6.3.1.2)."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame[..., [0, 2, 1]]), cv2.COLOR_YCrCb2RGB), dtype=np.uint8)


def _from_partial(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """RGB of 8-bit YBR with luma 16..235 and chroma 16..240 (PS3.3 C.7.6.3.1.2, ITU-R BT.601)."""
    y, cb, cr = (frame[..., i].astype(np.float32) - offset for i, offset in enumerate((16, 128, 128)))
    red = 1.1644 * y + 1.5960 * cr
    green = 1.1644 * y - 0.3917 * cb - 0.8130 * cr
    blue = 1.1644 * y + 2.0173 * cb
    colours: NDArray[np.uint8] = np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)
    return colours


def rendering(source: DicomSource) -> Rendering:
    """How the frames of a source become uint8: its window over the whole clip, and whether colour is real.

    Raises
    ------
    BadInput
        Where the pixel data cannot be decoded.
    """
    photometric = str(source.options["photometric_interpretation"])
    if photometric == "PALETTE COLOR":
        with sentences(source.path, REMEDY), quiet():
            plain = Rendering(palette=_palette(source), channels=3)
    elif photometric in ("MONOCHROME1", "MONOCHROME2"):
        return Rendering(_window(source, is_inverted=photometric == "MONOCHROME1"))
    else:
        plain = Rendering(_window(source), channels=3)
    last = source.n_frames - 1
    indices = sorted({round(i * last / (_SURVEYED - 1)) for i in range(_SURVEYED)})
    if any(has_colour(plain(stored)) for stored in stored_frames(source, indices)):
        return plain
    return Rendering(plain.window, plain.palette, channels=1)


def _window(source: DicomSource, *, is_inverted: bool = False) -> Window:
    options = source.options
    is_plain = options["bits_allocated"] == 8 and options["bits_stored"] == 8 and not options["pixel_representation"]
    if is_plain:
        return Window(0, 255, is_inverted)
    low, high = np.inf, -np.inf
    for stored in stored_frames(source):
        one = finite_range(stored)
        low, high = min(low, one[0]), max(high, one[1])
    return Window(low, high, is_inverted)


def _palette(source: DicomSource) -> NDArray[np.uint8]:
    bits = min(16, int(source.options["bits_allocated"]))
    values = np.arange(2**bits, dtype=np.uint8 if bits <= 8 else np.uint16)
    colours = np.asarray(apply_color_lut(values[np.newaxis], source.dataset))[0, :, :3]
    # Some 16-bit tables hold 8-bit colours.
    return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
