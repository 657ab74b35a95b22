"""Partial labels: what is known of each structure in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from annotator.core.errors import AnnotatorError, Contradiction
from annotator.core.packing import Mask
from annotator.core.status import LabelStatus

_WITH_MASK: Final = frozenset({LabelStatus.DRAFT, LabelStatus.OUTLINED, LabelStatus.PARTIAL})


@dataclass(frozen=True, slots=True, eq=False)
class StructureLabel:
    """What was said of one structure in one frame.

    Parameters
    ----------
    status
        See :class:`~annotator.core.status.LabelStatus`.
    inside
        (H, W) bool, pixels painted 'is'; only with draft, outlined or partial.
    outside
        (H, W) bool, pixels painted 'is not'; only with partial (and drafts of partial labels).

    Raises
    ------
    AnnotatorError
        Where the status and the masks do not fit together.
    Contradiction
        Where a pixel is painted both 'is' and 'is not'.
    """

    status: LabelStatus = LabelStatus.UNKNOWN
    inside: Mask | None = None
    outside: Mask | None = None

    def __post_init__(self) -> None:
        if (self.inside is not None) != (self.status in _WITH_MASK):
            raise AnnotatorError(
                f"A label with status '{self.status}' {'needs' if self.inside is None else 'has no'} mask."
            )
        if self.outside is not None and self.status not in (LabelStatus.PARTIAL, LabelStatus.DRAFT):
            raise AnnotatorError(f"Only a partial label has 'is not' pixels, not one with status '{self.status}'.")
        for mask in (self.inside, self.outside):
            if mask is not None:
                if mask.ndim != 2 or mask.dtype != np.bool_:
                    raise AnnotatorError(f"A mask is (H, W) bool, not {mask.shape} {mask.dtype}.")
                mask.setflags(write=False)
        if self.inside is not None and self.outside is not None and bool((self.inside & self.outside).any()):
            raise Contradiction("A pixel is painted both 'is' and 'is not' of one structure; erase one of the two.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StructureLabel):
            return NotImplemented
        return self.status == other.status and _same(self.inside, other.inside) and _same(self.outside, other.outside)

    def __hash__(self) -> int:
        return hash(self.status)


UNKNOWN_LABEL: Final = StructureLabel()
"""Nothing was said."""


@dataclass(frozen=True, slots=True, eq=False)
class PartialLabel:
    """Everything that is known of one frame.

    Parameters
    ----------
    shape
        (H, W) of the frame, in pixels.
    structures
        Structure id to what was said of it; a missing id is unknown, and unknown labels are left out.
    unsure
        (H, W) bool of the unsure brush: these pixels say nothing.

    Raises
    ------
    AnnotatorError
        Where a mask has another shape than the frame.
    Contradiction
        Where a pixel is claimed by two structures, with their ids and the pixel count.
    """

    shape: tuple[int, int]
    structures: Mapping[str, StructureLabel] = field(default_factory=dict)
    unsure: Mask | None = None

    def __post_init__(self) -> None:
        kept = {s: v for s, v in self.structures.items() if v.status is not LabelStatus.UNKNOWN}
        object.__setattr__(self, "structures", MappingProxyType(kept))
        if self.unsure is not None and not self.unsure.any():
            object.__setattr__(self, "unsure", None)
        for mask in self._masks():
            if mask.shape != self.shape:
                raise AnnotatorError(f"A mask is {mask.shape} where its frame is {self.shape}.")
        self._refuse_double_claims()

    def _masks(self) -> Iterator[Mask]:
        for label in self.structures.values():
            yield from (m for m in (label.inside, label.outside) if m is not None)
        if self.unsure is not None:
            yield self.unsure

    def _refuse_double_claims(self) -> None:
        claimed = [(s, v.inside) for s, v in self.structures.items() if v.inside is not None]
        for i, (first, one) in enumerate(claimed):
            for second, two in claimed[i + 1 :]:
                count = int(np.count_nonzero(one & two))
                if count:
                    raise Contradiction(
                        f"{count} pixels are claimed by both '{first}' and '{second}'; each pixel has one."
                    )

    def __getitem__(self, structure: str) -> StructureLabel:
        """What was said of a structure; unknown where nothing was."""
        return self.structures.get(structure, UNKNOWN_LABEL)

    def status(self, structure: str) -> LabelStatus:
        """Status of a structure in this frame."""
        return self[structure].status

    @property
    def has_finished(self) -> bool:
        """Whether any structure is outlined, absent or partial, so that the learner may read the frame."""
        return any(v.status.is_finished for v in self.structures.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PartialLabel):
            return NotImplemented
        return (
            self.shape == other.shape
            and dict(self.structures) == dict(other.structures)
            and _same(self.unsure, other.unsure)
        )

    def __hash__(self) -> int:
        return hash((self.shape, frozenset(self.structures)))


def _same(one: Mask | None, two: Mask | None) -> bool:
    if one is None or two is None:
        return one is two
    return bool(np.array_equal(one, two))
