from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget

from annotator.core.identity import Split
from annotator.ui.dialogs import ImportDialog, ImportRequest

Find = Callable[[QWidget, str], QAbstractButton]


def test_files_domain_and_view_make_a_value(qtbot: QtBot, tmp_path: Path) -> None:
    clip = tmp_path / "Ä clip.dcm"
    clip.touch()
    dialog = ImportDialog(("vendor-a",), ("a4c", "a2c"), paths=(clip,))
    qtbot.addWidget(dialog)
    assert dialog.value() == ImportRequest((clip,), "", "")
    dialog.add_paths((clip, tmp_path))
    QTest.keyClick(dialog.view, Qt.Key.Key_Down)
    dialog.domain.setEditText("  vendor-new ")
    assert dialog.value() == ImportRequest((clip, tmp_path), "vendor-new", "a4c")


def test_files_that_are_dropped_are_listed(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ImportDialog((), ())
    qtbot.addWidget(dialog)
    carried = QMimeData()
    carried.setUrls([QUrl.fromLocalFile(str(tmp_path / "clip.avi"))])
    how = (carried, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    move, copy = Qt.DropAction.MoveAction, Qt.DropAction.CopyAction
    entering = QDragEnterEvent(QPoint(9, 9), move | copy, *how)
    dialog.dragEnterEvent(entering)
    dropped = QDropEvent(QPointF(9, 9), move | copy, *how)
    dialog.dropEvent(dropped)
    assert (entering.isAccepted(), dropped.dropAction(), dialog.paths()) == (True, copy, (tmp_path / "clip.avi",))
    assert not any(line.acceptDrops() for line in dialog.findChildren(QLineEdit))


def test_what_tells_the_patients_is_chosen_where_no_manifest_says_it(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ImportDialog((), (), paths=(tmp_path / "clip.avi",))
    qtbot.addWidget(dialog)
    assert dialog.value().patient_from == "file"
    QTest.keyClick(dialog.patients, Qt.Key.Key_Down)
    assert dialog.value().patient_from == "stem"
    QTest.keyClick(dialog.patients, Qt.Key.Key_End)
    assert dialog.value().patient_from == "folder"
    dialog.list.clear()
    dialog.add_paths((tmp_path / "rows.csv",))
    assert not dialog.patients.isEnabled()


def test_a_manifest_s_masks_have_values_that_may_be_others(qtbot: QtBot, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.touch()
    dialog = ImportDialog((), (), paths=(rows,), values={"lv": 1, "myo": 2})
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.values.isVisible()
    assert dialog.value().values is None, "as the project has them"
    dialog.values.setText("lv=7")
    assert (dialog.problem(), dialog.value().values) == ("", {"lv": 7})
    wrong = {"lv": "is not of the form", "lv=1,lv=2": "twice", "rv=1": "'rv' is none of", " ": "which structures"}
    for text, words in wrong.items():
        dialog.values.setText(text)
        assert words in dialog.problem()
    dialog.list.clear()
    (tmp_path / "clip.avi").touch()
    dialog.add_paths((tmp_path / "clip.avi",))
    assert (dialog.problem(), dialog.values.isVisible(), dialog.value().values) == ("", False, None)


def test_something_that_exists_is_needed(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ImportDialog((), ())
    qtbot.addWidget(dialog)
    assert "Add the files" in dialog.problem()
    dialog.add_paths((tmp_path / "gone.dcm",))
    assert "does not exist" in dialog.problem()
    with qtbot.waitActive(dialog):
        dialog.show()
        dialog.activateWindow()
    dialog.list.selectAll()
    dialog.list.setFocus()
    QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: dialog.paths() == ())


def test_that_files_of_a_folder_are_one_patient_is_said_before_they_are_imported(qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("one.avi", "two.avi"):
        (tmp_path / name).touch()
    dialog = ImportDialog((), ())
    qtbot.addWidget(dialog)

    def said() -> bool:
        return any("name no patient" in line.text() for line in dialog.findChildren(QLabel) if not line.isHidden())

    assert not said()
    dialog.add_paths((tmp_path,))
    assert said()
    QTest.keyClick(dialog.patients, Qt.Key.Key_Down)
    assert not said()


def test_the_part_of_the_data_is_chosen_where_no_manifest_says_it(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ImportDialog((), (), paths=(tmp_path / "clip.dcm",))
    qtbot.addWidget(dialog)
    assert dialog.value().split is None
    QTest.keyClick(dialog.split, Qt.Key.Key_End)
    assert dialog.value().split is Split.TEST
    dialog.list.clear()
    dialog.add_paths((tmp_path / "rows.csv",))
    assert not dialog.split.isEnabled()
    dialog.add_paths((tmp_path / "clip.dcm",))
    assert dialog.split.isEnabled()


def test_enter_on_a_button_presses_it_and_imports_nothing(qtbot: QtBot, tmp_path: Path, button: Find) -> None:
    dialog = ImportDialog((), (), paths=(tmp_path,))
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.list.selectAll()
    remove = button(dialog, "Remove")
    remove.setFocus()
    QTest.keyClick(remove, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.paths() == ()
