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
