"""When to check and publish a model, and when more steps would not help: pure values, no clock of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Final

FIRST_CHECK_S: Final = 15.0
"""Training time until the first snapshot, in s, so that the first suggestions come while the user still watches."""

FIRST_CHECK_STEPS: Final = 200
"""The same in steps, for fast devices."""

FEWEST_STEPS: Final = 20
"""Steps before a check is worth its time, however slow they are."""

STEPS_BETWEEN_CHECKS: Final = 100
"""Where checks are counted in steps alone."""

INTERVAL_GROWTH: Final = 1.4
LONGEST_INTERVAL_S: Final = 120.0

STEP_BUDGET: Final = 3000
"""Steps without a validation set that training goes on after the last new label, beside those per labelled frame."""

STEP_BUDGET_PER_FRAME: Final = 100
LONGEST_BUDGET: Final = 12000

KNOWN_STEP_BUDGET: Final = 300
"""The same where the weights that training began at know every structure: what the labels can teach is soon learnt.

More steps learn few labels by heart, faster than so few patients as are then held aside can tell.
"""

KNOWN_STEP_BUDGET_PER_FRAME: Final = 15

FEWEST_STALE: Final = 3
"""Validations without improvement before training may sleep, however many steps lie between them."""

NOTICEABLE: Final = 0.002
"""Rise of the mean Dice that counts as an improvement; smaller ones are noise of the EMA teacher."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Where training stands between checks; a check is a validation (where patients are held aside) and a publication.

    Parameters
    ----------
    interval_s
        Training time between checks, in s.
    seconds, steps
        Training time (s) and steps since the last check.
    steps_since_label
        Steps since the last new label.
    best
        Best mean validation Dice since the last new label.
    stale, steps_since_best
        Validations and steps since ``best`` rose noticeably.
    checks
        Checks so far.
    """

    interval_s: float = FIRST_CHECK_S
    seconds: float = 0.0
    steps: int = 0
    steps_since_label: int = 0
    best: float | None = None
    stale: int = 0
    steps_since_best: int = 0
    checks: int = 0

    def after_step(self, seconds: float) -> Schedule:
        """One more step, which took some seconds."""
        return replace(
            self,
            seconds=self.seconds + seconds,
            steps=self.steps + 1,
            steps_since_label=self.steps_since_label + 1,
            steps_since_best=self.steps_since_best + 1,
        )

    @property
    def is_due(self) -> bool:
        """Whether to check now."""
        if self.checks == 0 and self.steps >= FIRST_CHECK_STEPS:
            return True
        return self.steps >= FEWEST_STEPS and self.seconds >= self.interval_s

    @property
    def is_due_by_steps(self) -> bool:
        """Whether to check now, whatever the clock says."""
        return self.steps >= STEPS_BETWEEN_CHECKS

    def after_check(self, score: float | None) -> Schedule:
        """A check is done, with this mean validation Dice (``None``: not validated); the next one comes later."""
        has_risen = score is not None and (self.best is None or score > self.best + NOTICEABLE)
        return replace(
            self,
            interval_s=min(self.interval_s * INTERVAL_GROWTH, LONGEST_INTERVAL_S),
            seconds=0.0,
            steps=0,
            best=score if has_risen else self.best,
            stale=0 if has_risen or score is None else self.stale + 1,
            steps_since_best=0 if has_risen or score is None else self.steps_since_best,
            checks=self.checks + 1,
        )

    def after_labels(self) -> Schedule:
        """New labels came: patience and budget begin anew, and the next check comes soon."""
        return replace(
            self,
            interval_s=min(self.interval_s, 2 * FIRST_CHECK_S),
            steps_since_label=0,
            best=None,
            stale=0,
            steps_since_best=0,
        )

    def after_new_validation(self) -> Schedule:
        """The validation frames changed: former scores cannot be compared with later ones."""
        return replace(self, best=None, stale=0, steps_since_best=0)

    def plateau(self, *, patience: int, labelled_frames: int, has_validation: bool, is_known: bool) -> str | None:
        """Why more steps would not help, as a clause; ``None`` where they may.

        Parameters
        ----------
        patience
            Steps without improvement of the validation that are allowed.
        labelled_frames
            Frames that the trainer learns from.
        has_validation
            Whether patients are held aside.
        is_known
            Whether training began at weights that know every structure that is labelled.
        """
        if has_validation and self.stale >= FEWEST_STALE and self.steps_since_best >= patience:
            return f"validation has not improved for {self.steps_since_best} steps"
        least, per_frame = STEP_BUDGET, STEP_BUDGET_PER_FRAME
        if is_known:
            least, per_frame = KNOWN_STEP_BUDGET, KNOWN_STEP_BUDGET_PER_FRAME
        is_spent = self.steps_since_label >= min(least + per_frame * labelled_frames, LONGEST_BUDGET)
        if is_spent and (not has_validation or (is_known and self.stale)):
            return f"{self.steps_since_label} steps were done since the last new label"
        return None

    def as_numbers(self) -> dict[str, float | None]:
        """The schedule as plain numbers for the checkpoint."""
        return asdict(self)

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, float | None]) -> Schedule:
        """Inverse of :meth:`as_numbers`; what is missing keeps its default."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in numbers.items() if name in known})  # type: ignore[arg-type]
