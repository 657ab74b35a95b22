"""One open project in the window: the learner, the workbench, and how they begin and end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from annotator import registry
from annotator.app.farewell import keep_painting, saying
from annotator.app.transfer import Transfer
from annotator.app.wiring import Wiring
from annotator.app.work_page import WorkPage
from annotator.core.errors import AnnotatorError
from annotator.engine.recipes import DEFAULT, find_recipe, usable_recipe
from annotator.engine.session import READ_ONLY
from annotator.engine.thread import Engine
from annotator.project import Project
from annotator.settings import UserSettings
from annotator.viewer.engine_port import EnginePort
from annotator.viewer.workbench import Workbench

_PUMP_MS = 20
_FOLLOW_MS = 2000
_CLOSE_TIMEOUT_S = 60.0
_SAVING = "Saving what was learnt…"


class RunningEngine(EnginePort, Protocol):
    """A learner that can be started and stopped.

    Contract: ``close`` writes a checkpoint at the next step boundary and waits for the thread.
    """

    def start(self) -> None:
        """Begin."""
        ...

    def close(self, *, timeout_s: float = ...) -> bool:
        """End; whether it ended in time."""
        ...


class Session:
    """A project on screen.

    Parameters
    ----------
    project
        Open; closed with the session.
    settings
        Author, brush size and device.
    engine
        The learner, not yet started; ``None`` where nothing shall train.
    parent
        The window.
    """

    def __init__(
        self, project: Project, settings: UserSettings, *, engine: RunningEngine | None, parent: QWidget
    ) -> None:
        self.project = project
        self.page = WorkPage(parent)
        self.engine = engine
        self.bench = Workbench(project, self.page.viewer, author=settings.author, engine=engine)
        self.wiring = Wiring(self.bench, self.page)
        ledger = self.bench.desk.ledger
        say = self.bench.signals.message.emit
        self.transfer = Transfer(project, lambda: ledger.author, say=say, parent=parent)
        self.page.messages.action_chosen.connect(self.transfer.take_action)
        self._timer = QTimer(self.page)
        self._timer.timeout.connect(self.bench.pump)
        self._follower = QTimer(self.page)
        self._follower.timeout.connect(self._follow)
        self.bench.set_brush_size(settings.brush_size)

    def start(self) -> None:
        """Show the project and let the learner begin."""
        self.bench.start()
        if self.engine is not None:
            self.engine.start()
            self.bench.look()
        self._timer.start(_PUMP_MS)
        if self.project.is_read_only:
            self._follower.start(_FOLLOW_MS)

    def _follow(self) -> None:
        """Show what the window that writes the project did; where it cannot be read, that is said once."""
        if not self.bench.follow():
            self._follower.stop()

    def save(self) -> bool:
        """End the stroke under the pen and try again to save what waits; whether everything is on disk."""
        return self.bench.save_waiting()

    def stop(self) -> None:
        """Stop the timer, the jobs and the learner; the window paints while what was learnt is saved."""
        self._timer.stop()
        self._follower.stop()
        self.transfer.wait()
        self.bench.close()
        if self.engine is not None:
            keep_painting(partial(self.engine.close, timeout_s=_CLOSE_TIMEOUT_S), _SAVING, self.page.window())

    def close(self) -> None:
        """Close the canvas, the learner's window and the project, once everything has stopped."""
        self.wiring.close()
        self.page.close_canvas()
        self.project.close()


def open_session(path: Path, settings: UserSettings, *, parent: QWidget, recipe: str | None = None) -> Session:
    """Open a project with a learner of its own, which follows a recipe: the project's where none is named.

    Raises
    ------
    AnnotatorError
        Where the project cannot be opened.
    """
    # By its whole path: the window's title and the names of exports come from its end, which '.' does not have.
    whole = path.resolve()
    with saying(f"Opening '{whole.name}'…", parent):
        return _open_session(whole, settings, parent=parent, recipe=recipe)


def _open_session(path: Path, settings: UserSettings, *, parent: QWidget, recipe: str | None) -> Session:
    project = Project.open(path)
    engine, passed_over, why_none = None, "", READ_ONLY if project.is_read_only else ""
    if not project.is_read_only:
        if recipe is None:
            recipe, passed_over = usable_recipe(project)
        try:
            engine = make_engine(project, settings, recipe)
        except AnnotatorError as error:
            passed_over = why_none = f"Nothing is learnt here, since the recipe '{recipe}' cannot be followed: {error}"
    session = Session(project, settings, engine=engine, parent=parent)
    if why_none:
        session.bench.board.take_absence(why_none)
    if passed_over:
        session.bench.desk.warn(passed_over)
    return session


def make_engine(project: Project, settings: UserSettings, recipe: str = DEFAULT) -> Engine:
    """The background learner of a project, with a recipe's name or file.

    Raises
    ------
    AnnotatorError
        Where no installed plugin has the recipe's network.
    """
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - only where a learner starts

    network = read_recipe(find_recipe(recipe)).network.name
    return Engine(project, factory=registry.network(network), recipe=recipe, device=settings.device)


if TYPE_CHECKING:
    _is_running_engine: type[RunningEngine] = Engine
