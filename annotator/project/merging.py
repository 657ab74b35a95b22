"""Labels from outside joined with those that are here, or refused where the two contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from annotator.core.allowed import allowed_bitmap, decided
from annotator.core.errors import AnnotatorError, Contradiction
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.core.words import counted

_NAMED: Final = 8
"""Frames that a refusal names beside the first."""


def merged(protocol: LabelProtocol, key: FrameKey, ours: PartialLabel, theirs: PartialLabel) -> PartialLabel:
    """Join what is here with what comes in; knowledge only grows.

    Parameters
    ----------
    protocol
        Gives the class of each structure.
    key
        Named in the refusal.
    ours, theirs
        The label here and the one that comes in. Drafts contradict as if they were painted 'is', and stay what they
        are: a draft here takes in scribbles and strokes and is still a draft, and a draft that comes in adds
        nothing to scribbles here.

    Raises
    ------
    Contradiction
        Where a pixel would be left without a possible class, with the number of such pixels.
    AnnotatorError
        Where the masks have another size.
    """
    if ours.shape != theirs.shape:
        raise AnnotatorError(f"The label of frame {key.frame} of '{key.clip}' is {theirs.shape}, not {ours.shape}.")
    claims = _as_claims(ours)
    ours_allowed = allowed_bitmap(claims, protocol)
    clash = (ours_allowed & allowed_bitmap(_as_claims(theirs), protocol)) == 0
    if clash.any():
        raise Contradiction(
            f"{int(np.count_nonzero(clash))} pixels of frame {key.frame} of '{key.clip}' contradict labels that are "
            "there already"
        )
    structures = {s: _joined(ours[s], theirs[s]) for s in {*ours.structures, *theirs.structures}}
    unsure = ours.unsure
    if theirs.unsure is not None:
        news = theirs.unsure & ~decided(ours_allowed)
        unsure = news if unsure is None else unsure | news
    return PartialLabel(ours.shape, structures, unsure)


def refused(clashes: Mapping[FrameKey, Contradiction]) -> Contradiction:
    """One sentence on all frames that contradict those here, and what to do, so that nobody finds them one by one."""
    (_, first), *others = clashes.items()
    such = ", ".join(f"{key.frame} of '{key.clip}'" for key, _ in others[:_NAMED]) + (", ..." * (len(others) > _NAMED))
    more = counted(len(others), "other frame")
    also = f", and so {'does' if len(others) == 1 else 'do'} {more} ({such})" if others else ""
    return Contradiction(
        f"{first}{also}; nothing was imported. Where the new labels are right, clear those here first (Del in the "
        "window)."
    )


def _as_claims(label: PartialLabel) -> PartialLabel:
    drafts = {
        s: StructureLabel(LabelStatus.PARTIAL, v.inside, v.outside)
        for s, v in label.structures.items()
        if v.status is LabelStatus.DRAFT
    }
    return PartialLabel(label.shape, {**label.structures, **drafts})


def _joined(ours: StructureLabel, theirs: StructureLabel) -> StructureLabel:
    if theirs.status is LabelStatus.UNKNOWN or ours == theirs or ours.status.is_whole:
        return ours
    if ours.status in (LabelStatus.UNKNOWN, LabelStatus.REJECTED) or theirs.status.is_whole:
        return theirs
    if theirs.status is LabelStatus.REJECTED or ours.inside is None:
        return ours
    if theirs.status is LabelStatus.DRAFT and ours.status is not LabelStatus.DRAFT:
        return ours
    inside = _union(ours.inside, theirs.inside)
    return StructureLabel(ours.status, inside, _union(ours.outside, theirs.outside))


def _union(one: Mask | None, two: Mask | None) -> Mask | None:
    if one is None or two is None:
        return two if one is None else one
    return one | two
