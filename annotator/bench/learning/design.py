"""What the learning benchmark compares: rows, label budgets and their layout, patterns, shifts and seeds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Literal, get_args

import numpy as np

from annotator.bench.learning.cases import RUNGS, Case
from annotator.core.errors import BadInput
from annotator.core.identity import FrameKey, Split

Layout = Literal["spread", "frames", "patients"]
"""One structure a frame over many patients; whole frames, one a patient first; all frames of a patient."""

_EDITION = 3
"""Of the rules by which a cell is trained and scored; cells of another one are run anew."""

EVERY_LABEL = -1
"""The budget 'every label that the pattern offers'."""


@dataclass(frozen=True, slots=True)
class Row:
    """A recipe with changes; ``name`` is how tables call it."""

    name: str
    recipe: str
    overrides: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Row:
        """``"recipe"``, ``"recipe path=value ..."`` or ``"name: recipe path=value ..."``.

        Raises
        ------
        BadInput
            Where there is no recipe or a change is not ``path=value``.
        """
        title, colon, rest = text.partition(": ")
        recipe, *changes = (rest if colon else text).split() or [""]
        if not recipe:
            raise BadInput(f"--recipe '{text}'", "it names no recipe", "give a name such as 'default', or leave it out")
        if any("=" not in change for change in changes):
            raise BadInput(text, "a row is 'recipe path=value ...'", "correct it")
        return cls(title if colon else text, recipe, dict(change.split("=", 1) for change in changes))


@dataclass(frozen=True, slots=True)
class Spending:
    """How much each training may take: ``seconds`` or ``steps``; its curve is measured at ``at`` of the same unit."""

    seconds: float | None = None
    steps: int | None = None
    at: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise BadInput("the budget", "a training takes either so many minutes or so many steps", "give one of them")

        if not (math.isfinite(self.end) and self.end > 0):
            raise BadInput("the budget", "a training takes some time or steps", "give a number above 0")
        if not all(math.isfinite(at) and at >= 0 for at in self.at):
            raise BadInput("--at", "a curve is measured at seconds or steps from the start", "give numbers from 0 on")
        if any(at > self.end for at in self.at):
            what = f"{max(self.at):g} lies behind the end of a training, which is {self.end:g}"
            raise BadInput("--at", what, "give numbers up to there")

    @property
    def end(self) -> float:
        """The last of seconds or steps."""
        return self.seconds if self.seconds is not None else float(self.steps or 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of the benchmark; ``conditions`` is a digest of what else its result depends on."""

    row: Row
    labels: int
    layout: Layout
    shift: int
    seed: int
    spending: Spending
    pattern: tuple[tuple[str, tuple[str, ...]], ...] = ()
    device: str = "auto"
    conditions: str = ""

    @property
    def slug(self) -> str:
        """A file name that tells what it is and differs wherever anything differs."""
        said = json.dumps({"edition": _EDITION, **asdict(self)}, sort_keys=True)
        digest = hashlib.sha256(said.encode()).hexdigest()[:10]
        budget = "all" if self.labels == EVERY_LABEL else str(self.labels)
        return f"{self.row.recipe.rpartition('/')[2]}-{budget}-{self.layout}-{RUNGS[self.shift]}-{self.seed}-{digest}"


@dataclass(frozen=True, slots=True)
class Design:
    """The whole comparison: every combination is a cell.

    Raises
    ------
    BadInput
        Where two rows that differ would have one line in the tables, or a shift would change no picture.
    """

    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    seeds: tuple[int, ...]
    spending: Spending
    layouts: tuple[Layout, ...] = ("spread",)
    shifts: tuple[int, ...] = (0,)
    pattern: tuple[tuple[str, tuple[str, ...]], ...] = ()
    device: str = "auto"

    def __post_init__(self) -> None:
        called = {row.name: row for row in self.rows}
        if any(called[row.name] != row for row in self.rows):
            raise BadInput(
                "--recipe", "two different rows have the same name", "give each its own, as in 'name: recipe'"
            )
        if any(self.shifts) and len(self.pattern) < 2:
            what = "it changes all simulated domains but the first, and there is no second one"
            raise BadInput("--shift", what, "name two domains, as in --pattern 'a=*;b=*'")

    def cells(self) -> Iterator[Cell]:
        """Seeds outermost, so that a run that is cut off has whole comparisons of fewer seeds."""
        for seed, shift, budget, layout, row in product(self.seeds, self.shifts, self.labels, self.layouts, self.rows):
            yield Cell(row, budget, layout, shift, seed, self.spending, self.pattern, self.device)


def parse_labels(text: str) -> tuple[int, ...]:
    """``"12,60,all"`` to budgets.

    Raises
    ------
    BadInput
        Where a part is no number from 1 on.
    """
    parts = [p.strip() for p in text.split(",")]
    if not all(p == "all" or (p.isdecimal() and int(p) > 0) for p in parts):
        raise BadInput(text, "budgets are numbers of structure labels, from 1 on, or 'all'", "correct --labels")
    return tuple(EVERY_LABEL if p == "all" else int(p) for p in parts)


def parse_layouts(text: str) -> tuple[Layout, ...]:
    """``"spread,frames"`` to layouts.

    Raises
    ------
    BadInput
        Where there is no such layout.
    """
    known: dict[str, Layout] = {name: name for name in get_args(Layout)}
    parts = [p.strip() for p in text.split(",")]
    if any(p not in known for p in parts):
        raise BadInput(text, f"a layout is one of {', '.join(known)}", "correct --layout")
    return tuple(known[p] for p in parts)


def parse_shifts(text: str) -> tuple[int, ...]:
    """``"0,2,inverted"`` to rungs of the ladder, by number or name.

    Raises
    ------
    BadInput
        Where there is no such rung.
    """
    known = {**{name: i for i, name in enumerate(RUNGS)}, **{str(i): i for i in range(len(RUNGS))}}
    parts = [p.strip() for p in text.split(",")]
    if any(p not in known for p in parts):
        raise BadInput(
            text, f"a shift is a number up to {len(RUNGS) - 1} or one of {', '.join(RUNGS)}", "correct --shift"
        )
    return tuple(known[p] for p in parts)


def parse_pattern(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """``"a=*;b=lv,myo"``: the structures that each domain labels; ``*`` is all of them.

    Raises
    ------
    BadInput
        Where it is not of that form.
    """
    found = []
    for part in (p.strip() for p in text.split(";") if p.strip()):
        domain, equals, structures = part.partition("=")
        if not equals or not structures:
            raise BadInput(text, "a pattern is 'domain=structure,structure;domain=*'", "correct it")
        found.append((domain.strip(), tuple(s.strip() for s in structures.split(","))))
    if len(dict(found)) < len(found):
        raise BadInput(text, "a domain comes twice", "name it once, with all of its structures")
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Dealt:
    """The cases of one cell: ``pool`` to train on with what is labelled of each, ``test`` to score on."""

    pool: tuple[Case, ...]
    given: Mapping[FrameKey, tuple[str, ...]]
    test: tuple[Case, ...]


def deal(cases: Sequence[Case], cell: Cell) -> Dealt:
    """Choose which labels of the pool are given; patients are shuffled by the seed.

    Where the pattern names domains that the manifest lacks, patients of the pool are dealt to them in turn, and every
    test frame is shown as each of them; all but the first domain have the cell's shift of appearance.

    Raises
    ------
    BadInput
        Where the pattern names some domains of the manifest and one that it lacks, or the manifest has the domains that
        a shift would change.
    """
    rng = np.random.default_rng(cell.seed)
    pool = [c for c in cases if c.split is Split.TRAIN]
    test = [c for c in cases if c.split is Split.TEST and c.known]
    patients = sorted({c.patient for c in pool})
    order = [patients[i] for i in rng.permutation(len(patients))]
    domains = [name for name, _ in cell.pattern]
    known = {c.header.domain for c in pool}
    if known & set(domains):
        _refuse_simulated(cell, known)
    elif domains:
        place = {patient: i % len(domains) for i, patient in enumerate(order)}
        pool = [c.of(domains[place[c.patient]], cell.shift if place[c.patient] else 0) for c in pool]
        test = [c.of(name, cell.shift if i else 0) for i, name in enumerate(domains) for c in test]
    offered = dict(cell.pattern)
    frames = _in_order(pool, order, by_patient=cell.layout == "patients", rng=rng)
    offers = {c.key: _offer(c, offered.get(c.header.domain, ("*",))) for c in frames}
    budget = math.inf if cell.labels == EVERY_LABEL else cell.labels
    given = _spread(offers, budget) if cell.layout == "spread" else _whole(offers, budget)
    return Dealt(tuple(pool), given, tuple(test))


def _refuse_simulated(cell: Cell, known: set[str]) -> None:
    """Refuse what would be passed over where the domains are the manifest's own."""
    lacking = [name for name, _ in cell.pattern if name not in known]
    if lacking:
        what = f"no training frame has the domain '{lacking[0]}', but {', '.join(sorted(known))}"
        raise BadInput("--pattern", what, "name domains of the manifest, or none of them")
    if cell.shift:
        what = "the pattern names domains of the manifest, which look as they do"
        raise BadInput("--shift", what, "leave it out, or name domains that the manifest lacks")


def _in_order(pool: Sequence[Case], order: Sequence[str], *, by_patient: bool, rng: np.random.Generator) -> list[Case]:
    frames = {p: [c for c in pool if c.patient == p] for p in order}
    shuffled = {p: [of[i] for i in rng.permutation(len(of))] for p, of in frames.items()}
    if by_patient:
        return [c for p in order for c in shuffled[p]]
    most = max((len(of) for of in shuffled.values()), default=0)
    return [shuffled[p][i] for i in range(most) for p in order if i < len(shuffled[p])]


def _offer(case: Case, structures: Sequence[str]) -> tuple[str, ...]:
    return case.known if "*" in structures else tuple(s for s in case.known if s in structures)


def _whole(offers: Mapping[FrameKey, tuple[str, ...]], budget: float) -> dict[FrameKey, tuple[str, ...]]:
    given: dict[FrameKey, tuple[str, ...]] = {}
    for key, structures in offers.items():
        taken = structures[: int(min(budget, len(structures)))]
        if taken:
            given[key] = taken
            budget -= len(taken)
    return given


def _spread(offers: Mapping[FrameKey, tuple[str, ...]], budget: float) -> dict[FrameKey, tuple[str, ...]]:
    """The rarest structure of each frame in turn, round after round."""
    given: dict[FrameKey, tuple[str, ...]] = {}
    counts: dict[str, int] = {s: 0 for of in offers.values() for s in of}
    while budget > 0:
        before = sum(counts.values())
        for key, structures in offers.items():
            free = [s for s in structures if s not in given.get(key, ())]
            if not free or budget <= 0:
                continue
            structure = min(free, key=lambda s: counts[s])
            given[key] = (*given.get(key, ()), structure)
            counts[structure] += 1
            budget -= 1
        if sum(counts.values()) == before:
            break
    return given
