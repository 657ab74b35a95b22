from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.core.edits import Assign
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey
from annotator.project import Project
from annotator.project.durable import write_whole
from tests.project.samples import PROTOCOL, box, outlined, recording
from tests.windows import lost, refused, scan

KEY = FrameKey("clip", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.getuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here (it takes root on Linux)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the disk is full."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def commit_for_ever(project: Project) -> None:
    """Commit until an error ends it."""
    for n in itertools.count():
        project.commit(KEY, [Assign("two", outlined(box(n % 8, 12)))], author="ann")


def test_an_import_waits_for_a_virus_scanner(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, real = 3, os.replace

    def refuse(source: Path, target: Path) -> None:
        nonlocal refusals
        if Path(target).suffix == ".h5" and refusals:
            refusals -= 1
            raise refused(source)
        real(source, target)

    monkeypatch.setattr("os.replace", refuse)
    project.add_clip(recording(project, "b", seed=1), author="ann")
    assert refusals == 0
    assert project.check().is_sound


def test_a_path_that_is_too_long_for_windows_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise lost(str(source), f"C:/{'x' * 200}/clips/{Path(target).name}")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(ProjectError, match="more characters than Windows takes; choose a folder nearer"):
        project.add_clip(recording(project, "b", seed=1), author="ann")


def test_a_removal_waits_for_a_virus_scanner(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    left = scan(monkeypatch, lambda path: path.suffix == ".h5", times=2)
    file = project.path / "clips" / f"{project.clip('clip').content_hash}.h5"
    project.remove_patient(project.clip("clip").header.patient)
    assert left() == 0
    assert not file.exists()


def test_a_leftover_that_another_program_holds_open_is_no_obstacle(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.close()
    part = project.path / "clips" / "left.h5.part"
    part.touch()
    with monkeypatch.context() as patch:

        def refuse(path: Path, missing_ok: bool = False) -> None:
            raise refused(path)

        patch.setattr(Path, "unlink", refuse)
        Project.open(project.path).close()
    Project.open(project.path).close()
    assert not part.exists()


def test_a_full_disk_is_one_sentence_and_the_project_as_it_was(small_disk: Path) -> None:
    path = small_disk / "project"
    with Project.create(path, PROTOCOL) as project:
        project.add_clip(recording(project), author="ann")
        project.commit(KEY, [Assign("one", outlined(box(2, 2)))], author="ann")
        label, revision = project.label(KEY), project.data_revision
        filler = fill(small_disk)
        with pytest.raises(ProjectError, match="disk is full"):
            project.add_clip(recording(project, "b", seed=1, n_frames=200), author="ann")
        with pytest.raises(ProjectError, match="disk is full"):
            project.add_snapshot(bytes(9999), step=1, data_revision=1, recipe="", metrics={}, is_validated=False)
        with pytest.raises(ProjectError, match="disk is full"):
            commit_for_ever(project)
        full = project.label(KEY)
        filler.unlink()
        assert project.label(KEY) == full
        assert project.check().is_sound
        assert project.data_revision >= revision
        assert full["one"] == label["one"]
    with Project.open(path) as again:
        assert again.label(KEY) == full
        assert [c.name for c in again.clips()] == ["clip"]
        assert len(list((path / "clips").iterdir())) == 1
        assert again.snapshots() == ()
        again.commit(KEY, [Assign("two", outlined(box(0, 20)))], author="ann")


def test_a_project_is_not_half_made_on_a_full_disk(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(ProjectError, match="disk is full"):
        Project.create(small_disk / "project", PROTOCOL)
    assert not (small_disk / "project").exists()


READ = """
import os, sys
from pathlib import Path
from annotator.core.errors import ProjectError
from annotator.core.identity import FrameKey
from annotator.project import Project
from tests.project.samples import PROTOCOL
import sqlalchemy.dialects.sqlite
path = Path(sys.argv[1])
# Only now, since the interpreter itself may lie where an unprivileged user cannot read it.
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
if sys.argv[2] == "windows":
    # It knows no rights of a folder.
    os.access = lambda *_, **__: True
with Project.open(path) as project:
    print(project.is_read_only, project.notes[0])
    print(project.label(FrameKey("clip", 1)).status("one"), project.read_frame(FrameKey("clip", 1)).shape)
    for write in (lambda: project.undo(author="x"), lambda: Project.create(path.parent / "new", PROTOCOL)):
        try:
            write()
        except ProjectError as error:
            print(type(error).__name__, error)
"""


@pytest.mark.parametrize("system", ["any", "windows"])
def test_a_read_only_folder_can_be_read(project: Project, tmp_path: Path, system: str) -> None:
    project.commit(KEY, [Assign("one", outlined(box(2, 2)))], author="ann")
    project.close()
    # Folders of tests belong to their user alone; an unprivileged one needs a place that it may enter.
    home = Path("/tmp" if os.name == "posix" else tmp_path) / f"annotator-{tmp_path.name}-{os.getpid()}"
    try:
        shutil.copytree(project.path, home / "project")
        for place in [home, *home.rglob("*")]:
            place.chmod(0o555 if place.is_dir() else 0o444)
        ran = subprocess.run(
            [sys.executable, "-c", READ, str(home / "project"), system], capture_output=True, text=True, check=False
        )
    finally:
        for place in [home, *home.rglob("*")]:
            place.chmod(0o755)
        shutil.rmtree(home)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("True The folder may not be written")
    assert lines[1] == "outlined (24, 32)"
    assert lines[2].startswith("ReadOnlyProject")
    assert lines[3].startswith("ReadOnlyProject")
    assert "may not be written" in lines[3]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_whole(file, b"one")
    write_whole(file, b"two")
    assert file.read_bytes() == b"two"
    with pytest.raises(ProjectError):
        write_whole(tmp_path / "missing" / "file", b"three")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
