"""Indexed masks: one integer a pixel, 0 for known background, 255 for not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import allowed_bitmap, decided_class
from annotator.core.errors import AnnotatorError, Contradiction, UnknownName
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus

NOT_KNOWN: Final = 255
"""Value of a pixel that more than one class may still claim."""


def complete_values(protocol: LabelProtocol, values: Mapping[str, int] | None = None) -> dict[str, int]:
    """Value of every structure in an indexed mask: those given, and the next free ones for the others.

    Raises
    ------
    UnknownName
        Where a given structure is not in the protocol.
    AnnotatorError
        Where a value is used twice or lies outside 1..254.
    """
    chosen = dict(values or {})
    for name, value in chosen.items():
        if name not in protocol.ids:
            raise UnknownName("structure", name, protocol.ids)
        if not 1 <= value < NOT_KNOWN:
            raise AnnotatorError(f"Structure '{name}' cannot have value {value}; choose 1 to 254.")
    if len(set(chosen.values())) != len(chosen):
        raise AnnotatorError("Two structures share one mask value; give each its own.")
    free = (v for v in range(1, NOT_KNOWN) if v not in chosen.values())
    return {name: chosen[name] if name in chosen else next(free) for name in protocol.ids}


def read_values(text: str) -> dict[str, int]:
    """``"lv=1, myo=2"`` as structures and their mask values.

    Raises
    ------
    AnnotatorError
        Where it is anything else, or names a structure twice.
    """
    try:
        pairs = [pair.split("=") for pair in text.split(",") if pair.strip()]
        found = {name.strip(): int(value) for name, value in pairs}
    except ValueError:
        raise AnnotatorError(f"'{text}' is not of the form lv=1,myo=2,la=3.") from None
    if len(found) < len(pairs):
        raise AnnotatorError(f"'{text}' names a structure twice; give each one value.")
    return found


def to_indexed(label: PartialLabel, protocol: LabelProtocol, values: Mapping[str, int]) -> NDArray[np.uint8]:
    """Write a label as an indexed mask that never says more than is known.

    Parameters
    ----------
    label
        What is known of the frame.
    protocol, values
        Structures and their mask values (see :func:`complete_values`).

    Returns
    -------
    (H, W) uint8
        A structure's value where only it is possible, 0 where only background is, 255 elsewhere.
    """
    table = np.full(256, NOT_KNOWN, dtype=np.uint8)
    table[0] = 0
    for name in protocol.ids:
        table[protocol.index(name)] = values[name]
    return table[decided_class(allowed_bitmap(label, protocol))]


def from_indexed(
    mask: NDArray[np.integer],
    values: Mapping[str, int],
    *,
    known: Iterable[str],
    absent: Iterable[str] = (),
) -> PartialLabel:
    """Read an indexed mask, believing it on the known structures only.

    A known structure without a pixel is absent. Pixels with the value of a structure that is not known,
    and pixels of value 255, say nothing of themselves; 255 becomes the unsure brush.

    Parameters
    ----------
    mask
        (H, W) integer.
    values
        Value of each structure.
    known
        Structures on which the mask may be believed.
    absent
        Structures known not to be in the frame.

    Raises
    ------
    UnknownName
        Where a known or absent structure has no value.
    Contradiction
        Where a structure is said to be absent and has pixels.
    """
    claims: dict[str, StructureLabel] = {}
    for name in dict.fromkeys(known):
        if name not in values:
            raise UnknownName("structure", name, tuple(values))
        inside = np.asarray(mask == values[name], dtype=np.bool_)
        claims[name] = (
            StructureLabel(LabelStatus.OUTLINED, inside) if inside.any() else StructureLabel(LabelStatus.ABSENT)
        )
    for name in absent:
        if name not in values:
            raise UnknownName("structure", name, tuple(values))
        count = int(np.count_nonzero(mask == values[name]))
        if count:
            raise Contradiction(f"'{name}' is said to be absent, and {count} pixels of the mask claim it.")
        claims[name] = StructureLabel(LabelStatus.ABSENT)
    unsure = np.asarray(mask == NOT_KNOWN, dtype=np.bool_)
    height, width = mask.shape
    return PartialLabel((height, width), claims, unsure if claims and unsure.any() else None)
