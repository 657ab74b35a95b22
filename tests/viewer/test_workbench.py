"""The controller against a real project, with a learner that says what it is told to say."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray

from annotator.core.edits import Paint
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey, Spacing, Split
from annotator.core.status import LabelStatus, Origin
from annotator.engine.messages import (
    Look,
    QueueItem,
    QueueReady,
    RunState,
    SuggestionsGone,
    SuggestionsReady,
    TrainingStatus,
    Trouble,
)
from annotator.engine.recipes import remembered_recipe
from annotator.project import Project
from annotator.viewer.patience import REST_S
from annotator.viewer.state import CellState, ClipRow, Message, MessageAction, MessageLevel, Tool
from annotator.viewer.workbench import Workbench
from tests.viewer.conftest import PROTOCOL, Pen

Draw = Callable[[NDArray[np.bool_]], None]
Suggest = Callable[..., None]

LEFT = np.zeros((40, 50), dtype=np.bool_)
LEFT[10:20, 5:15] = True
RIGHT = np.zeros((40, 50), dtype=np.bool_)
RIGHT[10:20, 30:40] = True


BELOW = np.zeros((40, 50), dtype=np.bool_)
BELOW[30:35, 20:30] = True


def inside(project: Project, key: FrameKey, structure: str = "lv") -> NDArray[np.bool_]:
    mask = project.label(key)[structure].inside
    assert mask is not None
    return mask


def states(bench: Workbench) -> dict[str, CellState]:
    return dict(bench.desk.view().states)


def messages(bench: Workbench) -> list[Message]:
    heard: list[Message] = []
    bench.signals.message.connect(heard.append)
    return heard


def test_stroke_becomes_a_durable_draft_and_enter_finishes_it(bench: Workbench, project: Project, draw: Draw) -> None:
    draw(LEFT)
    label = project.label(FrameKey("clip0", 0))
    assert label.status("lv") is LabelStatus.DRAFT
    assert np.array_equal(inside(project, FrameKey("clip0", 0)), LEFT)
    assert bench.tool.tool is Tool.BRUSH
    bench.finish()
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED
    assert states(bench)["lv"] is CellState.DRAWN


@pytest.mark.parametrize("leave", ["frame", "structure", "clip"])
def test_moving_on_finishes_what_was_drawn(bench: Workbench, project: Project, draw: Draw, leave: str) -> None:
    draw(LEFT)
    match leave:
        case "frame":
            bench.go_to(2)
        case "structure":
            bench.select("la")
        case _:
            bench.open_clip("clip1")
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED


def test_first_stroke_on_a_suggestion_lifts_it_as_corrected(
    bench: Workbench, project: Project, draw: Draw, suggest: Suggest
) -> None:
    suggest(7, lv=LEFT)
    draw(RIGHT)
    key = bench.desk.key
    assert np.array_equal(inside(project, key), LEFT | RIGHT)
    said = project.provenance(key)["lv"]
    assert (said.origin, said.snapshot) == (Origin.CORRECTED, 7)
    bench.finish()
    assert states(bench)["lv"] is CellState.CORRECTED
    assert project.provenance(key)["lv"].snapshot == 7


def test_a_press_that_changes_nothing_leaves_a_suggestion_what_it_is(
    bench: Workbench, project: Project, draw: Draw, suggest: Suggest
) -> None:
    suggest(7, lv=LEFT)
    draw(LEFT)
    assert states(bench)["lv"] is CellState.SUGGESTED
    assert not bench.scene.labels.data.any()
    bench.go_to(1)
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.UNKNOWN


def test_erasing_on_a_suggestion_lifts_it_too(bench: Workbench, project: Project, suggest: Suggest) -> None:
    suggest(3, lv=LEFT | RIGHT)
    assert bench.begin_stroke()
    bench.scene.labels.data[RIGHT] = 0
    bench.end_stroke()
    assert np.array_equal(inside(project, bench.desk.key), LEFT)


def test_accept_reject_absent_and_a_newer_model(bench: Workbench, project: Project, suggest: Suggest) -> None:
    suggest(1, lv=LEFT, myo=RIGHT)
    bench.accept("lv")
    bench.reject("myo")
    bench.mark_absent("la")
    suggest(2, lv=RIGHT, la=BELOW, myo=RIGHT)
    view = bench.desk.view()
    assert not view.suggestions.any()
    assert np.array_equal(view.labels == 1, LEFT)
    assert states(bench) == {"lv": CellState.ACCEPTED, "myo": CellState.REJECTED, "la": CellState.ABSENT}
    bench.clear("myo")
    assert states(bench)["myo"] is CellState.SUGGESTED


def test_accept_all_is_one_undo_step(bench: Workbench, project: Project, suggest: Suggest) -> None:
    suggest(1, lv=LEFT, myo=RIGHT)
    bench.accept_all()
    assert states(bench)["myo"] is CellState.ACCEPTED
    bench.undo()
    assert states(bench)["lv"] is states(bench)["myo"] is CellState.SUGGESTED
    bench.redo()
    assert states(bench)["lv"] is CellState.ACCEPTED


def test_a_hidden_suggestion_is_neither_accepted_nor_rejected(bench: Workbench, suggest: Suggest) -> None:
    suggest(1, lv=LEFT, myo=RIGHT)
    told = messages(bench)
    bench.set_visible("lv", is_visible=False)
    bench.accept()
    bench.reject()
    bench.reject_all()
    assert states(bench)["lv"] is CellState.SUGGESTED
    assert states(bench)["myo"] is CellState.REJECTED
    assert [message.sentence for message in told] == [
        "LV cavity is hidden; show it before you accept its suggestion.",
        "LV cavity is hidden; show it before you reject its suggestion.",
    ]


@pytest.mark.parametrize("answer", [True, False])
def test_accepting_an_empty_suggestion_asks(bench: Workbench, suggest: Suggest, *, answer: bool) -> None:
    asked: list[str] = []

    def ask(name: str) -> bool:
        asked.append(name)
        return answer

    bench.labelling.ask_absent = ask
    suggest(1, lv=LEFT)
    bench.accept("la")
    assert asked == ["Left atrium"]
    assert states(bench)["la"] is (CellState.ABSENT if answer else CellState.UNKNOWN)


def test_absent_is_said_of_the_frame_that_was_asked_about(bench: Workbench, project: Project, suggest: Suggest) -> None:
    was_playing: list[bool] = []

    def ask(_name: str) -> bool:
        was_playing.append(bench.is_playing)
        bench.step(1)
        bench.pump()
        return True

    bench.labelling.ask_absent = ask
    suggest(4, lv=LEFT)
    bench.toggle_playing()
    bench.accept("la")
    assert was_playing == [False], "the clip stands still behind the question"
    said = {key: dict(cells) for key, cells in project.all_statuses().items()}
    assert list(said) == [FrameKey("clip0", 0)]
    cell = said[FrameKey("clip0", 0)]["la"]
    assert (cell.status, cell.origin, cell.snapshot) == (LabelStatus.ABSENT, Origin.ACCEPTED, 4)


def test_what_undo_leaves_of_a_drawing_is_finished_by_moving_on(bench: Workbench, project: Project, draw: Draw) -> None:
    draw(LEFT)
    draw(RIGHT)
    bench.undo()
    bench.redo()
    bench.redo()
    bench.undo()
    bench.step(1)
    label = project.label(FrameKey("clip0", 0))
    assert label.status("lv") is LabelStatus.OUTLINED
    assert label["lv"].inside is not None
    assert np.array_equal(label["lv"].inside, LEFT)
    bench.undo()
    bench.step(1)
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.DRAFT, "an undone finish stays undone"


def test_nothing_of_another_frame_is_shown_or_saved_where_one_cannot_be_read(
    bench: Workbench, project: Project, draw: Draw, monkeypatch: Any
) -> None:
    draw(LEFT)
    read, is_damaged = project.read_frame, True

    def read_frame(key: FrameKey) -> Any:
        if is_damaged and key.frame == 1:
            raise ProjectError("The file of this clip is damaged.")
        return read(key)

    monkeypatch.setattr(project, "read_frame", read_frame)
    told = messages(bench)
    bench.go_to(1)
    assert not bench.scene.image.data.any()
    assert not bench.scene.labels.data.any()
    assert not bench.begin_stroke()
    assert {message.sentence for message in told} == {"The file of this clip is damaged."}
    is_damaged = False
    assert not bench.begin_stroke(), "the press brings the picture back"
    draw(RIGHT)
    label = project.label(FrameKey("clip0", 1))["lv"]
    assert label.inside is not None
    assert np.array_equal(label.inside, RIGHT)


def test_undo_goes_to_the_frame_it_concerns(bench: Workbench, project: Project, draw: Draw) -> None:
    draw(LEFT)
    bench.open_clip("clip1")
    bench.go_to(3)
    bench.undo()
    assert bench.desk.key == FrameKey("clip0", 0)
    assert project.label(bench.desk.key).status("lv") is LabelStatus.DRAFT
    bench.undo()
    assert project.label(bench.desk.key).status("lv") is LabelStatus.UNKNOWN
    bench.go_to(1)
    bench.redo()
    bench.redo()
    assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED


def test_painting_over_takes_the_pixels(bench: Workbench, project: Project, draw: Draw) -> None:
    draw(LEFT | RIGHT)
    bench.select("myo")
    draw(RIGHT)
    assert np.array_equal(inside(project, bench.desk.key), LEFT)
    assert np.array_equal(inside(project, bench.desk.key, "myo"), RIGHT)


def test_unsure_and_is_not_strokes(bench: Workbench, project: Project) -> None:
    for tool, value in ((Tool.UNSURE, 1), (Tool.IS_NOT, 2)):
        bench.use_tool(tool)
        assert bench.begin_stroke()
        bench.scene.marks.data[LEFT if tool is Tool.UNSURE else RIGHT] = value
        bench.end_stroke()
    label = project.label(bench.desk.key)
    assert label.unsure is not None
    assert np.array_equal(label.unsure, LEFT)
    assert label["lv"].outside is not None
    assert np.array_equal(label["lv"].outside, RIGHT)
    assert label.status("lv") is LabelStatus.PARTIAL


def test_a_stroke_that_cannot_be_saved_is_kept_shown_and_tried_again(
    bench: Workbench, project: Project, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = messages(bench)
    real = project.commit

    def full_disk(*args: Any, **kwargs: Any) -> Any:
        raise ProjectError("The disk is full.")

    monkeypatch.setattr(project, "commit", full_disk)
    draw(LEFT)
    assert heard[-1].level is MessageLevel.ERROR
    assert "disk is full" in heard[-1].sentence
    bench.go_to(1)
    bench.go_to(0)
    assert np.array_equal(bench.scene.labels.data == 1, LEFT)
    monkeypatch.setattr(project, "commit", real)
    draw(RIGHT)
    assert np.array_equal(inside(project, bench.desk.key), LEFT | RIGHT)
    assert bench.desk.ledger.unsaved == ()


def test_every_draft_is_finished_though_the_first_cannot_be_saved(
    bench: Workbench, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bench.desk.key
    project.commit(key, [Paint("lv", LEFT), Paint("la", RIGHT)], author="Ada")
    bench.pump()

    def full_disk(*args: Any, **kwargs: Any) -> Any:
        raise ProjectError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(project, "commit", full_disk)
        bench.finish()
    assert bench.save_waiting()
    assert {s: v.status for s, v in project.label(key).structures.items()} == {
        "lv": LabelStatus.OUTLINED,
        "la": LabelStatus.OUTLINED,
    }


def test_a_suggestion_waits_for_the_stroke(bench: Workbench, suggest: Suggest, pen: Pen) -> None:
    suggest(1, lv=LEFT)
    pen.down(32, 25)
    suggest(2, lv=RIGHT)
    assert (bench.scene.labels.data[LEFT] == 1).all()
    pen.up(32, 28)
    assert (bench.desk.view().labels[LEFT] == 1).all()
    assert not bench.desk.view().labels[RIGHT].any()


def test_absence_is_not_offered_by_a_model_that_does_not_know_the_structure(
    bench: Workbench, suggest: Suggest, engine: Any, project: Project
) -> None:
    suggest(1, lv=LEFT)
    assert bench.labelling.is_empty_offer("myo")
    made = bench.desk.suggestions.get(bench.desk.key)
    assert made is not None
    engine.waiting.append(SuggestionsReady((replace(made, confidence={"lv": 0.9}),)))
    bench.pump()
    assert not bench.labelling.is_empty_offer("myo")
    assert bench.labelling.accept(("lv", "myo")) == 1
    assert project.label(bench.desk.key).status("myo") is LabelStatus.UNKNOWN


def test_an_older_model_does_not_replace_a_newer(bench: Workbench, suggest: Suggest) -> None:
    suggest(2, lv=LEFT)
    suggest(1, lv=RIGHT)
    assert np.array_equal(bench.desk.view().suggestions == 1, LEFT)


def test_suggestions_of_a_model_that_may_not_serve_go_and_an_older_model_s_come(
    bench: Workbench, suggest: Suggest, engine: Any
) -> None:
    suggest(2, lv=LEFT)
    bench.go_to(1)
    suggest(2, lv=LEFT)
    measured = TrainingStatus(RunState.TRAINING, "Learning.", step=5, losses={"total": 1.0}, dice={"lv": 0.98})
    engine.waiting += [measured, SuggestionsGone()]
    bench.pump()
    assert (bench.board.view.dice, bench.board.view.loss.points) == ((), ())
    assert not bench.desk.view().suggestions.any()
    assert not bench.scene.suggestions.data.any()
    assert bench.desk.suggestions.found(FrameKey("clip0", 0)) == frozenset()
    suggest(1, lv=RIGHT)
    assert np.array_equal(bench.desk.view().suggestions == 1, RIGHT)


def test_the_learner_hears_where_the_person_looks(bench: Workbench, engine: Any) -> None:
    bench.go_to(2)
    bench.open_clip("clip1")
    assert engine.sent == [Look(FrameKey("clip0", 0)), Look(FrameKey("clip0", 2)), Look(FrameKey("clip1", 0))]


def test_panels_follow(bench: Workbench, draw: Draw, suggest: Suggest) -> None:
    seen: dict[str, Any] = {}
    bench.signals.structures.connect(lambda rows: seen.update(rows=rows))
    bench.signals.timeline.connect(lambda state: seen.update(timeline=state))
    bench.signals.clips.connect(lambda clips: seen.update(clips=clips))
    draw(LEFT)
    bench.finish()
    suggest(1, la=RIGHT)
    time.sleep(REST_S)
    bench.pump()
    rows = {row.id: row for row in seen["rows"]}
    assert rows["lv"].state is CellState.DRAWN
    assert rows["lv"].area == "0.5 cm²"
    assert rows["la"].confidence == pytest.approx(0.9)
    cells = {row.id: row.cells[0] for row in seen["timeline"].rows}
    assert cells == {"lv": CellState.DRAWN, "myo": CellState.UNKNOWN, "la": CellState.SUGGESTED}
    clips = [(row.name, row.labelled, row.is_current) for row in seen["clips"]]
    assert clips == [("clip0", 1, True), ("clip1", 0, False)]


def test_timeline_and_panel_agree_on_a_suggestion_that_lies_under_labels(
    bench: Workbench, draw: Draw, suggest: Suggest
) -> None:
    seen: dict[str, Any] = {}
    bench.signals.structures.connect(lambda rows: seen.update(panel={row.id: row.state for row in rows}))
    bench.signals.timeline.connect(lambda t: seen.update(timeline={row.id: row.cells[0] for row in t.rows}))
    suggest(1, myo=LEFT, la=RIGHT)
    draw(LEFT)
    time.sleep(REST_S)
    bench.pump()
    assert seen["panel"] == {"lv": CellState.DRAFT, "myo": CellState.UNKNOWN, "la": CellState.SUGGESTED}
    assert seen["timeline"] == seen["panel"]
    bench.undo()
    assert seen["timeline"] == seen["panel"]
    assert seen["panel"]["myo"] is CellState.SUGGESTED


def test_what_the_view_cannot_show_is_offered_no_more(bench: Workbench, suggest: Suggest) -> None:
    seen: dict[str, Any] = {}
    bench.signals.timeline.connect(lambda state: seen.update(timeline=state))
    suggest(1, lv=LEFT, la=RIGHT)
    assert states(bench)["la"] is CellState.SUGGESTED
    bench.set_view("a2c")
    time.sleep(REST_S)
    bench.pump()
    assert states(bench) == {"lv": CellState.SUGGESTED, "myo": CellState.UNKNOWN, "la": CellState.NOT_IN_VIEW}
    cells = {row.id: set(row.cells) for row in seen["timeline"].rows}
    assert cells["la"] == {CellState.NOT_IN_VIEW}
    heard = messages(bench)
    bench.accept("la")
    assert heard[-1].sentence.startswith("Left atrium: this view does not show it.")
    bench.mark_absent("la")
    assert states(bench)["la"] is CellState.ABSENT, "a person may speak of it all the same"


def test_a_clip_seen_before_hides_what_its_new_view_and_part_of_the_data_do_not_show(
    bench: Workbench, suggest: Suggest
) -> None:
    suggest(1, lv=LEFT, la=RIGHT)
    assert bench.scene.suggestions.data.any()
    bench.open_clip("clip1")
    bench.set_view("a2c", of=("clip0",))
    bench.open_clip("clip0")
    assert states(bench) == {"lv": CellState.SUGGESTED, "myo": CellState.UNKNOWN, "la": CellState.NOT_IN_VIEW}
    bench.open_clip("clip1")
    bench.set_split(Split.TEST, of=("clip0",))
    bench.open_clip("clip0")
    assert states(bench)["lv"] is CellState.UNKNOWN, "the labels of a test clip do not lean on the model"
    assert not bench.scene.suggestions.data.any()
    bench.accept("lv")
    assert states(bench)["lv"] is CellState.UNKNOWN
    bench.undo()
    bench.undo()
    assert states(bench) == {"lv": CellState.SUGGESTED, "myo": CellState.UNKNOWN, "la": CellState.SUGGESTED}


def test_clip_facts_are_undoable(bench: Workbench, project: Project) -> None:
    bench.set_view("a4c")
    bench.toggle_mark("ed")
    bench.confirm_spacing(Spacing(0.3, 0.3))
    header = project.clip("clip0").header
    assert (header.view, header.ed_frames, header.spacing) == ("a4c", (0,), Spacing(0.3, 0.3))
    assert tuple(bench.scene.labels.scale) == (0.3, 0.3)
    for _ in range(3):
        bench.undo()
    header = project.clip("clip0").header
    assert (header.view, header.ed_frames, header.spacing) == (None, (), Spacing(0.5, 1.0))
    assert tuple(bench.scene.labels.scale) == (0.5, 1.0)


def test_one_goes_from_label_to_label(bench: Workbench, draw: Callable[..., None]) -> None:
    heard = messages(bench)
    bench.step_marked(1)
    assert (bench.desk.frame, heard[-1].sentence) == (0, "No other frame of this clip has a label or an ED or ES mark.")
    draw(LEFT)
    bench.go_to(2)
    bench.toggle_mark("es")
    bench.go_to(1)
    been = []
    for by in (1, 1, 1, -1, -1):
        bench.step_marked(by)
        been.append(bench.desk.frame)
    assert been == [2, 0, 2, 0, 2]


def test_a_pixel_size_may_hold_for_clips_that_are_alike(bench: Workbench, project: Project) -> None:
    alike = bench.facts.sized_alike()
    assert alike == ("clip0", "clip1")
    heard = messages(bench)
    bench.confirm_spacing(Spacing(0.3, 0.3), of=alike)
    assert heard == [Message("Changed the details of 'clip0', 'clip1'")]
    assert {clip.header.spacing for clip in project.clips()} == {Spacing(0.3, 0.3)}
    bench.open_clip("clip1")
    assert tuple(bench.scene.labels.scale) == (0.3, 0.3)
    bench.undo()
    assert bench.desk.open_clip.name == "clip1", "undo stays where it changes something"
    assert {clip.header.spacing for clip in project.clips()} == {Spacing(0.5, 1.0)}
    bench.set_domain("elsewhere")
    assert bench.facts.sized_alike() == ("clip1",)


def test_views_and_domains_of_several_clips_are_one_step(bench: Workbench, project: Project) -> None:
    both = ("clip0", "clip1")
    bench.set_view("a2c", of=both)
    bench.set_domain("north", of=both)
    assert {(clip.header.view, clip.header.domain) for clip in project.clips()} == {("a2c", "north")}
    bench.undo()
    bench.undo()
    assert {(clip.header.view, clip.header.domain) for clip in project.clips()} == {(None, "default")}


def test_a_domain_is_named_in_the_window_as_everywhere(bench: Workbench, project: Project) -> None:
    for typed, named in (("R & D", "R _ D"), ("cafe\u0301", "caf\u00e9"), ("  ", "caf\u00e9")):
        bench.set_domain(typed)
        assert project.clip("clip0").header.domain == named
    header = replace(project.clip("clip1").header, domain="R & D")
    project.update_clip("clip1", header, author="Ada")
    bench.set_domain("R & D")
    assert project.clip("clip0").header.domain == "R & D", "one that the project has is kept as it is"


def test_patients_are_moved_to_another_part_of_the_data_together(
    bench: Workbench, project: Project, engine: Any
) -> None:
    heard = messages(bench)
    engine.waiting.append(QueueReady((QueueItem(FrameKey("clip0", 1), "lv", 0.5, "unsure"),)))
    bench.pump()
    assert [row.clip for row in bench.board.queue] == ["clip0"]
    bench.set_split(Split.TEST, of=("clip0", "clip1"))
    assert not [row.clip for row in bench.board.queue], "nobody is asked to label a test clip for the model"
    assert {clip.split for clip in project.clips()} == {Split.TEST}
    assert heard[-1].sentence.startswith("Changed the details of 'clip0', 'clip1'")
    bench.undo()
    assert {clip.split for clip in project.clips()} == {Split.TRAIN}


@pytest.mark.parametrize("has_reported", [False, True])
def test_figures_of_models_that_may_not_serve_go_also_where_the_learner_says_nothing_of_it(
    project: Project, engine: Any, *, has_reported: bool
) -> None:
    """As while it starts: it then finds the patient set apart already, and has nothing to take back."""
    for step in (100, 200):
        metrics = {"dice": {"lv": step / 1000}}
        revision = project.data_revision
        project.add_snapshot(b"", step=step, data_revision=revision, recipe="r", metrics=metrics, is_validated=True)
    bench = Workbench(project, ViewerModel(), author="Ada", engine=engine)
    bench.start()
    engine.waiting += [TrainingStatus(RunState.LOADING, "Loading.", step=0)] * has_reported
    bench.pump()
    assert [[p.value for p in curve.points] for curve in bench.board.view.dice] == [[0.1, 0.2]] * has_reported
    bench.set_split(Split.TEST, of=("clip1",))
    engine.waiting.append(TrainingStatus(RunState.IDLE, "Waiting.", step=0))
    bench.pump()
    assert bench.board.view.dice == ()
    bench.undo()
    assert bench.board.view.dice == (), "a mark is for good"
    bench.close()


def test_trouble_offers_a_retry(bench: Workbench, engine: Any) -> None:
    heard = messages(bench)
    engine.waiting.append(Trouble("The learner stopped.", can_retry=True))
    bench.pump()
    assert heard[-1] == Message("The learner stopped.", MessageLevel.ERROR, MessageAction.RETRY)
    assert bench.board.view.can_retry


def test_a_recipe_chosen_where_no_learner_runs_is_followed_the_next_time(project: Project) -> None:
    alone = Workbench(project, ViewerModel(), author="Ada")
    heard = messages(alone)
    alone.use_recipe("hdc")
    assert heard == [Message("The project follows the recipe 'hdc' from the next time on that it is opened.")]
    with Project.open(project.path, read_only=True) as seen:
        reader = Workbench(seen, ViewerModel(), author="Bob")
        reader.board.take_absence("It can be read alone.")
        heard = messages(reader)
        reader.use_recipe("plain")
        assert heard == [Message("It can be read alone.", MessageLevel.WARNING)]
        reader.close()
    assert remembered_recipe(project) == "hdc"


def test_a_view_that_could_not_be_saved_is_not_shown_as_if_it_had_been(
    bench: Workbench, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_words: object) -> None:
        message = "the disk is full."
        raise ProjectError(message)

    before = project.clip("clip0").header.view
    shown: list[Any] = []
    bench.signals.details.connect(shown.append)
    monkeypatch.setattr(project, "update_clips", refuse)
    bench.set_view("a2c" if before != "a2c" else "a4c")
    bench.set_domain("elsewhere")
    assert [details.view for details in shown] == 2 * [before or ""]
    assert "elsewhere" not in {details.domain for details in shown}


def test_colour_and_grey_clips_reuse_the_layers(bench: Workbench) -> None:
    layers = list(bench.scene.viewer.layers)
    bench.open_clip("clip1")
    assert bench.scene.rgb.visible
    assert not bench.scene.grey.visible
    bench.open_clip("clip0")
    assert list(bench.scene.viewer.layers) == layers
    assert np.array_equal(bench.scene.grey.data, bench.project.read_frame(FrameKey("clip0", 0)))


def test_that_no_clip_is_open_is_no_error_that_stands_over_the_first_import(tmp_path: Path) -> None:
    with Project.create(tmp_path / "empty", PROTOCOL) as project:
        bench = Workbench(project, ViewerModel(), author="Ada")
        heard = messages(bench)
        bench.start()
        for act in (bench.accept, bench.reject_all, bench.correct, bench.mark_absent, bench.clear, bench.finish):
            act()
        bench.toggle_mark("ed")
        Pen(bench).stroke(1, 0, 1)
        bench.close()
    assert len(heard) == 8
    assert {m.level for m in heard} == {MessageLevel.INFO}
    assert {m.sentence for m in heard} == {"No clip is open; choose one at the left, or import some."}


def test_a_read_only_project_cannot_be_drawn_on(project: Project, draw: Draw, bench: Workbench) -> None:
    draw(LEFT)
    with Project.open(project.path, read_only=True) as seen:
        reader = Workbench(seen, ViewerModel(), author="Bob")
        reader.start()
        heard = messages(reader)
        assert not reader.begin_stroke()
        reader.clear("lv")
        reader.undo()
        reader.set_view("a2c")
        assert heard == 4 * [Message("The project is open read-only, so nothing can be changed.", MessageLevel.WARNING)]
        assert seen.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.DRAFT
        reader.close()


def test_a_read_only_project_offers_nothing_that_would_change_it(
    project: Project, draw: Draw, bench: Workbench
) -> None:
    draw(LEFT)
    assert project.undo_sentence
    with Project.open(project.path, read_only=True) as seen:
        reader = Workbench(seen, ViewerModel(), author="Bob")
        shown: dict[str, Any] = {}
        for name in ("structures", "details", "tool"):
            getattr(reader.signals, name).connect(partial(shown.__setitem__, name))
        reader.start()
        assert not any(row.can_change for row in shown["structures"])
        assert not shown["details"].can_change
        tool = shown["tool"]
        assert (tool.can_draw, tool.undo, tool.redo, tool.can_finish) == (False, "", "", False)
        reader.close()


@pytest.fixture
def test_clip(bench: Workbench, project: Project, suggest: Suggest) -> FrameKey:
    """A frame of a test clip on screen, with a suggestion."""
    clip = project.clip("clip1")
    project.update_clip("clip1", clip.header, author="Ada", split=Split.TEST)
    bench.pump()
    bench.open_clip("clip1")
    suggest(3, lv=LEFT)
    return bench.desk.key


def test_a_test_clip_hides_its_suggestions_and_says_so(bench: Workbench, project: Project, test_clip: FrameKey) -> None:
    told = messages(bench)
    assert states(bench)["lv"] is CellState.UNKNOWN
    assert not bench.scene.suggestions.data.any()
    bench.accept()
    bench.accept_all()
    bench.hide_suggestions(are_hidden=False)
    assert project.label(test_clip).status("lv") is LabelStatus.UNKNOWN
    assert {message.action for message in told} == {MessageAction.SHOW_SUGGESTIONS}
    assert "test clip" in told[0].sentence


def test_the_way_round_is_deliberate_ends_with_the_clip_and_leaves_its_mark(
    bench: Workbench, project: Project, test_clip: FrameKey
) -> None:
    bench.take_action(MessageAction.SHOW_SUGGESTIONS)
    assert states(bench)["lv"] is CellState.SUGGESTED
    bench.accept()
    assert project.provenance(test_clip)["lv"].origin is Origin.ACCEPTED
    bench.undo()
    bench.open_clip("clip0")
    bench.open_clip("clip1")
    assert states(bench)["lv"] is CellState.UNKNOWN


def test_what_was_said_of_a_test_clip_goes_with_it(bench: Workbench, test_clip: FrameKey) -> None:
    withdrawn: list[MessageAction] = []
    bench.signals.withdrawn.connect(withdrawn.append)
    bench.open_clip("clip0")
    assert withdrawn == [MessageAction.SHOW_SUGGESTIONS]
    bench.open_clip(test_clip.clip)
    assert len(withdrawn) == 1


def test_an_error_that_can_be_tried_again_goes_where_it_is(bench: Workbench) -> None:
    withdrawn: list[MessageAction] = []
    bench.signals.withdrawn.connect(withdrawn.append)
    bench.resume_training()
    assert withdrawn == [MessageAction.RETRY]
    bench.use_recipe("supervised")
    assert withdrawn == [MessageAction.RETRY, MessageAction.RETRY], "another recipe is another try"


def test_frames_next_to_the_one_on_screen_are_made_ready_at_rest(bench: Workbench, monkeypatch: Any) -> None:
    asked: list[int] = []
    shown = bench.desk.shown

    def count(key: FrameKey) -> Any:
        asked.append(key.frame)
        if key.frame == 3:
            raise ProjectError("The label of frame 3 cannot be read.")
        return shown(key)

    bench.go_to(2)
    monkeypatch.setattr(type(bench.desk), "shown", lambda _desk, key: count(key))
    heard = messages(bench)
    bench.pump()
    assert asked == []
    time.sleep(REST_S)
    for _ in range(6):
        bench.pump()
    assert asked == [3, 1]
    assert heard == []


def test_a_project_is_opened_at_the_draft_that_was_left(bench: Workbench, project: Project, draw: Draw) -> None:
    bench.open_clip("clip1", 2)
    draw(LEFT)
    again = Workbench(project, ViewerModel(), author="Ada")
    heard, clips = messages(again), list[tuple[ClipRow, ...]]()
    again.signals.clips.connect(clips.append)
    again.start()
    assert again.desk.key == FrameKey("clip1", 2)
    assert "finish it with Enter" in heard[-1].sentence
    assert {row.name: row.draft_frames for row in clips[-1]} == {"clip0": 0, "clip1": 1}
    again.finish()
    again.close()
    assert not any(row.draft_frames for row in clips[-1])
