"""What the project hands out: frozen values, safe to send between threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from annotator.core.identity import Clip, FrameKey
from annotator.core.status import LabelStatus, Origin

CommitKind = Literal["edit", "undo", "redo", "clip", "import", "remove"]


@dataclass(frozen=True, slots=True)
class Commit:
    """A change that is on disk.

    Parameters
    ----------
    revision
        The project's revision after it.
    kind
        ``"clip"`` is a change of a clip's details; ``"import"`` brought clips or labels.
    keys
        Frames whose labels changed, sorted; empty where nothing changed.
    structures
        Structures whose labels changed, sorted; the unsure brush is ``"unsure"``.
    clips
        Clips that were touched, sorted.
    sentence
        What happened, for the status line.
    replaced
        Frame and structure of each label that gave way to an imported one, sorted.
    left_out
        Frame and structure of each draft that was not imported beside them, since it contradicts what is here, sorted.
    """

    revision: int
    kind: CommitKind
    keys: tuple[FrameKey, ...]
    structures: tuple[str, ...]
    clips: tuple[str, ...]
    sentence: str
    replaced: tuple[tuple[FrameKey, str], ...] = ()
    left_out: tuple[tuple[FrameKey, str], ...] = ()

    @property
    def is_of_labels(self) -> bool:
        """Whether labels alone changed, and no clip came, went or is for something else now."""
        return bool(self.keys) and self.kind in ("edit", "undo", "redo")


@dataclass(frozen=True, slots=True)
class Joining:
    """How labels from outside are joined with those here.

    Parameters
    ----------
    replaces
        Whether they take the place of labels here that contradict them; otherwise all are refused.
    are_masks
        Whether they come from masks, which have one value for unsure and for unknown.
    """

    replaces: bool = False
    are_masks: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """The current label of one structure in one frame, without its masks."""

    status: LabelStatus
    origin: Origin
    snapshot: int | None = None
    revision: int = 0
    author: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding a recording; ``is_new`` is False where the project had its content already.

    ``given`` is there where the clip's patient was named by nobody so far, and the clip was given to the recording's:
    what that means for models, as the end of a sentence, which is often empty.
    """

    clip: Clip
    is_new: bool
    revision: int
    given: str | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with a patient: clips by name, and how many frames, label revisions and marked snapshots."""

    clips: tuple[str, ...]
    frames: int
    labels: int
    tainted_snapshots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is.

    Parameters
    ----------
    clips, frames
        Of the whole project.
    labels
        Structure to status to number of frames, over training and validation clips.
    test_labels
        The same over test clips, which enter no training.
    by_domain
        Domain to ``{"clips", "frames", "labels"}``; labels are finished ones.
    by_author, by_origin
        Finished labels of training and validation clips.
    """

    clips: int
    frames: int
    labels: Mapping[str, Mapping[str, int]]
    test_labels: Mapping[str, Mapping[str, int]]
    by_domain: Mapping[str, Mapping[str, int]]
    by_author: Mapping[str, int]
    by_origin: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A published model and where it came from.

    Parameters
    ----------
    id
        Number within the project, from 1.
    step
        Training step at which it was published.
    data_revision
        Revision of the labels that it was trained on.
    recipe
        The recipe, as text.
    metrics
        Plain JSON values.
    is_validated
        Whether held-aside patients judged it.
    file
        The safetensors file.
    sha256
        Of the file, hexadecimal.
    time
        UTC.
    is_tainted
        Whether it may have seen a patient who was removed, or set apart for tests or validation, since.
    has_file
        Whether its file is still there; most old ones are taken away, and their rows stay.
    """

    id: int
    step: int
    data_revision: int
    recipe: str
    metrics: Mapping[str, Any]
    is_validated: bool
    file: Path
    sha256: str
    time: datetime
    is_tainted: bool = False
    has_file: bool = True

    @property
    def is_usable(self) -> bool:
        """Whether it may serve, and can."""
        return self.has_file and not self.is_tainted


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of reading every file and row.

    Parameters
    ----------
    is_sound
        Whether there was no problem.
    problems
        One plain sentence each.
    clips, frames, labels, snapshots
        What was read and found good.
    unnamed
        Files of frames that no clip has, as an interrupted import leaves them; they are no problem.
    """

    is_sound: bool
    problems: tuple[str, ...]
    clips: int
    frames: int
    labels: int
    snapshots: int
    unnamed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was copied out of a damaged project, and what was lost in plain sentences."""

    path: Path
    clips: int
    labels: int
    snapshots: int
    lost: tuple[str, ...]
