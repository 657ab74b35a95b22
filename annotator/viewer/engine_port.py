"""The learner as the window sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from annotator.engine.messages import Command, Event


class EnginePort(Protocol):
    """The learner as the workbench sees it.

    Contract: ``send`` and ``drain`` return at once, from the GUI thread; ``drain`` hands out each event once.
    It follows the project's commits by itself.
    """

    def send(self, command: Command) -> None:
        """Ask for something."""
        ...

    def drain(self) -> Sequence[Event]:
        """What happened since the last call."""
        ...
