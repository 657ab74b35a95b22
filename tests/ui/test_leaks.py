"""Widgets that are closed and dropped are gone: nothing in them keeps them alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication, QWidget

from annotator.ui.clip_browser import ClipBrowser
from annotator.ui.clip_details import ClipDetailsPanel
from annotator.ui.message_bar import MessageBar
from annotator.ui.next_up import NextUpList
from annotator.ui.start_page import StartPage
from annotator.ui.structure_panel import StructurePanel
from annotator.ui.timeline import Timeline
from annotator.ui.tool_bar import ToolBar
from annotator.ui.training_panel import TrainingPanel
from annotator.viewer.state import CellState, ClipRow, StructureRow, TimelineState

KINDS = (
    ClipBrowser,
    ClipDetailsPanel,
    MessageBar,
    NextUpList,
    StartPage,
    StructurePanel,
    Timeline,
    ToolBar,
    TrainingPanel,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_dropped_widget_is_gone(qtbot: QtBot, kind: Callable[[], QWidget]) -> None:
    before = len(QApplication.allWidgets())
    refs = []
    for _ in range(3):
        widget = kind()
        widget.show()
        widget.grab()
        widget.close()
        widget.deleteLater()
        refs.append(weakref.ref(widget))
        del widget
        QCoreApplication.sendPostedEvents(None, int(QEvent.Type.DeferredDelete))
        gc.collect()
    assert [ref() for ref in refs] == [None] * 3
    assert len(QApplication.allWidgets()) <= before


def test_refreshing_makes_no_widgets(
    qtbot: QtBot,
    clip_row: Callable[..., ClipRow],
    structure_rows: Callable[..., tuple[StructureRow, ...]],
    timeline_state: Callable[..., TimelineState],
) -> None:
    browser, panel, timeline = ClipBrowser(), StructurePanel(), Timeline()
    for widget in (browser, panel, timeline):
        qtbot.addWidget(widget)
        widget.show()
    counts = set()
    for i in range(60):
        state = list(CellState)[i % len(CellState)]
        browser.show_state(tuple(clip_row(f"c{j}", labelled=i % 30) for j in range(20)))
        panel.show_state(structure_rows(state, state, state))
        timeline.show_state(timeline_state(30, current=i % 30, cells={(i % 3, i % 30): state}))
        counts.add(len(QApplication.allWidgets()))
    assert len(counts - {min(counts)}) <= 1
    assert max(counts) - min(counts) <= 1
