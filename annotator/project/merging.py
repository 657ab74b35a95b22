"""Labels from outside joined with those that are here; where the two contradict, refused or put in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from annotator.core.allowed import allowed_bitmap, decided, everything_allowed
from annotator.core.errors import AnnotatorError, ContradictingLabels, Contradiction
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.core.words import counted

_NAMED: Final = 8
"""Frames that a refusal names beside the first."""

_HOW: Final = "('Replace labels…' in the window, --replace-labels on the command line)"


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The label of a frame after labels from outside came.

    Parameters
    ----------
    label
        What is known now.
    replaced
        Structures whose label gave way to the one that came in.
    left_out
        Structures whose draft came in and was not taken, since it contradicts what is here.
    """

    label: PartialLabel
    replaced: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def replacing(
    protocol: LabelProtocol, key: FrameKey, ours: PartialLabel, theirs: PartialLabel, *, is_mask: bool = False
) -> Joined:
    """Join as :func:`merged` does, and where the two contradict, take what comes in.

    Where they do, each structure here that is in the way of a finished label (outlined, absent or partial) is as it
    comes in, whole; every other one is joined as ever. So what comes in holds at every pixel that is not unsure here,
    what it does not speak of is untouched, and the same again changes nothing. Drafts that come in replace nothing: one
    that contradicts what is here is left out, and what they were drawn over stays what it is here.

    Parameters
    ----------
    protocol, key, ours, theirs, is_mask
        See :func:`merged`.

    Raises
    ------
    Contradiction
        Where pixels of a structure here, of which no finished label comes in, are claimed for another: nobody's
        outline is cut.
    AnnotatorError
        Where the masks have another size.
    """
    try:
        return Joined(merged(protocol, key, ours, theirs, is_mask=is_mask))
    except Contradiction:
        settled = _without_drafts(ours, theirs)
    way = _in_the_way(protocol, ours, settled)
    for structure, count in way.items():
        if not settled.status(structure).is_finished:
            name = protocol.structure(structure).name
            raise Contradiction(
                f"{counted(count, 'pixel')} of {key.in_words} {'is' if count == 1 else 'are'} "
                f"{name} here and another structure in the import, which has no finished {name} there"
            )
    label = merged(protocol, key, _only(ours, lambda s: s not in way), settled, is_mask=is_mask)
    left_out: list[str] = []
    for structure in theirs.structures.keys() - settled.structures.keys():
        try:
            label = merged(protocol, key, label, PartialLabel(theirs.shape, {structure: theirs[structure]}))
        except Contradiction:
            left_out.append(structure)
    return Joined(label, tuple(sorted(way)), tuple(sorted(left_out)))


def merged(
    protocol: LabelProtocol, key: FrameKey, ours: PartialLabel, theirs: PartialLabel, *, is_mask: bool = False
) -> PartialLabel:
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
    is_mask
        Whether ``theirs`` comes from a mask, which has one value for unsure and for unknown: it is unsure only where
        nothing is known here.

    Raises
    ------
    Contradiction
        Where a pixel would be left without a possible class, with the number of such pixels.
    AnnotatorError
        Where the masks have another size.
    """
    if ours.shape != theirs.shape:
        raise AnnotatorError(f"The label of {key.in_words} is {theirs.shape}, not {ours.shape}.")
    ours_allowed = allowed_bitmap(_as_claims(ours), protocol)
    if is_mask and theirs.unsure is not None:
        is_free = ours_allowed == everything_allowed(protocol)
        theirs = PartialLabel(theirs.shape, theirs.structures, theirs.unsure & is_free)
    n_clashes = int(np.count_nonzero((ours_allowed & allowed_bitmap(_as_claims(theirs), protocol)) == 0))
    if n_clashes:
        raise Contradiction(
            f"{counted(n_clashes, 'pixel')} of {key.in_words} "
            f"{'contradicts' if n_clashes == 1 else 'contradict'} labels that are there already"
        )
    structures = {s: _joined(ours[s], theirs[s]) for s in {*ours.structures, *theirs.structures}}
    unsure = ours.unsure
    if theirs.unsure is not None:
        news = theirs.unsure & ~decided(ours_allowed)
        unsure = news if unsure is None else unsure | news
    return PartialLabel(ours.shape, structures, unsure)


def refused(clashes: Mapping[FrameKey, Contradiction], replaced: Mapping[FrameKey, Joined]) -> ContradictingLabels:
    """One sentence on all frames that contradict those here, and what to do, so that nobody finds them one by one.

    Parameters
    ----------
    clashes
        What contradicts, by frame.
    replaced
        What :func:`replacing` gives in those of these frames where it is not refused too.
    """
    (_, first), *others = clashes.items()
    stuck = [key for key in clashes if key not in replaced]
    # Where some of them alone are to be cleared, these are the ones to name.
    named = "" if stuck and replaced else f" ({_named([key for key, _ in others])})"
    also = f", and so {'does' if len(others) == 1 else 'do'} {counted(len(others), 'other frame')}{named}"
    if not replaced:
        remedy = "clear those here first (Del in the window)"
    elif not stuck:
        remedy = f"let them replace those here {_HOW}"
    else:
        where = stuck[0].in_words if len(stuck) == 1 else f"{len(stuck)} of these frames ({_named(stuck)})"
        remedy = f"clear what they would cut in {where} (Del in the window), and let them replace the rest {_HOW}"
    return ContradictingLabels(
        f"{first}{also if others else ''}; nothing was imported. Where the new labels are right, {remedy}.",
        tuple((key, structure) for key, joined in replaced.items() for structure in joined.replaced),
        tuple((key, structure) for key, joined in replaced.items() for structure in joined.left_out),
        can_replace=not stuck,
    )


def _named(keys: Collection[FrameKey]) -> str:
    """Some frames, as a list in a sentence; where they are the same ones of their clips, as of stills, said once."""
    some = list(keys)[:_NAMED]
    is_said_once = len({key.frame for key in some}) == 1
    words = [f"'{key.clip}'" if i and is_said_once else key.in_words for i, key in enumerate(some)]
    return ", ".join(words) + (", ..." if len(keys) > _NAMED else "")


def _in_the_way(protocol: LabelProtocol, ours: PartialLabel, theirs: PartialLabel) -> dict[str, int]:
    """Structures here that cannot stand beside what comes in, with the number of pixels.

    Unsure pixels hide no contradiction here: a whole label gives way, also what of it lies under them.
    """
    wanted = allowed_bitmap(PartialLabel(theirs.shape, theirs.structures), protocol)
    found: dict[str, int] = {}
    for structure, said in _as_claims(ours).structures.items():
        clash = (allowed_bitmap(PartialLabel(ours.shape, {structure: said}), protocol) & wanted) == 0
        if clash.any():
            found[structure] = int(np.count_nonzero(clash))
    return found


def _without_drafts(ours: PartialLabel, theirs: PartialLabel) -> PartialLabel:
    """What comes in without its drafts, whose pixels go back to the finished labels that they were taken from."""
    drafts = {s: v.inside for s, v in theirs.structures.items() if v.status is LabelStatus.DRAFT}
    taken = np.zeros(theirs.shape, dtype=np.bool_)
    for inside in drafts.values():
        if inside is not None:
            taken |= inside
    settled = {s: v for s, v in theirs.structures.items() if s not in drafts}
    for structure, said in settled.items():
        here = ours[structure]
        if said.inside is not None and here.inside is not None and here.status.is_finished:
            back = here.inside & taken
            if said.outside is not None:
                back &= ~said.outside
            settled[structure] = StructureLabel(said.status, said.inside | back, said.outside)
    return PartialLabel(theirs.shape, settled, theirs.unsure)


def _only(label: PartialLabel, is_kept: Callable[[str], bool]) -> PartialLabel:
    return PartialLabel(label.shape, {s: v for s, v in label.structures.items() if is_kept(s)}, label.unsure)


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
