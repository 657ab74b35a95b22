"""Benchmarks refuse what they cannot measure, in one sentence and before they begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.app import demo
from annotator.testing.commands import command


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("step", "--set", "rounds=0"), "--set rounds=0: it must be a whole number from 1 on; correct it."),
        (("step", "--set", "rounds=-1"), "--set rounds=-1: it must be a whole number from 1 on; correct it."),
        (("step", "--set", "rounds=nan"), "--set rounds=nan: it must be a whole number from 1 on; correct it."),
        (("store", "--set", "kills=1.5"), "--set kills=1.5: it must be a whole number from 0 on; correct it."),
        (("latency", "--set", "seconds=0"), "--set seconds=0: it must be a number from 1 on; correct it."),
        (
            ("endurance", "--set", "chages=5"),
            "There is no option of this benchmark called 'chages'; choose one of changes, warm_up.",
        ),
    ],
)
def test_an_option_that_is_unknown_or_out_of_range_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    ran = command("bench", *words)
    assert (ran.status, ran.out, ran.err) == (1, "", f"error: {sentence}\n")


@pytest.mark.parametrize("name", ["latency", "endurance"])
def test_a_window_s_benchmark_without_a_screen_is_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "has_screen", lambda: False)
    ran = command("bench", name)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error: There is no screen")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--steps", 0), "above 0"),
        (("--minutes", 0), "above 0"),
        (("--steps", 1, "--labels", "-5"), "correct --labels"),
        (("--steps", 1, "--at=-1"), "--at"),
        (("--steps", 1, "--recipe", ""), "names no recipe"),
        (("--steps", 1, "--pattern", "a=*;b=lv,foo"), "--pattern b=lv,foo: 'apical' has no structure 'foo', but lv"),
    ],
)
def test_a_design_that_makes_no_sense_is_one_sentence(tmp_path: Path, words: tuple[object, ...], what: str) -> None:
    ran = command("bench", "learning", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "out", *words)
    assert (ran.status, ran.out) == (1, "")
    assert what in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_help_names_options_as_the_shell_takes_them() -> None:
    ran = command("bench", "--help")
    assert ran.status == 0
    assert "``" not in ran.out
    assert "'changes'" in ran.out
