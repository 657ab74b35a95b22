"""How a session differs between the window and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Choices of one session.

    Parameters
    ----------
    starting_weights
        Weights that serve, and that training starts from, before the first snapshot; where none are given, the
        recipe says whether the shipped ones do.
    makes_queue
        Whether frames are scored for the review queue.
    sleeps
        Whether it stops stepping on a plateau.
    is_reproducible
        Whether every frame is loaded before the first step and checks are counted in steps, not seconds, so that a
        seed gives the same models; the first suggestions come later.
    seed
        Of the random order of the queue.
    """

    starting_weights: Path | None = None
    makes_queue: bool = True
    sleeps: bool = True
    is_reproducible: bool = False
    seed: int = 0
