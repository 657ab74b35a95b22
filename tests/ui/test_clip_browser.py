from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QLineEdit, QMenu, QTreeView, QWidget

from annotator.core.identity import Split
from annotator.ui.clip_browser import ClipBrowser
from annotator.ui.clip_menu import ClipMenu
from annotator.ui.dialogs import SPLIT_WORDS
from annotator.viewer.state import ClipRow

MakeRow = Callable[..., ClipRow]


@pytest.fixture
def browser(qtbot: QtBot) -> ClipBrowser:
    made = ClipBrowser()
    qtbot.addWidget(made)
    made.resize(270, 400)
    made.show()
    return made


def tree(browser: ClipBrowser) -> QTreeView:
    (found,) = browser.findChildren(QTreeView)
    return found


def click(browser: ClipBrowser, index: QModelIndex) -> None:
    view = tree(browser)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())


def leaf(browser: ClipBrowser, patient: int, clip: int) -> QModelIndex:
    model = tree(browser).model()
    return model.index(clip, 0, model.index(patient, 0))


def test_a_click_on_a_clip_opens_it_and_on_a_patient_does_not(browser: ClipBrowser, clip_row: MakeRow) -> None:
    browser.show_state((clip_row("a"), clip_row("b"), clip_row("c", patient="p2")))
    opened: list[str] = []
    browser.clip_activated.connect(opened.append)
    click(browser, leaf(browser, 0, 1))
    click(browser, tree(browser).model().index(1, 0))
    assert opened == ["b"]
    QTest.keyClick(tree(browser), Qt.Key.Key_Down)
    QTest.keyClick(tree(browser), Qt.Key.Key_Return)
    assert opened == ["b", "c"]


def menu_at(browser: ClipBrowser, index: QModelIndex) -> ClipMenu | None:
    view = tree(browser)
    place = view.visualRect(index).center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.RightButton, pos=place)
    view.customContextMenuRequested.emit(place)
    return next((menu for menu in browser.findChildren(ClipMenu) if menu.isVisible()), None)


def choose(menu: ClipMenu, name: str, choice: str) -> bool:
    """Trigger a choice; whether it was ticked before."""
    (part,) = (found for found in menu.findChildren(QMenu) if found.title() == name)
    (action,) = (found for found in part.actions() if found.text() == choice)
    was_ticked = action.isChecked()
    action.trigger()
    menu.close()
    return was_ticked


def test_several_clips_get_a_view_or_a_domain_by_a_menu(browser: ClipBrowser, clip_row: MakeRow) -> None:
    rows = (clip_row("a"), clip_row("b"), clip_row("c"), replace(clip_row("d", patient="p2"), domain="R & D"))
    browser.show_state(rows)
    opened: list[str] = []
    chosen: list[tuple[tuple[str, ...], str]] = []
    browser.clip_activated.connect(opened.append)
    browser.view_chosen.connect(lambda names, view: chosen.append((names, view)))
    browser.domain_chosen.connect(lambda names, domain: chosen.append((names, domain)))
    browser.split_chosen.connect(lambda names, split: chosen.append((names, split)))
    click(browser, leaf(browser, 0, 0))
    view = tree(browser)
    control = Qt.KeyboardModifier.ControlModifier
    for place in (leaf(browser, 0, 2), leaf(browser, 1, 0), leaf(browser, 1, 0)):
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, control, view.visualRect(place).center())
    assert opened == ["a"], "selecting several opens none of them"
    assert menu_at(browser, leaf(browser, 0, 2)) is None, "nothing can be changed yet"
    browser.offer_changes(("a4c", "a2c"))
    menu = menu_at(browser, leaf(browser, 0, 2))
    assert menu is not None
    assert menu.actions()[0].text() == "2 clips"
    assert not choose(menu, "View", "a2c")
    of_patient = menu_at(browser, view.model().index(0, 0))
    assert of_patient is not None
    assert not choose(of_patient, "Domain", "R && D")
    alone = menu_at(browser, view.model().index(1, 0))
    assert alone is not None
    assert choose(alone, "Domain", "R && D")
    again = menu_at(browser, view.model().index(1, 0))
    assert again is not None
    assert not choose(again, "Part of the data", SPLIT_WORDS[Split.TEST])
    assert chosen == [(("a", "c"), "a2c"), (("a", "b", "c"), "R & D"), (("d",), "R & D"), (("d",), "test")]
    asked: list[tuple[str, ...]] = []
    browser.patient_requested.connect(asked.append)
    last = menu_at(browser, view.model().index(0, 0))
    assert last is not None
    last.actions()[-1].trigger()
    assert asked == [("a", "b", "c")]


def test_a_menu_is_about_what_is_selected_and_shown(browser: ClipBrowser, clip_row: MakeRow, qtbot: QtBot) -> None:
    def title(index: QModelIndex) -> str:
        menu = menu_at(browser, index)
        assert menu is not None
        menu.close()
        return menu.actions()[0].text()

    rows = (*(clip_row(name) for name in "abc"), *(clip_row(name, patient="p2") for name in "defg"))
    browser.show_state((*rows, replace(clip_row("h", patient="p3"), domain="other")))
    browser.offer_changes(("a4c",))
    view, model = tree(browser), tree(browser).model()
    click(browser, leaf(browser, 0, 1))
    for _ in range(2):
        QTest.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert title(model.index(1, 0)) == "2 clips", "b and c were selected, up to the next patient's line"
    view.collapse(model.index(1, 0))
    assert title(model.index(1, 0)) == "6 clips", "a closed patient stands for its clips"
    click(browser, leaf(browser, 0, 0))
    assert title(model.index(0, 0)) == "3 clips", "a patient's line alone is about its clips"
    (box,) = browser.findChildren(QLineEdit)
    box.setText("b")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert title(model.index(0, 0)) == "b", "and not about those that the filter hides"


def test_the_current_clip_is_selected_without_an_intention(browser: ClipBrowser, clip_row: MakeRow) -> None:
    opened: list[str] = []
    browser.clip_activated.connect(opened.append)
    browser.show_state((clip_row("a", current="b"), clip_row("b", current="b")))
    assert tree(browser).currentIndex().data() == "b"
    assert opened == []


def test_two_thousand_clips_keep_selection_and_scroll_position(browser: ClipBrowser, clip_row: MakeRow) -> None:
    rows = tuple(clip_row(f"clip-{i:04d}", patient=f"p{i // 4}") for i in range(2000))
    browser.show_state(rows)
    click(browser, leaf(browser, 0, 2))
    tree(browser).collapse(tree(browser).model().index(1, 0))
    bar = tree(browser).verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    before = bar.value()
    browser.show_state((*rows[:7], replace(rows[7], labelled_frames=3), *rows[8:]))
    assert (bar.value(), tree(browser).currentIndex().data()) == (before, "clip-0002")
    browser.show_state((*rows, clip_row("new", patient="p9999")))
    assert (bar.value(), tree(browser).currentIndex().data()) == (before, "clip-0002")
    assert not tree(browser).isExpanded(tree(browser).model().index(1, 0))
    assert len(browser.findChildren(QWidget)) < 30, "no widget per row"


@pytest.mark.parametrize("typed", ["hospi", "draft"])
def test_the_filter_finds_clips_by_any_fact(browser: ClipBrowser, clip_row: MakeRow, qtbot: QtBot, typed: str) -> None:
    browser.show_state((clip_row("apple"), replace(clip_row("pear", patient="p2"), domain="Hospital", draft_frames=1)))
    (line,) = browser.findChildren(QLineEdit)
    QTest.keyClicks(line, typed)
    qtbot.waitUntil(lambda: tree(browser).model().rowCount() == 1)
    assert leaf(browser, 0, 0).data() == "pear"
    line.clear()
    qtbot.waitUntil(lambda: tree(browser).model().rowCount() == 2)


def test_patients_that_were_closed_are_closed_again_after_the_filter(
    browser: ClipBrowser, clip_row: MakeRow, qtbot: QtBot
) -> None:
    browser.show_state((clip_row("apple", current="apple"), clip_row("pear", patient="p2")))
    view = tree(browser)
    view.collapse(view.model().index(1, 0))
    (line,) = browser.findChildren(QLineEdit)
    QTest.keyClicks(line, "pear")
    qtbot.waitUntil(lambda: view.model().rowCount() == 1)
    assert view.isExpanded(view.model().index(0, 0)), "what was found is seen"
    QTest.keyClicks(line, "s")
    qtbot.waitUntil(lambda: view.model().rowCount() == 0)
    assert "No clip matches the filter." in [label.text() for label in browser.findChildren(QLabel)]
    line.clear()
    qtbot.waitUntil(lambda: view.model().rowCount() == 2)
    assert [view.isExpanded(view.model().index(i, 0)) for i in range(2)] == [True, False]


def test_it_counts_in_words(browser: ClipBrowser, clip_row: MakeRow) -> None:
    browser.show_state((clip_row("a", labelled=3), clip_row("b")))
    assert "2 clips · 3 of 60 frames labelled" in [label.text() for label in browser.findChildren(QLabel)]
    browser.grab()
    browser.show_state(())
    assert any("Import clips" in label.text() for label in browser.findChildren(QLabel))


def test_a_filter_comes_as_one_change_however_many_runs_of_clips_go(browser: ClipBrowser, clip_row: MakeRow) -> None:
    rows = tuple(clip_row(f"{'even' if i % 2 else 'odd'}{i}", patient=f"p{i // 5}") for i in range(100))
    browser.show_state(rows)
    model, (field,) = tree(browser).model(), browser.findChildren(QLineEdit)
    told: list[str] = []
    for name in ("rowsRemoved", "rowsInserted", "layoutChanged"):
        getattr(model, name).connect(lambda *_, name=name: told.append(name))
    tree(browser).collapse(model.index(3, 0))
    for text, count in (("even", 50), ("odd1", 5), ("", 100)):
        field.setText(text)
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert sum(model.rowCount(model.index(i, 0)) for i in range(model.rowCount())) == count
    assert told == []
    assert [i for i in range(20) if not tree(browser).isExpanded(model.index(i, 0))] == [3]
