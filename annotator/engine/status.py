"""What the learner says of itself: steps per second, mean losses, one plain sentence per state."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Final

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Split
from annotator.core.memory_errors import is_out_of_memory
from annotator.core.protocols import LabelProtocol
from annotator.core.words import counted, listed
from annotator.engine.log import LOG_NAME
from annotator.engine.messages import RunState, TrainingStatus
from annotator.engine.priority import waited_s
from annotator.engine.roles import Plan

WINDOW_S: Final = 5.0
"""Steps per second are counted over so many seconds."""

STATUS_EVERY_S: Final = 0.5

_CROWDED_STEPS: Final = 8
_CROWDED_SHARE: Final = 0.7
"""Drawing and scrubbing without a pause take less than half of the learner's time."""

CROWDED_SENTENCE: Final = "Other programs keep the processor busy, so that it learns slowly."
SAYS_NOTHING_SENTENCE: Final = (
    "Waiting for another label, since those so far say nothing that can be learnt: "
    "their marks are unsure or too small, or their frames cannot be read."
)
_KEPT_APART: Final = {
    Split.TEST: "test clips",
    Split.VALIDATION: "clips held aside for validation",
    Split.TRAIN: "copies of clips that are kept out of training",
}
START_SENTENCE: Final = "Suggestions come from the shipped starting weights, which learnt from simulated echo alone."

_GPU_FAILED: Final = ("CUDA error", "cuDNN error")
"""What torch says; after most errors of CUDA nothing in the process reaches the GPU any more."""


class StatusClock:
    """Says when to tell the status again: about twice a second, and at once where something changed."""

    def __init__(self) -> None:
        self._last: object = None
        self._told_at = float("-inf")

    def is_due(self, what: object) -> bool:
        """Whether to tell now; what is told is compared with the last time."""
        now = time.perf_counter()
        if what == self._last and now - self._told_at < STATUS_EVERY_S:
            return False
        self._last, self._told_at = what, now
        return True


class Meter:
    """Counts steps per second and averages losses over the last steps.

    Parameters
    ----------
    waited
        Seconds in which the thread that counts had no core; see :func:`~annotator.engine.priority.waited_s`.
    now
        A clock in seconds.
    """

    def __init__(self, waited: Callable[[], float] = waited_s, now: Callable[[], float] = time.perf_counter) -> None:
        self._waited, self._now = waited, now
        self._ends: deque[float] = deque()
        self._waits: deque[tuple[float, float]] = deque(maxlen=_CROWDED_STEPS + 1)
        self._losses: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=20))

    def count(self, losses: Mapping[str, float]) -> None:
        """One step ended now."""
        self._ends.append(self._now())
        self._waits.append((self._ends[-1], self._waited()))
        for name, value in losses.items():
            self._losses[name].append(value)

    def reset(self) -> None:
        """Training stopped for a while; the time until it goes on does not count."""
        self._ends.clear()
        self._waits.clear()

    @property
    def is_crowded(self) -> bool:
        """Whether other programs had the cores for most of the time of the last steps."""
        if len(self._waits) < 2:
            return False
        (began, before), (ended, after) = self._waits[0], self._waits[-1]
        return after - before > _CROWDED_SHARE * (ended - began)

    @property
    def steps_per_s(self) -> float:
        """Over the last seconds; 0 where fewer than two steps ended in them."""
        now = self._now()
        while self._ends and now - self._ends[0] > WINDOW_S:
            self._ends.popleft()
        if len(self._ends) < 2:
            return 0.0
        return (len(self._ends) - 1) / max(now - self._ends[0], 1e-9)

    @property
    def losses(self) -> dict[str, float]:
        """Loss name to mean of the last steps."""
        return {name: sum(values) / len(values) for name, values in self._losses.items() if values}


def sentence_for(
    state: RunState,
    plan: Plan,
    *,
    reason: str = "",
    can_learn: bool = True,
    is_start: bool = False,
    is_crowded: bool = False,
) -> str:
    """What the learner does, for the user, and where suggestions come from before the first model of the project.

    Parameters
    ----------
    state
        Its state.
    plan
        The part of every frame.
    reason
        Why it sleeps or failed.
    can_learn
        Whether the labels say anything to the learner, as far as it trains.
    is_start
        Whether the shipped starting weights serve.
    is_crowded
        Whether other programs have the cores, as :attr:`Meter.is_crowded` tells while it trains.
    """
    told = [_told(state, plan, reason) if can_learn else SAYS_NOTHING_SENTENCE]
    if is_start and state is not RunState.FAILED:
        told.append(START_SENTENCE)
    if is_crowded and state is RunState.TRAINING:
        told.append(CROWDED_SENTENCE)
    return " ".join(told)


def unmeasured_sentence(status: TrainingStatus, protocol: LabelProtocol) -> str:
    """Which structures are learnt and measured on nobody, and what would measure them; empty where none are."""
    names = [protocol.structure(structure).name for structure in status.unmeasured]
    if not names:
        return ""
    them = "it" if len(names) == 1 else "them"
    return (
        f"Nothing measures {listed(names)}, since no patient held aside has a label of {them}; label {them} in a frame "
        f"of such a patient ({status.validation_patients[0]}) too."
    )


def _told(state: RunState, plan: Plan, reason: str) -> str:
    match state:
        case RunState.IDLE:
            return reason or _awaited(plan)
        case RunState.LOADING:
            return f"Loading {counted(len(plan.labelled), 'labelled frame')}."
        case RunState.TRAINING:
            checked = f"; {counted(len(plan.held), 'patient')} held aside" if plan.validation else ""
            frames = counted(len(plan.labelled), "labelled frame")
            if plan.unlabelled:
                frames = f"{len(plan.labelled)} labelled and {counted(len(plan.unlabelled), 'other frame')}"
            return f"Learning from {frames}{checked}."
        case RunState.SLEEPING:
            return f"Sleeping, since {reason or 'more steps would not help'}; a new label wakes it."
        case RunState.PAUSED:
            return "Paused; suggestions still come from the last model."
        case RunState.FAILED:
            return reason
        case RunState.STOPPED:
            return "Stopped."


def _awaited(plan: Plan) -> str:
    """Which label is missing, where none can be learnt from."""
    where = " and ".join(words for split, words in _KEPT_APART.items() if split in plan.kept_apart)
    if not where:
        return "Waiting for the first finished label."
    return f"Waiting for a finished label of a training patient; those so far are in {where}, and not learnt from."


def sentence_of(error: BaseException) -> str:
    """One plain sentence for an exception, whose traceback is in the log."""
    if isinstance(error, AnnotatorError):
        return str(error)
    if is_out_of_memory(error):
        return "Training stopped, since memory ran out; close other programs and try again."
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in _GPU_FAILED):
        reason = str(error).split("\n", 1)[0].rstrip(". ")
        return (
            f"Training stopped, since the GPU failed ({reason}); close this program and open it again, "
            "and it goes on from where it was saved."
        )
    if isinstance(error, OSError):
        return f"Training stopped, since the disk refused ({error.strerror or type(error).__name__}); try again."
    return (
        f"Training stopped on an unexpected error ({type(error).__name__}); try again. "
        f"The details are in 'training/{LOG_NAME}' in the project."
    )
