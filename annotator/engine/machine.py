"""When the learner is in which state: one pure function over :class:`~annotator.engine.messages.RunState`.

::

    IDLE      --LABELLED-->  LOADING  --LOADED-->  TRAINING  --PLATEAU-->  SLEEPING
    SLEEPING  --LABELLED-->  LOADING                             (also --RESUME-->)
    LOADING, TRAINING, SLEEPING  --EMPTIED-->  IDLE
    any but STOPPED, FAILED      --PAUSE-->    PAUSED    --RESUME-->  LOADING
    any but STOPPED              --FAILURE-->  FAILED    --RESUME-->  LOADING
    any                          --STOP-->     STOPPED

LOADING is the way back into training from everywhere: it ends at once where every frame is already there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from annotator.engine.messages import RunState


class Signal(StrEnum):
    """What may change the state."""

    LABELLED = "labelled"
    """Finished labels exist that the trainer has not seen."""
    LOADED = "loaded"
    """Every labelled frame is in the trainer."""
    EMPTIED = "emptied"
    """No finished label is left to train on."""
    PLATEAU = "plateau"
    """More steps would not help."""
    PAUSE = "pause"
    RESUME = "resume"
    FAILURE = "failure"
    STOP = "stop"


_AT_WORK: Final = (RunState.LOADING, RunState.TRAINING, RunState.SLEEPING)

_TABLE: Final[Mapping[tuple[RunState, Signal], RunState]] = MappingProxyType(
    {
        (RunState.IDLE, Signal.LABELLED): RunState.LOADING,
        (RunState.SLEEPING, Signal.LABELLED): RunState.LOADING,
        (RunState.LOADING, Signal.LOADED): RunState.TRAINING,
        (RunState.TRAINING, Signal.PLATEAU): RunState.SLEEPING,
        (RunState.LOADING, Signal.PLATEAU): RunState.SLEEPING,
        **{(state, Signal.EMPTIED): RunState.IDLE for state in _AT_WORK},
        **{(state, Signal.PAUSE): RunState.PAUSED for state in (RunState.IDLE, *_AT_WORK)},
        **{(state, Signal.RESUME): RunState.LOADING for state in (RunState.PAUSED, RunState.FAILED, RunState.SLEEPING)},
        **{(state, Signal.FAILURE): RunState.FAILED for state in RunState if state is not RunState.STOPPED},
        **{(state, Signal.STOP): RunState.STOPPED for state in RunState},
    }
)


def transition(state: RunState, signal: Signal) -> RunState:
    """The state after a signal; a signal that means nothing in a state leaves it.

    Parameters
    ----------
    state
        The state before.
    signal
        What happened.
    """
    return _TABLE.get((state, signal), state)
