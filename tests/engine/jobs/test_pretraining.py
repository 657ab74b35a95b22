"""Starting weights from a simulator: a file with its card, the same for the same seed, and wrong words refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from annotator import registry
from annotator.core.errors import BadInput, Cancelled, UnknownName
from annotator.engine.jobs import pretraining
from annotator.engine.jobs.pretraining import PretrainOptions, pretrain
from annotator.engine.jobs.pretraining_card import card_text
from annotator.engine.jobs.progress import Silent
from annotator.engine.recipes import find_recipe
from annotator.learn.familiarity import FACT, strangeness
from annotator.learn.recipe import read_recipe
from annotator.learn.weights import load, read_header, save
from annotator.testing.commands import command

TINY = PretrainOptions(
    domains=("varied", "vendor-b"),
    overrides={"data.image_size": "32", "data.labelled_batch": "2", "network.options.width": "8"},
    pool=2,
    refresh_every=1,
    seed=4,
)


class CancelAtStep:
    """Progress that cancels in training."""

    def update(self, done: int, total: int, sentence: str) -> None:
        if sentence.startswith("Pretraining"):
            raise Cancelled("The pretraining")


@pytest.fixture(autouse=True)
def _few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining._Ward, "_HELD_OUT_PATIENTS", 1)


def test_a_tiny_run_writes_weights_that_load_and_a_card(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path / "new folder" / "start.safetensors"
    report = pretrain(TINY, 3, out, command="annotator pretrain --steps 3", progress=Silent())
    again = pretrain(TINY, 3, tmp_path / "again.safetensors", command="annotator pretrain --steps 3", progress=Silent())
    other = pretrain(replace(TINY, seed=5), 3, tmp_path / "other.safetensors", progress=Silent())
    torch.set_num_threads(before)
    assert (report.steps, report.patients) == (3, 4)
    assert out.read_bytes() == again.weights.read_bytes() != other.weights.read_bytes()
    header = read_header(out)
    assert header.protocol == registry.protocol("apical")
    assert header.active == header.protocol.ids
    assert header.facts["held_out_scanner"] == "vendor-a"
    assert strangeness(load(out, registry.networks()), np.zeros((1, 32, 32), dtype=np.uint8)).shape == (1,)
    assert header.facts[FACT]["rest"] > 0
    assert set(report.dice) <= set(header.protocol.ids)
    assert load(out, registry.networks()).structures == header.protocol.ids
    card = report.card.read_text(encoding="utf-8")
    assert "Apache-2.0" in card
    assert "annotator pretrain --steps 3" in card
    assert "4 simulated patients" in card


def test_a_second_run_goes_on_from_the_first_and_the_card_tells_of_both(tmp_path: Path) -> None:
    first = pretrain(TINY, 2, tmp_path / "first.safetensors", command="first", progress=Silent())
    larger = replace(TINY, overrides={**TINY.overrides, "data.image_size": "48"}, seed=5)
    going_on = replace(larger, begin=first.weights)
    second = pretrain(going_on, 1, tmp_path / "second.safetensors", command="second", progress=Silent())
    alone = pretrain(larger, 1, tmp_path / "alone.safetensors", progress=Silent())
    third = pretrain(replace(going_on, begin=second.weights), 1, tmp_path / "third.safetensors", progress=Silent())

    def distance(one: Path, two: Path) -> float:
        states = (load(file, registry.networks()).network.state_dict() for file in (one, two))
        return sum(float((a - b).abs().sum()) for a, b in zip(*(state.values() for state in states), strict=True))

    assert distance(first.weights, second.weights) < 0.5 * distance(first.weights, alone.weights)
    card = second.card.read_text(encoding="utf-8")
    assert "2 at 32 px, then 1 at 48 px;" in card
    assert f"{first.patients + second.patients} simulated patients" in card
    assert "\n    first\n    second\n" in card
    assert [run["command"] for run in read_header(third.weights).facts["earlier"]] == ["first", "second"]


def test_weights_that_saw_something_else_are_no_start(tmp_path: Path) -> None:
    made = pretrain(TINY, 1, tmp_path / "made.safetensors", progress=Silent()).weights
    loaded = load(made, registry.networks())
    (tmp_path / "real.safetensors").write_bytes(save(replace(loaded.header, facts={}), loaded.network))
    with pytest.raises(BadInput, match="not made by 'annotator pretrain'"):
        pretrain(replace(TINY, begin=tmp_path / "real.safetensors"), 1, tmp_path / "w.safetensors", progress=Silent())


def test_nothing_is_written_where_it_is_cancelled(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        pretrain(TINY, 3, tmp_path / "start.safetensors", progress=CancelAtStep())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "word"),
    [
        ({"domains": ("nowhere",)}, UnknownName, "nowhere"),
        ({"simulator": "nothing"}, UnknownName, "nothing"),
        ({"network": "nothing"}, UnknownName, "nothing"),
        ({"domains": ("vendor-a",)}, BadInput, "held out"),
    ],
)
def test_wrong_words_are_refused(changes: dict[str, object], error: type[Exception], word: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=word):
        pretrain(replace(TINY, **changes), 1, tmp_path / "start.safetensors", progress=Silent())  # type: ignore[arg-type]


def test_another_text_beside_the_weights_is_left_alone(tmp_path: Path) -> None:
    out, notes = tmp_path / "notes.safetensors", tmp_path / "notes.md"
    notes.write_text("# My notes\n")
    with pytest.raises(BadInput, match=r"notes\.md: it is no card of starting weights"):
        pretrain(TINY, 1, out, progress=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(BadInput, match="it is a folder"):
        pretrain(TINY, 1, tmp_path / "folder.safetensors", progress=Silent())


def test_the_command_says_how_to_make_the_file_again(tmp_path: Path) -> None:
    words = ("--domains", "varied", "--pool", 1, "--set", "data.image_size=32", "--set", "network.options.width=8")
    said = command("pretrain", "--steps", 1, *words, "--seed", 2, "--out", tmp_path / "w.safetensors", "--json").json
    assert said["patients"] == 1
    card = (tmp_path / "w.md").read_text(encoding="utf-8")
    assert "--steps 1 --domains varied --pool 1 --refresh-every 1 --recipe pretrain --set data.image_size=32" in card
    assert command("pretrain", "--steps", 1, "--out", tmp_path / "w.pt").status == 1


def test_the_scanner_that_measures_was_seen_by_no_earlier_run(tmp_path: Path) -> None:
    """Its Dice would stand in the card as that of a scanner that is held out."""
    first = pretrain(TINY, 1, tmp_path / "first.safetensors", progress=Silent()).weights
    other = replace(TINY, domains=("vendor-c",), seed=5, begin=first)
    second = pretrain(other, 1, tmp_path / "second.safetensors", progress=Silent())
    assert "| Simulated scanners | varied, vendor-b, vendor-c |" in second.card.read_text(encoding="utf-8")
    for begin in (first, second.weights):
        leaking = replace(other, held_out="vendor-b", begin=begin)
        with pytest.raises(BadInput, match="learnt from the scanner 'vendor-b', which is held out"):
            pretrain(leaking, 1, tmp_path / "third.safetensors", progress=Silent())


def test_a_card_counts_the_patients_of_a_seed_once_and_names_what_was_simulated() -> None:
    run = {"simulated_patients": 10, "scanners": ["a"], "command": "annotator pretrain --seed 3"}
    facts = {
        **run,
        "earlier": [
            {**run, "simulated_patients": 7, "steps": 1, "image_size": 32},
            {**run, "command": "annotator pretrain --seed 4", "steps": 1, "image_size": 32},
        ],
        "origin": "simulated by 'lung' only",
        "licence": "Apache-2.0",
        "held_out_dice": {},
        "held_out_scanner": "b",
    }
    text = card_text(registry.protocol("two-structures"), read_recipe(find_recipe("pretrain")), 1, facts)
    assert "20 simulated patients" in text
    assert f"Only pictures of '{registry.protocol('two-structures').title}' were simulated" in text
