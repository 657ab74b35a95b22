"""Every command of the README's console block works, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
FAST = ("--set", "data.image_size=32", "--set", "network.options.width=8")


def commands() -> list[list[str]]:
    block = re.search(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None, "the README shows no console session"
    return [shlex.split(line[2:]) for line in block[1].splitlines() if line.startswith("$ ")]


def test_the_session_in_the_readme_works(tmp_path: Path) -> None:
    shown = commands()
    assert {"simulate", "new", "import", "train", "predict", "evaluate", "export"} <= {words[1] for words in shown}
    program = Path(sys.executable).with_name("annotator.exe" if sys.platform == "win32" else "annotator")
    for name, *words in shown:
        assert name == "annotator"
        faster = FAST if words[0] == "train" else ()  # the same command on smaller images
        ran = subprocess.run(
            [str(program), *words, *faster],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == 0, f"{' '.join(words)}: {ran.stderr}"
