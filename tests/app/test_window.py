"""The real window on a (virtual) screen, with real mouse and key events and a learner that suggests boxes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QWidget,
)

from annotator.app.session import Session
from annotator.app.window import MainWindow
from annotator.core.edits import Assign
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.progress import Progress, Silent
from annotator.engine.messages import RunState, TrainingStatus, UseRecipe
from annotator.project import HELD_FACT, Project
from annotator.settings import UserSettings, load_settings
from annotator.ui.controls import ElidedLabel, Readout
from annotator.ui.dialogs import (
    EACH_NEW,
    NEW_PATIENT,
    AskReplaceDialog,
    AskSplitDialog,
    ImportDialog,
    ImportRequest,
    LearnerDialog,
    NewProject,
    NewProjectDialog,
    PatientDialog,
    PatientQuestion,
    ReplaceQuestion,
)
from annotator.viewer.state import CellState, StructureRow, Tool

pytestmark = pytest.mark.window


@pytest.fixture
def window(qtbot: Any, folder: Path, suggesting: Any) -> Iterator[MainWindow]:
    made = MainWindow(UserSettings(author="Ada"))
    made.show_session(Session(Project.open(folder), made.settings, engine=suggesting, parent=made))
    made.show()
    made.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is made)
    native(made).setFocus()
    qtbot.waitUntil(lambda: states(made)["lv"] is CellState.SUGGESTED)
    yield made
    # What an import did is there before the window hears that it is over; closing would ask.
    qtbot.waitUntil(lambda: made.session is None or not made.session.transfer.unfinished, timeout=30_000)
    made.close()
    made.deleteLater()


def session_of(window: MainWindow) -> Session:
    assert window.session is not None
    return window.session


def states(window: MainWindow) -> dict[str, CellState]:
    return dict(session_of(window).bench.desk.view().states)


def tool(window: MainWindow) -> Tool:
    return session_of(window).bench.tool.tool


def native(window: MainWindow) -> QWidget:
    return session_of(window).page.canvas.native


def press(qtbot: Any, window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier | None = None) -> None:
    qtbot.keyClick(native(window), key, modifier or Qt.KeyboardModifier.NoModifier)


def place(window: MainWindow, row: float, column: float) -> QPoint:
    """Where a pixel of the frame is on the canvas."""
    canvas = session_of(window).page.canvas.canvas
    scale = session_of(window).bench.scene.labels.scale
    transform = canvas.view.transform * canvas.view.scene.transform
    x, y = transform.map([column * scale[1], row * scale[0]])[:2]
    return QPoint(round(float(x)), round(float(y)))


def drag(qtbot: Any, window: MainWindow, start: tuple[float, float], end: tuple[float, float], **how: Any) -> None:
    button = how.get("button", Qt.MouseButton.LeftButton)
    target = native(window)
    qtbot.mouseMove(target, place(window, *start))
    qtbot.mousePress(target, button, pos=place(window, *start))
    qtbot.mouseMove(target, place(window, *end))
    qtbot.mouseRelease(target, button, pos=place(window, *end))


def test_keys_accept_reject_mark_and_undo(qtbot: Any, window: MainWindow) -> None:
    project, key = session_of(window).project, FrameKey("clip0", 0)
    press(qtbot, window, Qt.Key.Key_A)
    assert states(window)["lv"] is CellState.ACCEPTED
    press(qtbot, window, Qt.Key.Key_E)
    press(qtbot, window, Qt.Key.Key_R)
    assert states(window)["la"] is CellState.REJECTED
    press(qtbot, window, Qt.Key.Key_X)
    assert project.label(key).status("la") is LabelStatus.ABSENT
    for _ in range(3):
        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert set(states(window).values()) == {CellState.SUGGESTED}
    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert set(states(window).values()) == {CellState.ACCEPTED}


def test_a_stroke_corrects_a_suggestion_and_enter_finishes_it(qtbot: Any, window: MainWindow) -> None:
    session = session_of(window)
    session.bench.set_brush_size(4)
    drag(qtbot, window, (32.0, 10.0), (32.0, 70.0))
    assert states(window)["lv"] is CellState.DRAFT
    label = session.project.label(FrameKey("clip0", 0))["lv"]
    assert label.inside is not None
    assert label.inside[10:30, 20:60].all(), "the suggestion was lifted"
    assert label.inside[32, 12:68].all(), "the stroke reaches from press to release"
    drag(qtbot, window, (20.0, 25.0), (20.0, 55.0), button=Qt.MouseButton.RightButton)
    erased = session.project.label(FrameKey("clip0", 0))["lv"].inside
    assert erased is not None
    assert not erased[20, 26:54].any()
    press(qtbot, window, Qt.Key.Key_Return)
    assert states(window)["lv"] is CellState.CORRECTED


@pytest.mark.parametrize(
    ("key", "modifier"),
    [
        (Qt.Key.Key_E, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_N, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier),
    ],
)
def test_a_key_during_a_stroke_leaves_it_whole_and_in_its_place(
    qtbot: Any, window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier
) -> None:
    session, target = session_of(window), native(window)
    session.bench.set_brush_size(4)
    drag(qtbot, window, (5.0, 10.0), (5.0, 30.0))
    press(qtbot, window, Qt.Key.Key_Right)
    qtbot.mouseMove(target, place(window, 50.0, 10.0))
    qtbot.mousePress(target, Qt.MouseButton.LeftButton, pos=place(window, 50.0, 10.0))
    qtbot.mouseMove(target, place(window, 50.0, 40.0))
    press(qtbot, window, key, modifier)
    qtbot.wait(60)
    qtbot.mouseMove(target, place(window, 50.0, 60.0))
    qtbot.mouseRelease(target, Qt.MouseButton.LeftButton, pos=place(window, 50.0, 70.0))
    stroke = session.project.label(FrameKey("clip0", 1))["lv"].inside
    assert stroke is not None
    assert stroke[50, 12:69].all()
    assert session.project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.OUTLINED
    assert len(session.project.all_statuses()) == 2


def test_letters_in_the_filter_are_text(qtbot: Any, window: MainWindow) -> None:
    fields = [w for w in session_of(window).page.clips.findChildren(QWidget) if w.accessibleName() == "Filter clips"]
    fields[0].setFocus()
    qtbot.keyClicks(fields[0], "axr")
    assert set(states(window).values()) == {CellState.SUGGESTED}


def test_the_keyboard_goes_back_to_the_picture_after_a_domain_and_a_clip(qtbot: Any, window: MainWindow) -> None:
    session = session_of(window)
    domain, clips = (named(window, name) for name in ("Domain: scanner, vendor or hospital", "Clips by patient"))
    domain.setFocus()
    qtbot.keyClicks(domain, "north")
    qtbot.keyClick(domain, Qt.Key.Key_Return)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_E)
    assert "north" in session.project.clip("clip0").header.domain
    assert session.bench.desk.structure == "la"
    clips.setFocus()
    qtbot.keyClick(clips, Qt.Key.Key_Return)
    session.bench.go_to(2)
    qtbot.waitUntil(lambda: states(window)["la"] is CellState.SUGGESTED)
    session.bench.correct()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert states(window)["la"] is CellState.CORRECTED
    assert session.bench.desk.frame == 2
    clips.setFocus()
    qtbot.keyClick(clips, Qt.Key.Key_Return)
    assert session.bench.desk.frame == 2, "the clip on screen stays where it is"


def test_keys_of_a_button_a_list_and_a_slider_are_theirs_while_they_have_the_keyboard(
    qtbot: Any, window: MainWindow
) -> None:
    session = session_of(window)
    session.bench.go_to(1)
    button, box, slider = (named(window, name) for name in ("Mark ED", "Playing speed", "Brush size"))
    size = session.bench.tool.brush_size
    button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert session.project.clip("clip0").header.ed_frames == (1,)
    slider.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert session.bench.tool.brush_size == size + 1
    box.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(box, Qt.Key.Key_Space)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.close()
    assert not session.bench.is_playing
    assert session.bench.desk.frame == 1


def named(window: MainWindow, name: str) -> QWidget:
    return next(w for w in session_of(window).page.findChildren(QWidget) if w.accessibleName() == name)


def test_enter_chooses_in_a_list_that_dropped_down(qtbot: Any, window: MainWindow) -> None:
    (views,) = (b for b in window.findChildren(QComboBox) if b.accessibleName() == "View")
    views.showPopup()
    shown = views.view()
    qtbot.waitUntil(shown.hasFocus)
    qtbot.keyClick(shown, Qt.Key.Key_Down)
    qtbot.keyClick(shown, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not shown.isVisible())
    clip = session_of(window).bench.desk.clip
    assert clip is not None
    assert clip.header.view == views.currentText() == "a4c"


def test_a_project_is_among_the_recent_ones_from_its_opening_on(window: MainWindow, folder: Path) -> None:
    assert load_settings().recent_projects == (str(folder.resolve()),)


def test_tools_and_sizes_have_keys(qtbot: Any, window: MainWindow) -> None:
    bench = session_of(window).bench
    size = bench.tool.brush_size
    press(qtbot, window, Qt.Key.Key_BracketRight)
    assert bench.tool.brush_size > size
    press(qtbot, window, Qt.Key.Key_D)
    assert tool(window) == Tool.ERASER
    press(qtbot, window, Qt.Key.Key_B)
    assert tool(window) == Tool.BRUSH
    press(qtbot, window, Qt.Key.Key_H)
    assert bench.tool.are_suggestions_hidden
    assert not bench.scene.suggestions.visible


def test_a_key_that_was_let_go_in_another_window_counts_as_tapped_again(
    qtbot: Any, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = session_of(window).bench
    qtbot.keyPress(native(window), Qt.Key.Key_H)
    monkeypatch.setattr("annotator.app.keys._HOLD_S", 0.2)
    qtbot.wait(250)
    assert bench.tool.are_suggestions_hidden
    press(qtbot, window, Qt.Key.Key_H)
    assert not bench.tool.are_suggestions_hidden


def test_its_letter_in_a_field_ends_no_hold_that_another_window_had_ended(
    qtbot: Any, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(window)
    qtbot.keyPress(native(window), Qt.Key.Key_H)
    monkeypatch.setattr("annotator.app.keys._HOLD_S", 0.2)
    qtbot.wait(250)
    (field,) = session.page.clips.findChildren(QLineEdit)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_H)
    assert field.text() == "h"
    assert session.bench.tool.are_suggestions_hidden


def test_a_button_that_goes_off_gives_the_keyboard_to_the_picture(qtbot: Any, window: MainWindow) -> None:
    panel = session_of(window).page.structures
    accept = next(b for b in panel.findChildren(QAbstractButton) if b.text() == "Accept")
    accept.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(accept, Qt.Key.Key_Space)
    assert not accept.isEnabled()
    assert QApplication.focusWidget() is native(window)


def test_a_screenshot_is_a_png_whatever_its_name(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed: list[str] = []

    def choose(_parent: QWidget, _title: str, path: str, _kinds: str) -> tuple[str, str]:
        proposed.append(Path(path).name)
        return str(tmp_path / "case seven"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    window._save_screenshot()
    assert (tmp_path / "case seven").read_bytes().startswith(b"\x89PNG")
    assert proposed == ["clip0 frame 1.png"]
    said = session_of(window).page.messages.messages
    assert [message.sentence for message in said] == [f"Saved the picture as {tmp_path / 'case seven'}."]


def test_frames_move_and_the_picture_follows(qtbot: Any, window: MainWindow) -> None:
    session = session_of(window)
    press(qtbot, window, Qt.Key.Key_Right)
    assert session.bench.desk.key == FrameKey("clip0", 1)
    assert np.array_equal(session.bench.scene.grey.data, session.project.read_frame(FrameKey("clip0", 1)))
    press(qtbot, window, Qt.Key.Key_Left)
    press(qtbot, window, Qt.Key.Key_Left)
    assert session.bench.desk.frame == 3
    press(qtbot, window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: session.bench.desk.frame != 3)
    press(qtbot, window, Qt.Key.Key_Space)
    assert not session.bench.is_playing


def test_a_frame_change_draws_one_picture_and_lays_nothing_out(qtbot: Any, window: MainWindow) -> None:
    bench = session_of(window).bench
    shown: list[str] = []
    for index in (1, 2, 3, 0):
        press(qtbot, window, Qt.Key.Key_Right)
        qtbot.waitUntil(lambda: states(window)["lv"] is CellState.SUGGESTED)
        assert bench.desk.frame == index
        shown.append(next(row.text() for row in window.findChildren(Readout) if row.text().endswith("cm²")))
    assert len(set(shown)) == 4
    qtbot.wait(400)
    happened: list[str] = []
    spy, application = Spy(happened), QApplication.instance()
    assert application is not None
    application.installEventFilter(spy)
    native(window).frameSwapped.connect(lambda: happened.append("picture"))  # type: ignore[attr-defined]
    press(qtbot, window, Qt.Key.Key_Right)
    qtbot.wait(400)
    application.removeEventFilter(spy)
    assert bench.desk.frame == 1
    assert happened == ["picture"]


class Spy(QObject):
    """Notes whenever a window is laid out."""

    def __init__(self, happened: list[str]) -> None:
        super().__init__()
        self._happened = happened

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and isinstance(watched, MainWindow):
            self._happened.append("layout")
        return False


def test_napari_keys_change_no_layer(qtbot: Any, window: MainWindow) -> None:
    bench = session_of(window).bench
    layers = list(bench.scene.viewer.layers)
    before = bench.scene.painted_labels()
    for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_M, Qt.Key.Key_P, Qt.Key.Key_G, Qt.Key.Key_Y):
        press(qtbot, window, key)
    press(qtbot, window, Qt.Key.Key_Delete, Qt.KeyboardModifier.ControlModifier)
    assert list(bench.scene.viewer.layers) == layers
    assert all(layer.visible for layer in (bench.scene.grey, bench.scene.labels, bench.scene.suggestions))
    assert np.array_equal(bench.scene.painted_labels(), before)
    assert bench.scene.viewer.dims.ndisplay == 2


def test_closing_stops_the_learner_and_reopening_shows_everything(
    qtbot: Any, window: MainWindow, folder: Path, suggesting: Any
) -> None:
    assert suggesting.is_started
    drag(qtbot, window, (32.0, 10.0), (32.0, 70.0))
    assert window.close_project()
    assert suggesting.is_closed
    assert window.session is None
    with Project.open(folder, read_only=True) as project:
        assert project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.DRAFT


def test_a_window_that_reads_does_not_ask_for_labels(window: MainWindow, folder: Path) -> None:
    assert not session_of(window).page.next_up.isHidden()
    window.close_project()
    reading = Project.open(folder, read_only=True)
    window.show_session(Session(reading, window.settings, engine=None, parent=window))
    assert session_of(window).page.next_up.isHidden()


def test_a_folder_that_is_no_project_is_one_sentence_and_closes_nothing(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(window, "complain", heard.append)
    session = session_of(window)
    assert not window.open_project(tmp_path / "nothing here")
    assert len(heard) == 1
    assert "nothing here" in heard[0]
    assert window.session is session
    assert session.page.isVisible()


def test_a_project_that_cannot_be_opened_leaves_the_way_back(
    window: MainWindow, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(window, "complain", heard.append)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "project.json").write_bytes((folder / "project.json").read_bytes())
    (tmp_path / "damaged" / "annotations.sqlite").write_bytes(b"no database")
    assert not window.open_project(tmp_path / "damaged")
    assert len(heard) == 1
    assert window.session is None
    (recent,) = window.start_page.findChildren(QListWidget)
    assert recent.count() == 1, "the project that was closed for it can be opened again"


def test_a_patient_is_set_apart_only_where_the_person_means_it(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(window)
    name = session.project.clips()[0].name
    asked: list[tuple[int, Split]] = []
    means_it = [False, True]

    def ask(patients: int, split: Split, **_words: object) -> bool:
        asked.append((patients, split))
        return means_it.pop(0)

    monkeypatch.setattr(AskSplitDialog, "ask", ask)
    for expected in (Split.TRAIN, Split.TEST, Split.TEST):
        session.page.clips.split_chosen.emit((name,), "test")
        assert session.project.clip(name).split is expected
    assert asked == [(1, Split.TEST)] * 2, "what is so already is not asked"


def test_clips_are_given_to_the_patient_whom_the_person_chooses(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(window)
    project = session.project
    first, second = (clip.header.patient for clip in project.clips())
    asked: list[PatientQuestion] = []

    def give(clips: tuple[str, ...], answer: str | None) -> list[str]:
        def ask(question: PatientQuestion, **_words: object) -> str | None:
            asked.append(question)
            return answer

        monkeypatch.setattr(PatientDialog, "ask", ask)
        session.page.clips.patient_requested.emit(clips)
        return [clip.header.patient for clip in project.clips()]

    assert give(("clip0",), None) == [first, second]
    assert give(("clip0",), second) == [second, second]
    assert give(("clip0", "clip1"), EACH_NEW)[0] not in (second, give(("clip1",), None)[1])
    both = give(("clip0", "clip1"), NEW_PATIENT)
    assert both[0] == both[1] not in (first, second)
    assert give(("clip1",), NEW_PATIENT)[1] != both[0]
    assert [question.can_be_new for question in asked] == [False, False, False, False, True, True]
    assert [[choice.clips for choice in question.others] for question in asked[:3]] == [
        [("clip1",)],
        [("clip1",)],
        [],
    ]
    session.bench.undo()
    assert [clip.header.patient for clip in project.clips()] == both


def test_whom_the_learner_holds_aside_is_told_where_clips_are_given_away(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(window)
    asked: list[PatientQuestion] = []
    monkeypatch.setattr(PatientDialog, "ask", lambda question, **_words: asked.append(question))
    session.project.write_fact(HELD_FACT, json.dumps([session.project.clip("clip1").header.patient]))
    for clip in ("clip0", "clip1"):
        session.page.clips.patient_requested.emit((clip,))
    told = [(question.are_held, [choice.is_held for choice in question.others]) for question in asked]
    assert told == [(False, [True]), (True, [False])]


def drop(window: MainWindow, path: Path) -> None:
    carried = QMimeData()
    carried.setUrls([QUrl.fromLocalFile(str(path))])
    copy, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPointF(9, 9), copy, carried, button, Qt.KeyboardModifier.NoModifier))


def test_files_dropped_on_the_start_page_begin_a_project(
    qtbot: Any, window: MainWindow, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert window.close_project()
    made = NewProject(tmp_path / "begun", "apical")
    monkeypatch.setattr(NewProjectDialog, "ask", lambda *_args, **_words: made)
    offered: list[tuple[Path, ...]] = []
    monkeypatch.setattr(ImportDialog, "ask", lambda *_args, paths, **_words: offered.append(paths))
    drop(window, tmp_path / "one.dcm")
    qtbot.waitUntil(lambda: offered == [(tmp_path / "one.dcm",)])
    assert session_of(window).project.path == made.folder
    assert window.close_project()
    drop(window, folder)
    qtbot.waitUntil(lambda: window.session is not None)
    assert session_of(window).project.path == folder


def test_dropped_files_are_copied_and_asked_about_when_the_drop_is_over(
    qtbot: Any, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, ...]] = []
    monkeypatch.setattr(session_of(window).transfer, "ask_import", asked.append)
    carried = QMimeData()
    carried.setUrls([QUrl.fromLocalFile(str(tmp_path / "one.dcm"))])
    offered = Qt.DropAction.MoveAction | Qt.DropAction.CopyAction
    drop = QDropEvent(QPointF(9, 9), offered, carried, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier)
    drop.setDropAction(Qt.DropAction.MoveAction)
    window.dropEvent(drop)
    assert (drop.isAccepted(), drop.dropAction(), asked) == (True, Qt.DropAction.CopyAction, [])
    qtbot.waitUntil(lambda: asked == [(tmp_path / "one.dcm",)])


def test_files_that_are_dropped_on_a_line_of_text_are_the_windows(window: MainWindow) -> None:
    page = session_of(window).page
    lines = [line for panel in (page.clips, page.details) for line in panel.findChildren(QLineEdit)]
    assert len(lines) == 2
    assert not any(line.acceptDrops() for line in lines), "a line would say that the files were moved into it"


def test_a_long_name_has_room_beside_a_large_area(qtbot: Any, window: MainWindow) -> None:
    panel = session_of(window).page.structures
    state = CellState.SUGGESTED
    rows = (StructureRow("lv", "LV myocardium", "#3ddc97", "w", state, 0.9, False, True, "178 328 px"),)
    window.resize(1366, 728)
    panel.show_state(rows)
    (name,) = (found for found in panel.findChildren(ElidedLabel) if found.text() == "LV myocardium")
    (area,) = (found for found in panel.findChildren(Readout) if found.text() == "178 328 px")
    qtbot.waitUntil(lambda: area.width() >= area.sizeHint().width())
    assert name.width() >= name.sizeHint().width()


def test_the_recipe_is_shown_and_changed_in_the_learners_window(
    qtbot: Any, window: MainWindow, suggesting: Any
) -> None:
    session = session_of(window)
    suggesting.tell(TrainingStatus(RunState.TRAINING, "Learning.", recipe="default", recipe_summary="The usual."))
    qtbot.waitUntil(lambda: session.bench.board.view.recipe == "default")
    session.page.training.details.emit()
    (dialog,) = session.page.findChildren(LearnerDialog)
    assert dialog.isVisible()
    shown = dialog.findChildren(QListWidget)[0]
    names = [shown.item(i).text().partition("\n")[0] for i in range(shown.count())]
    assert names[0] == "default"
    shown.setCurrentRow(names.index("hdc"))
    (button,) = (b for b in dialog.findChildren(QAbstractButton) if b.text() == "Use this recipe")
    button.click()
    assert suggesting.sent[-1] == UseRecipe("hdc")
    dialog.show()
    assert window.close_project()
    assert not dialog.isVisible(), "it is of the project that is closed"


def test_the_button_of_a_refused_import_asks_whether_to_replace_labels(
    qtbot: Any, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(window)
    key = session.project.clips()[0].frame_keys[0]
    outlines = [StructureLabel(LabelStatus.OUTLINED, np.eye(60, 80, k=k, dtype=np.bool_)) for k in (1, 2)]
    session.project.commit(key, [Assign("lv", outlines[0])], author="Bob")
    export_labels(session.project, "png", tmp_path / "out", progress=Silent())
    session.project.commit(key, [Assign("lv", outlines[1])], author="Ada")
    asked: list[ReplaceQuestion] = []

    def ask(question: ReplaceQuestion, **_words: object) -> bool:
        asked.append(question)
        return True

    monkeypatch.setattr(AskReplaceDialog, "ask", ask)
    session.transfer._import(ImportRequest((tmp_path / "out" / "labels.json",), "", ""))
    buttons = session.page.messages.findChildren(QAbstractButton)
    qtbot.waitUntil(lambda: any(b.isVisible() and b.text() == "Replace labels…" for b in buttons), timeout=30_000)
    next(b for b in buttons if b.text() == "Replace labels…").click()
    qtbot.waitUntil(lambda: session.project.label(key)["lv"] == outlines[0], timeout=30_000)
    assert asked == [ReplaceQuestion({"LV cavity": 1}, {key.clip: 1})]
    window._do("undo")
    assert session.project.label(key)["lv"] == outlines[1]


def test_closing_asks_before_it_gives_an_import_up(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(_parent: object, _title: str, question: str, *_buttons: object) -> QMessageBox.StandardButton:
        asked.append(question)
        return QMessageBox.StandardButton.Cancel if len(asked) == 1 else QMessageBox.StandardButton.Discard

    def job(progress: Progress) -> None:
        while True:
            progress.update(0, 1, "Reading")
            time.sleep(0.01)

    monkeypatch.setattr(QMessageBox, "question", answer)
    session_of(window).transfer._start("The import", job, lambda _report: None)
    assert not window.close()
    assert session_of(window).transfer.unfinished
    assert window.close()
    assert asked == 2 * ["The import is still running. Close all the same, and keep nothing of it?"]


def test_closing_twice_saves_once(qtbot: Any, window: MainWindow, suggesting: Any, monkeypatch: Any) -> None:
    asked: list[bool] = []

    def close(*, timeout_s: float) -> bool:
        may_end.wait(timeout_s)
        return True

    may_end = threading.Event()
    monkeypatch.setattr(suggesting, "close", close)
    QTimer.singleShot(50, lambda: asked.append(window.close()))
    QTimer.singleShot(100, may_end.set)
    assert window.close_project()
    assert asked == [False]
    assert window.isVisible()


def test_nothing_stands_behind_the_brushs_ring(window: MainWindow) -> None:
    # napari fills the box behind an overlay with the background: a black square under the pointer.
    assert not session_of(window).page.viewer.canvas.overlays._brush_circle.box


def tint(window: MainWindow, row: float, column: float) -> int:
    """How far from grey the canvas is at a pixel of the frame, 0..255."""
    at = place(window, row, column)
    colour = native(window).grabFramebuffer().pixelColor(at)  # type: ignore[attr-defined]
    channels: tuple[int, ...] = (colour.red(), colour.green(), colour.blue())
    return max(channels) - min(channels)


def test_the_picture_shows_what_the_layers_hold(qtbot: Any, window: MainWindow) -> None:
    inside, outside = (20.0, 40.0), (50.0, 5.0)
    qtbot.waitUntil(lambda: tint(window, *inside) > 10)
    assert tint(window, *outside) == 0
    press(qtbot, window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    assert states(window)["lv"] is CellState.ACCEPTED
    assert tint(window, *inside) > 30
    drag(qtbot, window, (50.0, 4.0), (50.0, 8.0))
    assert tint(window, *outside) > 30
    for _ in range(2):
        press(qtbot, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert tint(window, *outside) == 0
    assert tint(window, *inside) > 10
    press(qtbot, window, Qt.Key.Key_H)
    assert tint(window, *inside) == 0
    drag(qtbot, window, (50.0, 4.0), (50.0, 8.0))
    assert tint(window, *outside) > 30
    assert tint(window, *inside) == 0


@pytest.mark.parametrize("shape", [(90, 120), (40, 70)], ids=["larger", "smaller"])
def test_hidden_suggestions_may_be_of_a_clip_of_another_size(
    qtbot: Any, window: MainWindow, suggesting: Any, shape: tuple[int, int]
) -> None:
    bench, inside = session_of(window).bench, (20.0, 40.0)
    suggesting.shapes["other"] = shape
    header = ClipHeader("other", session_of(window).project.pseudonymiser.key("p"), 1, *shape)
    session_of(window).project.add_clip(Recording(header, [np.zeros(shape, dtype=np.uint8)]), author="Ada")
    press(qtbot, window, Qt.Key.Key_H)
    bench.open_clip("other")
    qtbot.waitUntil(lambda: states(window)["lv"] is CellState.SUGGESTED)
    bench.pump()
    assert tint(window, *inside) == 0
    press(qtbot, window, Qt.Key.Key_H)
    assert tint(window, *inside) > 10
    assert tint(window, 5.0, 5.0) == 0


def test_the_whole_picture_is_shown_beside_many_structures(qtbot: Any, tmp_path: Path, folder: Path) -> None:
    assert folder.is_dir()
    structures = tuple(Structure(f"s{i}", f"Structure {i}", "#4aa8ff", chr(ord("a") + i)) for i in range(15))
    with Project.create(tmp_path / "many", LabelProtocol("many", "Many", structures)) as project:
        header = ClipHeader("clip", project.pseudonymiser.key("p"), 1, 60, 80)
        project.add_clip(Recording(header, [np.zeros((60, 80), dtype=np.uint8)]), author="Ada")
    window = MainWindow(UserSettings(author="Ada"))
    window.show()
    qtbot.waitExposed(window)
    window.show_session(Session(Project.open(tmp_path / "many"), window.settings, engine=None, parent=window))
    qtbot.wait(300)
    qtbot.waitUntil(lambda: native(window).rect().contains(place(window, 0, 0)))
    assert native(window).rect().contains(place(window, 60, 80))
    window.close()
    window.deleteLater()


def test_a_layer_without_labels_is_not_drawn(qtbot: Any, window: MainWindow) -> None:
    bench, visuals = session_of(window).bench, session_of(window).page.canvas.canvas.layer_to_visual

    def drawn() -> set[str]:
        return {layer.name for layer in bench.scene.viewer.layers if visuals[layer].node.visible}

    assert drawn() == {"image", "suggestions"}
    drag(qtbot, window, (50.0, 4.0), (50.0, 8.0))
    assert drawn() == {"image", "suggestions", "labels"}
    bench.use_tool(Tool.UNSURE)
    drag(qtbot, window, (5.0, 4.0), (5.0, 8.0))
    assert drawn() == {"image", "suggestions", "labels", "marks"}
