"""Scores of test frames: what an annotator was unsure of counts neither way."""

from __future__ import annotations

import numpy as np

from annotator import registry
from annotator.bench.learning.cases import Case
from annotator.bench.learning.scoring import dice_only, score
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus

PROTOCOL = registry.protocol("two-structures")


def test_unsure_pixels_count_in_no_figure() -> None:
    outlined, unsure = np.zeros((2, 40, 40), dtype=np.bool_)
    outlined[10:30, 10:20], unsure[10:30, 20:30] = True, True
    label = PartialLabel((40, 40), {"first": StructureLabel(LabelStatus.OUTLINED, outlined)}, unsure)
    header = ClipHeader(stem="clip", patient=f"p{0:012x}", n_frames=1, height=40, width=40)
    case = Case(FrameKey("clip", 0), header, Split.TEST, np.zeros((40, 40), dtype=np.uint8), label)
    claimed = outlined | unsure
    probabilities = np.stack([~claimed, claimed, np.zeros_like(claimed)]).astype(np.float32)
    found = score([case], [probabilities], PROTOCOL)
    assert (found["dice"], found["ece"]) == ({"first": 1.0}, {"first": 0.0})
    assert dice_only([case], [probabilities], PROTOCOL) == found["dice"]
