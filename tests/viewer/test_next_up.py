"""The next-up list brings the person to a frame and structure, and what is left is finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.core.edits import Assign
from annotator.core.identity import FrameKey
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.engine.messages import QueueItem, QueueReady
from annotator.project import Project
from annotator.viewer.workbench import Workbench
from tests.viewer.conftest import box


def test_next_up_selects_frame_and_structure_and_moves_on(bench: Workbench, engine: Any) -> None:
    items = tuple(QueueItem(FrameKey("clip1", i), "la", 1.0, "uncertain") for i in (2, 3))
    engine.waiting.append(QueueReady(items))
    bench.pump()
    bench.next_up()
    assert (bench.desk.key, bench.desk.structure) == (FrameKey("clip1", 2), "la")
    bench.next_up()
    assert bench.desk.key == FrameKey("clip1", 3)


def test_next_up_goes_to_a_draft_that_was_left_and_not_to_the_one_in_work(
    bench: Workbench, project: Project, engine: Any, draw: Callable[[NDArray[Any]], None]
) -> None:
    left = FrameKey("clip1", 2)
    shape = project.clip("clip1").header.shape
    project.commit(left, [Assign("la", StructureLabel(LabelStatus.DRAFT, np.ones(shape, dtype=bool)))], author="Ada")
    items = tuple(QueueItem(key, s, 1.0, "uncertain") for key, s in ((FrameKey("clip0", 0), "lv"), (left, "la")))
    engine.waiting.append(QueueReady(items))
    bench.pump()
    draw(box(slice(10, 20), slice(5, 15)))
    bench.next_up()
    assert (bench.desk.key, bench.desk.structure) == (left, "la")
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED


@pytest.mark.parametrize(
    ("to", "finishes"),
    [
        (QueueItem(FrameKey("clip0", 2), "lv", 1.0, "why"), True),
        (QueueItem(FrameKey("clip1", 1), "lv", 1.0, "why"), True),
        (QueueItem(FrameKey("clip0", 0), "la", 1.0, "why"), True),
        (QueueItem(FrameKey("clip0", 0), "lv", 1.0, "why"), False),
    ],
)
def test_a_line_of_the_next_up_list_finishes_what_it_leaves(
    bench: Workbench,
    project: Project,
    engine: Any,
    draw: Callable[[NDArray[Any]], None],
    to: QueueItem,
    *,
    finishes: bool,
) -> None:
    engine.waiting.append(QueueReady((to,)))
    bench.pump()
    draw(box(slice(10, 20), slice(5, 15)))
    bench.jump(bench.board.queue[0])
    assert (bench.desk.key, bench.desk.structure) == (to.key, to.structure)
    status = LabelStatus.OUTLINED if finishes else LabelStatus.DRAFT
    assert project.label(FrameKey("clip0", 0)).status("lv") is status
    bench.go_to(3)
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED
