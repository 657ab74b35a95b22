"""What the learner reported, gathered into the training panel's value and the next-up list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from annotator.core.protocols import LabelProtocol
from annotator.engine.messages import QueueItem, RunState, TrainingStatus
from annotator.engine.status import unmeasured_sentence
from annotator.project import Snapshot
from annotator.viewer.confidence import caveat_sentence, confidence_sentence, held_sentence, reliability_rows
from annotator.viewer.rows import queue_rows
from annotator.viewer.state import Curve, CurvePoint, QueueRow, TrainingView

STARTING: Final = "The learner is starting."

_LOSS_COLOUR = "#9aa4b2"
MAX_POINTS: Final = 400
"""Points of a curve at most."""


class TrainingBoard:
    """Keeps the curves; pure values come out.

    Parameters
    ----------
    protocol
        Names and colours of the structures.
    """

    def __init__(self, protocol: LabelProtocol) -> None:
        self._protocol = protocol
        self._loss: list[CurvePoint] = []
        self._dice: dict[str, list[CurvePoint]] = {}
        self._last_dice: Mapping[str, float] = {}
        self._items: tuple[QueueItem, ...] = ()
        self._can_retry = False
        self._marked: frozenset[int] = frozenset()
        self.view = TrainingView(
            state=RunState.IDLE.value,
            headline=STARTING,
            facts=(),
            loss=Curve("loss", _LOSS_COLOUR, ()),
            dice=(),
            can_pause=False,
            can_resume=False,
            can_retry=False,
            held=held_sentence(()),
        )

    @property
    def queue(self) -> tuple[QueueRow, ...]:
        """The next-up list, best first."""
        return queue_rows(self._items, self._protocol)

    def take_queue(self, items: tuple[QueueItem, ...]) -> None:
        """Replace the next-up list."""
        self._items = items

    def leave_out(self, clips: Collection[str]) -> bool:
        """Ask for nothing in some clips any more; whether anything was asked for there."""
        before = self._items
        self._items = tuple(item for item in before if item.key.clip not in clips)
        return self._items != before

    def take_absence(self, why: str) -> None:
        """Say that no learner will start here, and why."""
        self.view = replace(self.view, headline=why)

    def take_trouble(self, sentence: str, *, can_retry: bool) -> None:
        """Note whether the last trouble may be tried again; before any report, it is why nothing starts."""
        self._can_retry = can_retry
        self.view = replace(self.view, can_retry=can_retry)
        if self.view.headline == STARTING:
            self.take_absence(sentence)

    def take_status(self, status: TrainingStatus) -> None:
        """Add a report to the curves and rewrite the view."""
        self._notice_restart(status)
        self._add_loss(status)
        self._add_dice(status)
        is_failed = status.state is RunState.FAILED
        self._can_retry = self._can_retry and is_failed
        self.view = TrainingView(
            state=status.state.value,
            headline=status.sentence,
            facts=_facts(status),
            loss=Curve("loss", _LOSS_COLOUR, tuple(self._loss)),
            dice=self._curves(),
            can_pause=status.state in (RunState.LOADING, RunState.TRAINING, RunState.SLEEPING),
            can_resume=status.state is RunState.PAUSED,
            can_retry=is_failed or self._can_retry,
            warnings=status.warnings,
            recipe=status.recipe,
            recipe_summary=status.recipe_summary,
            held=held_sentence(status.validation_patients, unmeasured=unmeasured_sentence(status, self._protocol)),
            held_patients=status.validation_patients,
            caveat=caveat_sentence(status, self._protocol),
            reliability=reliability_rows(status.reliability, self._protocol),
            confidence=confidence_sentence(status),
        )

    def recall(self, snapshots: Iterable[Snapshot]) -> None:
        """Begin the Dice curves with what earlier snapshots were worth, oldest first; marked ones are used no more."""
        found = tuple(snapshots)
        self._marked = _marked(found)
        for snapshot in found:
            if snapshot.is_tainted:
                continue
            dice = snapshot.metrics.get("dice", {}) if snapshot.is_validated else {}
            self._forget_from(snapshot.step)
            self._extend(snapshot.step, {s: d for s, d in dice.items() if s in self._protocol.ids})

    def start_over(self, snapshots: Iterable[Snapshot]) -> None:
        """The learner forgot what it learnt: so do the curves, but for what :meth:`recall` brings back."""
        self._loss.clear()
        self._dice.clear()
        self._last_dice = {}
        self.recall(snapshots)
        self.view = replace(self.view, loss=Curve("loss", _LOSS_COLOUR, ()), dice=self._curves())

    def note_marks(self, snapshots: Collection[Snapshot]) -> bool:
        """Start over where a snapshot was marked since the last time; whether one was.

        A learner that is only starting, or is not there, says nothing of it.
        """
        if _marked(snapshots) <= self._marked:
            return False
        self.start_over(snapshots)
        return True

    def _notice_restart(self, status: TrainingStatus) -> None:
        """A recipe with another network counts its steps from 0 again, and so do the curves."""
        if self._loss and status.losses and status.step < self._loss[-1].step:
            self._loss.clear()
            self._forget_from(0)

    def _forget_from(self, step: int) -> None:
        for points in self._dice.values():
            while points and points[-1].step >= step:
                points.pop()

    def _add_loss(self, status: TrainingStatus) -> None:
        if not status.losses or (self._loss and self._loss[-1].step >= status.step):
            return
        value = status.losses.get("total", status.losses.get("loss", sum(status.losses.values())))
        self._loss.append(CurvePoint(status.step, value))
        if len(self._loss) > MAX_POINTS:
            self._loss = self._loss[::2]

    def _add_dice(self, status: TrainingStatus) -> None:
        if not status.dice or dict(status.dice) == dict(self._last_dice):
            return
        self._extend(status.step, status.dice)

    def _extend(self, step: int, dice: Mapping[str, float]) -> None:
        if dice:
            self._last_dice = dict(dice)
        for structure, value in dice.items():
            points = self._dice.setdefault(structure, [])
            points.append(CurvePoint(step, value))
            if len(points) > MAX_POINTS:
                del points[::2]

    def _curves(self) -> tuple[Curve, ...]:
        return tuple(
            Curve(s.name, s.colour, tuple(self._dice[s.id])) for s in self._protocol.structures if self._dice.get(s.id)
        )


def _marked(snapshots: Iterable[Snapshot]) -> frozenset[int]:
    return frozenset(snapshot.id for snapshot in snapshots if snapshot.is_tainted)


def _facts(status: TrainingStatus) -> tuple[str, ...]:
    facts = [f"step {status.step}"]
    if status.steps_per_s > 0:
        facts[0] += f", {status.steps_per_s:.1f} steps/s"
    if status.device:
        memory = f", {status.memory_mb:.0f}\N{NO-BREAK SPACE}MiB" if status.memory_mb else ""
        facts.append(status.device + memory)
    return tuple(facts)
