"""Training without a window: the same session that the window's thread runs, in a plain loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from annotator import registry
from annotator.core.errors import BadInput, ReadOnlyProject, TrainingFailed
from annotator.engine.jobs.progress import Progress
from annotator.engine.messages import Event, RunState, SnapshotPublished, TrainingStatus, Trouble
from annotator.engine.options import SessionOptions
from annotator.engine.recipes import find_recipe, remembered_recipe
from annotator.engine.session import TrainingSession
from annotator.engine.status import SAYS_NOTHING_SENTENCE, unmeasured_sentence
from annotator.engine.thread import open_session
from annotator.project import Project


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train.

    ``recipe`` is a name or a file, the project's own where none is given; ``overrides`` are dotted recipe paths to
    values as text.
    """

    recipe: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainBudget:
    """How long to train, in addition to what was done: steps or minutes.

    Raises
    ------
    BadInput
        Where not exactly one is given, or one that is no number above 0.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [figure for figure in (self.steps, self.minutes) if figure is not None]
        if len(given) != 1 or not 0 < given[0] < math.inf:
            what = "a training takes a number of steps or of minutes"
            raise BadInput("the budget", what, "give one of the two, above 0 and not endless")


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What came of it.

    ``step`` counts since the project began, ``steps`` and ``seconds`` this run from its first step on;
    ``snapshot`` is the project's newest, and ``is_new`` where this run published it. ``dice`` is the published
    snapshot's on validation patients, empty where it is not validated; ``kept_back`` says why what was learnt at the
    end is none, and is empty where it is one; ``warnings`` say what to know of its suggestions, or of its figures,
    before believing them.
    """

    step: int
    steps: int
    seconds: float
    snapshot: int | None
    is_new: bool
    is_validated: bool
    dice: Mapping[str, float]
    sentences: tuple[str, ...]
    kept_back: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def steps_per_s(self) -> float:
        """Steps per second of this run."""
        return self.steps / self.seconds if self.seconds > 0 else 0.0


def train(project: Project, options: TrainOptions, budget: TrainBudget, *, progress: Progress) -> TrainReport:
    """Train a project, publish what was learnt, and leave a checkpoint to go on from.

    A budget in steps is reproducible: the same labels, seed and threads give the same model on a CPU.

    Raises
    ------
    BadInput
        Where no structure of a training clip has a finished label.
    ReadOnlyProject
        Where another process writes the project.
    TrainingFailed
        Where the learner stopped on an error.
    AnnotatorError
        Where the recipe or the device cannot be used.
    """
    if project.is_read_only:
        raise ReadOnlyProject(" ".join(project.notes) or f"{project.path} is open for reading only.")
    progress.update(0, 0, "Starting the learner")
    session = _session(project, options, is_reproducible=budget.steps is not None)
    return _Run(session, progress, budget).to_the_end(project)


def _session(project: Project, options: TrainOptions, *, is_reproducible: bool) -> TrainingSession:
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - torch is imported late

    name = options.recipe or remembered_recipe(project)
    recipe = read_recipe(find_recipe(name), options.overrides)
    return open_session(
        project,
        factory=registry.network(recipe.network.name),
        recipe=name,
        overrides=options.overrides,
        device=options.device,
        seed=options.seed,
        options=SessionOptions(makes_queue=False, sleeps=False, is_reproducible=is_reproducible, seed=options.seed),
    )


class _Run:
    """One run of a session against a budget."""

    def __init__(self, session: TrainingSession, progress: Progress, budget: TrainBudget) -> None:
        self._session = session
        self._progress = progress
        self._budget = budget
        self._first_step = 0
        self._began: float | None = None
        self._published: SnapshotPublished | None = None
        self._sentences: list[str] = []

    def to_the_end(self, project: Project) -> TrainReport:
        try:
            self._tick_until(self._is_spent, project)
        finally:
            ended = time.perf_counter()
            # A run that learnt nothing leaves the former checkpoint as it is.
            if self._began is not None and self._session.step > self._first_step:
                self._take(self._session.finish())
        latest, status = project.latest_snapshot(), self._session.status()
        unmeasured = unmeasured_sentence(status, project.protocol)
        return TrainReport(
            step=self._session.step,
            steps=self._session.step - self._first_step,
            seconds=ended - self._began if self._began is not None else 0.0,
            snapshot=latest.id if latest else None,
            is_new=self._published is not None,
            is_validated=latest.is_validated if latest else False,
            dice=self._published.dice if self._published else {},
            sentences=tuple(dict.fromkeys(self._sentences)),
            kept_back=status.kept_back,
            warnings=(*status.warnings, *filter(None, [unmeasured])),
        )

    def _tick_until(self, is_spent: Callable[[], bool], project: Project) -> None:
        while not is_spent():
            events, has_worked = self._session.tick()
            self._take(events)
            if self._session.state is RunState.FAILED:
                raise TrainingFailed(self._session.sentence)
            if not has_worked and self._session.state in (RunState.IDLE, RunState.TRAINING):
                if self._sentences:
                    raise TrainingFailed(self._sentences[-1])
                if self._session.state is RunState.TRAINING:
                    raise TrainingFailed(SAYS_NOTHING_SENTENCE)
                raise BadInput(project.path, "no training clip has a finished label", "label a structure first")

    def _is_spent(self) -> bool:
        if self._began is None:
            if self._session.state is not RunState.TRAINING:
                return False
            self._began, self._first_step = time.perf_counter(), self._session.step
        done = self._session.step - self._first_step
        seconds = time.perf_counter() - self._began
        steps, minutes = self._budget.steps, self._budget.minutes
        if minutes is not None:
            self._progress.update(int(seconds), int(minutes * 60), f"Training, step {self._session.step} (seconds)")
            return seconds >= minutes * 60
        self._progress.update(done, steps or 0, f"Training, step {self._session.step}")
        return steps is not None and done >= steps

    def _take(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case SnapshotPublished():
                    self._published = event
                case Trouble(sentence=sentence):
                    self._sentences.append(sentence)
                case TrainingStatus(state=RunState.LOADING) as status:
                    loaded = status.labelled_frames + status.unlabelled_frames
                    self._progress.update(loaded, 0, status.sentence.rstrip("."))
                case TrainingStatus() | _:
                    pass
