from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from annotator.project import Project, lock

HOLD = """
import sys, time
from pathlib import Path
from annotator.project import Project
project = Project.open(Path(sys.argv[1]))
print(project.is_read_only, flush=True)
time.sleep(60)
"""


def test_another_process_keeps_us_from_writing_until_it_dies(project: Project) -> None:
    project.close()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(project.path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "False"
        with Project.open(project.path) as reader:
            assert reader.is_read_only
            assert f"process {other.pid}" in reader.notes[0]
        other.kill()
        other.wait()
    assert (project.path / "writer.json").exists()
    with Project.open(project.path) as writer:
        assert not writer.is_read_only


def test_a_damaged_note_on_the_holder_is_no_obstacle(project: Project) -> None:
    (project.path / "writer.json").write_text("{")
    assert lock.read_holder(project.path) == "The project is open for writing by another process"


@pytest.mark.parametrize(("kind", "is_share"), [("nfs4", True), ("cifs", True), ("ext4", False), ("tmpfs", False)])
def test_network_shares_are_told_by_the_nearest_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_share: bool
) -> None:
    class Mount:
        def __init__(self, mountpoint: Path, fstype: str) -> None:
            self.mountpoint, self.fstype, self.opts = str(mountpoint), fstype, "rw"

    mounts = [Mount(Path("/"), "nfs"), Mount(tmp_path, kind), Mount(tmp_path / "deeper", "nfs")]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)  # noqa: A006
    found = lock.network_share(tmp_path)
    assert (found is not None) == is_share
    if found is not None:
        assert "network share" in lock.share_note(found)


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        (r"\\server\echo\study", r"\\server\echo"),
        (r"\\?\UNC\server\echo\study", r"\\server\echo"),
        (r"\\?\C:\study", None),
        (r"C:\study", None),
        ("/home/study", None),
    ],
)
def test_a_server_in_a_windows_path_is_a_network_share(path: str, mount: str | None) -> None:
    found = lock.windows_share(PureWindowsPath(path))
    assert (None if found is None else found.mount) == mount


def test_who_has_no_name_may_write(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.close()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # As on Windows, where there is no such module.
    monkeypatch.setitem(sys.modules, "pwd", None)
    with Project.open(project.path) as nameless:
        assert not nameless.is_read_only


def test_the_holder_is_written_down(project: Project) -> None:
    holder = json.loads((project.path / "writer.json").read_text())
    assert set(holder) == {"user", "host", "pid", "since"}


def test_a_folder_that_may_not_be_written_any_more_is_let_go(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        project.close()
    with Project.open(project.path) as again:
        assert not again.is_read_only
