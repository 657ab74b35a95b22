from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytestqt.qtbot import QtBot
from qtpy.QtTest import QAbstractItemModelTester

from annotator.ui.clip_model import ROW_ROLE, ClipModel
from annotator.viewer.state import ClipRow

MakeRow = Callable[..., ClipRow]


def test_qt_finds_no_fault_with_the_model(qtbot: QtBot, clip_row: MakeRow) -> None:
    model = ClipModel()
    rows = tuple(clip_row(f"c{i}", patient=f"p{i // 3}") for i in range(9))
    # Qt's own checker; it aborts on an index, parent or count that does not fit.
    checker = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_rows(rows)
    assert checker.model() is model
    assert (model.rowCount(), model.rowCount(model.index(1, 0))) == (3, 3)
    leaf = model.clip_index("c4")
    assert model.parent(leaf) == model.index(1, 0)
    assert (model.rowCount(leaf), leaf.data(), leaf.data(ROW_ROLE)) == (0, "c4", rows[4])


def test_only_what_changed_is_announced(qtbot: QtBot, clip_row: MakeRow) -> None:
    model = ClipModel()
    rows = tuple(clip_row(f"c{i}", patient=f"p{i // 3}") for i in range(9))
    assert model.set_rows(rows)
    touched: list[str] = []
    model.dataChanged.connect(lambda first, last: touched.append(first.data()))
    assert not model.set_rows(rows)
    assert touched == []
    after = (*rows[:4], replace(rows[4], labelled_frames=7), *rows[5:])
    assert not model.set_rows(after)
    assert touched == ["c4", "p1"]


def test_a_new_clip_resets_the_model(qtbot: QtBot, clip_row: MakeRow) -> None:
    model = ClipModel()
    model.set_rows((clip_row("a"),))
    assert model.set_rows((clip_row("a"), clip_row("b")))
    assert model.clip_index("b").isValid()
    assert not model.clip_index("gone").isValid()
