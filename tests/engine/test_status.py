"""What the learner says of itself."""

from __future__ import annotations

import pytest

from annotator.core.identity import FrameKey
from annotator.engine.messages import RunState
from annotator.engine.priority import waited_s
from annotator.engine.roles import Plan
from annotator.engine.status import CROWDED_SENTENCE, Meter, sentence_for, sentence_of


class Machine:
    """A step takes ``step_s`` on a core and waits ``wait_s`` for one."""

    def __init__(self) -> None:
        self.at = self.waited = 0.0
        self.meter = Meter(waited=lambda: self.waited, now=lambda: self.at)

    def steps(self, count: int, *, step_s: float, wait_s: float) -> None:
        for _ in range(count):
            self.at += step_s + wait_s
            self.waited += wait_s
            self.meter.count({"total": 1.0})


@pytest.mark.parametrize(("wait_s", "is_crowded"), [(0.0, False), (0.3, False), (4.0, True)])
def test_it_is_crowded_where_a_step_mostly_waits(wait_s: float, *, is_crowded: bool) -> None:
    machine = Machine()
    machine.steps(4, step_s=0.4, wait_s=wait_s)
    assert machine.meter.is_crowded is is_crowded


def test_a_crowd_that_leaves_is_forgotten() -> None:
    machine = Machine()
    machine.steps(4, step_s=0.4, wait_s=4.0)
    machine.steps(8, step_s=0.4, wait_s=0.0)
    assert not machine.meter.is_crowded


def test_a_first_step_says_nothing() -> None:
    machine = Machine()
    machine.steps(1, step_s=0.4, wait_s=4.0)
    assert not machine.meter.is_crowded


def test_a_pause_begins_anew() -> None:
    machine = Machine()
    machine.steps(2, step_s=0.4, wait_s=4.0)
    machine.meter.reset()
    assert not machine.meter.is_crowded
    assert machine.meter.steps_per_s == 0


def test_waiting_only_grows() -> None:
    before = waited_s()
    assert 0 <= before <= waited_s()


@pytest.mark.parametrize(("state", "is_said"), [(RunState.TRAINING, True), (RunState.SLEEPING, False)])
def test_a_crowd_is_spoken_of_while_it_trains(state: RunState, *, is_said: bool) -> None:
    assert (CROWDED_SENTENCE in sentence_for(state, Plan(), is_crowded=True)) is is_said
    assert CROWDED_SENTENCE not in sentence_for(state, Plan())


@pytest.mark.parametrize(
    ("others", "said"), [(0, "Learning from 1 labelled frame."), (1, "Learning from 1 labelled and 1 other frame.")]
)
def test_other_frames_are_spoken_of_where_there_are_some(others: int, said: str) -> None:
    keys = [FrameKey("clip", number) for number in range(1 + others)]
    assert sentence_for(RunState.TRAINING, Plan(labelled=tuple(keys[:1]), unlabelled=tuple(keys[1:]))) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("CUDA out of memory. Tried to allocate 20.00 MiB", "memory ran out"),
        ("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you", "memory ran out"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "memory ran out"),
        ("CUDA error: unspecified launch failure\nCUDA kernel errors", "failed (CUDA error: unspecified launch"),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "open it again"),
        ("shape '[3]' is invalid", "unexpected error (RuntimeError)"),
    ],
)
def test_what_torch_says_becomes_a_sentence_that_helps(error: str, said: str) -> None:
    told = sentence_of(RuntimeError(error))
    assert said in told
    assert "\n" not in told
    assert told.endswith(".")
