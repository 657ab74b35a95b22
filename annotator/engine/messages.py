"""What goes into the engine's thread and what comes out: frozen values, so that it may become a process.

Commands are a closed union, events are a closed union; whoever handles one uses ``match`` and
``assert_never``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from annotator.core.identity import FrameKey


class RunState(StrEnum):
    """State of the background learner.

    ::

        IDLE --first finished label--> LOADING --> TRAINING <--> PAUSED (button)
        TRAINING --plateau--> SLEEPING --new finished label--> TRAINING
        any --exception--> FAILED --retry--> LOADING;  any --stop--> STOPPED
    """

    IDLE = "idle"
    LOADING = "loading"
    TRAINING = "training"
    SLEEPING = "sleeping"
    PAUSED = "paused"
    FAILED = "failed"
    STOPPED = "stopped"


# --- commands -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataChanged:
    """A commit happened: these frames have new labels, and these clips appeared, changed or went."""

    keys: tuple[FrameKey, ...] = ()
    clips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The user looks at this frame: predict it first, then the rest of its clip, nearest frames first."""

    key: FrameKey


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop stepping until :class:`Resume`; predictions are still served."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause, or try again after a failure."""


@dataclass(frozen=True, slots=True)
class UseRecipe:
    """Go on with another recipe (name of a shipped one, or a path)."""

    recipe: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Write a checkpoint at the next step boundary and end the thread."""


Command = DataChanged | Look | Pause | Resume | UseRecipe | Stop


# --- events -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """What the model thinks of one frame.

    Parameters
    ----------
    key
        The frame.
    snapshot
        Id of the model snapshot, 0 for shipped starting weights.
    classes
        (H, W) uint8, the most probable class index at native size.
    certainty
        (H, W) uint8, its probability times 255.
    confidence
        Structure id to 0..1: mean certainty over the structure's pixels; for an empty structure, that it is absent.
        One that the model does not know, or the view cannot show, is left out.
    """

    key: FrameKey
    snapshot: int
    classes: NDArray[np.uint8]
    certainty: NDArray[np.uint8]
    confidence: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SuggestionsReady:
    """New suggestions; at most a few frames each, the frame on screen first and alone."""

    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class SuggestionsGone:
    """None of the suggestions so far holds any more, since the model that made them may not serve."""


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """What a model says of its certainty against what came true.

    Parameters
    ----------
    error
        Expected calibration error, 0..1.
    points
        Mean stated probability, share that came true, and pixels, per bin that has any.
    """

    error: float
    points: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """One structure's confidence on the patients held aside.

    Parameters
    ----------
    before, after
        Without and with calibration; 'after' is measured on other patients than those that it was fitted on where
        ``is_cross_fitted``.
    is_applied
        Whether suggestions carry the calibrated confidence.
    reason
        Why not, in a plain phrase.
    """

    before: ReliabilityCurve
    after: ReliabilityCurve
    is_applied: bool = False
    is_cross_fitted: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """A snapshot of the learner, sent about twice a second and at every change of state.

    Parameters
    ----------
    state, sentence
        What it does, and why, in one plain sentence for the user.
    step
        Steps done since the project began.
    steps_per_s
        Over the last few seconds; 0 where it does not train.
    device, memory_mb
        Where it runs (``"CPU, 2 threads"``) and what it holds, in MiB.
    losses
        Name to mean of the last steps.
    dice
        Structure id to validation Dice; empty before the first validation.
    dice_by_domain
        Domain to structure id to validation Dice.
    validation_patients
        Pseudonyms held aside; empty below four labelled patients.
    measured_on_accepted
        Structures whose Dice is against accepted suggestions alone, which flatters the model that made them.
    unmeasured
        Structures that it learns and nothing measures, since no patient held aside has a label of them.
    labelled_frames, unlabelled_frames
        Frames that it trains on.
    snapshot
        Id of the snapshot that serves suggestions; ``None`` before the first.
    recipe, recipe_summary
        Its name, and what it does in one plain line.
    reliability
        Structure id to the confidence of the newest model; empty where it was not measured.
    warnings
        What the user should know of the suggestions before believing them, in plain sentences.
    kept_back
        Why the last check published no model, as a sentence; empty where it did, or there was none.
    """

    state: RunState
    sentence: str
    step: int = 0
    steps_per_s: float = 0.0
    device: str = ""
    memory_mb: float = 0.0
    recipe: str = ""
    losses: Mapping[str, float] = field(default_factory=dict)
    dice: Mapping[str, float] = field(default_factory=dict)
    dice_by_domain: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    validation_patients: tuple[str, ...] = ()
    measured_on_accepted: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    labelled_frames: int = 0
    unlabelled_frames: int = 0
    snapshot: int | None = None
    recipe_summary: str = ""
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    kept_back: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotPublished:
    """A new model serves suggestions."""

    snapshot: int
    step: int
    is_validated: bool
    dice: Mapping[str, float]
    sentence: str


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One (frame, structure) worth labelling next; ``reason`` is a plain phrase."""

    key: FrameKey
    structure: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class QueueReady:
    """The review queue, best first."""

    items: tuple[QueueItem, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong or was adapted (such as a smaller batch); ``can_retry`` offers a button."""

    sentence: str
    can_retry: bool


Event = SuggestionsReady | SuggestionsGone | TrainingStatus | SnapshotPublished | QueueReady | Trouble
