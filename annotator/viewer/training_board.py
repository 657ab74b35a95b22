"""What the learner reported, gathered into the training panel's value and the next-up list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from annotator.core.protocols import LabelProtocol
from annotator.engine.messages import QueueItem, RunState, TrainingStatus
from annotator.viewer.rows import queue_rows
from annotator.viewer.state import Curve, CurvePoint, QueueRow, TrainingView

_LOSS_COLOUR = "#9aa4b2"
_MAX_POINTS = 400


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
        self.view = TrainingView(
            state=RunState.IDLE.value,
            headline="Training starts by itself once a structure is labelled.",
            facts=(),
            loss=Curve("loss", _LOSS_COLOUR, ()),
            dice=(),
            can_pause=False,
            can_resume=False,
            can_retry=False,
        )

    @property
    def queue(self) -> tuple[QueueRow, ...]:
        """The next-up list, best first."""
        return queue_rows(self._items, self._protocol)

    def take_queue(self, items: tuple[QueueItem, ...]) -> None:
        """Replace the next-up list."""
        self._items = items

    def take_trouble(self, *, can_retry: bool) -> None:
        """Note whether the last trouble may be tried again."""
        self._can_retry = can_retry
        self.view = replace(self.view, can_retry=can_retry)

    def take_status(self, status: TrainingStatus) -> None:
        """Add a report to the curves and rewrite the view."""
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
        )

    def _add_loss(self, status: TrainingStatus) -> None:
        if not status.losses or (self._loss and self._loss[-1].step >= status.step):
            return
        value = status.losses.get("total", status.losses.get("loss", sum(status.losses.values())))
        self._loss.append(CurvePoint(status.step, value))
        if len(self._loss) > _MAX_POINTS:
            self._loss = self._loss[::2]

    def _add_dice(self, status: TrainingStatus) -> None:
        if not status.dice or dict(status.dice) == dict(self._last_dice):
            return
        self._last_dice = dict(status.dice)
        for structure, value in status.dice.items():
            points = self._dice.setdefault(structure, [])
            points.append(CurvePoint(status.step, value))
            if len(points) > _MAX_POINTS:
                del points[::2]

    def _curves(self) -> tuple[Curve, ...]:
        return tuple(
            Curve(s.name, s.colour, tuple(self._dice[s.id])) for s in self._protocol.structures if s.id in self._dice
        )


def _facts(status: TrainingStatus) -> tuple[str, ...]:
    facts = [f"step {status.step}"]
    if status.steps_per_s > 0:
        facts[0] += f", {status.steps_per_s:.1f} steps/s"
    if status.device:
        facts.append(f"{status.device}, {status.memory_mb:.0f} MiB" if status.memory_mb else status.device)
    if status.snapshot and not status.validation_patients:
        facts.append("not validated: under four patients")
    return tuple(facts)
