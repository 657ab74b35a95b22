"""Frame and clip identity: a closed schema that no patient field fits into.

What is not a field here cannot enter a project: no name, date, accession number or free text. Patient
keys are salted pseudonyms. The one free string is a clip's stem, and it is checked.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal

from annotator.core.errors import AnnotatorError
from annotator.core.words import ordinal

_PSEUDONYM = re.compile(r"^p[0-9a-f]{12}$")
_STEM_UNSAFE = re.compile(r"[^\w.\- ~()+]", re.UNICODE)
_STEM_BYTES: Final = 200
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)

PatientFrom = Literal["file", "folder", "stem"]
"""What tells a file's patient: the file, else its folder's name; always its folder's name; or always its own."""

NO_PATIENT_SENTENCE: Final = (
    "The file names no patient; its study stands for one, so that a patient of two studies counts as two. "
    "Let a manifest tell the patients, or the folder's name where each has a folder, or put the two together by the "
    "clips' menu in the window."
)

EVERYBODY_SENTENCE: Final = (
    "The file calls its patient what anonymisation calls everybody, and all such files count as one patient, so that "
    "they cannot be split. Let a manifest tell the patients, or the folder's name where each has a folder, or part "
    "them by the clips' menu in the window."
)

PATIENT_SENTENCES: Final = (NO_PATIENT_SENTENCE, EVERYBODY_SENTENCE)
"""What readers say of a clip's patient; it holds no more where somebody else names the patient."""

NO_DOMAIN: Final = "default"
"""The domain of clips of which nobody says one."""

PIXEL_DIGITS: Final = 52
"""Digits of a content hash that speak of the pixels alone."""

MAX_SIDE: Final = 16384
"""Longest side of a frame that is accepted, in pixels."""


class Split(StrEnum):
    """Which part of the data a clip belongs to; a patient is wholly in one."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def strictest(splits: Iterable[Split]) -> Split:
    """The split of a patient whose clips come from some: the one of them that is kept most apart from training.

    What was a test clip may not be learnt from because it lies with a training clip now.
    """
    found = set(splits)
    return next((split for split in (Split.TEST, Split.VALIDATION) if split in found), Split.TRAIN)


class SpacingStatus(StrEnum):
    """Whether millimetres may be shown."""

    UNKNOWN = "unknown"
    """The file says nothing of its pixel size."""
    TRUSTED = "trusted"
    """The file says it, and nothing contradicts it."""
    DOUBTED = "doubted"
    """The file contradicts itself; a correction is proposed, and millimetres stay unset until confirmed."""
    CONFIRMED = "confirmed"
    """A person confirmed or entered it."""


PLAUSIBLE_MM: Final = (0.005, 10.0)
"""Smallest and largest pixel size of an ultrasound image, in mm."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """Pixel size in mm/px, ``y`` down the rows and ``x`` along the columns.

    Raises
    ------
    AnnotatorError
        Where a size is not positive and finite.
    """

    y: float
    x: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) and v > 0 for v in (self.y, self.x)):
            raise AnnotatorError(f"A pixel size must be positive, not {self.y} x {self.x} mm.")


@dataclass(frozen=True, slots=True)
class Pseudonymiser:
    """Turns patient keys into salted pseudonyms.

    Parameters
    ----------
    salt
        The project's secret; the same patient has the same key within a project and another elsewhere.
    """

    salt: bytes

    def key(self, patient: str) -> str:
        """Pseudonym ``p`` + 12 hexadecimal digits (HMAC-SHA256) of a patient's identifier.

        An accent counts the same within its letter and beside it, as macOS names folders (Unicode annex 15).
        """
        # A folder's name that is no UTF-8 has its bytes as lone surrogates (PEP 383).
        written = unicodedata.normalize("NFC", patient.strip()).encode("utf-8", "surrogatepass")
        return "p" + hmac.new(self.salt, written, hashlib.sha256).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class ListeningPseudonymiser(Pseudonymiser):
    """Remembers, in memory alone, what it gave pseudonyms to.

    Parameters
    ----------
    heard
        Pseudonym to identifier, of all that were asked for so far.
    """

    heard: dict[str, str] = field(default_factory=dict, compare=False)

    def key(self, patient: str) -> str:
        """As :meth:`Pseudonymiser.key`, and remember it."""
        key = Pseudonymiser.key(self, patient)
        self.heard.setdefault(key, patient)
        return key


def is_pseudonym(key: str) -> bool:
    """Whether a string has the form of a pseudonym."""
    return bool(_PSEUDONYM.match(key))


def safe_stem(stem: str) -> str:
    """A clip name that every file system takes: unsafe characters become '_', at most 100 characters and 200 bytes.

    A file's name may take 255 bytes, in which a frame's number and a suffix stand too. A letter and its accent become
    one character (Unicode's NFC), which some systems write as two. What Windows takes for a device, such as ``aux`` or
    ``con.2``, gets a '_' before it: what is written there to ``aux.png`` is lost.
    """
    cleaned = _cleaned(unicodedata.normalize("NFC", stem))
    free = _cleaned(f"_{cleaned}") if _DEVICE.match(cleaned) else cleaned
    short = free.encode()[:_STEM_BYTES].decode(errors="ignore")
    return short.strip(" .") or "clip"


def _cleaned(stem: str) -> str:
    return _STEM_UNSAFE.sub("_", stem).strip(" .")[:100].strip(" .") or "clip"


@dataclass(frozen=True, slots=True)
class ClipHeader:
    """What a reader may say of a clip.

    Parameters
    ----------
    stem
        Proposed name: a pseudonym for DICOM, the file's stem otherwise.
    patient
        Salted pseudonym from the given :class:`Pseudonymiser`.
    n_frames, height, width
        Size; pixels.
    channels
        1 (grey) or 3 (RGB).
    view
        View id of the protocol, such as ``"a4c"``, where known.
    domain
        Scanner, vendor or hospital: what the learner must not mistake for anatomy.
    spacing
        mm/px, only where ``spacing_status`` is trusted or confirmed.
    spacing_status
        See :class:`SpacingStatus`.
    proposed_spacing
        mm/px offered for confirmation: where the spacing is doubted, or an image program noted it in a picture.
    frame_times_ms
        Start of each frame from the first, in ms; empty where not known.
    heart_rate_bpm
        Beats per minute, where known.
    ed_frames, es_frames
        Frame indices of end-diastole and end-systole.
    format
        Short format name, such as ``"dicom"``.

    Raises
    ------
    AnnotatorError
        Where a field does not fit the schema.
    """

    stem: str
    patient: str
    n_frames: int
    height: int
    width: int
    channels: int = 1
    view: str | None = None
    domain: str = NO_DOMAIN
    spacing: Spacing | None = None
    spacing_status: SpacingStatus = SpacingStatus.UNKNOWN
    proposed_spacing: Spacing | None = None
    frame_times_ms: tuple[float, ...] = ()
    heart_rate_bpm: float | None = None
    ed_frames: tuple[int, ...] = ()
    es_frames: tuple[int, ...] = ()
    format: str = "unknown"

    def __post_init__(self) -> None:
        # Projects have longer ones, from before there was a limit in bytes.
        if self.stem != _cleaned(self.stem):
            raise AnnotatorError(f"'{self.stem}' cannot be a clip name; '{safe_stem(self.stem)}' could.")
        if not is_pseudonym(self.patient):
            raise AnnotatorError("A clip's patient must be a pseudonym, never a name or number from the file.")
        if self.n_frames < 1 or not (1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE):
            raise AnnotatorError(f"{self.n_frames} frames of {self.height} x {self.width} pixels cannot be a clip.")
        if self.channels not in (1, 3):
            raise AnnotatorError(f"A frame has 1 or 3 channels, not {self.channels}.")
        has_spacing = self.spacing_status in (SpacingStatus.TRUSTED, SpacingStatus.CONFIRMED)
        if (self.spacing is not None) != has_spacing:
            raise AnnotatorError(f"Spacing {self.spacing} does not fit its status '{self.spacing_status}'.")
        if self.frame_times_ms and len(self.frame_times_ms) != self.n_frames:
            raise AnnotatorError(f"{len(self.frame_times_ms)} frame times for {self.n_frames} frames.")
        if any(not 0 <= f < self.n_frames for f in (*self.ed_frames, *self.es_frames)):
            raise AnnotatorError(f"An ED or ES mark lies outside the {self.n_frames} frames.")

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.height, self.width

    def with_confirmed(self, spacing: Spacing) -> ClipHeader:
        """The header with a pixel size that a person vouches for."""
        return replace(self, spacing=spacing, spacing_status=SpacingStatus.CONFIRMED, proposed_spacing=None)

    def filled_from(self, other: ClipHeader) -> ClipHeader:
        """The header with another one's view, domain and pixel size, each where it has none itself."""
        sizes = other if self.spacing is None and other.spacing is not None else self
        return replace(
            self,
            view=self.view or other.view,
            domain=other.domain if self.domain == NO_DOMAIN else self.domain,
            spacing=sizes.spacing,
            spacing_status=sizes.spacing_status,
            proposed_spacing=sizes.proposed_spacing,
        )

    def is_sized_like(self, other: ClipHeader) -> bool:
        """Whether domain, picture and what is known of the pixel size are the same: what fits one may fit the other.

        Two depths of one scanner look the same here, and so a person has to say that it does.
        """
        return _kind_of_size(self) == _kind_of_size(other)


def _kind_of_size(header: ClipHeader) -> tuple[object, ...]:
    size = (header.spacing, header.spacing_status, header.proposed_spacing)
    return header.domain, header.shape, *size


def twin_hash(content_hash: str, patient: str) -> str:
    """Content hash of a clip whose pixels another patient's clip has too, or whose former patient was removed.

    The first :data:`PIXEL_DIGITS` digits stay, so that twins are recognised; the others are the pseudonym's.
    """
    return content_hash[:PIXEL_DIGITS] + patient[1:]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in a project.

    Parameters
    ----------
    name
        Unique in the project; equal stems get ``~2``, ``~3``.
    header
        See :class:`ClipHeader`; view, domain, spacing and marks may be edited by replacing it.
    split
        See :class:`Split`.
    content_hash
        SHA-256 (hexadecimal) of size and pixels, by which a second import is recognised; see :func:`twin_hash`.
    """

    name: str
    header: ClipHeader
    split: Split = Split.TRAIN
    content_hash: str = field(default="", repr=False)

    @property
    def pixels(self) -> str:
        """What clips with the same size and pixels have in common."""
        return self.content_hash[:PIXEL_DIGITS]

    @property
    def frame_keys(self) -> tuple[FrameKey, ...]:
        """Keys of all frames in order."""
        return tuple(FrameKey(self.name, i) for i in range(self.header.n_frames))

    def is_set_apart_since(self, before: Clip, *, held: Collection[str]) -> bool:
        """Whether the clip may not be learnt from any more, as it could be before.

        Parameters
        ----------
        before
            The same clip, of then.
        held
            Pseudonyms of the patients that the learner holds aside for validation.
        """
        if self.split is not before.split:
            return self.split is Split.TEST or (before.split is Split.TRAIN and self.split is Split.VALIDATION)
        return self.header.patient in held and before.header.patient not in held


@dataclass(frozen=True, slots=True, order=True)
class FrameKey:
    """One frame of one clip; ``frame`` counts from 0."""

    clip: str
    frame: int

    @property
    def file_stem(self) -> str:
        """``<clip>_<frame>`` with five digits, as multi-frame exports name their files."""
        return f"{self.clip}_{self.frame:05d}"

    @property
    def in_words(self) -> str:
        """Such as ``"the 2nd frame of 'clip'"``: the window counts from 1, files and the command line from 0."""
        return f"the {ordinal(self.frame)} frame of '{self.clip}'"
