"""What is on screen: the clip, its frame, the tool; and how it comes there and stays up to date."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from napari.components import ViewerModel

from annotator.core.errors import AnnotatorError, ReadOnlyProject
from annotator.engine.messages import Command, Look
from annotator.project import Commit, Project
from annotator.viewer.brush import Brush
from annotator.viewer.desk import READ_ONLY, Desk, NoClip
from annotator.viewer.engine_port import EnginePort
from annotator.viewer.labelling import Labelling
from annotator.viewer.ledger import Ledger
from annotator.viewer.panels import Panels
from annotator.viewer.patience import Patience
from annotator.viewer.pen import only_pen_up
from annotator.viewer.resolve import mark_array
from annotator.viewer.scene import Scene
from annotator.viewer.signals import WorkbenchSignals
from annotator.viewer.state import MessageAction, Tool, ToolState
from annotator.viewer.suggestion_store import SuggestionStore
from annotator.viewer.training_board import MAX_POINTS, TrainingBoard

_LIFTING_TOOLS = (Tool.BRUSH, Tool.ERASER)


class Stage:
    """The canvas and the panels for one place in a project; strokes are taken here.

    Parameters
    ----------
    project
        Open; the stage does not close it.
    viewer
        napari's model of the canvas.
    author
        Name that is stored beside each label.
    engine
        The learner; ``None`` where nothing trains.
    """

    def __init__(self, project: Project, viewer: ViewerModel, *, author: str, engine: EnginePort | None = None) -> None:
        self.signals = WorkbenchSignals()
        self.project = project
        self.scene = Scene(viewer, project.protocol)
        self.board = TrainingBoard(project.protocol)
        self.board.recall(project.snapshots(newest=MAX_POINTS))
        self.desk = Desk(
            project,
            Ledger(project, author),
            SuggestionStore(project.protocol),
            self.signals.message.emit,
            project.protocol.ids[0],
        )
        self.panels = Panels(self.desk, self.board, self.signals)
        self.labelling = Labelling(self.desk, self.scene, ask_absent=lambda _name: False)
        self.patience = Patience()
        self.tool = ToolState()
        self.is_playing = False
        self._is_frame_shown = False
        self._engine = engine
        self._commits: deque[Commit] = deque()
        self._brush = Brush(self.scene, self)
        project.committed.connect(self._note_commit)

    def start(self) -> None:
        """Show the project: its clips, the first of them, and every panel."""
        self.panels.load_clips()
        self.use_tool(Tool.MOVE if self.project.is_read_only else Tool.BRUSH)
        self._open_first()
        self.panels.push_training()
        self.panels.push_queue()
        for note in self.project.notes:
            self.desk.warn(note)

    def _open_first(self) -> None:
        """Go on at a draft that was left, else begin with the first clip."""
        draft, clips = self.panels.first_draft(), self.project.clips()
        if draft is not None:
            self.open_clip(draft.clip, draft.frame)
            if not self.project.is_read_only:
                self.desk.tell(self.panels.drafts_sentence())
        elif clips:
            self.open_clip(clips[0].name)
        else:
            self._show_clip()

    def close(self) -> bool:
        """Save what waits, the stroke under the pen too, and let go of project and canvas; whether all is saved."""
        is_saved = self.save_waiting()
        self._brush.close()
        self.project.committed.disconnect(self._note_commit)
        return is_saved

    def save_waiting(self) -> bool:
        """End the stroke under the pen and try again to save what could not be saved; whether everything is on disk."""
        self._brush.lift()
        is_saved = self._try(self.desk.ledger.save_waiting)
        self.take_commits()
        return is_saved

    @property
    def is_painting(self) -> bool:
        """Whether the pen is down; until it is up, what would change the canvas waits or does nothing."""
        return self._brush.is_painting

    # --- where ----------------------------------------------------------------------------------------

    @only_pen_up
    def open_clip(self, name: str, frame: int = 0) -> None:
        """Put a clip on screen, finishing what was drawn in the one before."""
        if self.desk.clip and (self.desk.clip.name, self.desk.frame) == (name, frame):
            return
        self._finish_touched()
        if self._try(lambda: self._set_clip(name, frame)):
            self._show_clip()

    @only_pen_up
    def go_to(self, frame: int) -> None:
        """Put another frame of the clip on screen, finishing what was drawn in this one."""
        clip = self.desk.clip
        if clip is None:
            return
        wanted = min(max(frame, 0), clip.header.n_frames - 1)
        if wanted == self.desk.frame:
            return
        self.patience.hand_moved()
        self._finish_unshown()
        self.desk.frame = wanted
        self._show_frame()
        self.panels.push_timeline()
        self.look()

    def step(self, by: int) -> None:
        """Go some frames on or back; from the last comes the first, as a heart beats."""
        clip = self.desk.clip
        if clip is not None:
            self.go_to((self.desk.frame + by) % clip.header.n_frames)

    @only_pen_up
    def toggle_playing(self) -> None:
        """Start or stop the clip; the window steps it on its own timer."""
        clip = self.desk.clip
        self.is_playing = not self.is_playing and clip is not None and clip.header.n_frames > 1
        self.panels.push_playing(is_playing=self.is_playing)

    @only_pen_up
    def fit(self) -> None:
        """Show the whole picture."""
        self.scene.fit()

    # --- with what -----------------------------------------------------------------------------------------

    @only_pen_up
    def select(self, structure: str) -> None:
        """Work on a structure, finishing what was drawn of another."""
        desk = self.desk
        if structure not in desk.protocol.ids:
            return
        if structure != desk.structure:
            self._finish_touched(keep=structure)
            desk.structure = structure
        if structure in desk.hidden:
            desk.hidden -= {structure}
            desk.forget()
        self._brush.value = desk.protocol.index(structure)
        self._show_frame()
        self.panels.push_timeline()

    @only_pen_up
    def set_visible(self, structure: str, is_visible: bool) -> None:  # noqa: FBT001 (a Qt signal's signature)
        """Draw a structure or leave it out."""
        desk = self.desk
        desk.hidden = desk.hidden - {structure} if is_visible else desk.hidden | {structure}
        desk.forget()
        self._show_frame()

    @only_pen_up
    def use_tool(self, tool: Tool | str) -> None:
        """Choose what a press on the canvas does."""
        chosen = Tool(tool)
        if self.project.is_read_only and chosen is not Tool.MOVE:
            self.desk.warn(READ_ONLY)
            chosen = Tool.MOVE
        self._brush.tool = chosen
        self._brush.value = self.desk.protocol.index(self.desk.structure)
        self._set_tool(replace(self.tool, tool=chosen))

    def set_brush_size(self, pixels: int) -> None:
        """Set the brush's diameter in image pixels, 1 to 400."""
        self._set_tool(replace(self.tool, brush_size=min(max(pixels, 1), 400)))

    def resize_brush(self, by: int) -> None:
        """Make the brush larger or smaller by a sixth a step, at least one pixel."""
        size = self.tool.brush_size
        self.set_brush_size(size + by * max(1, size // 6))

    def set_suggestion_opacity(self, opacity: float) -> None:
        """Show suggestions at 0..1 of their strength."""
        self._set_tool(replace(self.tool, suggestion_opacity=opacity))

    def hide_suggestions(self, are_hidden: bool) -> None:  # noqa: FBT001 (a Qt signal's signature)
        """Hide or show all suggestions; hidden ones are not lifted by a stroke, and a test clip's stay hidden."""
        if self.desk.is_blind:
            self.desk.explain_blind()
            self.panels.push_tool(self.tool)
            return
        self._set_tool(replace(self.tool, are_suggestions_hidden=are_hidden))

    @only_pen_up
    def show_suggestions_of_test_clip(self) -> None:
        """Show the suggestions of the test clip on screen until another clip is opened."""
        if not self.desk.is_blind or self.desk.clip is None:
            return
        self.desk.seen_through = self.desk.clip.name
        self._see_anew()

    # --- strokes ----------------------------------------------------------------------------------

    def begin_stroke(self) -> bool:
        """See :class:`~annotator.viewer.brush.StrokeListener`."""
        desk = self.desk
        if desk.clip is None or self.project.is_read_only:
            desk.complain(ReadOnlyProject(READ_ONLY) if desk.clip else NoClip())
            return False
        if self.is_playing:
            self.toggle_playing()
        if not self._is_frame_shown:
            self._show_frame()
            # A stroke is what differs from the frame's labels, which must be on the canvas for that.
            return False
        if desk.structure in desk.hidden:
            self.set_visible(desk.structure, True)  # noqa: FBT003
        may_lift = self._brush.tool in _LIFTING_TOOLS and not self.tool.are_suggestions_hidden
        return self._try(lambda: self.labelling.lift(is_wanted=may_lift))

    def end_stroke(self) -> None:
        """See :class:`~annotator.viewer.brush.StrokeListener`."""
        self.patience.hand_moved()
        self._act(self.labelling.save_stroke)

    # --- inside ---------------------------------------------------------------------------------------

    @only_pen_up
    def take_commits(self) -> Commit | None:
        """Show what changed in the project, here or in another thread; the newest change. Commits wait for the pen."""
        newest: Commit | None = None
        names: set[str] = set()
        are_clips_others = False
        while self._commits:
            newest = self._commits.popleft()
            are_clips_others |= not newest.is_of_labels
            touched = {*newest.clips, *(key.clip for key in newest.keys)}
            self.desk.ledger.forget(newest.keys, tuple(touched))
            if newest.keys:
                self.desk.forget(*newest.keys)
            names |= touched
        if newest is not None:
            self._show_changes(names)
            if are_clips_others and self.board.note_marks(self.project.snapshots(newest=MAX_POINTS)):
                self.panels.push_training()
            self._withdraw_not_saved()
        return newest

    def _withdraw_not_saved(self) -> None:
        """Take back that something is not saved, once nothing waits."""
        if not self.desk.ledger.unsaved:
            self.signals.withdrawn.emit(MessageAction.SAVE)

    def _note_commit(self, commit: Commit) -> None:
        """Keep a commit for the GUI thread; this runs in whichever thread made it."""
        self._commits.append(commit)

    def send(self, command: Command) -> None:
        """Ask the learner for something, where there is one."""
        if self._engine is not None:
            self._engine.send(command)

    def _show_changes(self, names: set[str]) -> None:
        self.panels.update_clips(names)
        clip = self.desk.clip
        known = {c.name: c for c in self.project.clips()}
        if clip is None or clip.name not in known:
            self._replace_lost_clip(next(iter(known), None))
        elif clip.name in names:
            self.desk.clip = known[clip.name]
            self._make_room()
            self._show_frame()
            self.panels.push_timeline(has_new_cells=True)
        self.panels.push_details()
        self.panels.push_tool(self.tool)

    def _replace_lost_clip(self, name: str | None) -> None:
        self.desk.clip, self.desk.frame = None, 0
        self.desk.touched.clear()
        if name is not None:
            self._set_clip(name, 0)
        self._show_clip()

    def _set_clip(self, name: str, frame: int) -> None:
        clip = self.project.clip(name)
        if self.is_playing:
            self.toggle_playing()
        self.desk.clip = clip
        self.desk.frame = min(max(frame, 0), clip.header.n_frames - 1)
        self.desk.touched.clear()
        self.desk.seen_through = ""
        self.panels.forget_timeline()
        self._make_room()

    def _see_anew(self) -> None:
        """Draw frame and timeline with or without suggestions, as is due now."""
        self.desk.forget()
        self._show_frame()
        self.panels.push_timeline(has_new_cells=True)

    def _make_room(self) -> None:
        if self.desk.clip is not None:
            header = self.desk.clip.header
            self.scene.open(header.shape, header.channels, self.desk.spacing)
            # napari computes the brush's cursor from the layer's scale only when the size is set.
            self.scene.use_tool(self.tool.tool, self.tool.brush_size)

    def _show_clip(self) -> None:
        if self.desk.is_blind:
            self.desk.explain_blind()
        else:
            self.signals.withdrawn.emit(MessageAction.SHOW_SUGGESTIONS)
        self._show_frame()
        self.panels.push_timeline()
        self.panels.mark_current_clip()
        self.panels.push_details()
        self.panels.push_tool(self.tool)
        self.look()

    def _show_frame(self) -> None:
        self._is_frame_shown = self.desk.clip is not None and self._try(self._draw_frame)
        if not self._is_frame_shown:
            self.scene.blank()
        self._try(self.panels.push_structures)
        self.panels.push_tool(self.tool)

    def _draw_frame(self) -> None:
        desk, key = self.desk, self.desk.key
        shown = desk.shown(key)
        self.scene.show_image(self.project.read_frame(key))
        self.scene.show_labels(shown.view.labels)
        self.scene.show_suggestions(shown.codes)
        self.scene.show_marks(mark_array(desk.ledger.label(key), desk.structure))

    def look(self) -> None:
        """Tell the learner which frame is on screen."""
        if self.desk.clip is not None:
            self.send(Look(self.desk.key))

    def _finish_touched(self, keep: str = "") -> None:
        drafts = self.desk.touched - {keep}
        if drafts:
            self._act(lambda: self.labelling.finish(drafts))

    def _finish_unshown(self) -> None:
        """Finish what was drawn in a frame that is left; the panels show it at the next pump, after the picture."""
        if self.desk.touched:
            self._try(lambda: self.labelling.finish(self.desk.touched))
            self.desk.touched.clear()
            self.desk.forget(self.desk.key)

    def _set_tool(self, tool: ToolState) -> None:
        self.tool = tool
        self.scene.use_tool(tool.tool, tool.brush_size)
        self.scene.set_suggestion_look(tool.suggestion_opacity, is_hidden=tool.are_suggestions_hidden)
        self.panels.push_tool(self.tool)

    def _try(self, action: Callable[[], object]) -> bool:
        """Run; an error becomes a message. Whether it succeeded."""
        try:
            action()
        except AnnotatorError as error:
            self.desk.complain(error)
            return False
        return True

    @only_pen_up
    def _act(self, action: Callable[[], int | None]) -> int | None:
        """Run a change and show what came of it; its count, or ``None`` where it failed."""
        done: int | None = None
        try:
            done = action()
        except AnnotatorError as error:
            self.desk.complain(error)
        if self.take_commits() is None:
            self._show_frame()
        return done
