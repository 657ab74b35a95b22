"""How a job tells how far it is, and how it is told to end."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one job.

    Contract: ``update`` is called from the thread that runs the job, at every boundary where the job can
    stop without leaving anything half-written; to cancel, it raises
    :class:`~annotator.core.errors.Cancelled`.
    """

    def update(self, done: int, total: int, sentence: str) -> None:
        """Tell that ``done`` of ``total`` pieces are done; ``total`` is 0 where it is not known."""
        ...


class Silent:
    """Progress that nobody watches."""

    def update(self, done: int, total: int, sentence: str) -> None:
        """Do nothing."""
