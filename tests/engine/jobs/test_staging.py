"""A folder of results appears whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from annotator.core.errors import AnnotatorError, BadInput, Cancelled
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.pretraining import PretrainOptions, pretrain
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.staging import staged
from annotator.engine.jobs.weights import export_weights
from annotator.export import export_masks
from annotator.learn import portable
from annotator.learn.portable import PortableModel
from annotator.project import Project
from annotator.testing.samples import labelled_clip, sample_clip, sample_context
from annotator_formats.png import PngWriter


def test_files_and_their_folders_come_together(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with staged(out, last="list.csv") as aside:
        (aside / "images").mkdir()
        (aside / "images" / "one.png").write_text("1")
        (aside / "list.csv").write_text("one")
        assert not (out / "list.csv").exists()
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == [
        "images/one.png",
        "list.csv",
    ]


def interrupted(out: Path, error: BaseException) -> None:
    with staged(out, last="list.csv") as aside:
        (aside / "list.csv").write_text("new")
        raise error


@pytest.mark.parametrize("error", [Cancelled("The job"), KeyboardInterrupt()])
def test_what_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        interrupted(tmp_path / "a" / "b", error)
    assert list(tmp_path.iterdir()) == []


def write_weights(out: Path) -> None:
    model = PortableModel(torch.nn.Identity(), size=8, weights=b"x")
    portable.export_weights(model, format="safetensors", out=out / "model.safetensors")


def stage(out: Path) -> None:
    with staged(out, last="list.csv"):
        pass


def export(out: Path) -> None:
    export_masks(PngWriter(), [labelled_clip(sample_clip("a"), [])], sample_context(), out)


@pytest.mark.parametrize("write", [stage, export, write_weights])
def test_a_folder_that_windows_does_not_let_us_write_is_refused_at_once(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = list[Path]()

    def refuse(path: Path, mode: int = 0o777) -> None:
        tries.append(path)
        raise PermissionError(errno.EACCES, "Access is denied", str(path))

    # There, os.access knows no rights of a folder, and tempfile takes the refusal for a name in use.
    monkeypatch.setattr(tempfile, "_os", SimpleNamespace(**{**vars(os), "name": "nt", "mkdir": refuse}))
    monkeypatch.setattr(tempfile, "TMP_MAX", 1000)
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(AnnotatorError, match="you may not write there"):
        write(out)
    assert len(tries) < 3


def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "list.csv").write_text("old")
    with pytest.raises(Cancelled):
        interrupted(tmp_path, Cancelled("The job"))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"mine.txt": "mine", "list.csv": "old"}


def test_what_a_kill_left_half_written_goes(tmp_path: Path) -> None:
    left = tmp_path / ".writing-0a1b2c3d"
    left.mkdir()
    (left / "large.tif").write_text("x")
    with staged(tmp_path, last="list.csv") as aside:
        (aside / "list.csv").write_text("one")
    assert [p.name for p in tmp_path.iterdir()] == ["list.csv"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BadInput, match="not a folder"), staged(tmp_path / "out", last="x"):
        pass


def test_results_replace_nothing_in_a_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "another way").symlink_to(project.path)
    before = {path: path.stat().st_size for path in project.path.rglob("*")}
    for folder in (project.path, tmp_path / "another way"):
        with pytest.raises(BadInput, match="lies in the project"), staged(folder / "new", last="x"):
            pass
        with pytest.raises(BadInput, match="lies in the project"):
            export_labels(project, "png", folder / "new", progress=Silent())
        with pytest.raises(BadInput, match="lies in the project"):
            export_weights(project, "safetensors", folder / "annotations.sqlite")
        with pytest.raises(BadInput, match="lies in the project"):
            pretrain(PretrainOptions(), 1, folder / "snapshots" / "start.safetensors", progress=Silent())
    assert {path: path.stat().st_size for path in project.path.rglob("*")} == before
