from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel, QLineEdit, QListWidget, QWidget

from annotator.core.identity import Split
from annotator.ui.dialogs import EACH_NEW, NEW_PATIENT, PatientChoice, PatientDialog, PatientQuestion

Find = Callable[[QWidget, str], QAbstractButton]
OTHERS = (
    PatientChoice("p" + "1" * 12, ("frame1", "frame2", "frame3", "frame4", "late"), Split.TRAIN),
    PatientChoice("p" + "2" * 12, ("stress",), Split.TEST),
)


def dialog_of(qtbot: QtBot, *clips: str, can_be_new: bool = True) -> PatientDialog:
    question = PatientQuestion(clips, frozenset({Split.TRAIN}), OTHERS, can_be_new=can_be_new)
    dialog = PatientDialog(question)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def lines(dialog: QWidget) -> list[str]:
    (shown,) = dialog.findChildren(QListWidget)
    return [shown.item(row).text() for row in range(shown.count()) if not shown.item(row).isHidden()]


def test_a_patient_is_found_by_a_clip_s_name_and_chosen_by_keyboard(qtbot: QtBot, button: Find) -> None:
    dialog = dialog_of(qtbot, "odd")
    (box,) = dialog.findChildren(QLineEdit)
    assert not button(dialog, "Give to this patient").isEnabled()
    QTest.keyClicks(box, "STRESS")
    assert lines(dialog) == ["p222222222222: 1 clip for testing, stress"]
    assert dialog.value() == OTHERS[1].pseudonym
    said = {label.text() for label in dialog.findChildren(QLabel) if label.isVisible()}
    assert any(text.startswith("This patient is for testing. ") for text in said), "what it means is told"
    with qtbot.waitSignal(dialog.accepted):
        QTest.keyClick(box, Qt.Key.Key_Return)


def test_that_clips_of_two_parts_become_test_clips_together_is_told(qtbot: QtBot) -> None:
    question = PatientQuestion(("a", "b"), frozenset({Split.TRAIN, Split.TEST}), OTHERS, can_be_new=True)
    dialog = PatientDialog(question)
    qtbot.addWidget(dialog)
    (shown,) = dialog.findChildren(QListWidget)
    said = []
    for row in range(2):
        shown.setCurrentRow(row)
        said.append(any("for testing" in label.text() for label in dialog.findChildren(QLabel)))
    assert said == [True, False], "each in its own part, nothing changes"


@pytest.mark.parametrize("are_held", [False, True])
def test_what_a_patient_who_is_held_aside_means_for_clips_is_told_before(qtbot: QtBot, *, are_held: bool) -> None:
    held = PatientChoice("p" + "3" * 12, ("apart",), Split.TRAIN, is_held=True)
    question = PatientQuestion(("a",), frozenset({Split.TRAIN}), (held, OTHERS[0]), can_be_new=True, are_held=are_held)
    dialog = PatientDialog(question)
    qtbot.addWidget(dialog)
    (shown,) = dialog.findChildren(QListWidget)
    assert lines(dialog)[1] == "p333333333333: 1 clip held aside to check the model, apart"
    said = []
    for row in range(3):
        shown.setCurrentRow(row)
        texts = [label.text() for label in dialog.findChildren(QLabel)]
        said.append(next((text for text in texts if text.startswith("This patient is ")), ""))
    if are_held:
        learns = "The model learns from all of their clips then, and they judge it no more."
        assert said == ["", "", f"This patient is for training. {learns}"]
    else:
        checks = "All of their clips then check the model, and it is never trained on them."
        assert [text.startswith(f"This patient is held aside. {checks} ") for text in said] == [False, True, False]


def test_what_the_filter_hides_is_not_chosen(qtbot: QtBot, button: Find) -> None:
    dialog = dialog_of(qtbot, "odd")
    (box,) = dialog.findChildren(QLineEdit)
    box.setText("late")
    assert lines(dialog) == ["p111111111111: 5 clips for training, frame1, frame2, frame3 and 2 more"]
    assert button(dialog, "Give to this patient").isEnabled()
    box.setText("nobody")
    assert lines(dialog) == []
    assert not button(dialog, "Give to this patient").isEnabled()


def test_that_there_is_nobody_to_choose_is_told(qtbot: QtBot) -> None:
    dialog = PatientDialog(PatientQuestion(("only",), frozenset({Split.TRAIN}), (), can_be_new=False))
    qtbot.addWidget(dialog)
    assert dialog.problem() == "The project has no other patient, and this one has no other clip."


def test_the_list_is_reached_by_the_arrow_keys(qtbot: QtBot) -> None:
    dialog = dialog_of(qtbot, "odd", can_be_new=False)
    (box,) = dialog.findChildren(QLineEdit)
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert dialog.value() == OTHERS[0].pseudonym


@pytest.mark.parametrize(
    ("clips", "can_be_new", "offered"),
    [
        (("odd",), True, [NEW_PATIENT]),
        (("odd",), False, []),
        (("odd", "even"), True, [NEW_PATIENT, EACH_NEW]),
        (("odd", "even"), False, [EACH_NEW]),
    ],
)
def test_new_patients_are_offered_where_they_would_be_others(
    qtbot: QtBot, clips: tuple[str, ...], *, can_be_new: bool, offered: list[str]
) -> None:
    (shown,) = dialog_of(qtbot, *clips, can_be_new=can_be_new).findChildren(QListWidget)
    of_lines = [shown.item(row).data(Qt.ItemDataRole.UserRole) for row in range(shown.count())]
    assert of_lines == [*offered, *(choice.pseudonym for choice in OTHERS)]
