"""Imports from the window, through the job that runs in the background."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QWidget

from annotator.app import transfer as transfer_module
from annotator.app.transfer import Transfer
from annotator.core.edits import Assign
from annotator.core.errors import Cancelled
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.engine.jobs.arrivals import ImportReport
from annotator.engine.jobs.importing import import_manifest
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.ui.dialogs import AskReplaceDialog, ExportKind, ExportRequest, ImportRequest, ReplaceQuestion
from annotator.viewer.state import Message, MessageAction, MessageLevel


@pytest.fixture
def parent(qtbot: Any) -> QWidget:
    """A window that outlives its jobs."""
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_a_csv_alone_is_a_manifest(qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "one.png")
    Image.fromarray(np.full((6, 8), 7, dtype=np.uint8)).save(tmp_path / "mask.png")
    (tmp_path / "rows.csv").write_text("image,patient,labels,known,absent\none.png,p,mask.png,lv,la\n")
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        transfer._import(ImportRequest((tmp_path / "rows.csv",), "", "", values={"lv": 7}))
        qtbot.waitUntil(lambda: any("Imported 1 clip" in message.sentence for message in said), timeout=30_000)
        label = project.label(project.clip("one").frame_keys[0])
        assert (label.status("lv"), label.status("la")) == (LabelStatus.OUTLINED, LabelStatus.ABSENT)
        assert not [message for message in said if message.level is MessageLevel.ERROR]
        transfer.wait()


def test_clips_go_into_the_part_that_was_chosen(qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "one.png")
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        transfer._import(ImportRequest((tmp_path / "one.png",), "", "", Split.TEST))
        qtbot.waitUntil(lambda: any("Imported 1 clip" in message.sentence for message in said), timeout=30_000)
        assert project.clip("one").split is Split.TEST
        transfer.wait()


def test_each_file_is_one_patient_where_that_was_chosen(
    qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path
) -> None:
    for value, name in enumerate(("one", "two")):
        Image.fromarray(np.full((6, 8), value, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        paths = (tmp_path / "one.png", tmp_path / "two.png")
        transfer._import(ImportRequest(paths, "", "", patient_from="stem"))
        qtbot.waitUntil(lambda: any("Imported 2 clips" in message.sentence for message in said), timeout=30_000)
        assert project.clip("one").header.patient != project.clip("two").header.patient
        assert not any("one patient per folder" in message.sentence for message in said)
        transfer.wait()


def test_a_damaged_file_of_a_folder_is_left_out_and_named(
    qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path
) -> None:
    here = tmp_path / "archive"
    here.mkdir()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(here / "one.png")
    (here / "two.png").write_bytes((here / "one.png").read_bytes()[:40])
    said: list[Message] = []
    with Project.open(folder) as project:
        before = len(project.clips())
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        transfer._import(ImportRequest((here,), "", ""))
        qtbot.waitUntil(lambda: any("Imported 1 clip" in message.sentence for message in said), timeout=30_000)
        assert any("1 file was left out" in m.sentence and "two.png" in m.sentence for m in said)
        transfer._import(ImportRequest((here,), "", "", skip_damaged=False))
        qtbot.waitUntil(lambda: any(message.level is MessageLevel.ERROR for message in said), timeout=30_000)
        assert len(project.clips()) == before + 1
        transfer.wait()


@pytest.fixture
def contradicting(folder: Path, tmp_path: Path) -> tuple[Path, FrameKey]:
    """A manifest whose mask contradicts the outline of the LV in a frame of the project, and that frame."""
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "one.png")
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[2:4, 2:6] = 7
    Image.fromarray(mask).save(tmp_path / "mask.png")
    (tmp_path / "rows.csv").write_text("image,patient,labels,known\none.png,p,mask.png,lv\n")
    with Project.open(folder) as project:
        empty = tmp_path / "empty.csv"
        empty.write_text("image,patient\none.png,p\n")
        import_manifest(project, empty, values=None, author="Ada", progress=Silent())
        key = project.clip("one").frame_keys[0]
        outline = StructureLabel(LabelStatus.OUTLINED, np.eye(6, 8, dtype=np.bool_))
        project.commit(key, [Assign("lv", outline)], author="Ada")
    return tmp_path / "rows.csv", key


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_refusal_offers_to_replace_labels_and_asks_with_numbers(
    qtbot: Any,
    parent: QWidget,
    folder: Path,
    contradicting: tuple[Path, FrameKey],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_wanted: bool,
) -> None:
    rows, key = contradicting
    questions: list[ReplaceQuestion] = []

    def ask(question: ReplaceQuestion, *, parent: QWidget) -> bool:
        assert parent is not None
        questions.append(question)
        return is_wanted

    monkeypatch.setattr(AskReplaceDialog, "ask", staticmethod(ask))
    said: list[Message] = []
    with Project.open(folder) as project:
        before, revision = project.label(key), project.data_revision
        transfer = Transfer(project, lambda: "Bob", say=said.append, parent=parent)
        transfer._import(ImportRequest((rows,), "", "", values={"lv": 7}))
        qtbot.waitUntil(lambda: bool(said), timeout=30_000)
        assert (said[0].level, said[0].action) == (MessageLevel.ERROR, MessageAction.REPLACE_LABELS)
        assert "nothing was imported" in said[0].sentence
        assert (questions, project.data_revision) == ([], revision)
        transfer.take_action(said[0])
        assert questions == [ReplaceQuestion({"LV cavity": 1}, {"one": 1})]
        if is_wanted:
            done = "1 label gave way to new ones; Undo brings them back."
            qtbot.waitUntil(lambda: said[-1].sentence.endswith(done), timeout=30_000)
            assert project.provenance(key)["lv"].author == "Bob"
            project.undo(author="Ada")
        assert project.label(key) == before
        assert transfer.unfinished == ""
        transfer.wait()


def test_an_outline_that_would_be_cut_is_refused_without_an_offer(
    qtbot: Any, parent: QWidget, folder: Path, contradicting: tuple[Path, FrameKey]
) -> None:
    rows, key = contradicting
    said: list[Message] = []
    with Project.open(folder) as project:
        other = StructureLabel(LabelStatus.OUTLINED, np.eye(6, 8, k=1, dtype=np.bool_))
        project.commit(key, [Assign("la", other)], author="Ada")
        transfer = Transfer(project, lambda: "Bob", say=said.append, parent=parent)
        transfer._import(ImportRequest((rows,), "", "", values={"lv": 7}))
        qtbot.waitUntil(lambda: bool(said), timeout=30_000)
        assert (said[0].level, said[0].action) == (MessageLevel.ERROR, MessageAction.NONE)


def test_a_damaged_clip_keeps_no_others_out_of_an_export(
    qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path
) -> None:
    with Project.open(folder) as project:
        for clip in project.clips():
            said_of = [Assign("lv", StructureLabel(LabelStatus.ABSENT))]
            project.commit(clip.frame_keys[0], said_of, author="Ada")
        (folder / "clips" / f"{project.clip('clip0').content_hash}.h5").unlink()
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        transfer._export(ExportRequest(ExportKind.MASKS, "hdf5", tmp_path))
        qtbot.waitUntil(lambda: any("Exported 2 files" in message.sentence for message in said), timeout=30_000)
        assert any("Left out 4 frames. Clip 'clip0'" in m.sentence for m in said if m.level is MessageLevel.WARNING)
        transfer.wait()


def test_a_read_only_project_says_so_before_anything_is_asked(parent: QWidget, folder: Path) -> None:
    said: list[Message] = []
    with Project.open(folder, read_only=True) as project:
        Transfer(project, lambda: "Ada", say=said.append, parent=parent).ask_import()
    assert ["read-only" in message.sentence for message in said] == [True]


def test_a_cancelled_import_is_no_error(
    qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*_args: Any, **_how: Any) -> None:
        raise Cancelled("The import")

    monkeypatch.setattr(transfer_module, "import_paths", cancelled)
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        transfer._import(ImportRequest((tmp_path,), "", ""))
        qtbot.waitUntil(lambda: bool(said), timeout=30_000)
        assert said == [Message("The import was cancelled; nothing half-written was left behind.")]
        transfer.wait()


def test_nothing_is_asked_while_another_transfer_runs(
    qtbot: Any, parent: QWidget, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()

    def wait(*_args: Any, **_how: Any) -> ImportReport:
        may_end.wait(30)
        return ImportReport()

    monkeypatch.setattr(transfer_module, "import_paths", wait)
    said: list[Message] = []
    with Project.open(folder) as project:
        transfer = Transfer(project, lambda: "Ada", say=said.append, parent=parent)
        assert transfer.unfinished == ""
        transfer._import(ImportRequest((tmp_path,), "", ""))
        assert transfer.unfinished == "The import"
        transfer.ask_import()
        transfer.ask_export()
        offer = Message("Frame 0 contradicts.", MessageLevel.ERROR, MessageAction.REPLACE_LABELS)
        transfer.take_action(offer)
        assert said.pop() == offer, "it can be pressed again later"
        assert ["still running" in message.sentence for message in said] == [True, True, True]
        may_end.set()
        qtbot.waitUntil(lambda: transfer.unfinished == "", timeout=30_000)
        transfer.wait()
