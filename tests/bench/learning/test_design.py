"""Budgets: exactly so many labels, only what the pattern offers, the same for every recipe of a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator import registry
from annotator.bench.learning.cases import RUNGS, Case, read_cases, shifted
from annotator.bench.learning.design import (
    EVERY_LABEL,
    Cell,
    Design,
    Layout,
    Row,
    Spending,
    deal,
    parse_labels,
    parse_layouts,
    parse_pattern,
    parse_shifts,
)
from annotator.core.errors import BadInput
from annotator.core.identity import ClipHeader, FrameKey, Split
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus

STRUCTURES = ("lv", "myo", "la")


def absent(structures: tuple[str, ...]) -> PartialLabel:
    return PartialLabel((4, 4), {s: StructureLabel(LabelStatus.ABSENT) for s in structures})


def case(number: int, frame: int, split: Split = Split.TRAIN) -> Case:
    header = ClipHeader(stem="clip", patient=f"p{number:012x}", n_frames=2, height=4, width=4, domain="camus")
    image = np.full((4, 4), number * 2 + frame, dtype=np.uint8)
    return Case(FrameKey(f"clip-{number}", frame), header, split, image, absent(STRUCTURES))


CASES = [case(n, f) for n in range(10) for f in range(2)] + [case(n, f, Split.TEST) for n in (10, 11) for f in range(2)]


def cell(labels: int, layout: Layout = "spread", *, seed: int = 0, pattern: str = "", shift: int = 0) -> Cell:
    return Cell(Row("r", "default"), labels, layout, shift, seed, Spending(steps=1), parse_pattern(pattern))


@given(labels=st.integers(0, 70), layout=st.sampled_from(["spread", "frames", "patients"]), seed=st.integers(0, 9))
def test_a_budget_is_spent_to_the_last_label_and_never_on_test_patients(labels: int, layout: Layout, seed: int) -> None:
    dealt = deal(CASES, cell(labels, layout, seed=seed))
    assert sum(map(len, dealt.given.values())) == min(labels, 60)
    assert {c.key for c in dealt.pool} >= set(dealt.given)
    assert all(c.split is Split.TEST for c in dealt.test)
    assert not {c.patient for c in dealt.test} & {c.patient for c in dealt.pool}


def test_spread_labels_are_one_a_frame_and_even_over_structures() -> None:
    given_labels = deal(CASES, cell(10)).given
    assert all(len(of) == 1 for of in given_labels.values())
    assert len({key.clip for key in given_labels}) == 10
    assert sorted(Counter(s for of in given_labels.values() for s in of).values()) == [3, 3, 4]


def test_layouts_of_whole_frames() -> None:
    frames = deal(CASES, cell(6, "frames")).given
    assert [len(of) for of in frames.values()] == [3, 3]
    assert len({key.clip for key in frames}) == 2
    patients = deal(CASES, cell(6, "patients")).given
    assert len({key.clip for key in patients}) == 1


def test_a_domain_gives_only_what_its_pattern_says() -> None:
    dealt = deal(CASES, cell(EVERY_LABEL, pattern="a=*;b=lv", shift=4))
    domain = {c.key: c.header.domain for c in dealt.pool}
    assert {domain[key] for key in dealt.given} == {"a", "b"}
    assert all(set(of) == (set(STRUCTURES) if domain[k] == "a" else {"lv"}) for k, of in dealt.given.items())
    assert Counter(c.header.domain for c in dealt.test) == {"a": 4, "b": 4}
    shown = {(c.header.domain, c.key): int(c.image[0, 0]) for c in dealt.test}
    assert all(value == 255 - shown["a", key] for (d, key), value in shown.items() if d == "b")


@given(rung=st.integers(0, len(RUNGS) - 1), seed=st.integers(0, 5))
def test_a_shift_changes_the_picture_alike_each_time(rung: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (16, 12), dtype=np.uint8)
    found = shifted(image, rung, seed=seed)
    assert (found.shape, found.dtype) == (image.shape, image.dtype)
    assert np.array_equal(found, shifted(image, rung, seed=seed))
    assert np.array_equal(found, image) is (rung == 0)


def test_cells_of_different_conditions_have_different_files() -> None:
    cells = [cell(12), cell(60), cell(12, "frames"), cell(12, seed=1), cell(12, shift=1), cell(12, pattern="a=*")]
    assert len({c.slug for c in cells}) == len(cells)


@pytest.mark.parametrize("text", ["x", "1,,", "all or nothing"])
def test_bad_budgets_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="budgets"):
        parse_labels(text)


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_shifts, "9"), (parse_layouts, "x"), (parse_pattern, "a"), (Row.parse, "a b")]
)
def test_bad_words_are_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(BadInput):
        parse(text)


def test_words_of_the_command_line() -> None:
    assert parse_labels("12,all") == (12, EVERY_LABEL)
    assert parse_shifts("0, inverted") == (0, 4)
    assert Row.parse("mine: default a.b=1 c.d=x") == Row("mine", "default", {"a.b": "1", "c.d": "x"})
    for broken in (
        lambda: parse_shifts("9"),
        lambda: parse_layouts("x"),
        lambda: parse_pattern("a"),
        lambda: Row.parse("a b"),
    ):
        with pytest.raises(BadInput):
            broken()
    with pytest.raises(BadInput, match="minutes"):
        Spending()


def test_a_picture_of_a_test_patient_is_not_trained_on(manifest: Path) -> None:
    first, test = manifest.parent / "image-0-0.png", manifest.parent / "image-6-0.png"
    first.write_bytes(test.read_bytes())
    cases = read_cases(manifest, registry.protocol("two-structures"), None)
    assert len(cases) == 2 * 8 - 1
    assert sum(c.split is Split.TEST for c in cases) == 4


@pytest.mark.parametrize("text", ["-5", "0", "12,0", "12,", "", "1.5"])
def test_a_budget_is_at_least_one_label(text: str) -> None:
    with pytest.raises(BadInput, match="from 1 on, or 'all'; correct --labels"):
        parse_labels(text)


@pytest.mark.parametrize("text", ["", " ", "title: "])
def test_a_row_names_a_recipe(text: str) -> None:
    with pytest.raises(BadInput, match="names no recipe"):
        Row.parse(text)


@pytest.mark.parametrize("words", [{"seconds": 0.0}, {"seconds": float("nan")}, {"steps": 0}, {"steps": -1}])
def test_a_training_takes_something(words: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="above 0"):
        Spending(**words)


@pytest.mark.parametrize("at", [-1.0, float("nan")])
def test_a_curve_is_measured_after_the_start(at: float) -> None:
    with pytest.raises(BadInput, match=r"--at: .* from 0 on"):
        Spending(steps=2, at=(1, at))


def test_a_curve_is_not_measured_after_the_end() -> None:
    """Such a mark fell out without a word."""
    with pytest.raises(BadInput, match="--at: 9 lies behind the end of a training, which is 2"):
        Spending(steps=2, at=(1, 9))


@pytest.mark.parametrize("pattern", ["", "a=*"])
def test_a_shift_that_would_change_no_picture_is_refused(pattern: str) -> None:
    """The table said 'strong' of figures that were those of 'none'."""
    with pytest.raises(BadInput, match=r"--shift: .* name two domains"):
        Design((Row("r", "default"),), (12,), (0,), Spending(steps=1), shifts=(0, 3), pattern=parse_pattern(pattern))


@pytest.mark.parametrize(
    ("pattern", "shift", "says"),
    [
        ("camus=lv;their=myo", 0, "no training frame has the domain 'their', but camus"),
        ("camus=lv", 3, "look as they do"),
    ],
)
def test_domains_of_the_manifest_are_neither_mistyped_nor_shifted(pattern: str, shift: int, says: str) -> None:
    """A domain that was mistyped left all of the other's labels given."""
    with pytest.raises(BadInput, match=says):
        deal(CASES, cell(12, pattern=pattern, shift=shift))


def test_a_domain_comes_once_in_a_pattern() -> None:
    with pytest.raises(BadInput, match="twice"):
        parse_pattern("a=lv;a=myo")
