"""Where suggestions come from: the newest model that can be read, and what is told where it or a clip cannot be."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, FrameKey
from annotator.engine.familiarity import STRANGE_SENTENCE, UNLIKE_SENTENCE
from annotator.engine.messages import Event, SuggestionsReady, Trouble
from annotator.engine.serving import Server
from annotator.engine.shelf import ImageShelf
from annotator.engine.starting import first_usable
from annotator.engine.trainer_protocol import ServedModel, Workshop

if TYPE_CHECKING:
    from annotator.project import Project

_LOG = logging.getLogger(__name__)


class Suggester:
    """Serves a project's suggestions.

    Parameters
    ----------
    project
        Has the snapshots.
    workshop
        Loads them.
    shelf
        Fitted images.
    starting_weights
        Serve before the first snapshot.
    """

    def __init__(
        self, project: Project, workshop: Workshop, shelf: ImageShelf, *, starting_weights: Path | None
    ) -> None:
        self._project = project
        self._workshop = workshop
        self._starting_weights = starting_weights
        self._unservable: set[str] = set()
        self.server = Server(project.protocol, workshop, shelf)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the clip on screen has no suggestions, where it has none."""
        if not self.server.is_strange:
            return ()
        return (UNLIKE_SENTENCE if self.server.shows_test_clip else STRANGE_SENTENCE,)

    @property
    def own_model(self) -> ServedModel | None:
        """The model that serves, where it learnt in this project."""
        return self.server.model if self.server.snapshot else None

    def use_newest(self) -> list[Event]:
        """Serve with the newest model that can be read; what to tell of those that cannot."""
        found, passed_over = first_usable(self._project, self._starting_weights, self._workshop.model)
        if found is not None:
            self.server.use(*found)
        return [Trouble(sentence, can_retry=False) for sentence in passed_over]

    def look(self, key: FrameKey, clips: Mapping[str, Clip], *, at: float) -> None:
        """The user looks at a frame, which may have gone meanwhile.

        Parameters
        ----------
        key
            The frame.
        clips
            All clips by name.
        at
            When the command came, by ``time.perf_counter()``.
        """
        try:
            clip = clip_of(key, clips)
        except AnnotatorError:
            _LOG.warning("A look at %s came after its clip went.", key)
            return
        self.server.look(key, clip, at=at)

    def note_change(self, changed: Collection[str], clips: Mapping[str, Clip]) -> None:
        """Clips changed or went: what was predicted of them is forgotten, and the one on screen looked at again.

        Parameters
        ----------
        changed
            Their names.
        clips
            All clips by name, as they are now.
        """
        current = self.server.current
        self.server.forget_clips(changed)
        if current is not None and current.clip in changed and current.clip in clips:
            self.look(current, clips, at=time.perf_counter())

    def serve_first(self) -> list[Event] | None:
        """Tell of the frame on screen; ``None`` where nothing is awaited."""
        return self._served(self.server.serve_first)

    def serve_more(self) -> list[Event] | None:
        """Tell of the next frames of the clip on screen; ``None`` where there are none."""
        return self._served(self.server.serve_more)

    def _served(self, serve: Callable[[], SuggestionsReady | None]) -> list[Event] | None:
        try:
            event = serve()
        except AnnotatorError as error:
            return self._pass_over_clip(error)
        except Exception:
            self.server.stop_serving()
            raise
        return None if event is None else [event]

    def _pass_over_clip(self, error: AnnotatorError) -> list[Event]:
        """Serve nothing more of the clip on screen, which cannot be read, and tell of it once."""
        name = self.server.current.clip if self.server.current else ""
        self.server.forget_clips({name})
        if name in self._unservable:
            return []
        self._unservable.add(name)
        _LOG.error("Clip '%s' has no suggestions.", name, exc_info=error)
        return [Trouble(f"Clip '{name}' has no suggestions: {error}", can_retry=False)]


def clip_of(key: FrameKey, clips: Mapping[str, Clip]) -> Clip:
    """The clip of a frame that exists.

    Raises
    ------
    AnnotatorError
        Where the clip, or the frame in it, does not exist.
    """
    clip = clips.get(key.clip)
    if clip is None or not 0 <= key.frame < clip.header.n_frames:
        raise AnnotatorError(f"The project has no frame {key.frame} of a clip called '{key.clip}'.")
    return clip
