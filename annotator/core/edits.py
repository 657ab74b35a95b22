"""Edits of a partial label: pure values with ``apply(label, edit) -> (new label, inverse edit)``.

An edit that gives pixels to one structure takes them from the others, so that no pixel is ever
claimed twice; both changes are one edit and one undo step. A structure that loses its last pixel is
unknown again, painted over as well as erased: only a mark says that it is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from annotator.core.errors import AnnotatorError
from annotator.core.labels import UNKNOWN_LABEL, PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """A brush stroke: ``where`` (H, W) bool becomes ``structure``, which becomes a draft."""

    structure: str
    where: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Erase:
    """An eraser stroke: ``where`` (H, W) bool stops being ``structure``, which becomes a draft."""

    structure: str
    where: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Scribble:
    """Partial knowledge: ``where`` (H, W) bool is (or is not) ``structure``, which becomes partial."""

    structure: str
    where: Mask
    is_structure: bool


@dataclass(frozen=True, slots=True, eq=False)
class Unmark:
    """Take back 'is not': of ``where`` (H, W) bool it is not said any more that it is not ``structure``.

    A structure that is marked nowhere any more is a draft of what was drawn of it, or unknown again.
    """

    structure: str
    where: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Assign:
    """Replace what was said of a structure, such as accepting a suggestion or marking it absent."""

    structure: str
    label: StructureLabel


@dataclass(frozen=True, slots=True)
class Finish:
    """Turn the draft of ``structure`` into outlined (partial where it has 'is not' pixels, unknown where empty)."""

    structure: str


@dataclass(frozen=True, slots=True, eq=False)
class PaintUnsure:
    """The unsure brush: ``where`` (H, W) bool is added to (or taken from) the unsure pixels."""

    where: Mask
    is_unsure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Restore:
    """Put back former labels of some structures and, where ``unsure_changed``, the former unsure mask."""

    structures: Mapping[str, StructureLabel]
    unsure: Mask | None = None
    unsure_changed: bool = False


Edit = Paint | Erase | Scribble | Unmark | Assign | Finish | PaintUnsure | Restore


def apply(label: PartialLabel, edit: Edit) -> tuple[PartialLabel, Restore]:
    """Apply an edit to a label.

    Parameters
    ----------
    label
        The label before; it is not changed.
    edit
        What to do.

    Returns
    -------
    PartialLabel
        The label after.
    Restore
        The edit that brings ``label`` back: ``apply(after, inverse)[0] == label``.

    Raises
    ------
    AnnotatorError
        Where a mask has another shape than the frame, or a structure without draft is finished.
    """
    match edit:
        case Paint(structure, where):
            changes = {structure: _painted(label[structure], where)}
        case Erase(structure, where):
            changes = {structure: _erased(label, structure, where)}
        case Scribble(structure, where, is_structure):
            changes = {structure: _scribbled(label, structure, where, is_structure=is_structure)}
        case Unmark(structure, where):
            changes = {structure: _unmarked(label[structure], where)}
        case Assign(structure, said):
            changes = {structure: said}
        case Finish(structure):
            changes = {structure: _finished(label[structure], structure)}
        case PaintUnsure(where, is_unsure):
            return _with_unsure(label, where, is_unsure=is_unsure)
        case Restore():
            return _restored(label, edit)
        case _:
            assert_never(edit)
    return _restored(label, Restore(_with_takings(label, changes)))


def changed_structures(before: PartialLabel, after: PartialLabel) -> tuple[str, ...]:
    """Ids of the structures whose label differs, in alphabetical order (unsure apart)."""
    names = sorted({*before.structures, *after.structures})
    return tuple(n for n in names if before[n] != after[n])


def _restored(label: PartialLabel, edit: Restore) -> tuple[PartialLabel, Restore]:
    unsure = edit.unsure if edit.unsure_changed else label.unsure
    after = PartialLabel(label.shape, {**label.structures, **edit.structures}, unsure)
    inverse = Restore({s: label[s] for s in edit.structures}, label.unsure, edit.unsure_changed)
    return after, inverse


def _with_takings(label: PartialLabel, changes: Mapping[str, StructureLabel]) -> dict[str, StructureLabel]:
    """Add, for every pixel that the changed structures now claim, its loss by the others."""
    result = dict(changes)
    for name, said in changes.items():
        if said.inside is None:
            continue
        for other, theirs in label.structures.items():
            if other != name and theirs.inside is not None and bool((theirs.inside & said.inside).any()):
                result[other] = _without(theirs, said.inside)
    return result


def _without(said: StructureLabel, taken: Mask) -> StructureLabel:
    inside = said.inside
    if inside is None:
        return said
    left = inside & ~taken
    if not left.any() and said.outside is None:
        return UNKNOWN_LABEL
    return StructureLabel(said.status, left, said.outside)


def _painted(said: StructureLabel, where: Mask) -> StructureLabel:
    inside = where.copy() if said.inside is None else said.inside | where
    outside = None if said.outside is None else said.outside & ~where
    return StructureLabel(LabelStatus.DRAFT, inside, outside)


def _erased(label: PartialLabel, structure: str, where: Mask) -> StructureLabel:
    said = label[structure]
    if said.inside is None:
        return said
    inside = said.inside & ~where
    if not inside.any() and said.outside is None:
        return UNKNOWN_LABEL
    return StructureLabel(LabelStatus.DRAFT, inside, said.outside)


def _scribbled(label: PartialLabel, structure: str, where: Mask, *, is_structure: bool) -> StructureLabel:
    said = label[structure]
    nothing = np.zeros(label.shape, dtype=np.bool_)
    inside = nothing if said.inside is None else said.inside
    outside = nothing if said.outside is None else said.outside
    if is_structure:
        return StructureLabel(LabelStatus.PARTIAL, inside | where, outside & ~where)
    return StructureLabel(LabelStatus.PARTIAL, inside & ~where, outside | where)


def _unmarked(said: StructureLabel, where: Mask) -> StructureLabel:
    if said.outside is None:
        return said
    left = said.outside & ~where
    if left.any():
        return StructureLabel(said.status, said.inside, left)
    if said.inside is None or not said.inside.any():
        return UNKNOWN_LABEL
    return StructureLabel(LabelStatus.DRAFT, said.inside)


def _finished(said: StructureLabel, structure: str) -> StructureLabel:
    if said.status is not LabelStatus.DRAFT or said.inside is None:
        raise AnnotatorError(f"'{structure}' has no draft to finish; its status is '{said.status}'.")
    if said.outside is not None:
        return StructureLabel(LabelStatus.PARTIAL, said.inside, said.outside)
    return StructureLabel(LabelStatus.OUTLINED, said.inside) if said.inside.any() else UNKNOWN_LABEL


def _with_unsure(label: PartialLabel, where: Mask, *, is_unsure: bool) -> tuple[PartialLabel, Restore]:
    before = np.zeros(label.shape, dtype=np.bool_) if label.unsure is None else label.unsure
    after = before | where if is_unsure else before & ~where
    return _restored(label, Restore({}, after, unsure_changed=True))
