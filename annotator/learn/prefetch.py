"""The next step's lesson, made in a second thread while the present step looks for its gradient."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from annotator.learn import devices
from annotator.learn.chance import Chance
from annotator.learn.supervision import Lesson


class Prefetch:
    """Lessons one after the other, of the same frames and random numbers whether one is made ahead or not.

    A step that needs no more chance calls :meth:`begin`, and the next one finds its lesson ready. That is where a CPU
    computes and the step's threads leave a core free, since they wait for the slowest among them at every operation.
    A GPU is not waited for, and what is recorded for it makes its own lessons.

    Parameters
    ----------
    make
        Makes a lesson; it draws from ``chance`` alone, and what else it reads changes after :meth:`drop` only.
    chance
        Of the steps.
    """

    def __init__(self, make: Callable[[], Lesson], chance: Chance) -> None:
        self._make, self._chance = make, chance
        self._worker = ThreadPoolExecutor(1, "annotator-lessons")
        threads = torch.get_num_threads()
        self._worker.submit(_keep_to_one_thread).result()
        torch.set_num_threads(threads)
        self._next: tuple[Future[Lesson], Tensor] | None = None

    def begin(self) -> None:
        """Start to make the next lesson, where that helps."""
        is_on_cpu = self._chance.noise is self._chance.parameters and self._chance.tape is None
        if is_on_cpu and torch.get_num_threads() < devices.cores():
            before = self._chance.parameters.get_state()
            self._next = self._worker.submit(self._make), before

    def take(self) -> Lesson:
        """The next lesson, made here and now where it was not begun; raises whatever making it raised."""
        if self._next is None:
            return self._make()
        (lesson, _), self._next = self._next, None
        return lesson.result()

    def drop(self) -> None:
        """Take :meth:`begin` back: frames are about to change, or the state of chance to be read or set."""
        if self._next is not None:
            (lesson, before), self._next = self._next, None
            lesson.exception()
            self._chance.parameters.set_state(before)


def _keep_to_one_thread() -> None:
    """Let torch compute in the calling thread alone, beside the step's own threads; others set theirs again."""
    torch.set_num_threads(1)
    # A thread takes over the number, which is one for all of torch, where it first asks for it.
    torch.get_num_threads()
