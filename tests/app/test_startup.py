"""Opening the window: a bad project is one sentence, an unexpected error is one sentence and a log."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from annotator.app import startup
from annotator.core.errors import AnnotatorError, BadInput


class Listener:
    """Stands for the window."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def complain(self, sentence: str) -> None:
        self.heard.append(sentence)


@pytest.mark.window
def test_a_path_that_is_no_project_is_refused_before_anything_stays_open(
    qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATOR_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(AnnotatorError, match="nothing here"):
        startup.open_window(tmp_path / "nothing here")
    assert not [w for w in qapp.topLevelWidgets() if w.isVisible()]


@pytest.mark.window
def test_an_unexpected_error_is_one_sentence_and_a_log(
    qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNOTATOR_CONFIG_DIR", str(tmp_path))
    log, listener = startup.start_log(), Listener()
    hook = startup._Excepthook(listener, log)  # type: ignore[arg-type]
    for error in (ZeroDivisionError("by zero"), BadInput("file.dcm", "it is empty", "export it again")):
        hook(type(error), error, None)
        qapp.processEvents()
    assert "ZeroDivisionError" in listener.heard[0]
    assert str(log) in listener.heard[0]
    assert listener.heard[1] == "file.dcm: it is empty; export it again."
    assert "by zero" in log.read_text(encoding="utf-8")
    for handler in list(logging.getLogger("annotator").handlers):
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename) == log:
            logging.getLogger("annotator").removeHandler(handler)
            handler.close()
