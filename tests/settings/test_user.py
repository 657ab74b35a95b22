from __future__ import annotations

import sys
from pathlib import Path

import pytest

from annotator.core.errors import BadInput
from annotator.settings import UserSettings, load_settings, save_changes, save_settings, settings_path


def test_settings_come_back() -> None:
    stored = UserSettings(author="Ada", brush_size=9, shortcuts={"accept": "A"})
    save_settings(stored)
    assert load_settings() == stored


def test_without_a_file_there_are_defaults() -> None:
    assert load_settings() == UserSettings()


def test_who_has_no_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # As on Windows, where there is no such module.
    monkeypatch.setitem(sys.modules, "pwd", None)
    assert load_settings().author == "unknown"


def test_damaged_settings_are_told() -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text("{")
    with pytest.raises(BadInput, match="valid settings"):
        load_settings()


def test_two_windows_keep_what_each_of_them_changed(tmp_path: Path) -> None:
    one, two = (str((tmp_path / name).resolve()) for name in ("one", "two"))
    at_first = UserSettings(author="Ada")
    save_changes(at_first, since=at_first)
    save_changes(at_first.model_copy(update={"author": "Bob"}).with_recent(Path(one)), since=at_first)
    save_changes(at_first.model_copy(update={"brush_size": 30}).with_recent(Path(two)), since=at_first)
    assert load_settings() == UserSettings(author="Bob", brush_size=30, recent_projects=(two, one))


def test_damaged_settings_are_written_anew() -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text("{")
    stored = UserSettings(author="Ada")
    save_changes(stored, since=stored)
    assert load_settings() == stored


def test_recent_projects_are_few_and_newest_first(tmp_path: Path) -> None:
    settings = UserSettings()
    for i in range(12):
        settings = settings.with_recent(tmp_path / str(i))
    settings = settings.with_recent(tmp_path / "5")
    assert len(settings.recent_projects) == 10
    assert settings.recent_projects[0] == str((tmp_path / "5").resolve())
    assert len(set(settings.recent_projects)) == 10
