"""A training session: everything the engine does, one small piece per ``tick``, with or without a thread around it.

The window runs it in :class:`~annotator.engine.thread.Engine`, the command line in a plain loop; there is
one implementation. A session is used by one thread at a time, and one session at a time writes a project.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from annotator.core.errors import AnnotatorError
from annotator.core.identity import FrameKey
from annotator.engine.frames import FrameBook
from annotator.engine.learning import Learning
from annotator.engine.log import log_to, stop_logging
from annotator.engine.machine import Signal, transition
from annotator.engine.messages import (
    Command,
    DataChanged,
    Event,
    Look,
    Pause,
    Resume,
    RunState,
    Stop,
    SuggestionsGone,
    TrainingStatus,
    Trouble,
    UseRecipe,
)
from annotator.engine.options import SessionOptions
from annotator.engine.overview import Overview
from annotator.engine.recipes import remember_recipe
from annotator.engine.serving import LookServed
from annotator.engine.shelf import ImageShelf
from annotator.engine.status import StatusClock, sentence_for, sentence_of
from annotator.engine.suggesting import Suggester
from annotator.engine.trainer_protocol import Workshop

if TYPE_CHECKING:
    from annotator.project import Project

_LOG = logging.getLogger(__name__)

PIECE: Final = 6
"""Frames that are loaded, or labels that are read, between two steps."""

READ_ONLY: Final = "The project is open for reading only, so nothing is learnt here."


class TrainingSession:
    """Learns from a project and serves suggestions, in pieces.

    Parameters
    ----------
    project
        Open for writing; one that is read-only is served but not trained on.
    make_workshop
        Recipe name to workshop.
    recipe
        Recipe to start with.
    options
        See :class:`SessionOptions`.

    Raises
    ------
    AnnotatorError
        Where the recipe does not exist.
    """

    def __init__(
        self,
        project: Project,
        make_workshop: Callable[[str], Workshop],
        *,
        recipe: str = "default",
        options: SessionOptions | None = None,
    ) -> None:
        self._project = project
        self._make_workshop = make_workshop
        self._options = options or SessionOptions()
        self._state = RunState.IDLE
        self._reason = ""
        self._events: list[Event] = []
        self._is_open = False
        self._turn = 0
        self._said = StatusClock()
        self._log = log_to(project.checkpoint_path.parent)
        self._build(make_workshop(recipe))

    def _build(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._shelf = ImageShelf(self._project, workshop)
        self._book = FrameBook(self._project, workshop, self._shelf)
        start = self._options.starting_weights or workshop.starting_weights
        self._suggester = Suggester(self._project, workshop, self._shelf, starting_weights=start)
        begin = start or workshop.starting_features
        self._learning = Learning(self._project, workshop, self._book, starting_weights=begin)
        self._overview = Overview(self._project, self._book, self._shelf, options=self._options)

    @property
    def state(self) -> RunState:
        """What it does."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether it stopped for good."""
        return self._state is RunState.STOPPED

    @property
    def step(self) -> int:
        """Steps done since the project began."""
        return self._learning.step

    @property
    def sentence(self) -> str:
        """What it does, and why, for the user."""
        reason = READ_ONLY if self._project.is_read_only and self._state is RunState.IDLE else self._reason
        return sentence_for(
            self._state,
            self._book.readable_plan,
            reason=reason,
            can_learn=self._state is not RunState.TRAINING or self._book.has_waiting or self._learning.can_step,
            is_start=self._suggester.server.snapshot == 0,
            is_crowded=self._learning.meter.is_crowded,
        )

    @property
    def served(self) -> Sequence[LookServed]:
        """How long the latest looks waited."""
        return tuple(self._suggester.server.served)

    # --- commands -------------------------------------------------------------------------------------

    def handle(self, command: Command, *, at: float | None = None) -> None:
        """Take a command; what it asks for happens in later ticks.

        Parameters
        ----------
        command
            What to do.
        at
            When it came, by ``time.perf_counter()``; now where not given.
        """
        try:
            self._handle(command, time.perf_counter() if at is None else at)
        except Exception as error:
            self._fail(error)

    def _handle(self, command: Command, at: float) -> None:
        match command:
            case DataChanged(keys, clips):
                self._note_change(keys, clips)
            case Look(key):
                self._look(key, at)
            case Pause():
                self._signal(Signal.PAUSE)
            case Resume():
                self._resume()
            case UseRecipe(recipe):
                self._use_recipe(recipe)
            case Stop():
                self._stop()
            case _:
                assert_never(command)

    def _note_change(self, keys: Sequence[FrameKey], clips: Sequence[str]) -> None:
        if self._is_open:
            noted = self._book.note_change(keys, clips)
            self._suggester.note_change(noted.clips, self._book.clips)
            self._overview.note_change(noted.clips)
            if noted.must_unlearn:
                self._forget_what_was_learnt()
            self._follow_labels()

    def _forget_what_was_learnt(self) -> None:
        """Begin anew without a patient who was removed, or is not to be learnt from any more."""
        self._learning.unlearn()
        self._overview.forget_model()
        self._suggester.server.stop_serving()
        self._events.append(SuggestionsGone())
        self._events += self._suggester.use_newest()

    def _look(self, key: FrameKey, at: float) -> None:
        self._open()
        self._suggester.look(key, self._book.clips, at=at)

    def _resume(self) -> None:
        if self._state is RunState.FAILED:
            self._learning.start_over()
            self._is_open = False
        elif self._state is RunState.SLEEPING:
            self._learning.wake()
        self._signal(Signal.RESUME)

    def _use_recipe(self, recipe: str) -> None:
        try:
            workshop = self._make_workshop(recipe)
            # A recipe whose network cannot be built changes nothing.
            workshop.trainer()
        except AnnotatorError as error:
            self._events.append(Trouble(str(error), can_retry=False))
            return
        has_failed = self._state is RunState.FAILED
        if not has_failed:
            self._learning.save()
        remember_recipe(self._project, recipe)
        current = self._suggester.server.current
        self._build(workshop)
        self._is_open = False
        self._open()
        if current is not None:
            self._look(current, time.perf_counter())
        self._signal(Signal.RESUME if has_failed else Signal.LABELLED)

    def _stop(self) -> None:
        was, self._state = self._state, transition(self._state, Signal.STOP)
        try:
            if was not in (RunState.FAILED, RunState.STOPPED):
                self._learning.save(is_asleep=was is RunState.SLEEPING)
                self._events += self._learning.take_troubles()
        finally:
            stop_logging(self._log)

    def finish(self) -> list[Event]:
        """Check and publish what was learnt since the last check, save and stop: the end of a headless run."""
        try:
            if self._state is not RunState.FAILED:
                if self._learning.can_check:
                    self._publish()
                self._overview.complete(self._suggester.own_model)
        except Exception as error:
            self._fail(error)
        self.handle(Stop())
        return self._taken()

    # --- work -----------------------------------------------------------------------------------------

    def tick(self) -> tuple[list[Event], bool]:
        """Do one small piece of work.

        Returns
        -------
        list of Event
            What to tell, in order.
        bool
            Whether anything was done; where not, the caller may wait for a command.
        """
        has_worked = False
        if self._state is not RunState.STOPPED:
            try:
                has_worked = self._work()
            except Exception as error:
                self._fail(error)
        self._report()
        return self._taken(), has_worked

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _work(self) -> bool:
        self._open()
        if self._tell(self._suggester.serve_first()):
            return True
        if self._state is RunState.FAILED:
            return self._serve_more()
        chores = (self._examine, self._load, self._check, self._step, self._save, self._serve_more, self._look_over)
        for offset in range(len(chores)):
            turn = (self._turn + offset) % len(chores)
            if chores[turn]():
                self._turn = (turn + 1) % len(chores)
                return True
        return False

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        self._book.survey()
        self._events += self._suggester.use_newest()
        if self._book.has_labels and not self._project.is_read_only:
            self._signal(Signal.LABELLED)

    def _examine(self) -> bool:
        if not self._book.examine(PIECE):
            return False
        self._follow_labels()
        return True

    def _follow_labels(self) -> None:
        if not self._book.has_labels:
            self._signal(Signal.EMPTIED)
        elif self._book.awaits_labels and not self._project.is_read_only:
            self._signal(Signal.LABELLED)

    def _load(self) -> bool:
        if self._state not in (RunState.LOADING, RunState.TRAINING):
            return False
        if self._project.is_read_only:
            self._signal(Signal.EMPTIED)
            return True
        has_worked = self._learning.load(PIECE)
        self._events += self._learning.take_troubles()
        awaits = self._book.has_waiting if self._options.is_reproducible else self._book.awaits_labels
        if awaits or (self._state is RunState.TRAINING and self._book.has_labels):
            return has_worked
        if not self._book.has_labels:
            self._signal(Signal.EMPTIED)
        elif self._learning.may_go_on_sleeping and self._options.sleeps:
            self._reason = "there is no new label"
            self._signal(Signal.PLATEAU)
        else:
            self._signal(Signal.LOADED)
        return True

    def _step(self) -> bool:
        if self._state is not RunState.TRAINING or not self._learning.can_step:
            return False
        self._learning.do_step()
        self._events += self._learning.take_troubles()
        return True

    def _check(self) -> bool:
        if self._state is not RunState.TRAINING or not self._learning.is_check_due(
            by_steps=self._options.is_reproducible
        ):
            return False
        self._publish()
        reason = self._learning.plateau() if self._options.sleeps else None
        if reason is not None:
            self._reason = reason
            self._signal(Signal.PLATEAU)
            self._learning.save(is_asleep=True)
        return True

    def _publish(self) -> None:
        published = self._learning.check(self._suggester.server.model)
        if published is not None:
            snapshot, event = published
            self._suggester.server.use(self._workshop.model(snapshot.file), snapshot.id)
            self._overview.start_over()
            self._events.append(event)

    def _save(self) -> bool:
        if self._state is not RunState.TRAINING or not self._learning.is_save_due:
            return False
        self._learning.save()
        self._events += self._learning.take_troubles()
        return True

    def _serve_more(self) -> bool:
        return self._tell(self._suggester.serve_more())

    def _tell(self, events: list[Event] | None) -> bool:
        self._events += events or ()
        return events is not None

    def _look_over(self) -> bool:
        is_training = self._state is RunState.TRAINING
        return self._tell(self._overview.work(self._suggester.own_model, is_training=is_training))

    # --- state ----------------------------------------------------------------------------------------

    def _signal(self, signal: Signal) -> None:
        before, self._state = self._state, transition(self._state, signal)
        if self._state not in (RunState.SLEEPING, RunState.FAILED):
            self._reason = ""
        if before is not self._state:
            _LOG.info("%s: %s -> %s", signal, before, self._state)
            self._learning.meter.reset()

    def _fail(self, error: Exception) -> None:
        _LOG.error("The learner failed.", exc_info=error)
        self._reason = sentence_of(error)
        self._signal(Signal.FAILURE)
        self._events.append(Trouble(self._reason, can_retry=True))

    def _report(self) -> None:
        if self._said.is_due((self._state, self._suggester.warnings)):
            self._events.append(self.status())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the suggestions before believing them, in plain sentences."""
        return (*self._suggester.warnings, *self._overview.warnings)

    def status(self) -> TrainingStatus:
        """What to show of the learner now."""
        status = self._learning.status(self._state, self.sentence, snapshot=self._suggester.server.snapshot)
        return replace(status, warnings=self.warnings)
