"""Values that the window shows; widgets take them whole and decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from annotator.core.identity import SpacingStatus


class CellState(StrEnum):
    """State of one structure in one frame as the timeline and the structure panel show it."""

    UNKNOWN = "unknown"
    NOT_IN_VIEW = "not_in_view"
    SUGGESTED = "suggested"
    DRAFT = "draft"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    DRAWN = "drawn"
    IMPORTED = "imported"
    PROPAGATED = "propagated"
    PARTIAL = "partial"
    REJECTED = "rejected"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class StructureRow:
    """One structure in the frame on screen.

    ``confidence`` is that of the suggestion, 0..1, ``None`` where there is none; ``area`` a text such as
    ``"34.1 cm²"`` or ``"12 034 px"``, empty where the structure has no pixels. ``can_change`` is false where the
    project is read-only.
    """

    id: str
    name: str
    colour: str
    key: str
    state: CellState
    confidence: float | None
    is_selected: bool
    is_visible: bool
    area: str = ""
    provenance: str = ""
    can_change: bool = True


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One structure over all frames of the clip; ``cells[i]`` is frame i."""

    id: str
    name: str
    colour: str
    cells: tuple[CellState, ...]


@dataclass(frozen=True, slots=True)
class TimelineState:
    """The timeline under the canvas; ``selected`` is the structure whose row stands out."""

    rows: tuple[TimelineRow, ...]
    n_frames: int
    current: int
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()
    frame_times_ms: tuple[float, ...] = ()
    selected: str = ""


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip in the browser; ``labelled`` counts finished (frame, structure) labels, ``draft_frames`` what is not."""

    name: str
    patient: str
    view: str
    domain: str
    split: str
    n_frames: int
    labelled: int
    labelled_frames: int
    is_current: bool
    draft_frames: int = 0


@dataclass(frozen=True, slots=True)
class ClipDetails:
    """Facts of the clip on screen; they can be edited but where the project is read-only."""

    name: str
    patient: str
    view: str
    views: tuple[str, ...]
    domain: str
    domains: tuple[str, ...]
    spacing: str
    """Plain words: ``"0.31 x 0.31 mm/px"`` or ``"not set: ..."``."""
    spacing_status: SpacingStatus
    proposed_spacing: str
    frame_rate: str
    size: str
    can_change: bool = True


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One line of the next-up list."""

    clip: str
    frame: int
    structure: str
    structure_name: str
    colour: str
    reason: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Validation Dice or loss at a step."""

    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the training panel's plot."""

    name: str
    colour: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Stated probability against the share that came true; ``words`` reads it aloud."""

    points: tuple[tuple[float, float], ...]
    words: str


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """One structure's confidence on the patients held aside, before and after calibration."""

    name: str
    colour: str
    before: ReliabilityCurve
    after: ReliabilityCurve


@dataclass(frozen=True, slots=True)
class TrainingView:
    """The training panel and the learner's window.

    Parameters
    ----------
    state, headline, facts
        What it does: one word, one plain sentence, short lines.
    loss, dice
        Curves over steps; Dice per structure on the patients held aside.
    can_pause, can_resume, can_retry
        Which buttons work.
    recipe, recipe_summary
        Its name, and what it does; no name before the learner speaks.
    held, held_patients
        Which patients are held aside, or from when on, and what they do not measure, in plain sentences; and their
        pseudonyms.
    caveat
        Which Dice flatters the model, in a plain sentence; empty where none does.
    reliability, confidence
        One row per structure that was measured; a plain sentence on what the suggestions carry.
    warnings
        Plain sentences.
    """

    state: str
    headline: str
    facts: tuple[str, ...]
    loss: Curve
    dice: tuple[Curve, ...]
    can_pause: bool
    can_resume: bool
    can_retry: bool
    warnings: tuple[str, ...] = ()
    recipe: str = ""
    recipe_summary: str = ""
    held: str = ""
    held_patients: tuple[str, ...] = ()
    caveat: str = ""
    reliability: tuple[ReliabilityRow, ...] = ()
    confidence: str = ""


class LabelAction(StrEnum):
    """What a person can do to one structure in the frame on screen."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"
    ABSENT = "absent"
    CLEAR = "clear"


_SUGGESTED_ACTIONS: Final = frozenset({LabelAction.ACCEPT, LabelAction.CORRECT, LabelAction.REJECT, LabelAction.ABSENT})
_LABEL_ACTIONS: Final = frozenset({LabelAction.CORRECT, LabelAction.ABSENT, LabelAction.CLEAR})


def allowed_actions(state: CellState) -> frozenset[LabelAction]:
    """Actions that make sense for a structure in this state; the panel enables these buttons only."""
    match state:
        case CellState.UNKNOWN | CellState.NOT_IN_VIEW:
            return frozenset({LabelAction.CORRECT, LabelAction.ABSENT})
        case CellState.SUGGESTED:
            return _SUGGESTED_ACTIONS
        case CellState.PROPAGATED:
            return _SUGGESTED_ACTIONS | {LabelAction.CLEAR}
        case CellState.ABSENT:
            return frozenset({LabelAction.CORRECT, LabelAction.CLEAR})
        case _:
            return _LABEL_ACTIONS


class Tool(StrEnum):
    """What a press of the mouse or pen on the canvas does."""

    MOVE = "move"
    BRUSH = "brush"
    ERASER = "eraser"
    FILL = "fill"
    UNSURE = "unsure"
    IS_NOT = "is_not"


@dataclass(frozen=True, slots=True)
class ToolState:
    """The tool bar.

    ``brush_size`` is a diameter in image pixels, ``suggestion_opacity`` 0..1; ``undo`` and ``redo`` say in words
    what they would undo or redo, empty where there is nothing; ``can_finish`` where a draft is open; ``can_draw`` but
    where the project is read-only.
    """

    tool: Tool = Tool.BRUSH
    brush_size: int = 14
    suggestion_opacity: float = 0.5
    are_suggestions_hidden: bool = False
    undo: str = ""
    redo: str = ""
    can_finish: bool = False
    can_draw: bool = True


class MessageLevel(StrEnum):
    """How a message is shown; only ``INFO`` goes away by itself."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class MessageAction(StrEnum):
    """What the button of a message does; the value is its text."""

    NONE = ""
    RETRY = "Retry"
    SAVE = "Save now"
    SHOW_SUGGESTIONS = "Show them all the same"
    REPLACE_LABELS = "Replace labels…"


@dataclass(frozen=True, slots=True)
class Message:
    """One plain sentence in the message bar, and what its button does."""

    sentence: str
    level: MessageLevel = MessageLevel.INFO
    action: MessageAction = MessageAction.NONE
