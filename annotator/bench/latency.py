"""Scrub and brush in a real window, with training off and on, and beside a plain napari viewer, in one run.

Events come on a fixed clock: ``rate`` frame changes a second and a one-second stroke every five seconds. A
sample is the time from when its event was due until its picture was swapped to the screen. With training off and
on the window shows the same: the clip with the model's suggestions, so that only training differs. Before the first
model there is less to draw; that is measured too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import Qt

from annotator.bench.clockwork import Clockwork, Due, quantiles, stroke, wait
from annotator.bench.plain import plain_viewer
from annotator.bench.subject import Subject, Tap, subject
from annotator.core.errors import AnnotatorError
from annotator.engine.messages import Pause, Resume, RunState
from annotator.viewer.state import Tool

SECONDS = 60.0
ALONE_SECONDS = 20.0
"""Of training without events, before the minute with them and again after it: a machine's speed drifts."""

FAST_SECONDS = 15.0
STROKE_EVERY_S = 5.0
READY_WITHIN_S = 180.0


def run(options: Mapping[str, float]) -> dict[str, Any]:
    """Measure; options are ``seconds`` (of each phase) and ``rate`` (frame changes a second).

    Raises
    ------
    AnnotatorError
        Where the learner does not begin to train.
    """
    seconds, rate = options.get("seconds", SECONDS), options.get("rate", 3.0)
    with subject(trains=True) as found:
        result = _measure_window(found, seconds, rate)
    plain = _measure_plain(min(seconds, 30.0), rate)
    idle = result["scrub_ms"]["idle"], result["paint_ms"]["idle"]
    result["plain_napari"] = {
        "scrub_ms": plain["scrub"],
        "paint_ms": plain["paint"],
        "ratio_p50": {"scrub": _ratio(idle[0], plain["scrub"], "p50"), "paint": _ratio(idle[1], plain["paint"], "p50")},
        "ratio_p95": {"scrub": _ratio(idle[0], plain["scrub"], "p95"), "paint": _ratio(idle[1], plain["paint"], "p95")},
    }
    return result


def _measure_window(found: Subject, seconds: float, rate: float) -> dict[str, Any]:
    tap = found.tap
    if tap is None:
        raise AnnotatorError("The latency benchmark needs a learner; open the project for writing.")
    clock = Clockwork(found.canvas)
    found.session.bench.use_tool(Tool.BRUSH)
    tap.send(Pause())
    wait(READY_WITHIN_S, until=lambda: _state(tap) is RunState.PAUSED)
    clock.play(list(_schedule(found, 5.0, rate)))
    bare = clock.play(list(_schedule(found, seconds, rate)))
    _resume(tap)
    _pause(found, tap)
    found.heartbeat.take()
    idle = clock.play(list(_schedule(found, seconds, rate)))
    idle_fast = clock.play(list(_scrubs(found, FAST_SECONDS, 10.0)))
    gaps = {"startup": found.startup_gap_ms, "idle": found.heartbeat.take()}
    _resume(tap)
    before = _alone(tap, min(seconds, ALONE_SECONDS))
    found.heartbeat.take()
    began = time.perf_counter()
    training = clock.play(list(_schedule(found, seconds, rate)))
    with_window = tap.steps_per_s(began)
    training_fast = clock.play(list(_scrubs(found, FAST_SECONDS, 10.0)))
    gaps["training"] = found.heartbeat.take()
    alone = (before + _alone(tap, min(seconds, ALONE_SECONDS))) / 2
    result = _compared(idle, training)
    without_model = _compared(bare, training)
    result["before_first_model"] = {
        "scrub_ms": without_model["scrub_ms"]["idle"],
        "paint_ms": without_model["paint_ms"]["idle"],
        "ratio_p95": without_model["ratio_p95"],
    }
    result["steps_per_s"] = {"alone": round(alone, 3), "with_window": round(with_window, 3)}
    result["training_kept"] = round(with_window / alone, 3) if alone else None
    result["scrub_10_per_s_ms"] = {
        "idle": quantiles(idle_fast.get("scrub", [])),
        "training": quantiles(training_fast.get("scrub", [])),
    }
    result["longest_gap_ms"] = {name: round(gap, 1) for name, gap in gaps.items()}
    result["suggestion"] = _suggestions(tap, began)
    return result


def _resume(tap: Tap) -> None:
    tap.send(Resume())
    if not wait(READY_WITHIN_S, until=lambda: _state(tap) is RunState.TRAINING):
        sentence = tap.status.sentence if tap.status else "it said nothing"
        raise AnnotatorError(f"The learner did not begin to train within {READY_WITHIN_S:.0f} s: {sentence}")
    # The first model is published, and its clip predicted, before the speed alone is measured.
    wait(READY_WITHIN_S, until=lambda: tap.status is not None and tap.status.snapshot is not None)
    wait(5.0)


def _pause(found: Subject, tap: Tap) -> None:
    """Let the learner rest once every frame of the clip on screen has its suggestion."""
    tap.send(Pause())
    desk = found.session.bench.desk
    keys = desk.clip.frame_keys if desk.clip is not None else ()
    is_ready = wait(
        READY_WITHIN_S,
        until=lambda: _state(tap) is RunState.PAUSED and all(desk.suggestions.get(key) for key in keys),
    )
    if not is_ready:
        raise AnnotatorError(f"The learner did not suggest anything for the whole clip within {READY_WITHIN_S:.0f} s.")
    wait(2.0)


def _alone(tap: Tap, seconds: float) -> float:
    began = time.perf_counter()
    wait(seconds)
    return tap.steps_per_s(began)


def _state(tap: Tap) -> RunState | None:
    return None if tap.status is None else tap.status.state


def _schedule(found: Subject, seconds: float, rate: float) -> Iterator[Due]:
    """Frame changes on the clock, but for the seconds in which a stroke is drawn."""
    strokes = [STROKE_EVERY_S * (i + 1) - 1.5 for i in range(int(seconds / STROKE_EVERY_S))]
    for at in strokes:
        yield from stroke(found.canvas, at)
    for due in _scrubs(found, seconds, rate):
        if not any(at - 0.15 < due.at_s < at + 1.2 for at in strokes):
            yield due


def _scrubs(found: Subject, seconds: float, rate: float) -> Iterator[Due]:
    """Key presses to and fro through the clip."""
    clip = found.session.bench.desk.clip
    length = clip.header.n_frames if clip is not None else 1
    for i in range(int(seconds * rate)):
        forth = (i // (length - 1)) % 2 == 0
        press = _Press(found, Qt.Key.Key_Right if forth else Qt.Key.Key_Left)
        yield Due(0.1 + i / rate, "scrub", press, is_shown=press.is_shown)


class _Press:
    """A key press that shows another frame."""

    def __init__(self, found: Subject, key: Qt.Key) -> None:
        self._found, self._key = found, key
        self._before = -1

    def __call__(self) -> None:
        self._before = self._found.frame
        self._found.press(self._key)

    def is_shown(self) -> bool:
        """Whether another frame is on the desk."""
        return self._found.frame != self._before


def _compared(idle: Mapping[str, Sequence[float]], training: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    kinds = ("scrub", "paint")
    tables = {
        kind: {"idle": quantiles(idle.get(kind, [])), "training": quantiles(training.get(kind, []))} for kind in kinds
    }
    ratios = {kind: _ratio(tables[kind]["training"], tables[kind]["idle"], "p95") for kind in kinds}
    return {"scrub_ms": tables["scrub"], "paint_ms": tables["paint"], "ratio_p95": ratios}


def _ratio(above: Mapping[str, float | None], below: Mapping[str, float | None], name: str) -> float | None:
    one, other = above[name], below[name]
    return round(one / other, 3) if one and other else None


def _suggestions(tap: Tap, since: float) -> dict[str, Any]:
    """How long frames that came on screen while training ran waited for their suggestion."""
    served = tap.engine.served
    steps = 1000 / max(tap.steps_per_s(since), 1e-9)
    return {
        "wait_ms": quantiles([1000 * look.seconds for look in served]),
        "prediction_ms": quantiles([1000 * look.predict_s for look in served if look.predict_s]),
        "step_ms": round(steps, 1),
    }


def _measure_plain(seconds: float, rate: float) -> dict[str, dict[str, float | None]]:
    with plain_viewer() as (canvas, show_frame, n_frames):
        clock = Clockwork(canvas)
        strokes = [STROKE_EVERY_S * (i + 1) - 1.5 for i in range(int(seconds / STROKE_EVERY_S))]
        schedule = [due for at in strokes for due in stroke(canvas, at)]
        for i in range(int(seconds * rate)):
            at = 0.1 + i / rate
            if not any(begin - 0.15 < at < begin + 1.2 for begin in strokes):
                schedule.append(Due(at, "scrub", partial(show_frame, i % n_frames)))
        clock.play([due for due in schedule if due.at_s < 5.0])
        samples = clock.play(schedule)
    return {kind: quantiles(samples.get(kind, [])) for kind in ("scrub", "paint")}
