"""The learner's threads beside the window's."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import os, sys
os.environ.pop("OMP_WAIT_POLICY", None)
import annotator.cli, annotator.app.startup
assert "torch" not in sys.modules, "OpenMP would not read what the window wants of it"
from annotator.engine.priority import preload_torch
preload_torch()
assert "torch" in sys.modules
print(os.environ["OMP_WAIT_POLICY"])
"""


def test_beside_a_window_threads_wait_without_spinning() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "PASSIVE", done.stderr
