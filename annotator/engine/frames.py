"""The frames of a training session: which ones the trainer should hold, and loading them in small pieces.

Everything here that touches the project's files happens between steps, a few frames at a time, so that
neither a step nor the window waits for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annotator.core.allowed import Bitmap, allowed_bitmap
from annotator.core.errors import AnnotatorError, CorruptProject
from annotator.core.identity import Clip, FrameKey
from annotator.core.status import Origin
from annotator.engine.holding import held_patients
from annotator.engine.roles import MAX_UNLABELLED, Plan, must_unlearn, plan_frames
from annotator.engine.shelf import ImageShelf
from annotator.engine.trainer_protocol import TrainerProtocol, Workshop

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.project import Project

_LOG = logging.getLogger(__name__)

_STALE: Final = b"stale"
"""Stands for the digest of a frame whose clip changed since it was loaded."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a change means for what was learnt.

    Parameters
    ----------
    clips
        Clips of which other frames, or another use of them, are seen than before; ED and ES marks are neither.
    must_unlearn
        Whether something was learnt that should not have been.
    """

    clips: frozenset[str]
    must_unlearn: bool


class FrameBook:
    """Keeps a trainer's frames equal to what the project's labels ask for.

    Parameters
    ----------
    project
        The one source of clips and labels.
    workshop
        Fits frames.
    shelf
        Shared with whoever predicts.
    """

    def __init__(self, project: Project, workshop: Workshop, shelf: ImageShelf) -> None:
        self._project = project
        self._workshop = workshop
        self._shelf = shelf
        self._clips: dict[str, Clip] = {}
        self._revision = 0
        self._finished: dict[FrameKey, frozenset[str]] = {}
        self._dirty: deque[FrameKey] = deque()
        self._digests: dict[FrameKey, bytes] = {}
        self._held: dict[FrameKey, bytes] = {}
        self._checked: dict[FrameKey, TrainingFrame] = {}
        self._validation_is_stale = False
        self._must_release = False
        self._unreadable: set[FrameKey] = set()
        self._waiting: deque[FrameKey] = deque()
        self._plan = Plan()
        self._pairs: frozenset[tuple[str, str]] = frozenset()
        self._troubles: list[str] = []
        self._told: set[str] = set()

    @property
    def plan(self) -> Plan:
        """The part of every frame."""
        return self._plan

    @property
    def readable_plan(self) -> Plan:
        """The part of every frame that could be read, or was not tried yet."""
        return self._plan.without(self._unreadable) if self._unreadable else self._plan

    @property
    def clips(self) -> dict[str, Clip]:
        """All clips by name, as of the last survey."""
        return self._clips

    @property
    def revision(self) -> int:
        """Revision of the project that the clips are of; it may have gone on since."""
        return self._revision

    @property
    def labelled_pairs(self) -> frozenset[tuple[str, str]]:
        """Domains with the structures that a finished label of a frame which is learnt from speaks of."""
        return self._pairs

    @property
    def has_labels(self) -> bool:
        """Whether there is a labelled frame to train on."""
        return bool(self._plan.labelled)

    @property
    def has_validation(self) -> bool:
        """Whether there are frames of held patients to validate on."""
        return bool(self._checked)

    @property
    def validation_frames(self) -> tuple[TrainingFrame, ...]:
        """Frames of held patients, in order."""
        return tuple(self._checked[key] for key in sorted(self._checked))

    @property
    def has_waiting(self) -> bool:
        """Whether any frame is still to be loaded or released."""
        return bool(self._waiting) or self._must_release

    @property
    def must_release(self) -> bool:
        """Whether the trainer may hold a frame that it should not; no step is done before :meth:`release`."""
        return self._must_release

    def take_troubles(self) -> list[str]:
        """Plain sentences on frames that could not be read, since the last call."""
        troubles, self._troubles = self._troubles, []
        return troubles

    @property
    def awaits_labels(self) -> bool:
        """Whether a frame with finished labels is still to be loaded."""
        return bool(self._waiting) and self._is_labelled(self._waiting[0])

    @property
    def awaits_validation(self) -> bool:
        """Whether a frame of a held patient is still to be loaded."""
        checked = set(self._plan.validation)
        return any(key in checked for key in self._waiting)

    @property
    def loaded_labelled(self) -> int:
        """Labelled training frames that the trainer holds."""
        return sum(1 for digest in self._held.values() if digest)

    @property
    def loaded_unlabelled(self) -> int:
        """Unlabelled frames that the trainer holds."""
        return len(self._held) - self.loaded_labelled

    def survey(self) -> None:
        """Read all clips and which frames have finished labels, and plan anew.

        Raises
        ------
        AnnotatorError
            Where the project cannot be read.
        """
        self._survey(self._clips_now())

    def _survey(self, clips: dict[str, Clip]) -> None:
        self._clips = clips
        said = {
            key: frozenset(s for s, cell in cells.items() if cell.status.is_finished)
            for key, cells in self._project.all_statuses().items()
        }
        self._finished = {key: structures for key, structures in said.items() if structures}
        self._replan()

    def note_change(self, keys: Iterable[FrameKey], clips: Sequence[str]) -> Noted:
        """Remember that labels of frames, or clips themselves, changed.

        Raises
        ------
        AnnotatorError
            Where the project cannot be read.
        """
        before, was, since = self._clips, self._plan, self._revision
        now = self._clips_now() if clips else before
        # Of all that is read now, and before the plan forgets who taught; what comes later, the next change asks of.
        is_late = bool(clips) and self._project.has_set_apart_since(since)
        names = {n for n in {*now, *before} if now.get(n) is not before.get(n)} if clips else set()
        touched = frozenset(n for n in names if _seen_of(now.get(n)) != _seen_of(before.get(n)))
        if touched:
            self._shelf.forget_clips(touched)
            for key in [k for k in {*self._held, *self._checked} if k.clip in touched]:
                self._digests.pop(key, None)
                if key in self._held:
                    self._held[key] = _STALE
            self._survey(now)
        self._try_again(clips)
        self._dirty.extend(keys)
        taught = {key.clip for key in was.labelled}
        return Noted(touched, is_late or must_unlearn(before, self._clips, taught=taught, held=was.held))

    def _try_again(self, clips: Sequence[str]) -> None:
        """Frames that could not be read are read again, since an import gives a damaged clip its frames back."""
        unreadable = {key for key in self._unreadable if key.clip not in clips}
        if len(unreadable) < len(self._unreadable):
            self._unreadable = unreadable
            self._replan()

    def _clips_now(self) -> dict[str, Clip]:
        self._revision, clips = self._project.dated_clips()
        return {clip.name: clip for clip in clips}

    def examine(self, count: int) -> bool:
        """Read the labels of up to ``count`` changed frames; whether there were any.

        Raises
        ------
        AnnotatorError
            Where the project cannot be read.
        """
        if not self._dirty:
            return False
        changed = False
        for _ in range(min(count, len(self._dirty))):
            changed |= self._examine(self._dirty.popleft())
        if changed:
            self._replan()
        return True

    def _examine(self, key: FrameKey) -> bool:
        label = self._project.label(key) if key.clip in self._clips else None
        was = self._finished.pop(key, None)
        digest = self._digests.get(key)
        if label is None or not label.has_finished:
            self._digests.pop(key, None)
            return was is not None
        said = frozenset(s for s, v in label.structures.items() if v.status.is_finished)
        self._finished[key] = said
        if said == was and digest == _digest(allowed_bitmap(label, self._project.protocol)):
            return False
        self._digests.pop(key, None)
        return True

    def _allowed(self, key: FrameKey) -> Bitmap | None:
        label = self._project.label(key)
        return allowed_bitmap(label, self._project.protocol) if label.has_finished else None

    def _replan(self) -> None:
        held = held_patients(self._project, tuple(self._clips.values()), self._finished)
        reach, most = self._workshop.neighbour_reach, min(MAX_UNLABELLED, self._workshop.most_unlabelled)
        self._plan = plan_frames(tuple(self._clips.values()), self._finished, held=held, reach=reach, most=most)
        self._pairs = frozenset(
            (self._clips[key.clip].header.domain, s) for key in self._plan.labelled for s in self._finished[key]
        )
        wanted = [*self._plan.labelled, *self._plan.validation, *self._plan.unlabelled]
        self._waiting = deque(k for k in wanted if k not in self._unreadable and not self._is_in_place(k))
        self._must_release = True

    def _is_labelled(self, key: FrameKey) -> bool:
        return key in self._finished

    def _is_in_place(self, key: FrameKey) -> bool:
        if not self._is_labelled(key):
            return self._held.get(key) == b""
        digest = self._digests.get(key)
        if digest is None:
            return False
        return (
            key in self._checked
            if self._clips[key.clip].header.patient in self._plan.held
            else (self._held.get(key) == digest)
        )

    def release(self, trainer: TrainerProtocol) -> bool:
        """Take out of the trainer what the plan no longer has; whether the validation frames changed too."""
        if not self._must_release:
            return False
        self._must_release = False
        labelled, unlabelled = set(self._plan.labelled), set(self._plan.unlabelled)
        # One whose label was taken back comes again, when its turn comes, as an unlabelled one.
        gone = [k for k, said in self._held.items() if k not in labelled and (said or k not in unlabelled)]
        if gone:
            trainer.forget(gone)
            for key in gone:
                del self._held[key]
        checked = set(self._plan.validation)
        for key in [k for k in self._checked if k not in checked]:
            del self._checked[key]
            self._validation_is_stale = True
        if self._validation_is_stale and not self.awaits_validation:
            self._validation_is_stale = False
            trainer.set_validation(self.validation_frames)
            return True
        return False

    def load(self, trainer: TrainerProtocol, count: int) -> int:
        """Put up to ``count`` waiting frames into the trainer, labelled ones first.

        Returns
        -------
        int
            How many of them had new labels.

        Raises
        ------
        AnnotatorError
            Where the database cannot be read; a frame that cannot be read is left out, see :meth:`take_troubles`.
        """
        frames: list[TrainingFrame] = []
        new = 0
        checked = set(self._plan.validation)
        for _ in range(min(count, len(self._waiting))):
            key = self._waiting.popleft()
            made = self._made(key)
            if made is None:
                continue
            new += made.bitmap is not None
            if key in checked:
                self._checked[key] = made
                self._validation_is_stale = self._must_release = True
            else:
                self._held[key] = self._digests.get(key, b"") if made.bitmap is not None else b""
                frames.append(made)
        if frames:
            trainer.put(frames)
        return new

    def _made(self, key: FrameKey) -> TrainingFrame | None:
        clip = self._clips[key.clip]
        try:
            allowed = self._allowed(key) if self._is_labelled(key) else None
        except CorruptProject as error:
            self._leave_out(key, error)
            return None
        if allowed is not None:
            self._digests[key] = _digest(allowed)
        try:
            image = self._shelf.image(key, clip)
        except AnnotatorError as error:
            self._leave_out(key, error)
            return None
        said = self._finished.get(key, frozenset())
        accepted = self._accepted(key) & said
        return self._workshop.training_frame(
            key, clip.header, image=image, allowed=allowed, said=said, accepted=accepted
        )

    def _leave_out(self, key: FrameKey, error: AnnotatorError) -> None:
        """Go on without a frame, and tell of it once, however many frames of a clip it is of."""
        _LOG.error("Frame %s is left out of training.", key, exc_info=error)
        self._unreadable.add(key)
        sentence = f"A frame was left out of training: {error}"
        if sentence not in self._told:
            self._told.add(sentence)
            self._troubles.append(sentence)

    def _accepted(self, key: FrameKey) -> frozenset[str]:
        if not self._is_labelled(key):
            return frozenset()
        cells = self._project.statuses(key.clip).get(key.frame, {})
        return frozenset(s for s, cell in cells.items() if cell.origin is Origin.ACCEPTED)

    def start_over(self) -> None:
        """Everything must be loaded again, since the trainer is a new one."""
        self._held.clear()
        self._checked.clear()
        self._digests.clear()
        self._unreadable.clear()
        self._told.clear()
        self._validation_is_stale = False
        self._replan()

    def fingerprint(self) -> str:
        """Hexadecimal hash of every loaded label and what it is for, by which a restart knows that nothing is new."""
        digest = hashlib.sha256()
        for key in sorted(self._digests):
            part = "validation" if key in self._checked else "training"
            digest.update(f"{key.clip}\0{key.frame}\0{part}\0".encode() + self._digests[key])
        return digest.hexdigest()


def _seen_of(clip: Clip | None) -> Clip | None:
    """A clip without what neither training nor prediction looks at."""
    if clip is None or not (clip.header.ed_frames or clip.header.es_frames):
        return clip
    return replace(clip, header=replace(clip.header, ed_frames=(), es_frames=()))


def _digest(allowed: Bitmap) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(allowed).tobytes(), digest_size=16).digest()
