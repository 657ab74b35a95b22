"""What can wait is shown once the hand rests, in one go, and never later than promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.viewer.patience import AT_LATEST_S, EVERY_S, REST_S, Patience

TICK_S = 0.05


@dataclass
class Clock:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Shown:
    patience: Patience
    clock: Clock
    seen: list[tuple[float, str]] = field(default_factory=list)

    def ask(self, name: str, what: str) -> None:
        self.patience.ask(name, lambda: self.seen.append((self.clock.at, what)))


@pytest.fixture
def shown() -> Shown:
    clock = Clock()
    return Shown(Patience(clock), clock)


def test_a_resting_hand_waits_for_nothing(shown: Shown) -> None:
    shown.ask("a", "first")
    shown.patience.pump(is_painting=False)
    assert shown.seen == [(0.0, "first")]
    shown.patience.pump(is_painting=False)
    assert len(shown.seen) == 1


def test_the_newest_of_each_name_is_shown_after_a_frame_change(shown: Shown) -> None:
    shown.patience.hand_moved()
    shown.ask("a", "old")
    shown.ask("a", "new")
    shown.ask("b", "other")
    shown.clock.at = REST_S / 2
    shown.patience.pump(is_painting=False)
    assert shown.seen == []
    shown.clock.at = REST_S
    shown.patience.pump(is_painting=False)
    assert shown.seen == [(REST_S, "new"), (REST_S, "other")]


def test_a_long_stroke_does_not_hold_it_back_for_ever(shown: Shown) -> None:
    shown.ask("a", "late")
    shown.clock.at = AT_LATEST_S - TICK_S
    shown.patience.pump(is_painting=True)
    assert shown.seen == []
    shown.clock.at = AT_LATEST_S
    shown.patience.pump(is_painting=True)
    assert shown.seen == [(AT_LATEST_S, "late")]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_whatever_the_hand_does(ticks: list[tuple[bool, bool, bool]]) -> None:
    clock = Clock()
    shown = Shown(Patience(clock), clock)
    asked: list[float] = []
    for number, (moves, asks, is_painting) in enumerate(ticks):
        clock.at = number * TICK_S
        if moves:
            shown.patience.hand_moved()
        if asks:
            asked.append(clock.at)
            shown.ask("a", str(clock.at))
        shown.patience.pump(is_painting=is_painting)
    times = [at for at, _ in shown.seen]
    assert all(after - before >= EVERY_S - 1e-9 for before, after in pairwise(times))
    for at in asked:
        after = [time for time in times if time >= at]
        assert after or clock.at - at < AT_LATEST_S + EVERY_S
        assert not after or after[0] - at <= AT_LATEST_S + EVERY_S
