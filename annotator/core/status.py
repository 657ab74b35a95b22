"""What has been said of one structure in one frame, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LabelStatus(StrEnum):
    """Status of one structure in one frame (the table of allowed sets is in :mod:`annotator.core.allowed`)."""

    UNKNOWN = "unknown"
    """Nothing was said. Never stored as background."""
    DRAFT = "draft"
    """Strokes that are saved but not finished; nothing trains on them."""
    OUTLINED = "outlined"
    """Complete: every pixel of the structure is in the mask."""
    ABSENT = "absent"
    """Looked for, and not in this frame."""
    PARTIAL = "partial"
    """Scribbles: some pixels are known to be inside or outside."""
    REJECTED = "rejected"
    """A suggestion that was refused; says nothing of any pixel, hides the suggestion."""

    @property
    def is_whole(self) -> bool:
        """Whether it tells of every pixel if it is the structure or not."""
        return self in (LabelStatus.OUTLINED, LabelStatus.ABSENT)

    @property
    def is_finished(self) -> bool:
        """Whether the learner may read it."""
        return self in (LabelStatus.OUTLINED, LabelStatus.ABSENT, LabelStatus.PARTIAL)


class Origin(StrEnum):
    """How a label came to be."""

    DRAWN = "drawn"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    PROPAGATED = "propagated"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made a revision, when, how, and from which model snapshot.

    Parameters
    ----------
    revision
        The project-wide revision number.
    author
        The name from the settings or ``--author``.
    time
        UTC.
    origin
        See :class:`Origin`.
    snapshot
        Id of the model snapshot that suggested it, where one did.
    """

    revision: int
    author: str
    time: datetime
    origin: Origin
    snapshot: int | None = None
