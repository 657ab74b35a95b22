"""Keeps the panels' values and emits a signal only where a value changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from annotator.core.identity import FrameKey, Split
from annotator.viewer.desk import Desk
from annotator.viewer.rows import clip_details, clip_row, has_draft, structure_rows, timeline_rows
from annotator.viewer.signals import WorkbenchSignals
from annotator.viewer.state import ClipRow, TimelineRow, TimelineState, ToolState
from annotator.viewer.training_board import TrainingBoard


class Panels:
    """The last value of each panel, and how to make the next one.

    Parameters
    ----------
    desk
        Where the values come from.
    board
        What the learner reported.
    signals
        Where they go.
    """

    def __init__(self, desk: Desk, board: TrainingBoard, signals: WorkbenchSignals) -> None:
        self._desk = desk
        self._board = board
        self._signals = signals
        self._last: dict[str, Any] = {}
        self._timeline: tuple[TimelineRow, ...] | None = None
        self._clips: dict[str, ClipRow] = {}

    def push_structures(self) -> None:
        """The structures of the frame on screen."""
        desk = self._desk
        if desk.clip is None:
            self._emit("structures", ())
            return
        rows = structure_rows(
            desk.view(),
            desk.protocol,
            selected=desk.structure,
            hidden=desk.hidden,
            spacing=desk.spacing,
            cells=desk.ledger.cells(desk.clip.name).get(desk.frame, {}),
        )
        self._emit("structures", tuple(replace(row, can_change=self._can_change) for row in rows))

    def push_timeline(self, *, has_new_cells: bool = False) -> None:
        """The timeline; its cells are made anew only where labels or suggestions changed."""
        desk = self._desk
        if desk.clip is None:
            self._timeline = None
            self._emit("timeline", TimelineState((), 0, 0))
            return
        if self._timeline is None or has_new_cells:
            found = {key.frame: desk.offered(key) for key in desk.clip.frame_keys}
            self._timeline = timeline_rows(desk.clip, desk.protocol, desk.ledger.cells(desk.clip.name), found)
        header = desk.clip.header
        self._emit(
            "timeline",
            TimelineState(
                self._timeline,
                header.n_frames,
                desk.frame,
                header.ed_frames,
                header.es_frames,
                header.frame_times_ms,
                desk.structure,
            ),
        )

    def forget_timeline(self) -> None:
        """Make the cells anew at the next push, for another clip."""
        self._timeline = None

    def load_clips(self) -> None:
        """All clips of the project, with their counts."""
        desk = self._desk
        by_clip: dict[str, list[Any]] = {}
        for key, cells in desk.project.all_statuses().items():
            by_clip.setdefault(key.clip, []).append(cells)
        self._clips = {
            clip.name: clip_row(clip, by_clip.get(clip.name, ()), desk.protocol, is_current=self._is_current(clip.name))
            for clip in desk.project.clips()
        }
        self._emit("clips", tuple(self._clips.values()))

    def first_draft(self) -> FrameKey | None:
        """The first frame, in the order of the list, of which a draft was left."""
        name = next((row.name for row in self._clips.values() if row.draft_frames), None)
        if name is None:
            return None
        cells = self._desk.project.statuses(name)
        return FrameKey(name, min(frame for frame, said in cells.items() if has_draft(said)))

    def drafts_sentence(self) -> str:
        """That drafts were left, for whoever is shown the first of them."""
        n = sum(row.draft_frames for row in self._clips.values())
        where = "A draft was left here" if n == 1 else f"Drafts were left in {n} frames, the first of them here"
        return f"{where}. The model does not learn from a draft: draw on, or finish it with Enter."

    def update_clips(self, names: Collection[str]) -> None:
        """Some clips changed; one that is new or gone makes the whole list anew."""
        desk = self._desk
        known = {clip.name: clip for clip in desk.project.clips()}
        if set(known) != set(self._clips):
            self.load_clips()
            return
        for name in names:
            cells = desk.project.statuses(name).values()
            row = clip_row(known[name], cells, desk.protocol, is_current=self._is_current(name))
            self._clips[name] = row
        self._emit("clips", tuple(self._clips.values()))
        # The learner's next list leaves them out by itself, some time later.
        if self._board.leave_out({name for name in names if known[name].split is Split.TEST}):
            self.push_queue()

    def mark_current_clip(self) -> None:
        """Move the mark of the clip on screen."""
        for name, row in self._clips.items():
            if row.is_current != self._is_current(name):
                self._clips[name] = replace(row, is_current=not row.is_current)
        self._emit("clips", tuple(self._clips.values()))

    def push_details(self) -> None:
        """The facts of the clip on screen."""
        desk = self._desk
        domains = {row.domain for row in self._clips.values()}
        if desk.clip is None:
            self._emit("details", None)
            return
        details = clip_details(desk.clip, desk.protocol, domains)
        self._emit("details", replace(details, can_change=self._can_change))

    def push_training(self) -> None:
        """The training panel."""
        self._emit("training", self._board.view)

    def push_queue(self) -> None:
        """The next-up list."""
        self._emit("queue", self._board.queue)

    def push_tool(self, tool: ToolState) -> None:
        """The tool bar: a tool, with what can be done with it now."""
        desk, project = self._desk, self._desk.project
        shown = replace(tool, are_suggestions_hidden=tool.are_suggestions_hidden or desk.is_blind)
        if self._can_change:
            undo, redo = project.undo_sentence or "", project.redo_sentence or ""
            shown = replace(shown, undo=undo, redo=redo, can_finish=desk.has_draft)
        else:
            shown = replace(shown, can_draw=False)
        self._emit("tool", shown)

    def push_playing(self, *, is_playing: bool) -> None:
        """Whether the clip plays."""
        self._emit("playing", is_playing)

    def has_frame(self, key: FrameKey) -> bool:
        """Whether a frame exists in the project as it stands."""
        row = self._clips.get(key.clip)
        return row is not None and 0 <= key.frame < row.n_frames

    def repeat(self) -> None:
        """Emit every value again, for a window that has just connected."""
        for name, value in self._last.items():
            getattr(self._signals, name).emit(value)

    def repeat_details(self) -> None:
        """Emit the facts of the clip again, where the panel shows a choice that was refused."""
        self._signals.details.emit(self._last.get("details"))

    @property
    def _can_change(self) -> bool:
        return not self._desk.project.is_read_only

    def _is_current(self, name: str) -> bool:
        return self._desk.clip is not None and self._desk.clip.name == name

    def _emit(self, name: str, value: Any) -> None:
        if name in self._last and self._last[name] == value:
            return
        self._last[name] = value
        getattr(self._signals, name).emit(value)
