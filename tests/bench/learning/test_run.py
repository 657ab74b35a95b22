"""The benchmark on a tiny manifest: it trains, goes on where it was cut off, and its tables follow from its cells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from annotator import registry
from annotator.bench import learning
from annotator.bench.learning import report, running
from annotator.core.errors import BadInput, Cancelled
from annotator.engine.jobs.progress import Silent
from annotator.project import Project

TINY = "default start=nothing network.options.width=8 data.image_size=32"


def design(**changes: object) -> learning.Design:
    options = {
        "rows": (learning.Row.parse(f"ours: {TINY}"), learning.Row.parse(f"plain: supervised {TINY[8:]}")),
        "labels": (6,),
        "seeds": (0,),
        "spending": learning.Spending(steps=4, at=(2, 4)),
    }
    return learning.Design(**{**options, **changes})  # type: ignore[arg-type]


class CutOff:
    """A user who stops after the first cell."""

    def update(self, done: int, total: int, sentence: str) -> None:
        if done:
            raise Cancelled("the benchmark")


def test_a_run_that_was_cut_off_goes_on(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, machine, out = (
        learning.Data(manifest, registry.protocol("two-structures")),
        learning.Machine(),
        tmp_path / "out",
    )
    with pytest.raises(Cancelled):
        learning.run(design(), data, out, machine=machine, progress=CutOff())
    (first,) = (out / "cells").glob("*.json")
    written = first.stat().st_mtime_ns
    found = learning.run(design(), data, out, machine=machine, progress=Silent())
    assert first.stat().st_mtime_ns == written
    assert [row["row"] for row in found["rows"]] == ["ours", "plain"]
    ours = found["rows"][0]
    assert ours["steps"]["mean"] == 4
    assert [point["at"] for point in ours["curve"]] == [2, 4]
    assert set(ours["dice"]) == {"first", "second"}
    assert all(0.0 <= figure["mean"] <= 1.0 for figure in ours["dice"].values())
    assert json.loads((out / "learning.json").read_text()) == found
    assert (out / "curves.png").stat().st_size > 5000
    # Everything is there now: no process is started any more.
    monkeypatch.setattr(running, "ProcessPoolExecutor", None)
    assert learning.run(design(), data, out, machine=machine, progress=Silent()) == found


@contextmanager
def long_training(manifest: Path, out: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """The command in the middle of a training of ten minutes, and the process that trains."""
    words = ["bench", "learning", "--manifest", str(manifest), "--protocol", "two-structures", "--out", str(out)]
    words += ["--recipe", TINY, "--labels", "6", "--minutes", "10"]
    command = [sys.executable, "-m", "annotator", *words]
    # A shell starts what runs in its background with ctrl-C ignored, and children take that over.
    heed = None if sys.platform == "win32" else partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    err = subprocess.PIPE
    with subprocess.Popen(command, stderr=err, text=True, start_new_session=True, preexec_fn=heed) as ran:  # noqa: PLW1509 - it starts no thread
        try:
            workers: list[psutil.Process] = []
            while not workers or workers[0].cpu_times().user < 8:  # modules take some three of them
                assert ran.poll() is None
                time.sleep(0.2)
                spawned = psutil.Process(ran.pid).children()
                workers = [child for child in spawned if "--multiprocessing-fork" in child.cmdline()]
            yield ran, workers[0]
        finally:
            ran.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there ctrl-C goes to a console and not to a process")
def test_ctrl_c_does_not_wait_for_the_training_that_runs(manifest: Path, tmp_path: Path) -> None:
    with long_training(manifest, tmp_path / "out") as (ran, worker):
        os.killpg(ran.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, said = ran.communicate(timeout=60)
        assert ran.returncode == 130
        assert said.startswith("Stopped;")
        worker.wait(timeout=20)


def test_a_training_that_the_system_ends_is_one_sentence(manifest: Path, tmp_path: Path) -> None:
    with long_training(manifest, tmp_path / "out") as (ran, worker):
        worker.kill()
        _, said = ran.communicate(timeout=60)
        assert ran.returncode == 1
        assert said.startswith("error: A training was ended from outside, as where memory runs out;")


def test_what_a_cell_rests_on_tells_it_from_others(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[loss]\nlabel_dropout = 0.1\n")
    comparison = design(rows=(learning.Row.parse(f"mine: {recipe}"),))
    data, machine = learning.Data(manifest, registry.protocol("two-structures")), learning.Machine()
    found = set()

    def look(data: learning.Data = data, machine: learning.Machine = machine) -> None:
        (cell,) = running.cells(comparison, data, machine)
        assert running.cells(comparison, data, machine) == [cell]
        assert cell.slug not in found
        found.add(cell.slug)

    look()
    look(replace(data, values={"first": 2, "second": 1}))
    look(replace(data, protocol=registry.protocol("apical")))
    look(machine=learning.Machine(threads=2))
    recipe.write_text("[loss]\nlabel_dropout = 0.2\n")
    look()
    Image.fromarray(np.zeros((48, 48), dtype=np.uint8)).save(tmp_path / "label-0-0.png")
    look()
    manifest.write_text(manifest.read_text().replace(",one,", ",two,"))
    look()
    manifest.write_text(manifest.read_text().replace(",", ";"), encoding="utf-8-sig")
    look()
    Image.fromarray(np.ones((48, 48), dtype=np.uint8)).save(tmp_path / "label-0-0.png")
    look()
    (tmp_path / "label-0-0.raw").write_bytes(b"pixels that a header may speak of")
    look()
    (tmp_path / "other.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(running, "resource", lambda _: tmp_path)
    look()


def test_a_row_that_is_asked_for_twice_is_one_cell(manifest: Path) -> None:
    data, row = learning.Data(manifest, registry.protocol("two-structures")), learning.Row.parse("default")
    assert len(running.cells(design(rows=(row, row), labels=(6, 6)), data, learning.Machine())) == 1
    with pytest.raises(BadInput, match="two different rows have the same name"):
        design(rows=(learning.Row.parse("a: default"), learning.Row.parse("a: supervised")))


def test_what_takes_no_part_is_said(manifest: Path) -> None:
    data = learning.Data(manifest, registry.protocol("two-structures"))
    assert running.left_out_sentences(data) == []
    manifest.write_text(manifest.read_text().replace(",train", ",validation", 1))
    (sentence,) = running.left_out_sentences(data)
    assert sentence.startswith("1 image of the split 'validation' took no part: ")


def test_results_do_not_go_into_a_project(manifest: Path, tmp_path: Path) -> None:
    protocol = registry.protocol("two-structures")
    Project.create(tmp_path / "study", protocol).close()
    data, out = learning.Data(manifest, protocol), tmp_path / "study" / "results"
    with pytest.raises(BadInput, match="lies in the project"):
        learning.run(design(), data, out, machine=learning.Machine(), progress=Silent())
    assert not out.exists()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (",test", ",train", "no frame is of the split 'test'; mark whole patients"),
        (",*,", ",,", "no frame of the split 'test' has a label; .* in the column 'known'"),
        (",train", ",test", "no frame of the split 'train' has a label; leave whole labelled patients"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_one_sentence(
    manifest: Path, tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    assert before in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(before, after))
    data, machine = learning.Data(manifest, registry.protocol("two-structures")), learning.Machine()
    with pytest.raises(BadInput, match=sentence):
        learning.run(design(), data, tmp_path / "out", machine=machine, progress=Silent())


def cell(seed: int, dice: float) -> dict[str, object]:
    scores: dict[str, dict[str, object]] = {
        "dice": {"a": dice, "b": None},
        "hd95_mm": {"a": None},
        "hd95_missing": {"a": 1},
        "ece": {"a": 0.1},
        "by_domain": {},
    }
    facts = {"layout": "spread", "shift": 0, "seed": seed}
    return {
        "row": "r",
        "budget": -1,
        "labels": 60,
        "cell": facts,
        "scores": {**scores, "by_domain": {}},
        "best_step": {"dice": {"a": dice - 0.1, "b": None}},
        "steps": 10,
        "seconds": 2.0,
        "curve": [],
    }


def test_tables_state_mean_and_spread_over_seeds() -> None:
    (entry,) = report.summary([cell(0, 0.5), cell(1, 0.7)])
    assert (entry["labels"], entry["seeds"]) == ("all", [0, 1])
    assert entry["mean_dice"]["mean"] == pytest.approx(0.6)
    assert entry["mean_dice"]["sd"] == pytest.approx(0.1 * 2**0.5)
    assert entry["mean_dice_of_best_step"]["mean"] == pytest.approx(0.5)
    assert entry["step_ms"]["mean"] == pytest.approx(200.0)
    text = report.markdown([entry], unit="s")
    assert "**0.600 ± 0.141**" in text
    assert text.splitlines()[2].count("|") == text.splitlines()[0].count("|")


@pytest.mark.parametrize(
    ("budget", "column"), [(60, "60 (spread)"), (300, "300 (spread; 60 given)"), (-1, "all (spread; 60 given)")]
)
def test_a_budget_that_was_not_there_is_told_from_what_was_given(budget: int, column: str) -> None:
    (entry,) = report.summary([{**cell(0, 0.5), "budget": budget}])
    assert entry["labels_given"]["mean"] == 60
    assert f"| {column} |" in report.markdown([entry], unit="s")


def test_a_frame_that_a_distance_leaves_out_in_one_seed_does_not_round_away() -> None:
    whole, none = cell(0, 0.5), cell(1, 0.5)
    none["scores"] = {**none["scores"], "hd95_missing": {"a": 0}}  # type: ignore[dict-item]
    (entry,) = report.summary([whole, none])
    assert "| 0.5 |" in report.markdown([entry], unit="s")


def test_what_one_seed_could_not_measure_stays_in_the_table() -> None:
    nothing = {**cell(0, 0.5)["scores"], "dice": {"b": 0.5}, "by_domain": {"x": {"b": 0.5}}}  # type: ignore[dict-item]
    something = {**nothing, "dice": {"a": 0.7, "b": 0.5}, "by_domain": {"x": {"b": 0.5}, "y": {"a": 0.7}}}
    cells = [{**cell(0, 0.5), "scores": nothing}, {**cell(1, 0.5), "scores": something}]
    for order in (cells, cells[::-1]):
        (entry,) = report.summary(order)
        assert entry["dice"]["a"] == entry["by_domain"]["y"]["a"] == {"mean": 0.7, "sd": None, "n": 1}
        assert entry["by_domain"]["x"]["b"]["n"] == 2


def test_one_seed_has_no_spread() -> None:
    (entry,) = report.summary([cell(0, 0.5)])
    assert entry["mean_dice"] == {"mean": 0.5, "sd": None, "n": 1}


_PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from annotator.bench.learning.running import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
        worker = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 600)
        print(worker, flush=True)
        time.sleep(600)
"""


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT, encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        assert worker.is_running()
        parent.kill()
        worker.wait(timeout=20)
