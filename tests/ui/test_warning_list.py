from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFrame, QLabel

from annotator.ui.warning_list import SHOWN, WarningList

LONG = "In 'vendor-b' the left atrium has nearly vanished from the suggestions (1% of the picture; 9% elsewhere)."


def sentences(shown: WarningList) -> list[str]:
    return [label.text() for label in shown.findChildren(QLabel) if label.isVisible() and label.text()]


def test_warnings_come_wrap_and_go(qtbot: QtBot) -> None:
    shown = WarningList()
    qtbot.addWidget(shown)
    shown.show_warnings(())
    assert not shown.isVisible()
    shown.show_warnings((LONG,))
    assert sentences(shown) == [LONG]
    (note,) = (n for n in shown.findChildren(QFrame, "warningNote") if n.isVisible())
    assert note.accessibleName() == f"warning: {LONG}"
    shown.resize(250, 300)
    assert note.heightForWidth(250) > 3 * note.fontMetrics().height()
    shown.show_warnings(())
    assert not shown.isVisible()


def test_what_has_no_room_is_counted_and_in_the_tooltip(qtbot: QtBot) -> None:
    shown = WarningList()
    qtbot.addWidget(shown)
    many = tuple(f"Warning {i}." for i in range(SHOWN + 2))
    shown.show_warnings(many)
    assert sentences(shown) == [*many[:SHOWN], "and 2 more warnings"]
    (more,) = (label for label in shown.findChildren(QLabel) if "more" in label.text())
    assert more.toolTip() == "\n\n".join(many[SHOWN:])
