"""Colours of the canvas: filled labels, and suggestions as a contour with a light fill.

A suggestion's display code joins class, confidence level and 'is on the contour' in one uint8, so that one
Labels layer with one fixed colormap shows all of it, and no colormap is rebuilt while scrubbing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from annotator.core.protocols import LabelProtocol

LEVELS: Final = 4
"""Steps in which confidence is shown; 15 structures x 4 levels x fill or contour fit into uint8."""

UNSURE_MARK: Final = 1
"""Value of the unsure brush in the marks layer."""

IS_NOT_MARK: Final = 2
"""Value of 'is not' pixels of the selected structure in the marks layer."""

_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def label_colours(protocol: LabelProtocol) -> DirectLabelColormap:
    """Class index to the protocol's colour; everything else is clear."""
    colours = {i: np.array([*s.rgb, 1.0]) for i, s in enumerate(protocol.structures, start=1)}
    return _colormap(colours)


def mark_colours() -> DirectLabelColormap:
    """Colours of the unsure brush (pale) and of 'is not' scribbles (magenta, which no shipped structure has)."""
    marks = {UNSURE_MARK: np.array([1.0, 1.0, 1.0, 0.55]), IS_NOT_MARK: np.array([1.0, 0.0, 0.65, 0.75])}
    return _colormap(marks)


def suggestion_colours(protocol: LabelProtocol) -> DirectLabelColormap:
    """Display code of :func:`suggestion_codes` to a colour whose opacity is the confidence."""
    colours = {}
    for index, structure in enumerate(protocol.structures, start=1):
        for level in range(LEVELS):
            share = level / (LEVELS - 1)
            colours[_code(index, level, on_contour=0)] = np.array([*structure.rgb, 0.10 + 0.22 * share])
            colours[_code(index, level, on_contour=1)] = np.array([*structure.rgb, 0.55 + 0.45 * share])
    return _colormap(colours)


def suggestion_codes(
    suggestions: NDArray[np.uint8], confidence: Mapping[str, float], protocol: LabelProtocol
) -> NDArray[np.uint8]:
    """Display codes of suggested structures.

    Parameters
    ----------
    suggestions
        (H, W) uint8 class indices, 0 for nothing.
    confidence
        Structure id to 0..1; a missing one counts as 0.
    protocol
        Gives the class indices.

    Returns
    -------
    (H, W) uint8
        Codes of :func:`suggestion_colours`.
    """
    fill, contour = np.zeros(256, dtype=np.uint8), np.zeros(256, dtype=np.uint8)
    for index, structure in enumerate(protocol.ids, start=1):
        level = min(LEVELS - 1, int(confidence.get(structure, 0.0) * LEVELS))
        fill[index] = _code(index, level, on_contour=0)
        contour[index] = _code(index, level, on_contour=1)
    if not suggestions.any():
        return np.zeros_like(suggestions)
    edges = _edges(suggestions, thickness=max(1, round(min(suggestions.shape) / 300)))
    return np.where(edges, contour[suggestions], fill[suggestions])


def _colormap(colours: dict[int, NDArray[np.float64]]) -> DirectLabelColormap:
    table: dict[int | None, NDArray[np.float64]] = dict(colours.items())
    return DirectLabelColormap(color_dict={None: np.array(_CLEAR), 0: np.array(_CLEAR), **table})


def _code(index: int, level: int, *, on_contour: int) -> int:
    return 1 + (index - 1) * 2 * LEVELS + 2 * level + on_contour


def _edges(classes: NDArray[np.uint8], thickness: int) -> NDArray[np.bool_]:
    """(H, W) bool: pixels of a structure within ``thickness`` of another value."""
    inner = np.pad(classes, 1)
    for _ in range(thickness):
        middle = inner[1:-1, 1:-1]
        differs = (middle != inner[:-2, 1:-1]) | (middle != inner[2:, 1:-1])
        differs |= (middle != inner[1:-1, :-2]) | (middle != inner[1:-1, 2:])
        middle[differs] = 0
    return np.asarray((classes > 0) & (inner[1:-1, 1:-1] == 0), dtype=np.bool_)
