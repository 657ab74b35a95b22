"""Pictures of suggestions beside the truth, for machines without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotator.core.errors import BadInput
from annotator.core.packing import Mask
from annotator.core.plugin_types import Frame
from annotator.core.protocols import LabelProtocol

_FILL = 0.35
_GAP = 6


def overlay_picture(
    frame: Frame,
    classes: NDArray[np.uint8],
    truth: Mapping[str, Mask],
    protocol: LabelProtocol,
    out: Path,
) -> Path:
    """Write frame, suggestion and truth side by side.

    Parameters
    ----------
    frame
        (H, W) or (H, W, 3) uint8.
    classes
        (H, W) uint8, suggested class indices.
    truth
        Structure id to (H, W) bool.
    protocol
        Colours.
    out
        PNG to write; its folder is made.

    Raises
    ------
    BadInput
        Where the file cannot be written.
    """
    known = np.zeros(classes.shape, dtype=np.uint8)
    for structure, mask in truth.items():
        known[mask] = protocol.index(structure)
    rgb = np.repeat(frame[..., None], 3, axis=2) if frame.ndim == 2 else frame
    gap = np.zeros((rgb.shape[0], _GAP, 3), dtype=np.uint8)
    panels = [rgb, gap, _tinted(rgb, classes, protocol), gap, _tinted(rgb, known, protocol)]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(panels, axis=1)).save(out)
    except OSError as error:
        raise BadInput(out, f"the picture cannot be written ({error.strerror})", "choose another folder") from None
    return out


def _tinted(rgb: NDArray[np.uint8], classes: NDArray[np.uint8], protocol: LabelProtocol) -> NDArray[np.uint8]:
    tinted = rgb.astype(np.float32)
    for index, structure in enumerate(protocol.structures, start=1):
        where = classes == index
        tinted[where] = (1 - _FILL) * tinted[where] + _FILL * 255 * np.asarray(structure.rgb, dtype=np.float32)
    return tinted.round().astype(np.uint8)
