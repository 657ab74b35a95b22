"""How every command ends: exit status, and what goes to which stream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import annotator
from annotator.project import Project
from annotator.testing.commands import command


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("new",),
        ("new", "somewhere"),
        ("import", "somewhere"),
        ("import", "somewhere", "file.png", "--manifest", "m.csv"),
        ("import", "somewhere", "--manifest", "m.csv", "--values", "lv"),
        ("evaluate", "somewhere", "--split", "all"),
        ("next", "somewhere", "-n", "0"),
        ("predict", "somewhere"),
    ],
)
def test_usage_errors_exit_with_2(words: tuple[str, ...]) -> None:
    ran = command(*words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err


@pytest.mark.parametrize(
    "words",
    [("status",), ("check",), ("next",), ("evaluate",), ("train", "--steps", "1"), ("remove", "--patient", "x")],
)
def test_what_is_no_project_is_an_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = command(words[0], tmp_path / "nicht da 心", *words[1:], "--json")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {tmp_path / 'nicht da 心'}: ")
    assert len(ran.err.splitlines()) == 1


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    ran = command("status", tmp_path / ":warning: [bold] \U0001f9e1")
    assert ":warning: [bold] \U0001f9e1" in ran.err


def test_every_command_explains_itself() -> None:
    names = (
        "new import edit status next train predict evaluate export export-weights check simulate remove bench open demo"
    )
    overview = command("--help")
    assert overview.status == 0
    for name in names.split():
        assert name in overview.out
        assert command(name, "--help").status == 0
    assert command("--version").out.strip() == annotator.__version__


def test_what_is_unexpected_ends_in_one_line_and_a_log(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Project) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(Project, "counts", broken)
    ran = command("status", study)
    assert (ran.status, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    log = Path(ran.err.strip().rstrip(".").split(" the details are in ")[1])
    assert "RuntimeError: first line" in log.read_text(encoding="utf-8")
    log.unlink()


def program(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "annotator", *map(str, words)]
    return subprocess.run(
        call, capture_output=True, text=True, encoding="utf-8", env={**os.environ, **environment}, check=False
    )


def test_the_program_prints_json_in_any_locale(study: Path) -> None:
    ran = program("status", study, "--json", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["clips"] == 7


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_name_that_a_pipe_cannot_take_ends_no_command(tmp_path: Path, encoding: str) -> None:
    study = tmp_path / "Łask"
    ran = program("new", study, "--protocol", "apical", PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u0141" in ran.stdout
    assert Project.is_project(study)


def test_the_program_says_who_is_writing(study: Path) -> None:
    with Project.open(study):
        reading, writing = program("status", study), program("edit", study, "clip", "--ed", "0")
    assert reading.returncode == 0
    assert writing.returncode == 1
    assert writing.stderr.startswith(f"error: {study}: ")
    assert len(writing.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="ctrl-C is no signal to a child there")
def test_ctrl_c_ends_a_running_program_cleanly(study: Path) -> None:
    recipe = ("--set", "data.image_size=32", "--set", "schedule.validate_every=1")
    call = [sys.executable, "-m", "annotator", "train", str(study), "--minutes", "5", *recipe]
    # A shell that runs the tests in the background has them, and so the child, ignore ctrl-C.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    child = subprocess.Popen(call, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", preexec_fn=heed)  # noqa: PLW1509 - it starts no thread
    end = time.monotonic() + 60
    while not any((study / "snapshots").iterdir()) and time.monotonic() < end and child.poll() is None:
        time.sleep(0.1)
    # What is imported late, at the first model, is imported by then: libraries turn ctrl-C there into errors of theirs.
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, ""), err
    assert err.splitlines()[-1].startswith("Stopped; ")
    assert "Traceback" not in err
    assert command("check", study).status == 0


IMPATIENT = """
import runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "annotator.cli.main":
            signal.raise_signal(signal.SIGINT)

# A program that a script starts in the background ignores ctrl-C, and so would this one.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["annotator", "--version"]
runpy.run_module("annotator", run_name="__main__")
"""


def test_ctrl_c_while_the_program_loads_ends_it_quietly() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")
