"""What the canvas shows of a frame, resolved from labels and suggestions by pure functions.

A new model never touches a human's label, and does not offer again what was rejected: a suggestion is
offered only for structures of which nothing was said, and never over a person's pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from annotator.core.labels import PartialLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import Suggestion
from annotator.viewer.colours import IS_NOT_MARK, UNSURE_MARK
from annotator.viewer.state import CellState

_BY_ORIGIN = {
    Origin.DRAWN: CellState.DRAWN,
    Origin.ACCEPTED: CellState.ACCEPTED,
    Origin.CORRECTED: CellState.CORRECTED,
    Origin.PROPAGATED: CellState.PROPAGATED,
    Origin.IMPORTED: CellState.IMPORTED,
}


@dataclass(frozen=True, slots=True, eq=False)
class FrameView:
    """One frame as it is shown.

    Parameters
    ----------
    labels
        (H, W) uint8, class index of what people said; 0 elsewhere.
    suggestions
        (H, W) uint8, class index of what is offered; 0 elsewhere and wherever ``labels`` is not 0.
    states
        Structure id to its state.
    confidence
        Structure id to 0..1, for structures on which the model may speak.
    pixels
        Structure id to its pixel count, in ``labels`` or, where suggested, in ``suggestions``.
    snapshot
        Model snapshot behind the suggestions.
    """

    labels: NDArray[np.uint8]
    suggestions: NDArray[np.uint8]
    states: Mapping[str, CellState]
    confidence: Mapping[str, float] = field(default_factory=dict)
    pixels: Mapping[str, int] = field(default_factory=dict)
    snapshot: int | None = None

    @property
    def suggested(self) -> tuple[str, ...]:
        """Ids of the structures with an offered, non-empty suggestion."""
        return tuple(s for s, state in self.states.items() if state is CellState.SUGGESTED)


def cell_state(status: LabelStatus, origin: Origin | None) -> CellState:
    """State of a structure from its stored status and origin, suggestions apart."""
    match status:
        case LabelStatus.OUTLINED:
            return _BY_ORIGIN[origin or Origin.DRAWN]
        case _:
            return CellState(status.value)


def resolve(
    label: PartialLabel,
    suggestion: Suggestion | None,
    protocol: LabelProtocol,
    *,
    view: str | None = None,
    hidden: Set[str] = frozenset(),
    origins: Mapping[str, Origin] | None = None,
) -> FrameView:
    """Turn what is known and what is suggested into what is shown.

    Parameters
    ----------
    label
        What people said of the frame.
    suggestion
        What the model says, or ``None``; one of another size is not shown.
    protocol
        Structures, their class indices, and which of them a view can show.
    view
        Of the clip, where it is known; what it cannot show is not offered.
    hidden
        Structures that are not drawn; their states are reported all the same.
    origins
        Structure id to origin, which tells accepted, corrected, drawn and imported labels apart.
    """
    labels = label_array(label, protocol)
    in_view = protocol.shown_in(view)
    unsaid = tuple(s for s in protocol.ids if label.status(s) is LabelStatus.UNKNOWN)
    can_offer = suggestion is not None and suggestion.classes.shape == label.shape
    offered = tuple(s for s in unsaid if s in in_view) if can_offer else ()
    free = _free(labels, label)
    suggestions = _suggestion_array(suggestion, free, offered, protocol)
    counts, offers = _counts(labels, protocol), _counts(suggestions, protocol)
    states = {s: cell_state(label.status(s), (origins or {}).get(s)) for s in protocol.ids}
    states |= {s: CellState.NOT_IN_VIEW for s in unsaid if s not in in_view}
    states |= {s: CellState.SUGGESTED for s in offered if offers[s]}
    pixels = {s: offers[s] if states[s] is CellState.SUGGESTED else counts[s] for s in protocol.ids}
    for structure in hidden & set(protocol.ids):
        for shown in (labels, suggestions):
            shown[shown == protocol.index(structure)] = 0
    confidence = {s: suggestion.confidence[s] for s in offered if s in suggestion.confidence} if suggestion else {}
    for shown in (labels, suggestions):
        shown.setflags(write=False)
    return FrameView(labels, suggestions, states, confidence, pixels, suggestion.snapshot if suggestion else None)


def uncovered(label: PartialLabel, suggestion: Suggestion, protocol: LabelProtocol) -> frozenset[str]:
    """Ids of the structures of a suggestion with a pixel that is not a person's; none where it has another size."""
    if suggestion.classes.shape != label.shape:
        return frozenset()
    present = np.bincount(suggestion.classes[_free(label_array(label, protocol), label)], minlength=protocol.n_classes)
    return frozenset(s for i, s in enumerate(protocol.ids, start=1) if present[i])


def label_array(label: PartialLabel, protocol: LabelProtocol) -> NDArray[np.uint8]:
    """(H, W) uint8 class indices of every painted pixel, drafts included; 0 elsewhere."""
    array = np.zeros(label.shape, dtype=np.uint8)
    for structure, said in label.structures.items():
        if said.inside is not None:
            array[said.inside] = protocol.index(structure)
    return array


def mark_array(label: PartialLabel, structure: str) -> NDArray[np.uint8]:
    """(H, W) uint8 of the marks layer: unsure pixels, and where ``structure`` is said not to be."""
    marks = np.zeros(label.shape, dtype=np.uint8)
    outside = label[structure].outside
    if outside is not None:
        marks[outside] = IS_NOT_MARK
    if label.unsure is not None:
        marks[label.unsure] = UNSURE_MARK
    return marks


def suggestion_mask(view: FrameView, structure: str, protocol: LabelProtocol) -> Mask:
    """(H, W) bool of the pixels that are offered for a structure."""
    return np.asarray(view.suggestions == protocol.index(structure), dtype=np.bool_)


def _free(labels: NDArray[np.uint8], label: PartialLabel) -> Mask:
    """(H, W) bool of the pixels of which nobody said anything."""
    free = labels == 0 if label.unsure is None else (labels == 0) & ~label.unsure
    return np.asarray(free, dtype=np.bool_)


def _suggestion_array(
    suggestion: Suggestion | None, free: Mask, offered: tuple[str, ...], protocol: LabelProtocol
) -> NDArray[np.uint8]:
    if suggestion is None or not offered:
        return np.zeros(free.shape, dtype=np.uint8)
    table = np.zeros(256, dtype=np.uint8)
    for structure in offered:
        table[protocol.index(structure)] = protocol.index(structure)
    return np.where(free, table[suggestion.classes], np.uint8(0))


def _counts(array: NDArray[np.uint8], protocol: LabelProtocol) -> dict[str, int]:
    found = np.bincount(array.ravel(), minlength=protocol.n_classes)
    return {s: int(found[i]) for i, s in enumerate(protocol.ids, start=1)}
