"""Set-up goes on where an earlier one was cut off."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest

from annotator import bootstrap


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment shall be."""
    folder = tmp_path / "ä folder" / ".venv"
    monkeypatch.setattr(bootstrap, "VENV", folder)
    return folder


def has_pip() -> bool:
    call = [str(bootstrap._python()), "-m", "pip", "--version"]
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def test_an_environment_that_was_cut_off_before_pip_is_made_whole(place: Path) -> None:
    venv.create(place, with_pip=False)
    (place / "mine").touch()
    bootstrap._make_environment()
    assert has_pip()
    assert (place / "mine").exists()


@pytest.mark.skipif(os.name == "nt", reason="an environment holds a copy of its Python there")
def test_an_environment_whose_python_is_gone_is_made_anew(place: Path) -> None:
    bootstrap._python().parent.mkdir(parents=True)
    bootstrap._python().symlink_to(place / "gone")
    bootstrap._make_environment()
    assert has_pip()


def test_a_place_that_takes_no_environment_is_one_sentence(place: Path) -> None:
    place.parent.mkdir()
    place.touch()
    with pytest.raises(bootstrap.SetupError, match="cannot be made"):
        bootstrap._make_environment()


def test_a_checkout_that_was_moved_is_installed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = list[str]()
    monkeypatch.setattr(bootstrap, "_make_environment", lambda: None)
    monkeypatch.setattr(bootstrap, "_run", lambda command, _failure: installed.append(command[-1]))

    def install_in(checkout: Path) -> None:
        for name, path in (("ROOT", "."), ("VENV", ".venv"), ("CONSTRAINTS", "constraints.txt")):
            monkeypatch.setattr(bootstrap, name, checkout / path)
        bootstrap._install(extra="")

    before, after = tmp_path / "before", tmp_path / "after"
    (before / ".venv" / "bin").mkdir(parents=True)
    (before / ".venv" / "Scripts").mkdir()
    for file in ("constraints.txt", "pyproject.toml", ".venv/bin/python", ".venv/Scripts/python.exe"):
        (before / file).touch()
    install_in(before)
    install_in(before)
    before.rename(after)
    install_in(after)
    assert installed == [str(before), str(after)]
