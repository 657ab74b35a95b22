from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.engine.machine import Signal, transition
from annotator.engine.messages import RunState


@given(st.lists(st.sampled_from(Signal)), st.lists(st.sampled_from(Signal)))
def test_nothing_follows_a_stop(before: list[Signal], after: list[Signal]) -> None:
    state = RunState.IDLE
    for signal in [*before, Signal.STOP, *after]:
        state = transition(state, signal)
    assert state is RunState.STOPPED


@given(st.lists(st.sampled_from([s for s in Signal if s not in (Signal.RESUME, Signal.STOP)])))
def test_a_failure_lasts_until_the_user_retries(signals: list[Signal]) -> None:
    state = transition(RunState.TRAINING, Signal.FAILURE)
    for signal in signals:
        state = transition(state, signal)
    assert state is RunState.FAILED
    assert transition(state, Signal.RESUME) is RunState.LOADING


@given(st.sampled_from([RunState.IDLE, RunState.LOADING, RunState.TRAINING, RunState.SLEEPING]))
def test_a_pause_holds_through_new_labels(state: RunState) -> None:
    paused = transition(state, Signal.PAUSE)
    assert paused is RunState.PAUSED
    for signal in (Signal.LABELLED, Signal.LOADED, Signal.PLATEAU, Signal.EMPTIED):
        assert transition(paused, signal) is RunState.PAUSED
    assert transition(paused, Signal.RESUME) is RunState.LOADING


@pytest.mark.parametrize(
    ("signals", "state"),
    [
        ([Signal.LABELLED], RunState.LOADING),
        ([Signal.LABELLED, Signal.LOADED], RunState.TRAINING),
        ([Signal.LABELLED, Signal.LOADED, Signal.PLATEAU], RunState.SLEEPING),
        ([Signal.LABELLED, Signal.LOADED, Signal.PLATEAU, Signal.LABELLED], RunState.LOADING),
        ([Signal.LABELLED, Signal.LOADED, Signal.EMPTIED], RunState.IDLE),
    ],
)
def test_the_way_of_a_project(signals: list[Signal], state: RunState) -> None:
    now = RunState.IDLE
    for signal in signals:
        now = transition(now, signal)
    assert now is state
