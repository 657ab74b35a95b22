"""The CSV manifest: bulk import of images with what is known of them.

One row speaks of a frame or of a whole file; all rows of a file make one clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.identity import PATIENT_SENTENCES, Pseudonymiser, SpacingStatus, Split, safe_stem
from annotator.core.indexed import complete_values
from annotator.core.plugin_types import Reader, Recording
from annotator.core.protocols import LabelProtocol
from annotator.core.spellings import plain_spelling
from annotator.core.views import strange_view_sentence, view_in_stem
from annotator.core.words import counted
from annotator.ingest.manifest_labels import LabelSource, labels_of, merged
from annotator.ingest.manifest_rows import Row, read_rows
from annotator.ingest.paths import STEM_SENTENCE
from annotator.ingest.readers import NAMELESS, reader_of, stem_of, told_of


@dataclass(frozen=True, slots=True)
class _ClipRows:
    """All rows of one file, which agree on everything but frames and labels."""

    image: Path
    rows: tuple[Row, ...]

    def said(self, field: str) -> Any:
        """The one value that the rows give to a field; None where none does."""
        return next((value for row in self.rows if (value := getattr(row, field)) is not None), None)

    @property
    def patient(self) -> str:
        """The patient as written, else the folder's name."""
        found: str | None = self.said("patient")
        return found or self.image.resolve().parent.name

    @property
    def split(self) -> Split:
        """Part of the data; training where no row says."""
        found: Split | None = self.said("split")
        return found or Split.TRAIN


class Manifest:
    """The clips of a manifest; iterating reads them one by one as ``(Recording, Split)``, ``len`` counts them.

    Parameters
    ----------
    clips
        Rows by clip.
    source
        How label files are read.
    pseudonymiser
        The project's.
    warnings
        Plain sentences on the whole manifest.

    Attributes
    ----------
    unnamed
        Pseudonyms, so far, of patients whom their files name and no row does.
    stand_ins
        So far, by the stem of each file that names no patient and has one by its rows, the pseudonyms as which it comes
        without a manifest.
    """

    def __init__(
        self,
        clips: Sequence[_ClipRows],
        source: LabelSource,
        pseudonymiser: Pseudonymiser,
        warnings: tuple[str, ...],
    ) -> None:
        self._clips, self._source, self._pseudonymiser = tuple(clips), source, pseudonymiser
        self._warnings, self._named_otherwise = warnings, set[Path]()
        self._first_of: dict[str, _ClipRows] = {}
        self.unnamed = set[str]()
        self.stand_ins = dict[str, set[str]]()

    @property
    def values(self) -> Mapping[str, int]:
        """Mask value of every structure: those given, and the next free ones for the others."""
        return self._source.values

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[tuple[Recording, Split]]:
        """Read clip after clip.

        Raises
        ------
        BadInput
            Where an image or label file is damaged, they do not fit together, or files name a patient in two splits.
        """
        for clip in self._clips:
            yield self._recording(clip), clip.split

    def check(self, on_clip: Callable[[int, int], None] | None = None) -> None:
        """Read every header and label file, so that an import that starts also ends.

        Parameters
        ----------
        on_clip
            Called with the clips done and in all; may raise to cancel.

        Raises
        ------
        BadInput
            As iterating does, frames that turn out to be damaged aside.
        """
        for done, clip in enumerate(self._clips):
            if on_clip is not None:
                on_clip(done, len(self._clips))
            self._recording(clip)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain sentences on the whole manifest; on its patients those that reading it brought up."""
        count = len(self._named_otherwise)
        if not count:
            return self._warnings
        clips = f"{counted(count, 'file')} of the manifest name{'s' if count == 1 else ''} the patient otherwise"
        return (
            *self._warnings,
            f"{clips} than it does, and the manifest holds: recordings of these patients that come without one count "
            "as other patients. Import those by a manifest too, so that none is in training and tests at once.",
        )

    def _patient(self, clip: _ClipRows, recording: Recording) -> str:
        """The pseudonym that the rows give, else the file's own, else its folder's, for which pictures stand."""
        said, own = self._pseudonymiser.key(clip.patient), recording.header.patient
        folder = self._pseudonymiser.key(clip.image.resolve().parent.name)
        is_sure = not set(PATIENT_SENTENCES) & set(recording.warnings)
        if clip.said("patient") is not None and (clip.image.suffix.lower() in NAMELESS or not is_sure):
            stem = stem_of(clip.image)
            self.stand_ins.setdefault(stem, set()).update((own, folder, self._pseudonymiser.key(stem)))
        if own in (said, folder):
            return said
        if clip.said("patient") is not None:
            self._named_otherwise |= {clip.image} if is_sure else set()
            return said
        patient = own if is_sure else said
        self.unnamed.add(patient)
        return patient

    def _refuse_two_splits(self, clip: _ClipRows, patient: str) -> None:
        """Refuse a clip in another split than the first one of its patient, whom the files may name."""
        first = self._first_of.setdefault(patient, clip)
        if first.split is not clip.split:
            what = f"'{first.image.name}' and '{clip.image.name}' are of one patient and in two splits"
            raise BadInput(
                self._source.csv_path, f"{what}, {first.split} and {clip.split}", "put each patient wholly into one"
            )

    def _recording(self, clip: _ClipRows) -> Recording:
        recordings = reader_of(clip.image, self._source.readers).read(clip.image, self._pseudonymiser)
        if len(recordings) != 1:
            held = f"{len(recordings)} clips" if recordings else "no image"
            raise BadInput(
                clip.image, f"it holds {held}, and a manifest's row speaks of one", "name a file of one clip"
            )
        recording = recordings[0]
        patient = self._patient(clip, recording)
        self._refuse_two_splits(clip, patient)
        changes: dict[str, Any] = {
            "stem": stem_of(clip.image),
            "patient": patient,
            "view": clip.said("view") or recording.header.view or view_in_stem(clip.image.stem),
        }
        if (domain := clip.said("domain")) is not None:
            changes["domain"] = safe_stem(domain)
        if (spacing := clip.said("spacing")) is not None:
            changes.update(spacing=spacing, spacing_status=SpacingStatus.TRUSTED, proposed_spacing=None)
        header = replace(recording.header, **changes)
        labels = labels_of(clip.rows, header, self._source)
        for frame, own in recording.labels.items():
            labels[frame] = merged(own, labels[frame], clip.rows[0], clip.image) if frame in labels else own
        warnings = tuple(sentence for sentence in recording.warnings if sentence not in PATIENT_SENTENCES)
        return replace(recording, header=header, labels=labels, split=clip.said("split"), warnings=warnings)


def read_manifest(
    csv_path: Path,
    protocol: LabelProtocol,
    *,
    values: Mapping[str, int] | None,
    readers: Mapping[str, Reader],
    pseudonymiser: Pseudonymiser,
) -> Manifest:
    """Check a manifest without decoding anything; :meth:`Manifest.check` goes on to headers and labels.

    Parameters
    ----------
    csv_path
        The CSV; paths in it are relative to it.
    protocol
        Whose structures it labels.
    values
        Mask values that ``--values`` names; None for the protocol's own order.
    readers
        Readers by name, for images and label files.
    pseudonymiser
        The project's.

    Raises
    ------
    BadInput
        Where a column or cell is wrong, a file is missing or of no known format, rows of one file
        contradict each other, or a patient is in two splits.
    """
    try:
        complete = complete_values(protocol, values)
    except AnnotatorError as error:
        raise BadInput("values of the structures (--values)", str(error).rstrip("."), "correct it") from None
    starred = tuple(s for s in protocol.ids if s in values) if values else protocol.ids
    rows = read_rows(csv_path, protocol, starred=starred)
    clips = _grouped(rows, csv_path)
    _refuse_shared_patients(clips, csv_path, pseudonymiser)
    for row in rows:
        reader_of(row.image, readers)
        if row.labels is not None:
            reader_of(row.labels, readers)
    source = LabelSource(csv_path, readers, complete, frozenset(values or protocol.ids))
    return Manifest(clips, source, pseudonymiser, (*told_of(readers), *_warnings(rows, clips, protocol)))


def _grouped(rows: Sequence[Row], csv_path: Path) -> list[_ClipRows]:
    by_image: dict[Path, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image.resolve(), []).append(row)
    clips = [_ClipRows(group[0].image, tuple(group)) for group in by_image.values()]
    for clip in clips:
        for field in ("patient", "view", "domain", "spacing", "split"):
            first = clip.said(field)
            for row in clip.rows:
                if getattr(row, field) not in (None, first):
                    what = f"line {row.line}: another {field} of {row.image.name} than line {clip.rows[0].line} says"
                    raise BadInput(csv_path, what, "give all rows of one file the same")
    return clips


def _refuse_shared_patients(clips: Sequence[_ClipRows], csv_path: Path, pseudonymiser: Pseudonymiser) -> None:
    splits: dict[str, Split] = {}
    # Whom the others are of is known once their files are read.
    for clip in (clip for clip in clips if clip.said("patient") is not None):
        first = splits.setdefault(pseudonymiser.key(clip.patient), clip.split)
        if first is not clip.split:
            what = f"patient '{clip.patient}' is in two splits, {first} and {clip.split}"
            raise BadInput(csv_path, what, "put each patient wholly into one")
    by_key = {pseudonymiser.key(clip.patient): clip for clip in clips}
    for one, other in _alike(clips, pseudonymiser):
        if by_key[pseudonymiser.key(one)].split is not by_key[pseudonymiser.key(other)].split:
            what = f"the patients '{one}' and '{other}', which look like one, are in two splits"
            raise BadInput(csv_path, what, "spell one patient alike, and two more differently")


def _alike(clips: Sequence[_ClipRows], pseudonymiser: Pseudonymiser) -> list[tuple[str, str]]:
    """Patients that count as two, though only case, blanks or signs tell them apart."""
    first: dict[str, str] = {}
    found: dict[str, tuple[str, str]] = {}
    for patient in (clip.patient for clip in clips):
        one = first.setdefault(plain_spelling(patient), patient)
        if pseudonymiser.key(one) != pseudonymiser.key(patient):
            found.setdefault(pseudonymiser.key(patient), (one, patient))
    return list(found.values())


def _warnings(rows: Sequence[Row], clips: Sequence[_ClipRows], protocol: LabelProtocol) -> tuple[str, ...]:
    sentences = [STEM_SENTENCE]
    n_folders = sum(clip.said("patient") is None for clip in clips)
    if n_folders:
        sentences.append(
            f"{counted(n_folders, 'image')} without a patient: the file's own counts, else the folder's name."
        )
    n_unread = sum(row.labels is not None and not row.known for row in rows)
    if n_unread:
        sentences.append(f"{counted(n_unread, 'row')} with labels and no known structure: nothing is taken from them.")
    n_empty = sum(row.labels is None and bool(row.known) for row in rows)
    if n_empty:
        sentences.append(
            f"{counted(n_empty, 'row')} with known structures and no label file: nothing is taken from them."
        )
    views = sorted({row.view for row in rows if row.view})
    sentences += list(filter(None, (strange_view_sentence(view, protocol) for view in views)))[:1]
    return tuple(sentences)
