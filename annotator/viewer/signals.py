"""What the workbench tells the window: few signals, each with one frozen payload."""

from __future__ import annotations

from typing import ClassVar

from psygnal import Signal

from annotator.viewer.state import Message, MessageAction, TimelineState, ToolState, TrainingView


class WorkbenchSignals:
    """Signals of a workbench; each is emitted only where its value changed.

    Signals
    -------
    structures(tuple[StructureRow, ...])
        The structures of the frame on screen.
    timeline(TimelineState)
        Cells of the clip, and the frame on screen.
    clips(tuple[ClipRow, ...])
        All clips.
    details(ClipDetails | None)
        Facts of the clip on screen.
    training(TrainingView)
        The training panel.
    queue(tuple[QueueRow, ...])
        The next-up list.
    tool(ToolState)
        The tool bar, with what can be undone.
    playing(bool)
        Whether the clip plays.
    message(Message)
        One plain sentence.
    withdrawn(MessageAction)
        Messages with this button are out of date.
    """

    structures: ClassVar[Signal] = Signal(tuple)
    timeline: ClassVar[Signal] = Signal(TimelineState)
    clips: ClassVar[Signal] = Signal(tuple)
    details: ClassVar[Signal] = Signal(object)
    training: ClassVar[Signal] = Signal(TrainingView)
    queue: ClassVar[Signal] = Signal(tuple)
    tool: ClassVar[Signal] = Signal(ToolState)
    playing: ClassVar[Signal] = Signal(bool)
    message: ClassVar[Signal] = Signal(Message)
    withdrawn: ClassVar[Signal] = Signal(MessageAction)
