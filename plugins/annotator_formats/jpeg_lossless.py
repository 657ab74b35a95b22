"""Decoding of lossless JPEG for pydicom: 8 bits by Pillow's libjpeg-turbo, deeper by GDCM after a rehearsal.

GDCM ends the whole process on some damaged streams (a C++ exception crosses C code), so what only GDCM can
decode is decoded once in a child process before it is decoded here.
"""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Final

from PIL import Image
from pydicom.pixels.decoders.base import DecodeRunner, JPEGLosslessDecoder, JPEGLosslessSV1Decoder
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1

LABEL: Final = "libjpeg-turbo"
DECODER_DEPENDENCIES: Final = {JPEGLossless: ("pillow",), JPEGLosslessSV1: ("pillow",)}
_REHEARSAL: Final = "import sys; from annotator_formats.jpeg_lossless import rehearse; rehearse(sys.argv[1])"


def is_available(uid: UID) -> bool:
    """Whether a transfer syntax is decoded here; pydicom asks."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(coded: bytes, runner: DecodeRunner) -> bytes:
    """Samples of one frame of 8-bit lossless JPEG, no colour space changed.

    Raises
    ------
    ValueError
        Where the stream has another form than the header says.
    """
    with Image.open(io.BytesIO(coded), formats=("JPEG",)) as image:
        if image.mode != ("L" if runner.samples_per_pixel == 1 else "RGB"):
            raise ValueError(f"its lossless JPEG is of mode {image.mode}")
        if "jfif" in image.info or image.info.get("adobe_transform"):
            # libjpeg takes these for YCbCr; what they are is for the header to say.
            image.draft("YCbCr", image.size)
        return image.tobytes()


def register() -> None:
    """Make pydicom know :func:`decode_frame`."""
    for decoder in (JPEGLosslessDecoder, JPEGLosslessSV1Decoder):
        if LABEL not in decoder.available_plugins:
            decoder.add_plugin(LABEL, (__name__, "decode_frame"))


def survives_gdcm(path: Path) -> bool:
    """Whether a child process could decode every frame of a file by GDCM."""
    command = [sys.executable, "-c", _REHEARSAL, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=600)
    return done.returncode == 0


def rehearse(path: str) -> None:
    """Decode every frame by GDCM and forget it."""
    warnings.simplefilter("ignore")
    for _ in iter_pixels(path, decoding_plugin="gdcm"):
        pass
