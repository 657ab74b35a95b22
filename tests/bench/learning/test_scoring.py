"""Scores of test frames: what an annotator was unsure of counts neither way, and a view shows what it can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from annotator import registry
from annotator.bench.learning import Row, Spending
from annotator.bench.learning.cases import Case, read_cases
from annotator.bench.learning.cell import _Run, run_cell
from annotator.bench.learning.design import Cell, deal
from annotator.bench.learning.scoring import dice_only, score
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus

PROTOCOL = registry.protocol("two-structures")
TINY = "default start=nothing network.options.width=8 data.image_size=32"


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


def test_a_view_is_scored_as_a_project_serves_it(manifest: Path) -> None:
    first, second = PROTOCOL.structures
    views = ("front", "side")
    protocol = LabelProtocol("viewed", "Viewed", (first, replace(second, views=("front",))), views=views)
    cases = [replace(c, header=replace(c.header, view="side")) for c in read_cases(manifest, protocol, None)]
    cell = Cell(Row.parse(TINY), 12, "frames", 0, 0, Spending(steps=1))
    run = _Run(cell, deal(cases, cell), protocol, None)
    even = np.full((1, protocol.n_classes, 32, 32), 1 / protocol.n_classes, dtype=np.float32)
    for found in run._found(lambda _: even):
        np.testing.assert_allclose(found[:, 20, 20], (0.5, 0.5, 0.0))


def test_a_given_mask_value_moves_the_others_out_of_its_way(manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace(",*,", ",first,"))
    values = {"second": 1}
    cell = Cell(Row.parse(TINY), 6, "frames", 0, 0, Spending(steps=1))
    found = run_cell(cell, read_cases(manifest, PROTOCOL, {"first": 2, **values}), PROTOCOL, values)
    assert found["steps"] == 1
