from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from annotator.ui.controls import ChoiceBox, ElidedLabel, Readout, push_button, tool_button


def test_an_elided_label_gives_way_and_keeps_its_text(qtbot: QtBot) -> None:
    name = ElidedLabel()
    qtbot.addWidget(name)
    name.setText("a very long name of a clip that fits nowhere at all")
    assert name.minimumSizeHint().width() < 80
    name.resize(60, 20)
    name.grab()
    assert name.text().endswith("at all")


def test_a_readout_keeps_the_room_of_its_widest_text(qtbot: QtBot) -> None:
    figure = Readout()
    qtbot.addWidget(figure)
    figure.setText("1 234.5 cm²")
    room = figure.sizeHint()
    figure.setText("1 cm²")
    assert figure.text() == figure.accessibleName() == "1 cm²"
    assert figure.sizeHint() == figure.minimumSizeHint() == room
    figure.setText("123 456.7 cm²")
    assert figure.sizeHint().width() > room.width()


def test_a_click_leaves_the_keyboard_where_it_is(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    canvas = QLineEdit()
    buttons = (push_button("Accept"), tool_button("undo", "Undo"))
    for widget in (canvas, *buttons):
        layout.addWidget(widget)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    canvas.setFocus()
    for button in buttons:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert canvas.hasFocus()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_wheel_changes_no_choice(qtbot: QtBot) -> None:
    box = ChoiceBox("View")
    qtbot.addWidget(box)
    box.addItems(["a4c", "a2c"])
    centre = QPointF(box.rect().center())
    turn = QWheelEvent(
        centre, box.mapToGlobal(centre), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, turn)
    assert box.currentText() == "a4c"
