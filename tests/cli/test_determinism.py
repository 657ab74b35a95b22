"""The same seed and data give the same model, to the byte, however often training stopped on the way."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from annotator.testing.commands import command

TINY = ("--device", "cpu", "--set", "data.image_size=32", "--set", "network.options.width=8", "--set", "start=nothing")


def _snapshot(project: Path, *steps: int, seed: int = 3) -> str:
    """Hash of the last model after training by so many steps at a time."""
    for count in steps:
        ran = command("train", project, "--steps", count, "--seed", seed, *TINY, "--json").json
    assert ran["step"] == sum(steps)
    newest = max((project / "snapshots").glob("*.safetensors"), key=lambda file: file.stat().st_mtime_ns)
    return hashlib.sha256(newest.read_bytes()).hexdigest()


def _copies(study: Path, tmp_path: Path, count: int) -> list[Path]:
    return [Path(shutil.copytree(study, tmp_path / f"copy {i}")) for i in range(count)]


def test_the_same_seed_and_data_give_the_same_snapshot(study: Path, tmp_path: Path) -> None:
    one, two, other = _copies(study, tmp_path, 3)
    found = _snapshot(one, 4)
    assert _snapshot(two, 4) == found
    assert _snapshot(other, 4, seed=4) != found


def test_stopping_and_going_on_gives_the_snapshot_of_going_on(study: Path, tmp_path: Path) -> None:
    straight, stopped = _copies(study, tmp_path, 2)
    assert _snapshot(straight, 6) == _snapshot(stopped, 1, 3, 2)
