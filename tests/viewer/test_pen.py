"""A stroke stays whole, and in the frame and structure where it began, whatever comes while the pen is down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray

from annotator.core.edits import Paint
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey, Spacing
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import QueueItem, QueueReady, SuggestionsReady
from annotator.project import Project
from annotator.viewer.brush import LEFT, MIDDLE, RIGHT
from annotator.viewer.state import MessageAction, Tool
from annotator.viewer.workbench import Workbench
from tests.viewer.conftest import Pen, box, suggestion

HERE = FrameKey("clip0", 2)
OFFERED = box(slice(15, 28), slice(5, 25))
DURING: dict[str, Callable[[Workbench], object]] = {
    "another frame": lambda bench: bench.go_to(3),
    "a step": lambda bench: bench.step(1),
    "a step to a label": lambda bench: bench.step_marked(1),
    "another clip": lambda bench: bench.open_clip("clip1"),
    "next up": lambda bench: bench.next_up(),
    "a line of the list": lambda bench: bench.jump(bench.board.queue[0]),
    "undo": lambda bench: bench.undo(),
    "redo": lambda bench: bench.redo(),
    "another structure": lambda bench: bench.select("myo"),
    "the same structure": lambda bench: bench.select("lv"),
    "hiding": lambda bench: bench.set_visible("lv", False),
    "another tool": lambda bench: bench.use_tool(Tool.FILL),
    "the hand": lambda bench: bench.use_tool(Tool.MOVE),
    "finishing": lambda bench: bench.finish(),
    "accepting": lambda bench: bench.accept("la"),
    "accepting all": lambda bench: bench.accept_all(),
    "rejecting": lambda bench: bench.reject("la"),
    "rejecting all": lambda bench: bench.reject_all(),
    "correcting": lambda bench: bench.correct("la"),
    "marking absent": lambda bench: bench.mark_absent("lv"),
    "clearing": lambda bench: bench.clear("lv"),
    "marking ED": lambda bench: bench.toggle_mark("ed"),
    "the view": lambda bench: bench.set_view("a2c"),
    "the domain": lambda bench: bench.set_domain("elsewhere"),
    "the pixel size": lambda bench: bench.confirm_spacing(Spacing(0.3, 0.3)),
    "a message's button": lambda bench: bench.take_action(MessageAction.SHOW_SUGGESTIONS),
    "fitting the picture": lambda bench: bench.fit(),
    "playing": lambda bench: bench.toggle_playing(),
    "the timer": lambda bench: bench.pump(),
}


def drawn_in(project: Project) -> dict[tuple[FrameKey, str], NDArray[np.bool_]]:
    """The pixels of everything that was said, by frame and structure."""
    said = {(key, s): project.label(key)[s].inside for key, cells in project.all_statuses().items() for s in cells}
    return {where: mask for where, mask in said.items() if mask is not None}


@pytest.fixture
def busy(bench: Workbench, project: Project, engine: Any, pen: Pen) -> Workbench:
    """A finished and a drawn structure elsewhere, a next-up list, a suggestion, and something to undo and redo."""
    pen.stroke(5, 5, 15)
    bench.go_to(1)
    pen.stroke(5, 5, 15)
    pen.stroke(8, 5, 15)
    bench.undo()
    bench.pump()
    bench.go_to(HERE.frame)
    made = suggestion(HERE, 1, la=OFFERED)
    engine.waiting += [SuggestionsReady((made,)), QueueReady((QueueItem(FrameKey("clip1", 3), "la", 1.0, "why"),))]
    bench.pump()
    return bench


@pytest.mark.parametrize("what", DURING)
def test_a_stroke_stays_whole_and_in_its_place(busy: Workbench, project: Project, pen: Pen, what: str) -> None:
    before, camera = drawn_in(project), busy.scene.viewer.scene.camera
    camera.zoom *= 2
    seen = camera.zoom
    pen.down(30, 5)
    pen.move(30, 20)
    DURING[what](busy)
    assert camera.zoom == seen
    pen.move(30, 40)
    pen.up(30, 45)
    after = drawn_in(project)
    assert set(after) - set(before) == {(HERE, "lv")}
    stroke = after[HERE, "lv"]
    assert stroke[30, 5:46].all()
    assert all(np.array_equal(mask, after[where]) for where, mask in before.items())
    assert (busy.desk.key, busy.desk.structure, busy.is_playing) == (HERE, "lv", False)
    assert np.array_equal(busy.scene.labels.data == 1, stroke)


def test_nothing_is_put_aside_for_later(busy: Workbench, project: Project, pen: Pen) -> None:
    pen.down(30, 5)
    for act in DURING.values():
        act(busy)
    assert project.label(HERE).status("lv") is LabelStatus.UNKNOWN
    pen.up(30, 45)
    busy.pump()
    assert busy.desk.key == HERE
    busy.go_to(3)
    assert busy.desk.frame == 3


def test_a_commit_that_is_not_shown_yet_waits_for_the_stroke(bench: Workbench, project: Project, pen: Pen) -> None:
    pen.stroke(5, 5, 15)
    bench.go_to(1)
    pen.down(20, 5)
    pen.move(20, 20)
    bench.pump()
    pen.up(20, 30)
    stroke = project.label(FrameKey("clip0", 1))["lv"].inside
    assert stroke is not None
    assert stroke[20, 5:31].all()
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED


def test_a_lifted_suggestion_stays_under_the_stroke(bench: Workbench, project: Project, engine: Any, pen: Pen) -> None:
    key = FrameKey("clip0", 1)
    engine.waiting.append(SuggestionsReady((suggestion(key, 1, lv=OFFERED),)))
    bench.pump()
    pen.stroke(5, 40, 45)
    bench.go_to(1)
    pen.down(25, 26)
    engine.waiting.append(SuggestionsReady((suggestion(key, 2, lv=box(slice(0, 4), slice(0, 4))),)))
    bench.pump()
    pen.up(27, 26)
    said = project.label(key)["lv"].inside
    assert said is not None
    assert said[OFFERED].all()
    assert said[25:28, 26].all()
    assert not said[0].any()
    assert (project.provenance(key)["lv"].origin, project.provenance(key)["lv"].snapshot) == (Origin.CORRECTED, 1)


def test_what_another_thread_writes_during_a_stroke_is_kept(bench: Workbench, project: Project, pen: Pen) -> None:
    key = bench.desk.key
    theirs = box(slice(0, 5), slice(0, 50))
    pen.down(20, 5)
    project.commit(key, [Paint("la", theirs)], author="Bob")
    bench.pump()
    pen.up(20, 30)
    label = project.label(key)
    assert label["lv"].inside is not None
    assert label["la"].inside is not None
    assert label["lv"].inside[20, 5:31].all()
    assert np.array_equal(label["la"].inside, theirs)
    assert (bench.scene.labels.data[:5] == 3).all()


@pytest.mark.parametrize("how", ["saving", "closing"])
def test_a_stroke_under_the_pen_is_saved_as_it_is(project: Project, how: str) -> None:
    bench = Workbench(project, ViewerModel(), author="Ada")
    bench.start()
    bench.set_brush_size(3)
    pen = Pen(bench)
    pen.down(20, 5)
    pen.move(20, 20)
    assert bench.save_waiting() if how == "saving" else bench.close()
    assert not bench.is_painting
    saved = drawn_in(project)[FrameKey("clip0", 0), "lv"]
    assert saved[20, 5:21].all()
    pen.move(20, 30)
    pen.up(20, 40)
    assert np.array_equal(drawn_in(project)[FrameKey("clip0", 0), "lv"], saved), "later moves paint nothing"
    if how == "saving":
        bench.close()


def test_a_stroke_that_cannot_be_saved_at_the_end_is_told(
    bench: Workbench, project: Project, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_kwargs: Any) -> Any:
        raise ProjectError("The disk is full.")

    pen.down(20, 5)
    pen.move(20, 20)
    with monkeypatch.context() as patch:
        patch.setattr(project, "commit", full)
        assert not bench.save_waiting()
    assert bench.save_waiting()
    assert drawn_in(project)[FrameKey("clip0", 0), "lv"][20, 5:21].all()


@pytest.mark.parametrize("button", [LEFT, RIGHT, MIDDLE])
def test_another_press_ends_the_stroke_before_it(bench: Workbench, project: Project, pen: Pen, button: int) -> None:
    second = Pen(bench)
    pen.down(20, 5)
    pen.move(20, 20)
    second.down(30, 5, button)
    second.up(30, 20)
    pen.up(20, 40)
    assert not bench.is_painting
    said = drawn_in(project)[FrameKey("clip0", 0), "lv"]
    assert said[20, 5:21].all()
    assert not said[20, 23:].any()
    assert said[30, 5:21].all() == (button == LEFT)
    bench.go_to(1)
    assert bench.desk.frame == 1


def test_a_hidden_structure_keeps_its_pixels(bench: Workbench, project: Project, pen: Pen) -> None:
    key = bench.desk.key
    bench.select("la")
    pen.stroke(20, 20, 30)
    before = drawn_in(project)[key, "la"]
    bench.select("lv")
    bench.set_visible("la", False)
    pen.stroke(20, 5, 45)
    after = drawn_in(project)
    assert np.array_equal(after[key, "la"], before)
    assert after[key, "lv"][20, 5:18].all()
    assert not (after[key, "lv"] & before).any()
    assert np.array_equal(bench.scene.labels.data == 1, after[key, "lv"])
    bench.set_visible("la", True)
    assert np.array_equal(bench.scene.labels.data == 3, before)
