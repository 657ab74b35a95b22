"""The engine's log."""

from __future__ import annotations

import logging
from pathlib import Path

from annotator.engine.log import log_to, stop_logging


def test_a_log_whose_folder_is_gone_stops_nobody(tmp_path: Path) -> None:
    handler = log_to(tmp_path / "training")
    (tmp_path / "training").rmdir()
    logging.getLogger("annotator.engine.session").error("The learner failed.")
    stop_logging(handler)
    assert list(tmp_path.iterdir()) == []


def test_what_the_learner_warns_of_is_in_the_log_too(tmp_path: Path) -> None:
    handler = log_to(tmp_path)
    for name in ("annotator.engine.session", "annotator.learn.devices"):
        logging.getLogger(name).warning("From %s.", name)
    stop_logging(handler)
    logging.getLogger("annotator.learn.devices").warning("Too late.")
    lines = (tmp_path / "engine.log").read_text(encoding="utf-8").splitlines()
    assert [line.rsplit(": ", 1)[1] for line in lines] == [
        "From annotator.engine.session.",
        "From annotator.learn.devices.",
    ]
