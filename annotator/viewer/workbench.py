"""The controller between project, learner and canvas: the person's intentions in, the panels' values out.

Direction of flow: methods are intentions; they change the desk or the project; what changed is then shown.
Commits, also those of other threads, and events of the learner are taken in :meth:`Workbench.pump`, which the
window calls on its timer, so that only the GUI thread touches a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import assert_never

from napari.components import ViewerModel

from annotator.core.errors import AnnotatorError
from annotator.core.identity import FrameKey, Spacing, Split
from annotator.engine.messages import (
    Event,
    Pause,
    QueueReady,
    Resume,
    SnapshotPublished,
    SuggestionsGone,
    SuggestionsReady,
    TrainingStatus,
    Trouble,
    UseRecipe,
)
from annotator.engine.queue import is_open
from annotator.engine.recipes import remember_recipe
from annotator.project import Commit, Project
from annotator.viewer.clip_facts import ClipFacts
from annotator.viewer.engine_port import EnginePort
from annotator.viewer.pen import only_pen_up
from annotator.viewer.rows import row_key
from annotator.viewer.stage import Stage
from annotator.viewer.state import CellState, Message, MessageAction, MessageLevel, QueueRow, Tool
from annotator.viewer.training_board import MAX_POINTS


class Workbench(Stage):
    """Holds the clip, frame and structure in work and everything that acts on them.

    Parameters
    ----------
    project, viewer, author, engine
        See :class:`~annotator.viewer.stage.Stage`.
    """

    def __init__(self, project: Project, viewer: ViewerModel, *, author: str, engine: EnginePort | None = None) -> None:
        super().__init__(project, viewer, author=author, engine=engine)
        self.facts = ClipFacts(self.desk)
        self._visited: set[tuple[FrameKey, str]] = set()
        self._is_frame_stale = False

    def pump(self) -> None:
        """Take commits and the learner's events; the window's timer calls it."""
        self.take_commits()
        if self._engine is not None:
            for event in self._engine.drain():
                self._take_event(event)
        if self._is_frame_stale and not self.is_painting:
            self._is_frame_stale = False
            self._show_frame()
        self.patience.pump(is_painting=self.is_painting)
        if self.patience.rests(is_painting=self.is_painting):
            self.desk.prepare_neighbour()

    def follow(self) -> bool:
        """Take up what another window wrote into a project that is read-only here; whether it could be read."""
        return self._try(self.project.follow)

    # --- labels ---------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Finish every draft of the frame on screen."""
        if self._act(lambda: self.labelling.finish(self.desk.protocol.ids)) == 0:
            self.desk.tell("There is no draft in this frame to finish.")

    def accept(self, structure: str | None = None) -> None:
        """Take the suggestion of a structure (the selected one by default) as a label; a question stops the clip."""
        wanted = structure or self.desk.structure
        if self._act(lambda: self._accept_at_rest(wanted)) == 0:
            self._tell_none(self._none_of(wanted, "accept"))

    def accept_all(self) -> None:
        """Take all suggestions of the frame as labels, in one undo step."""
        if self._act(lambda: self.labelling.accept(self.desk.view().suggested)) == 0:
            self._tell_none("This frame shows no suggestion to accept.")

    def reject(self, structure: str | None = None) -> None:
        """Refuse the suggestion of a structure; it is not offered again in this frame."""
        wanted = structure or self.desk.structure
        if self._act(lambda: self.labelling.reject((wanted,))) == 0:
            self._tell_none(self._none_of(wanted, "reject"))

    def reject_all(self) -> None:
        """Refuse all suggestions of the frame, in one undo step."""
        if self._act(lambda: self.labelling.reject(self.desk.view().suggested)) == 0:
            self._tell_none("This frame shows no suggestion to reject.")

    @only_pen_up
    def correct(self, structure: str | None = None) -> None:
        """Select a structure and take the brush; its suggestion becomes a draft."""
        self.select(structure or self.desk.structure)
        self.use_tool(Tool.BRUSH)
        self._act(lambda: self.labelling.open_draft(self.desk.structure))

    def mark_absent(self, structure: str | None = None) -> None:
        """Say that a structure is not in the frame."""
        self._act(lambda: self.labelling.mark_absent(structure or self.desk.structure))

    def clear(self, structure: str | None = None) -> None:
        """Take back what was said of a structure in the frame; its suggestion is offered again."""
        self._act(lambda: self.labelling.clear(structure or self.desk.structure))

    @only_pen_up
    def undo(self) -> None:
        """Undo the last change, whatever it was, and go to where it was made."""
        dropped = self.desk.ledger.drop_last_unsaved()
        if dropped is not None:
            self.desk.forget(dropped)
            self._navigate(dropped)
            self._show_frame()
            self._withdraw_not_saved()
            return
        self._travel(lambda: self.project.undo(author=self.desk.ledger.author), "There is nothing to undo.")

    @only_pen_up
    def redo(self) -> None:
        """Redo the last undone change and go to where it was made."""
        self._travel(lambda: self.project.redo(author=self.desk.ledger.author), "There is nothing to redo.")

    # --- what next --------------------------------------------------------------------------------

    @only_pen_up
    def jump(self, row: QueueRow) -> None:
        """Go to a line of the next-up list, with its structure selected, finishing what was drawn before."""
        key = row_key(row)
        self._visited.add((key, row.structure))
        if self.desk.clip is None or key != self.desk.key:
            self._finish_touched()
            self._navigate(key)
        self.select(row.structure)

    @only_pen_up
    def next_up(self) -> None:
        """Go to the best other line of the next-up list that was not visited and is not done; a draft left is not."""
        here = None if self.desk.clip is None else (self.desk.key, self.desk.structure)
        for row in self.board.queue:
            key = row_key(row)
            place = (key, row.structure)
            if place != here and place not in self._visited and self.panels.has_frame(key):
                cell = self.project.statuses(key.clip).get(key.frame, {}).get(row.structure)
                if cell is None or is_open(cell.status):
                    self.jump(row)
                    return
        self.desk.tell("The next-up list holds nothing new; it is refreshed as the model learns.")

    def step_marked(self, by: int) -> None:
        """Go to the next frame of the clip with a label or an ED or ES mark, or (-1) the one before, around its end."""
        clip, here = self.desk.clip, self.desk.frame
        if clip is None:
            return
        header = clip.header
        said = {frame for frame, cells in self.project.statuses(clip.name).items() if cells}
        marked = {*said, *header.ed_frames, *header.es_frames} - {here}
        if marked:
            self.go_to(min(marked, key=lambda frame: (frame - here) * by % header.n_frames))
        else:
            self.desk.tell("No other frame of this clip has a label or an ED or ES mark.")

    # --- the clip and the learner ---------------------------------------------------------------------

    def set_view(self, view: str, *, of: Sequence[str] = ()) -> None:
        """Say which view the clip on screen, or clips by name, are."""
        self._change_clip(lambda: self.facts.set_view(view, of=of))

    def set_domain(self, domain: str, *, of: Sequence[str] = ()) -> None:
        """Say where the clip on screen, or clips by name, are from."""
        self._change_clip(lambda: self.facts.set_domain(domain, of=of))

    def set_split(self, split: Split, *, of: Sequence[str]) -> None:
        """Put the patients of clips, by name, into another part of the data."""
        self._change_clip(lambda: self.facts.set_split(split, of=of))

    def give_clips(self, patient: str | None, *, of: Sequence[str]) -> None:
        """Say that clips, by name, are another patient's, by pseudonym; ``None`` for one who has no other clip."""
        self._change_clip(lambda: self.facts.give(patient, of=of))

    def part_clips(self, names: Sequence[str]) -> None:
        """Say that every one of some clips is a patient of its own."""
        self._change_clip(lambda: self.facts.part(names))

    def confirm_spacing(self, spacing: Spacing, *, of: Sequence[str] = ()) -> None:
        """Vouch for the pixel size in mm/px of the clip on screen, or of clips by name."""
        self._act(lambda: self.facts.confirm_spacing(spacing, of=of))

    def toggle_mark(self, mark: str) -> None:
        """Mark or unmark the frame on screen as ``"ed"`` or ``"es"``."""
        self._act(lambda: self.facts.toggle_mark(mark))

    def pause_training(self) -> None:
        """Let the learner rest; suggestions are still served."""
        self.send(Pause())

    def resume_training(self) -> None:
        """Let the learner go on, or try again after a failure."""
        self.signals.withdrawn.emit(MessageAction.RETRY)
        self.send(Resume())

    def take_action(self, action: MessageAction) -> None:
        """Do what the button of a message says, but for an import, which is not the workbench's."""
        match action:
            case MessageAction.RETRY:
                self.resume_training()
            case MessageAction.SAVE:
                self.save_waiting()
            case MessageAction.SHOW_SUGGESTIONS:
                self.show_suggestions_of_test_clip()
            case MessageAction.NONE | MessageAction.REPLACE_LABELS:
                pass
            case _:
                assert_never(action)

    def use_recipe(self, recipe: str) -> None:
        """Let the learner follow another recipe from now on: a shipped one's name, or the path of a file.

        Where none runs, since the project's recipe cannot be followed, the project remembers it for the next time.
        """
        if self._engine is not None:
            self.signals.withdrawn.emit(MessageAction.RETRY)
            self.send(UseRecipe(recipe))
        elif self.project.is_read_only:
            self.desk.warn(self.board.view.headline)
        elif self._try(lambda: remember_recipe(self.project, recipe)):
            self.desk.tell(f"The project follows the recipe '{recipe}' from the next time on that it is opened.")

    # --- inside ---------------------------------------------------------------------------------------

    def _change_clip(self, change: Callable[[], None]) -> None:
        """Change what the panel lets choose; where it is refused, the panel shows again what holds."""
        self._act(change)
        self.panels.repeat_details()

    def _accept_at_rest(self, structure: str) -> int:
        if self.is_playing and self.labelling.is_empty_offer(structure):
            self.toggle_playing()
        return self.labelling.accept((structure,))

    def _tell_none(self, sentence: str) -> None:
        """Say that there is no suggestion, or that it is hidden since the clip is a test clip."""
        if self.desk.is_blind:
            self.desk.explain_blind()
        else:
            self.desk.tell(sentence)

    def _none_of(self, structure: str, to: str) -> str:
        name = self._name(structure)
        state = self.desk.view().states[structure]
        if state is CellState.NOT_IN_VIEW:
            return f"{name}: this view does not show it. Draw it if this picture does, or correct the clip's view."
        if state is CellState.SUGGESTED and structure in self.desk.hidden:
            return f"{name} is hidden; show it before you {to} its suggestion."
        return f"{name} has no suggestion to {to} in this frame."

    def _name(self, structure: str) -> str:
        return self.desk.protocol.structure(structure).name

    def _travel(self, move: Callable[[], Commit | None], nothing: str) -> None:
        """Undo or redo, and show where it was."""
        try:
            done = move()
        except AnnotatorError as error:
            self.desk.complain(error)
            return
        self.take_commits()
        if done is None:
            self.desk.tell(nothing)
            return
        if done.keys and (self.desk.clip is None or self.desk.key not in done.keys):
            self._navigate(done.keys[0])
        elif done.clips and not done.keys and not any(self._is_open(name) for name in done.clips):
            self._navigate(FrameKey(done.clips[0], 0))
        self.desk.tell(done.sentence)

    def _navigate(self, key: FrameKey) -> None:
        """Go to a frame of any clip without finishing anything."""
        if self.desk.clip is None or key.clip != self.desk.clip.name:
            if self._try(lambda: self._set_clip(key.clip, key.frame)):
                self._show_clip()
        elif key.frame != self.desk.frame:
            self.desk.touched.clear()
            self.desk.frame = key.frame
            self._show_frame()
            self.panels.push_timeline()
            self.look()

    def _is_open(self, clip: str) -> bool:
        return self.desk.clip is not None and self.desk.clip.name == clip

    def _take_event(self, event: Event) -> None:
        match event:
            case SuggestionsReady(suggestions):
                self._note_suggestions(made.key for made in suggestions if self.desk.suggestions.put(made))
            case SuggestionsGone():
                self._note_suggestions(self.desk.suggestions.clear())
                self._try(lambda: self.board.start_over(self.project.snapshots(newest=MAX_POINTS)))
                self.patience.ask("training", self.panels.push_training)
            case TrainingStatus():
                self.board.take_status(event)
                self.patience.ask("training", self.panels.push_training)
            case SnapshotPublished():
                if event.snapshot == 1:
                    self.desk.tell("The first model is ready; its suggestions appear as outlines.")
            case QueueReady(items):
                self.board.take_queue(items)
                self.patience.ask("queue", self.panels.push_queue)
            case Trouble(sentence, can_retry):
                self.board.take_trouble(sentence, can_retry=can_retry)
                self.panels.push_training()
                level = MessageLevel.ERROR if can_retry else MessageLevel.WARNING
                self.signals.message.emit(
                    Message(sentence, level, MessageAction.RETRY if can_retry else MessageAction.NONE)
                )
            case _:
                assert_never(event)

    def _note_suggestions(self, keys: Iterable[FrameKey]) -> None:
        """Show what became of the suggestions of some frames."""
        for key in keys:
            self.desk.forget(key)
            if self._is_open(key.clip):
                self.patience.ask("timeline", partial(self.panels.push_timeline, has_new_cells=True))
                self._is_frame_stale |= key.frame == self.desk.frame
