"""The review queue without a window."""

from __future__ import annotations

from annotator import registry
from annotator.engine.jobs.progress import Progress
from annotator.engine.messages import QueueItem, QueueReady, Stop
from annotator.engine.options import SessionOptions
from annotator.engine.thread import open_session
from annotator.project import Project


def next_up(project: Project, number: int, *, progress: Progress) -> tuple[QueueItem, ...]:
    """What to label next, best first.

    Parameters
    ----------
    project
        Open for reading only, so that the session scores frames and does not train.
    number
        How many items at most.
    progress
        Told while frames are scored.

    Raises
    ------
    AnnotatorError
        Where the project cannot be read.
    """
    session = open_session(
        project, factory=next(iter(registry.networks().values())), options=SessionOptions(makes_queue=True)
    )
    items: tuple[QueueItem, ...] = ()
    has_worked, done = True, 0
    try:
        while has_worked:
            events, has_worked = session.tick()
            done += 1
            progress.update(done, 0, "Scoring frames")
            items = next((event.items for event in reversed(events) if isinstance(event, QueueReady)), items)
    finally:
        session.handle(Stop())
    return items[:number]
