"""A finished stroke, as the difference of the frame against what was committed, turned into edits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.core.edits import Assign, Edit, Erase, Paint, PaintUnsure, Scribble, Unmark
from annotator.core.labels import StructureLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus, Origin
from annotator.viewer.colours import IS_NOT_MARK, UNSURE_MARK


@dataclass(frozen=True, slots=True, eq=False)
class Lift:
    """A suggestion that the first stroke turns into a draft: ``mask`` (H, W) bool, from ``snapshot``."""

    structure: str
    mask: Mask
    snapshot: int | None


def lifted(before: NDArray[np.uint8], lift: Lift | None, protocol: LabelProtocol) -> NDArray[np.uint8]:
    """(H, W) uint8: the label array with the suggestion painted where nobody painted; always a new array."""
    array = before.copy()
    if lift is not None:
        array[lift.mask & (before == 0)] = protocol.index(lift.structure)
    return array


def stroke_edits(
    before: NDArray[np.uint8], after: NDArray[np.uint8], protocol: LabelProtocol, *, lift: Lift | None = None
) -> tuple[Edit, ...]:
    """Edits that turn one label array into the other.

    Parameters
    ----------
    before
        (H, W) uint8 class indices as committed, without the lifted suggestion.
    after
        (H, W) uint8 class indices after the stroke, with it.
    protocol
        Gives the structure of each index.
    lift
        The suggestion that the stroke's first touch lifted.

    Returns
    -------
    tuple of Edit
        Empty where the stroke changed nothing, with the suggestion as without; otherwise the lift first, then what
        was erased, then what was painted.
    """
    base = lifted(before, lift, protocol)
    changed = np.asarray(base != after, dtype=np.bool_)
    if not changed.any():
        return ()
    edits: list[Edit] = []
    if lift is not None:
        mask = lift.mask & (before == 0)
        edits.append(Assign(lift.structure, StructureLabel(LabelStatus.DRAFT, mask)))
    edits.extend(_erasures(base, changed & (after == 0), protocol))
    edits.extend(_paints(after, changed & (after != 0), protocol))
    return tuple(edits)


def mark_edits(before: NDArray[np.uint8], after: NDArray[np.uint8], structure: str) -> tuple[Edit, ...]:
    """Edits of a stroke on the marks layer: unsure pixels, and 'is not' of ``structure``, made or taken back."""
    edits: list[Edit] = []
    unsure = np.asarray((after == UNSURE_MARK) & (before != UNSURE_MARK), dtype=np.bool_)
    sure = np.asarray((before == UNSURE_MARK) & (after != UNSURE_MARK), dtype=np.bool_)
    is_not = np.asarray((after == IS_NOT_MARK) & (before != IS_NOT_MARK), dtype=np.bool_)
    unmarked = np.asarray((before == IS_NOT_MARK) & (after == 0), dtype=np.bool_)
    if unsure.any():
        edits.append(PaintUnsure(unsure))
    if sure.any():
        edits.append(PaintUnsure(sure, is_unsure=False))
    if is_not.any():
        edits.append(Scribble(structure, is_not, is_structure=False))
    if unmarked.any():
        edits.append(Unmark(structure, unmarked))
    return tuple(edits)


def origin_of_stroke(status: LabelStatus, origin: Origin | None, lift: Lift | None) -> Origin:
    """Origin of a structure after a stroke: what came from a model, a file or another frame is now corrected."""
    if lift is not None:
        return Origin.CORRECTED
    has_pixels = status in (LabelStatus.DRAFT, LabelStatus.OUTLINED, LabelStatus.PARTIAL)
    return Origin.CORRECTED if has_pixels and origin not in (None, Origin.DRAWN) else Origin.DRAWN


def _erasures(base: NDArray[np.uint8], where: Mask, protocol: LabelProtocol) -> list[Edit]:
    return [Erase(protocol.ids[i - 1], where & (base == i)) for i in np.unique(base[where]).tolist()]


def _paints(after: NDArray[np.uint8], where: Mask, protocol: LabelProtocol) -> list[Edit]:
    return [Paint(protocol.ids[i - 1], where & (after == i)) for i in np.unique(after[where]).tolist()]
