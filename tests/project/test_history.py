"""Sentences on what an edit did."""

from __future__ import annotations

from annotator.core.identity import FrameKey
from annotator.core.protocols import UNSURE
from annotator.project.history import sentence
from annotator.testing.samples import SAMPLE_PROTOCOL


def test_structures_are_named_in_the_order_of_the_protocol() -> None:
    key = FrameKey("clip", 0)
    names = [s.name for s in SAMPLE_PROTOCOL.structures]
    said = sentence(SAMPLE_PROTOCOL, "accepted", (UNSURE, *reversed(SAMPLE_PROTOCOL.ids)), (key,))
    assert said == f"Accepted {', '.join(names)}, unsure pixels in frame 1 of 'clip'"
    assert sentence(SAMPLE_PROTOCOL, "cleared", (), (key, FrameKey("clip", 1))).endswith("nothing in 2 frames")
