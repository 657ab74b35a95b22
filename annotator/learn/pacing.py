"""The pace of a training by step and by where it began: learning rate, trust in the teacher, the average that it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from annotator.learn import ema
from annotator.learn.mapping import Beginning
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
        self._new: dict[int, int | None] = {}
        self.average_age = 0

    def begin_at(self, begin: Beginning) -> None:
        """Begin at weights; where they know no structure, at their features alone."""
        self._is_fine_tuning, self._new = bool(begin.known), dict.fromkeys(begin.new_rows)
        self.average_age = self._recipe.fine_tuning.average_age if begin.known else 0

    def show(self, classes: Iterable[int], step: int) -> None:
        """After ``step`` steps these classes have been labelled; a new row's time counts from the first label."""
        for c in classes:
            if c in self._new and self._new[c] is None:
                self._new[c] = step

    def advance(self) -> None:
        """A step is done."""
        self.average_age += 1

    def renew(self) -> None:
        """Labels came that were not there before: for a while the teacher follows the student sooner again."""
        self.average_age = min(self.average_age, self._recipe.teacher.renewed_age)

    def learning_rate(self, step: int) -> float:
        """Of all weights but the head's new rows, after ``step`` steps."""
        section = self._recipe.fine_tuning if self._is_fine_tuning else self._recipe.optimiser
        return section.learning_rate * self._recipe.optimiser.shape_at(step)

    @property
    def new_rows(self) -> tuple[int, ...]:
        """Classes whose rows of the head began empty, and that have been labelled since."""
        return tuple(c for c, since in self._new.items() if since is not None)

    def paces(self, step: int) -> list[float]:
        """How many times that rate each of the new rows has."""
        return [self._recipe.fine_tuning.head_pace_at(step - since) for since in self._labelled_at()]

    def trust(self, step: int) -> float:
        """How far the teacher is trusted, up to 1.

        Weights that it began at count as so many steps, but for a structure that is new to it.
        """
        before = self._recipe.fine_tuning.age if self._is_fine_tuning else 0
        return self._recipe.teacher.ramp_at(min([step + before, *(step - since for since in self._labelled_at())]))

    def decay(self) -> float:
        """What the teacher keeps of itself in this step."""
        section = self._recipe.fine_tuning if self._is_fine_tuning else self._recipe.teacher
        return ema.decay_at(self.average_age, section.ema_limit)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "is_fine_tuning": self._is_fine_tuning,
            "average_age": self.average_age,
            "new": dict(self._new),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, which of an older version does not say everything."""
        self._is_fine_tuning = state.get("is_fine_tuning", False)
        self.average_age = state.get("average_age", state["step"])
        self._new = dict(state.get("new", {}))

    def _labelled_at(self) -> list[int]:
        return [since for since in self._new.values() if since is not None]
