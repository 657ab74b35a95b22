"""Hypothesis strategies for labels and edits; shared by the tests of other rooms."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotator.core.edits import Assign, Edit, Erase, Finish, Paint, PaintUnsure, Scribble, Unmark, apply
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.packing import Mask
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus

SHAPE = (5, 7)
PROTOCOL = LabelProtocol(
    name="three",
    title="Three structures",
    structures=(
        Structure("one", "One", "#ff0000", "q"),
        Structure("two", "Two", "#00ff00", "w", connected=True),
        Structure("three", "Three", "#0000ff", "e", views=("side",)),
    ),
    views=("front", "side"),
)

masks: st.SearchStrategy[Mask] = arrays(np.bool_, SHAPE)
names = st.sampled_from(PROTOCOL.ids)


@st.composite
def edits(draw: st.DrawFn, label: PartialLabel) -> Edit:
    """An edit that makes sense for a label."""
    name = draw(names)
    kinds = ["paint", "erase", "is", "is not", "not marked", "absent", "reject", "outline", "unsure", "sure"]
    if label.status(name) is LabelStatus.DRAFT:
        kinds.append("finish")
    match draw(st.sampled_from(kinds)):
        case "paint":
            return Paint(name, draw(masks))
        case "erase":
            return Erase(name, draw(masks))
        case "is":
            return Scribble(name, draw(masks), is_structure=True)
        case "is not":
            return Scribble(name, draw(masks), is_structure=False)
        case "not marked":
            return Unmark(name, draw(masks))
        case "absent":
            return Assign(name, StructureLabel(LabelStatus.ABSENT))
        case "reject":
            return Assign(name, StructureLabel(LabelStatus.REJECTED))
        case "outline":
            return Assign(name, StructureLabel(LabelStatus.OUTLINED, draw(masks)))
        case "unsure":
            return PaintUnsure(draw(masks))
        case "sure":
            return PaintUnsure(draw(masks), is_unsure=False)
        case _:
            return Finish(name)


@st.composite
def labels(draw: st.DrawFn, most: int = 6) -> PartialLabel:
    """A label reached by a few edits from nothing."""
    label = PartialLabel(SHAPE)
    for _ in range(draw(st.integers(0, most))):
        label, _ = apply(label, draw(edits(label)))
    return label
