"""What is on the desk: the clip, frame and structure in work, and everything needed to show and change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotator.core.errors import AnnotatorError, ReadOnlyProject
from annotator.core.identity import Clip, FrameKey, Spacing, SpacingStatus, Split
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.engine.messages import Suggestion
from annotator.project import Project
from annotator.viewer.colours import suggestion_codes
from annotator.viewer.ledger import Ledger, NotSaved
from annotator.viewer.resolve import FrameView, resolve, uncovered
from annotator.viewer.rows import has_draft
from annotator.viewer.state import Message, MessageAction, MessageLevel
from annotator.viewer.suggestion_store import SuggestionStore

_VIEWS_KEPT = 64
_DEFAULT_INTERVAL_MS = 40.0

READ_ONLY: Final = "The project is open read-only, so nothing can be changed."
_BLIND: Final = (
    "This is a test clip: suggestions are hidden here, so that its labels judge the model without leaning on it. "
    "Labels that you accept or correct from them stay marked as such."
)


class NoClip(AnnotatorError):
    """Something was asked of a clip while none is open."""

    def __init__(self) -> None:
        super().__init__("No clip is open; choose one at the left, or import some.")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A resolved frame, the display codes of its suggestions, and what its clip was then: its view, and if blind."""

    view: FrameView
    codes: NDArray[np.uint8]
    terms: tuple[str | None, bool]


@dataclass(slots=True, eq=False)
class Desk:
    """The mutable intent of the person at work, and the data behind it.

    Parameters
    ----------
    project, ledger, suggestions
        Frames, labels, and what the model says.
    say
        Takes messages for the person.
    structure
        Id of the selected structure.
    """

    project: Project
    ledger: Ledger
    suggestions: SuggestionStore
    say: Callable[[Message], None]
    structure: str
    clip: Clip | None = None
    frame: int = 0
    hidden: frozenset[str] = frozenset()
    seen_through: str = ""
    """Name of the test clip whose suggestions the person asked to see."""
    touched: set[str] = field(default_factory=set)
    """Structures painted since the frame came on screen; moving on finishes their drafts."""
    _shown: dict[FrameKey, Shown] = field(default_factory=dict)
    _uncovered: dict[FrameKey, frozenset[str]] = field(default_factory=dict)
    """Structures whose suggestion does not lie under labels alone, of frames of which people said something."""
    _unreadable: set[FrameKey] = field(default_factory=set)
    """Frames that were not resolved ahead of time; whoever goes there is told why."""

    @property
    def protocol(self) -> LabelProtocol:
        """The project's protocol."""
        return self.project.protocol

    @property
    def open_clip(self) -> Clip:
        """The clip on screen.

        Raises
        ------
        NoClip
            Where there is none.
        """
        if self.clip is None:
            raise NoClip
        return self.clip

    @property
    def key(self) -> FrameKey:
        """The frame on screen; raises as :attr:`open_clip` does."""
        return FrameKey(self.open_clip.name, self.frame)

    @property
    def has_draft(self) -> bool:
        """Whether a structure of the frame on screen is a draft."""
        return self.clip is not None and has_draft(self.ledger.cells(self.clip.name).get(self.frame, {}))

    @property
    def spacing(self) -> Spacing | None:
        """mm/px of the clip on screen, only where it may be believed."""
        if self.clip is None:
            return None
        header = self.clip.header
        is_known = header.spacing_status in (SpacingStatus.TRUSTED, SpacingStatus.CONFIRMED)
        return header.spacing if is_known else None

    @property
    def frame_interval_ms(self) -> float:
        """Time that the frame on screen lasts, in ms."""
        times = self.clip.header.frame_times_ms if self.clip is not None else ()
        if len(times) < 2:
            return _DEFAULT_INTERVAL_MS
        i = min(self.frame, len(times) - 2)
        return max(5.0, times[i + 1] - times[i])

    @property
    def is_blind(self) -> bool:
        """Whether the clip on screen is a test clip, whose labels shall not lean on the model they will judge."""
        clip = self.clip
        return clip is not None and clip.split is Split.TEST and clip.name != self.seen_through

    @property
    def _terms(self) -> tuple[str | None, bool]:
        """View of the clip on screen, and whether it is blind."""
        return self.clip.header.view if self.clip is not None else None, self.is_blind

    def offer(self, key: FrameKey) -> Suggestion | None:
        """What the model offers for a frame of the clip on screen; nothing while that is blind."""
        return None if self.is_blind else self.suggestions.get(key)

    def offered(self, key: FrameKey) -> frozenset[str]:
        """Ids of the structures that the model offers in a frame of the clip on screen; none while that is blind."""
        found = frozenset[str]() if self.is_blind else self.suggestions.found(key)
        suggestion, cells = self.suggestions.get(key), self.ledger.cells(key.clip).get(key.frame)
        if suggestion is None or cells is None:
            return found
        if all(s in cells and cells[s].status is not LabelStatus.UNKNOWN for s in found):
            return found
        if key not in self._uncovered:
            try:
                self._uncovered[key] = uncovered(self.ledger.label(key), suggestion, self.protocol)
            except AnnotatorError:
                # Whoever goes to that frame is told why its labels cannot be read.
                return found
        return found & self._uncovered[key]

    def shown(self, key: FrameKey) -> Shown:
        """A frame as it is to be shown, resolved once until something about it changes.

        Raises
        ------
        AnnotatorError
            Where its label cannot be read.
        """
        found = self._shown.get(key)
        # A clip's view and part of the data may change while another is on screen.
        if found is None or found.terms != self._terms:
            origins = {s: made for s in self.protocol.ids if (made := self.ledger.origin(key, s)) is not None}
            suggestion = self.offer(key)
            label = self.ledger.label(key)
            view, is_blind = self._terms
            resolved = resolve(label, suggestion, self.protocol, view=view, hidden=self.hidden, origins=origins)
            codes = suggestion_codes(resolved.suggestions, resolved.confidence, self.protocol)
            found = Shown(resolved, codes, (view, is_blind))
            self._shown.pop(key, None)
            while len(self._shown) >= _VIEWS_KEPT:
                self._shown.pop(next(iter(self._shown)))
            self._shown[key] = found
        return found

    def prepare_neighbour(self) -> None:
        """Resolve one frame next to the one on screen, if there is one that is not; it is then shown sooner."""
        if self.clip is None:
            return
        for by in (1, -1, 2, -2):
            key = FrameKey(self.clip.name, (self.frame + by) % self.clip.header.n_frames)
            if key not in self._shown and key not in self._unreadable:
                try:
                    self.shown(key)
                except AnnotatorError:
                    self._unreadable.add(key)
                return

    def view(self) -> FrameView:
        """The resolved frame on screen; ``Raises`` AnnotatorError as :meth:`shown` does."""
        return self.shown(self.key).view

    def forget(self, *keys: FrameKey) -> None:
        """Resolve these frames anew when they are shown; all frames where none is named."""
        if not keys:
            self._shown.clear()
            self._unreadable.clear()
        for key in keys:
            self._shown.pop(key, None)
            self._uncovered.pop(key, None)
            self._unreadable.discard(key)

    def explain_blind(self) -> None:
        """Say that a test clip's suggestions are hidden, and offer to show them."""
        self.say(Message(_BLIND, MessageLevel.INFO, MessageAction.SHOW_SUGGESTIONS))

    def tell(self, sentence: str) -> None:
        """Say something that happened."""
        self.say(Message(sentence))

    def warn(self, sentence: str) -> None:
        """Say something that the person should know before going on."""
        self.say(Message(sentence, MessageLevel.WARNING))

    def complain(self, error: Exception) -> None:
        """Say what failed, in the error's own sentence; that a project is read-only, or empty, is no failure."""
        if isinstance(error, ReadOnlyProject):
            self.warn(READ_ONLY)
        elif isinstance(error, NoClip):
            self.tell(str(error))
        else:
            action = MessageAction.SAVE if isinstance(error, NotSaved) else MessageAction.NONE
            self.say(Message(str(error), MessageLevel.ERROR, action))
