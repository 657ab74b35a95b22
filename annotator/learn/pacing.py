"""The pace of a training by step and by where it began: learning rate, trust in the teacher, the average that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annotator.learn import ema
from annotator.learn.recipe import Recipe


class Pacing:
    """From nothing until :meth:`begin_at` says that training begins at weights.

    Parameters
    ----------
    recipe
        Says how fast.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._is_fine_tuning = False
        self.has_new_head = False
        self.average_age = 0

    def begin_at(self, known: tuple[str, ...]) -> None:
        """Begin at weights that know these structures; where they know none, at their features with an empty head."""
        self._is_fine_tuning, self.has_new_head = bool(known), not known
        self.average_age = self._recipe.fine_tuning.average_age if known else 0

    def advance(self) -> None:
        """A step is done."""
        self.average_age += 1

    def renew(self) -> None:
        """Labels came that were not there before: for a while the teacher follows the student sooner again."""
        self.average_age = min(self.average_age, self._recipe.teacher.renewed_age)

    def learning_rate(self, step: int) -> float:
        """Of all weights but those of a new head, after ``step`` steps."""
        section = self._recipe.fine_tuning if self._is_fine_tuning else self._recipe.optimiser
        return section.learning_rate * self._recipe.optimiser.shape_at(step)

    def head_pace(self, step: int) -> float:
        """How many times that rate a new head has."""
        return self._recipe.fine_tuning.head_pace_at(step)

    def trust(self, step: int) -> float:
        """How far the teacher is trusted, up to 1; the weights that it began at count as so many steps."""
        before = self._recipe.fine_tuning.age if self._is_fine_tuning else 0
        return self._recipe.teacher.ramp_at(step + before)

    def decay(self) -> float:
        """What the teacher keeps of itself in this step."""
        section = self._recipe.fine_tuning if self._is_fine_tuning else self._recipe.teacher
        return ema.decay_at(self.average_age, section.ema_limit)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "is_fine_tuning": self._is_fine_tuning,
            "average_age": self.average_age,
            "has_new_head": self.has_new_head,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, which of an older version does not say everything."""
        self._is_fine_tuning = state.get("is_fine_tuning", False)
        self.average_age = state.get("average_age", state["step"])
        self.has_new_head = state.get("has_new_head", False)
