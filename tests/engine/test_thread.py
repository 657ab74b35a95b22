from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest

from annotator.core.identity import FrameKey
from annotator.engine import Engine
from annotator.engine.messages import (
    Event,
    Look,
    Pause,
    Resume,
    RunState,
    SnapshotPublished,
    SuggestionsReady,
    TrainingStatus,
    Trouble,
)
from annotator.engine.priority import lower_priority
from annotator.engine.session import TrainingSession
from annotator.engine.thread import SessionThread
from annotator.project import Project
from annotator.registry import network
from annotator.testing.sessions import add_moving_square, outline_square
from annotator.testing.trainers import BrokenTrainer, FakeTrainer, FakeWorkshop

PATIENCE_S = 60.0
"""Longest wait of a test that is about to fail; passing ones wait for the event alone."""


_unheard: WeakKeyDictionary[SessionThread, deque[Event]] = WeakKeyDictionary()
"""What came together with a wanted event, after it."""


def wait_for(engine: SessionThread, wanted: Callable[[Event], bool]) -> list[Event]:
    """Everything that the engine said up to a wanted event."""
    events: list[Event] = []
    waiting = _unheard.setdefault(engine, deque())
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        waiting.extend(engine.drain())
        while waiting:
            events.append(waiting.popleft())
            if wanted(events[-1]):
                return events
        time.sleep(0.002)
    raise AssertionError(f"It was never said; the last was {events[-1] if events else 'nothing'}.")


def is_state(state: RunState) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, TrainingStatus) and event.state is state


def faked(project: Project, make: Callable[[int], FakeTrainer] = lambda _: FakeTrainer()) -> SessionThread:
    workshop = FakeWorkshop(project.protocol, make)
    return SessionThread(lambda: TrainingSession(project, lambda _: workshop), prepare=lambda: None)


def test_pause_and_resume_and_close(project: Project) -> None:
    clip = add_moving_square(project, "one")
    outline_square(project, clip)
    engine = faked(project)
    engine.start()
    try:
        wait_for(engine, lambda event: isinstance(event, SnapshotPublished))
        engine.send(Pause())
        paused = wait_for(engine, is_state(RunState.PAUSED))[-1]
        engine.send(Look(FrameKey(clip, 1)))
        wait_for(engine, lambda event: isinstance(event, SuggestionsReady))
        later = wait_for(engine, is_state(RunState.PAUSED))[-1]
        assert isinstance(paused, TrainingStatus)
        assert isinstance(later, TrainingStatus)
        assert later.step == paused.step
        assert len(engine.served) == 1
        engine.send(Resume())
        wait_for(engine, lambda event: isinstance(event, TrainingStatus) and event.step > later.step)
    finally:
        assert engine.close()
    assert any(is_state(RunState.STOPPED)(event) for event in engine.drain())
    assert project.checkpoint_path.exists()


def test_a_failure_is_an_event_and_a_retry_works(project: Project) -> None:
    outline_square(project, add_moving_square(project, "one"))
    engine = faked(project, lambda n: BrokenTrainer(RuntimeError("secret"), after=5) if n == 0 else FakeTrainer())
    engine.start()
    try:
        events = wait_for(engine, lambda event: isinstance(event, Trouble))
        assert isinstance(events[-1], Trouble)
        assert events[-1].can_retry
        assert "secret" not in events[-1].sentence
        wait_for(engine, is_state(RunState.FAILED))
        engine.send(Resume())
        wait_for(engine, is_state(RunState.TRAINING))
    finally:
        assert engine.close()


def test_a_session_that_cannot_be_made_is_one_sentence(project: Project) -> None:
    def make() -> TrainingSession:
        raise RuntimeError("secret")

    engine = SessionThread(make, prepare=lambda: None)
    engine.start()
    events = wait_for(engine, lambda event: isinstance(event, Trouble))
    assert "secret" not in repr(events[-1])
    assert engine.close()


def test_a_thread_that_never_started_closes() -> None:
    assert SessionThread(lambda: pytest.fail("never")).close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have policies of their own on Linux alone")
def test_only_the_engine_s_thread_and_its_children_are_idle() -> None:
    found: list[int] = []

    def lowered() -> None:
        assert lower_priority()
        child = threading.Thread(target=lambda: found.append(own_policy()))
        child.start()
        child.join()
        found.append(own_policy())

    before = own_policy()
    thread = threading.Thread(target=lowered)
    thread.start()
    thread.join()
    assert found == [os.SCHED_IDLE] * 2
    assert own_policy() == before != os.SCHED_IDLE


def own_policy() -> int:
    return os.sched_getscheduler(threading.get_native_id())


SMALL = """
name = "small"
[network]
name = "unet"
[network.options]
width = 8
[data]
image_size = 32
labelled_batch = 2
unlabelled_batch = 1
"""


def test_the_real_engine_follows_commits_learns_and_goes_on_after_a_restart(project: Project, tmp_path: Path) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL)
    clips = [add_moving_square(project, f"c{i}", frames=4) for i in range(5)]
    engine = Engine(project, factory=network("unet"), recipe=str(recipe), device="cpu")
    engine.start()
    try:
        wait_for(engine, is_state(RunState.IDLE))
        engine.send(Look(FrameKey(clips[1], 2)))
        for clip in clips[:4]:
            outline_square(project, clip)
        events = wait_for(engine, lambda event: isinstance(event, SnapshotPublished))
        assert any(is_state(RunState.TRAINING)(event) for event in events)
        first = wait_for(engine, lambda event: isinstance(event, SuggestionsReady))[-1]
        assert isinstance(first, SuggestionsReady)
        assert [s.key for s in first.suggestions] == [FrameKey(clips[1], 2)]
        assert set(first.suggestions[0].confidence) == {"lv"}
        key = outline_square(project, clips[4], 1)
        wait_for(engine, lambda event: isinstance(event, TrainingStatus) and event.labelled_frames == 4)
    finally:
        assert engine.close()
    assert project.label(key).has_finished
    stopped = [event for event in engine.drain() if isinstance(event, TrainingStatus)][-1]
    assert stopped.state is RunState.STOPPED
    logs = [h for h in logging.getLogger("annotator.engine").handlers if isinstance(h, logging.FileHandler)]
    assert not [log for log in logs if Path(log.baseFilename).is_relative_to(project.path)]

    again = Engine(project, factory=network("unet"), recipe=str(recipe), device="cpu")
    again.start()
    try:
        going = wait_for(again, is_state(RunState.TRAINING))
    finally:
        assert again.close()
    assert not any(isinstance(event, Trouble) for event in going)
    resumed = going[-1]
    assert isinstance(resumed, TrainingStatus)
    assert resumed.step in (stopped.step, stopped.step + 1)
    assert resumed.snapshot == 1
