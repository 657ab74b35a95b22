"""What the model that learnt here makes of the whole project: what to label next, and what fades in which domain."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from annotator.engine.frames import FrameBook
from annotator.engine.messages import Event
from annotator.engine.options import SessionOptions
from annotator.engine.scoring import Scorer
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import ServedModel
from annotator.engine.watching import AreaWatch

if TYPE_CHECKING:
    from annotator.project import Project


class Overview:
    """Looks at a sample of all frames, a few at a time.

    Parameters
    ----------
    project
        For the current statuses.
    book
        Clips, and what is labelled.
    shelf
        Fitted images.
    options
        Whether there is a queue, and its seed.
    """

    def __init__(self, project: Project, book: FrameBook, shelf: ImageShelf, *, options: SessionOptions) -> None:
        self._book = book
        self._is_live = options.makes_queue
        self._watch = AreaWatch(project.protocol, shelf)
        self.scorer = Scorer(project, shelf, seed=options.seed, also=self._watch.take)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain sentences on structures that fade from the suggestions."""
        return self._watch.warnings(self._book.labelled_pairs)

    def start_over(self) -> None:
        """Another model serves."""
        self.scorer.start_over()
        self._watch.start_over()

    def forget_model(self) -> None:
        """The model may serve no more, and nothing that it made of a frame holds."""
        self.scorer.forget_model()
        self._watch.forget_model()

    def note_change(self, clips: Collection[str]) -> None:
        """Labels changed; of ``clips`` the frames or domains too are others."""
        self.scorer.note_change(clips)
        if clips:
            self._watch.start_over()

    def work(self, model: ServedModel | None, *, is_training: bool) -> list[Event] | None:
        """Look at a frame, and tell the queue where it is time; ``None`` where nothing was done.

        Parameters
        ----------
        model
            The snapshot that serves; ``None`` before the first.
        is_training
            Whether steps wait meanwhile.
        """
        # Without a window nobody reads either before the end, where :meth:`complete` catches up.
        if not self._is_live:
            return None
        clips = self._book.clips
        has_worked, queue = self.scorer.work(clips, model, held=self._book.plan.held, is_training=is_training)
        if queue is not None:
            return [queue]
        return [] if has_worked or self._watched(model, is_training=is_training) else None

    def complete(self, model: ServedModel | None) -> None:
        """Look at every frame that the warnings need, before a headless run ends."""
        while self._watched(model, is_training=False):
            pass

    def _watched(self, model: ServedModel | None, *, is_training: bool) -> bool:
        pairs = self._book.labelled_pairs
        return self._watch.work(self._book.clips, model, labelled=pairs, is_training=is_training)
