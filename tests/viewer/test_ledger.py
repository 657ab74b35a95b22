"""What cannot be written stays in memory as if it had been, and is written as soon as that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.core.edits import Paint
from annotator.core.errors import ProjectError, ReadOnlyProject
from annotator.core.identity import FrameKey
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import SuggestionsReady
from annotator.project import Project
from annotator.viewer.ledger import Change, Ledger
from annotator.viewer.state import CellState, Message, MessageAction, MessageLevel
from annotator.viewer.workbench import Workbench
from tests.viewer.conftest import box, suggestion

KEY = FrameKey("clip0", 0)
LEFT = box(slice(10, 20), slice(5, 15))
RIGHT = box(slice(10, 20), slice(30, 40))
BELOW = box(slice(30, 35), slice(20, 30))


@pytest.fixture
def refuse(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception | None], None]:
    """Let every commit fail with an error; with ``None``, succeed again."""
    real = project.commit

    def do(error: Exception | None) -> None:
        def commit(*args: Any, **kwargs: Any) -> Any:
            if error is not None:
                raise error
            return real(*args, **kwargs)

        monkeypatch.setattr(project, "commit", commit)

    return do


@pytest.mark.parametrize(
    "error",
    [
        ProjectError("The disk is full."),
        ReadOnlyProject("The database may not be written."),
        OSError("No such device."),
    ],
)
def test_a_stroke_is_kept_whatever_the_project_refuses_in_mid_session(
    bench: Workbench, project: Project, refuse: Any, draw: Callable[[NDArray[np.bool_]], None], error: Exception
) -> None:
    heard: list[Message] = []
    bench.signals.message.connect(heard.append)
    refuse(error)
    draw(LEFT)
    assert bench.desk.ledger.unsaved == (KEY,)
    assert np.array_equal(bench.scene.labels.data == 1, LEFT)
    assert heard[-1].level is MessageLevel.ERROR
    assert heard[-1].sentence.startswith("Not saved yet: ")
    assert str(error) in heard[-1].sentence
    assert not bench.save_waiting()
    refuse(None)
    assert bench.save_waiting()
    inside = project.label(KEY)["lv"].inside
    assert inside is not None
    assert np.array_equal(inside, LEFT)


def test_what_was_not_saved_is_tried_again_by_a_button_that_goes_with_it(
    bench: Workbench, project: Project, refuse: Any, draw: Any
) -> None:
    shown: list[Message] = []
    bench.signals.message.connect(shown.append)
    bench.signals.withdrawn.connect(lambda gone: shown.__setitem__(slice(None), [m for m in shown if m.action != gone]))
    refuse(ProjectError("The disk is full."))
    draw(LEFT)
    bench.take_action(MessageAction.SAVE)
    assert {message.action for message in shown} == {MessageAction.SAVE}
    refuse(None)
    bench.take_action(MessageAction.SAVE)
    assert (shown, bench.desk.ledger.unsaved) == ([], ())
    assert project.statuses("clip0")[0]["lv"].status is LabelStatus.DRAFT
    refuse(ProjectError("The disk is full."))
    draw(RIGHT)
    assert shown
    bench.undo()
    assert not shown, "what was undone need not be saved any more"


def test_corrections_that_wait_keep_where_they_came_from(
    bench: Workbench, project: Project, refuse: Any, draw: Any, engine: Any
) -> None:
    engine.waiting.append(SuggestionsReady((suggestion(KEY, 3, lv=LEFT, la=RIGHT),)))
    bench.pump()
    refuse(ProjectError("The disk is full."))
    draw(BELOW)
    draw(BELOW | box(slice(0, 3), slice(0, 50)))
    bench.accept("la")
    bench.finish()
    assert bench.desk.view().states["lv"] is CellState.CORRECTED
    assert bench.desk.view().states["la"] is CellState.ACCEPTED
    assert len(bench.desk.ledger.unsaved) == 4
    refuse(None)
    draw(box(slice(36, 40), slice(0, 50)))
    bench.finish()
    cells = {s: (cell.status, cell.origin, cell.snapshot) for s, cell in project.statuses("clip0")[0].items()}
    assert cells == {
        "lv": (LabelStatus.OUTLINED, Origin.CORRECTED, 3),
        "la": (LabelStatus.OUTLINED, Origin.ACCEPTED, 3),
    }


def test_nothing_is_kept_of_a_change_to_a_project_that_was_opened_read_only(project: Project) -> None:
    with Project.open(project.path, read_only=True) as seen:
        ledger = Ledger(seen, "Bob")
        with pytest.raises(ReadOnlyProject):
            ledger.commit(Change(KEY, (Paint("lv", LEFT),)))
        assert ledger.unsaved == ()
        assert ledger.label(KEY).status("lv") is LabelStatus.UNKNOWN
