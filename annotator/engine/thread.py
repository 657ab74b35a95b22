"""The engine: a training session in a background thread; commands go in, events come out, nothing else is shared."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotator import registry
from annotator.core.plugin_types import NetworkFactory
from annotator.engine.messages import Command, DataChanged, Event, Stop, Trouble
from annotator.engine.options import SessionOptions
from annotator.engine.priority import leave_a_core, lower_priority
from annotator.engine.recipes import followed_recipe
from annotator.engine.serving import LookServed
from annotator.engine.session import TrainingSession
from annotator.engine.status import sentence_of
from annotator.engine.workshop import LearnWorkshop

if TYPE_CHECKING:
    from annotator.project import Project
    from annotator.project.values import Commit

_LOG = logging.getLogger(__name__)

IDLE_WAIT_S: Final = 0.25
"""How long the thread waits for a command where there is nothing to do."""


class SessionThread:
    """Runs a session in a thread of lower priority; ``send`` and ``drain`` never block and never raise.

    Parameters
    ----------
    make_session
        Called in the thread, since the session belongs to it.
    prepare
        Called in the thread before that, such as to lower its priority.
    """

    def __init__(
        self, make_session: Callable[[], TrainingSession], *, prepare: Callable[[], object] = lower_priority
    ) -> None:
        self._make_session = make_session
        self._prepare = prepare
        self._commands: queue.SimpleQueue[tuple[float, Command]] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._session: TrainingSession | None = None
        self._thread = threading.Thread(target=self._run, name="annotator-engine", daemon=True)

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def send(self, command: Command) -> None:
        """Hand over a command, from any thread."""
        self._commands.put((time.perf_counter(), command))

    def drain(self) -> list[Event]:
        """All events since the last call, in order."""
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return events

    def close(self, *, timeout_s: float = 30.0) -> bool:
        """Stop at the next step boundary, save, and wait for it; whether the thread ended in time."""
        self.send(Stop())
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def served(self) -> tuple[LookServed, ...]:
        """How long the latest looks waited for their suggestion."""
        return () if self._session is None else tuple(self._session.served)

    def _run(self) -> None:
        try:
            self._prepare()
            self._session = session = self._make_session()
            while not session.is_over:
                self._take_commands(session, wait=False)
                events, has_worked = session.tick()
                for event in events:
                    self._events.put(event)
                if not has_worked and not session.is_over:
                    self._take_commands(session, wait=True)
            for event in session.tick()[0]:
                self._events.put(event)
        except Exception as error:
            _LOG.exception("The engine's thread ended.")
            self._events.put(Trouble(sentence_of(error), can_retry=False))

    def _take_commands(self, session: TrainingSession, *, wait: bool) -> None:
        while True:
            try:
                at, command = self._commands.get(timeout=IDLE_WAIT_S) if wait else self._commands.get_nowait()
            except queue.Empty:
                return
            session.handle(command, at=at)
            wait = False


class Engine(SessionThread):
    """The background learner of one open project.

    Parameters
    ----------
    project
        Open; the engine follows its commits from :meth:`start` to :meth:`close`.
    factory
        Builds the network.
    recipe
        Name of a shipped recipe, or a path.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    seed
        Of training and of the queue's random order.
    starting_weights
        Serve, and are trained on, before the first snapshot; the shipped ones that fit where none are given and
        the recipe starts from weights.
    """

    def __init__(
        self,
        project: Project,
        *,
        factory: NetworkFactory,
        recipe: str = "default",
        device: str = "auto",
        seed: int = 0,
        starting_weights: Path | None = None,
    ) -> None:
        self._project = project
        options = SessionOptions(starting_weights=starting_weights, seed=seed)
        super().__init__(
            lambda: open_session(project, factory=factory, recipe=recipe, device=device, seed=seed, options=options),
            prepare=_prepare_thread,
        )

    def start(self) -> None:
        """Start the thread and follow the project's commits."""
        self._project.committed.connect(self._follow)
        super().start()

    def close(self, *, timeout_s: float = 30.0) -> bool:
        """Stop following, stop, save, and wait for it; whether the thread ended in time."""
        self._project.committed.disconnect(self._follow, missing_ok=True)
        return super().close(timeout_s=timeout_s)

    def _follow(self, commit: Commit) -> None:
        self.send(DataChanged(commit.keys, commit.clips))


def open_session(
    project: Project,
    *,
    factory: NetworkFactory,
    recipe: str = "default",
    overrides: Mapping[str, str] | None = None,
    device: str = "auto",
    seed: int = 0,
    options: SessionOptions | None = None,
) -> TrainingSession:
    """A session with the real learner, for the thread and for the command line.

    Parameters
    ----------
    project
        Open.
    factory
        Builds the network.
    recipe
        Name of a shipped recipe, or a path.
    overrides
        ``--set`` of the command line: dotted path to value.
    device, seed
        Of the training.
    options
        See :class:`~annotator.engine.session.SessionOptions`.

    Raises
    ------
    AnnotatorError
        Where the recipe does not exist or does not fit.
    """
    known = {**registry.networks(), factory.name: factory}

    def workshop(name: str) -> LearnWorkshop:
        read = followed_recipe(name, overrides)
        network = read.network.name
        builder = known[network] if network in known else registry.network(network)
        return LearnWorkshop(
            project.protocol,
            project.values,
            recipe=read,
            factory=builder,
            device=device,
            seed=seed,
            others=known,
            changes=overrides,
        )

    return TrainingSession(project, workshop, recipe=recipe, options=options)


def _prepare_thread() -> None:
    lower_priority()
    leave_a_core()
