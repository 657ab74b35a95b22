from __future__ import annotations

from pathlib import Path

import pytest

from annotator.core.errors import CorruptProject
from annotator.engine.checkpoints import SessionFacts, read_checkpoint, write_checkpoint
from annotator.engine.schedule import Schedule

FACTS = SessionFacts("default", "abc", is_asleep=True, schedule=Schedule().as_numbers(), dice={"lv": 0.9})


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "training" / "checkpoint.pt"
    assert read_checkpoint(path) is None
    write_checkpoint(path, FACTS, b"line\nline\0")
    assert read_checkpoint(path) == (FACTS, b"line\nline\0")
    write_checkpoint(path, SessionFacts(), b"")
    assert read_checkpoint(path) == (SessionFacts(), b"")
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_project_that_was_moved_away_does_not_begin_to_be_there_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_checkpoint(tmp_path / "moved" / "training" / "checkpoint.pt", FACTS, b"")
    assert list(tmp_path.iterdir()) == []


def test_damage_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, FACTS, bytes(range(64)))
    sound = path.read_bytes()
    for i in range(len(sound)):
        path.write_bytes(sound[:i] + bytes([sound[i] ^ 1]) + sound[i + 1 :])
        with pytest.raises(CorruptProject):
            read_checkpoint(path)
        path.write_bytes(sound[:i])
        with pytest.raises(CorruptProject):
            read_checkpoint(path)
