from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annotator.engine.schedule import (
    FEWEST_STALE,
    FIRST_CHECK_STEPS,
    KNOWN_STEP_BUDGET,
    KNOWN_STEP_BUDGET_PER_FRAME,
    LONGEST_BUDGET,
    LONGEST_INTERVAL_S,
    Schedule,
)


def after_steps(schedule: Schedule, count: int, seconds: float = 0.1) -> Schedule:
    for _ in range(count):
        schedule = schedule.after_step(seconds)
    return schedule


def test_the_first_check_comes_early_by_time_or_by_steps() -> None:
    assert not after_steps(Schedule(), 10).is_due
    assert after_steps(Schedule(), 160).is_due
    assert after_steps(Schedule(), FIRST_CHECK_STEPS, 0.0).is_due


def test_intervals_grow_up_to_a_limit_and_new_labels_shorten_them() -> None:
    schedule = Schedule()
    intervals = []
    for _ in range(20):
        schedule = schedule.after_check(None)
        intervals.append(schedule.interval_s)
    assert intervals == sorted(intervals)
    assert intervals[-1] == LONGEST_INTERVAL_S
    assert schedule.after_labels().interval_s < LONGEST_INTERVAL_S


def test_it_sleeps_where_validation_stops_rising_and_not_before() -> None:
    schedule = after_steps(Schedule(), 50).after_check(0.5)
    for number in range(FEWEST_STALE):
        assert schedule.plateau(patience=100, labelled_frames=1, has_validation=True, is_known=False) is None, number
        schedule = after_steps(schedule, 50).after_check(0.5)
    assert "not improved" in str(schedule.plateau(patience=100, labelled_frames=1, has_validation=True, is_known=False))
    assert schedule.after_labels().plateau(patience=100, labelled_frames=1, has_validation=True, is_known=False) is None


def test_without_validation_it_sleeps_after_a_budget_of_steps() -> None:
    schedule = after_steps(Schedule(), LONGEST_BUDGET, 0.0)
    assert "new label" in str(schedule.plateau(patience=1, labelled_frames=1, has_validation=False, is_known=False))
    assert schedule.after_labels().plateau(patience=1, labelled_frames=1, has_validation=False, is_known=False) is None


def test_it_sleeps_sooner_where_the_weights_knew_everything() -> None:
    schedule = after_steps(Schedule(), KNOWN_STEP_BUDGET + 2 * KNOWN_STEP_BUDGET_PER_FRAME, 0.0)

    def sleeps(now: Schedule, frames: int, *, has_validation: bool, is_known: bool = True) -> bool:
        return bool(
            now.plateau(patience=2000, labelled_frames=frames, has_validation=has_validation, is_known=is_known)
        )

    assert sleeps(schedule, 2, has_validation=False)
    assert not sleeps(schedule, 2, has_validation=False, is_known=False)
    assert not sleeps(schedule, 3, has_validation=False)
    assert not sleeps(schedule.after_labels(), 2, has_validation=False)
    rising = schedule.after_check(0.5)
    assert not sleeps(rising, 2, has_validation=True), "validation may still rise"
    level = rising.after_check(0.5)
    assert sleeps(level, 2, has_validation=True)
    assert not sleeps(level, 3, has_validation=True)
    assert not sleeps(level, 2, has_validation=True, is_known=False)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=20))
def test_a_schedule_survives_a_restart(scores: list[float | None]) -> None:
    schedule = Schedule()
    for score in scores:
        schedule = after_steps(schedule, 3).after_check(score)
    assert Schedule.from_numbers(schedule.as_numbers()) == schedule
