"""Files and folders to recordings, one file at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annotator.core.errors import BadInput
from annotator.core.identity import PATIENT_SENTENCES, PatientFrom, Pseudonymiser, safe_stem
from annotator.core.plugin_types import Reader, Recording
from annotator.core.views import view_in_stem
from annotator.ingest.exported import ExportedMasks, refuse_masks_alone
from annotator.ingest.folders import Folder, passed_over, search
from annotator.ingest.manifest_rows import refuse_manifest
from annotator.ingest.readers import reader_of, recognised, stem_of, told_of

STEM_SENTENCE = "Clips that keep their file's name are named by it; make sure that no file is named after a patient."
FOLDER_SENTENCE = (
    "Files that name no patient count as one patient per folder, by the folder's name; "
    "give each patient a folder, import each file as one patient, or import a manifest."
)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the user says of all files of an import.

    Parameters
    ----------
    view, domain
        In place of what the files say; None leaves it to them, and a view that they do not say to their names.
    patient_from
        What tells the patient.
    """

    view: str | None = None
    domain: str | None = None
    patient_from: PatientFrom = "file"


@dataclass(frozen=True, slots=True)
class Read:
    """One file that was read: its clips, and plain sentences on the file or the import (those of clips apart).

    ``damage`` is a sentence where the file cannot be read and was left out.
    """

    path: Path
    recordings: tuple[Recording, ...]
    warnings: tuple[str, ...] = ()
    damage: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    reader: Reader
    is_explicit: bool


class Reading:
    """The files of an import, read while they are iterated; ``len`` counts the files.

    Parameters
    ----------
    found
        Files with their readers.
    sentences
        On what was passed over.
    pseudonymiser
        The project's.
    overrides
        What the user says of all files.
    refused
        Named files that no reader takes, with what is wrong of each, left out; empty where nothing may be.
    skip_damaged
        Leave out files that cannot be read, unless none can.
    """

    def __init__(
        self,
        found: Sequence[_Found],
        sentences: Sequence[str],
        pseudonymiser: Pseudonymiser,
        overrides: Overrides,
        *,
        refused: Mapping[Path, BadInput],
        skip_damaged: bool,
    ) -> None:
        self._found, self._sentences, self._refused = tuple(found), tuple(sentences), refused
        self._pseudonymiser, self._overrides = pseudonymiser, overrides
        self._skip_damaged = skip_damaged

    def __len__(self) -> int:
        return len(self._found) + len(self._refused)

    def __iter__(self) -> Iterator[Read]:
        """Read the files in order.

        Raises
        ------
        BadInput
            Where a file is damaged and must not be left out, or no file holds an image.
        """
        said: set[str] = set()
        n_recordings = 0
        first_damage = next(iter(self._refused.values()), None)
        for path, refusal in self._refused.items():
            yield Read(path, (), damage=str(refusal))
        for index, found in enumerate(self._found):
            warnings = list(self._sentences) if index == 0 else []
            try:
                recordings = self._read(found)
            except BadInput as error:
                if not self._skip_damaged:
                    raise
                first_damage = first_damage or error
                yield Read(found.path, (), tuple(warnings), damage=str(error))
                continue
            if not recordings:
                warnings.insert(0, f"{found.path.name} holds no image and was passed over.")
            warnings += [s for s in self._identity_sentences(found.path, recordings) if s not in said]
            said.update(warnings)
            n_recordings += len(recordings)
            yield Read(found.path, tuple(self._named(found.path, r) for r in recordings), tuple(warnings))
        if n_recordings:
            return
        if first_damage is not None:
            raise first_damage
        raise BadInput(self._found[0].path.parent, "no file in it holds an image", "name a folder with images")

    def _read(self, found: _Found) -> tuple[Recording, ...]:
        recordings = tuple(found.reader.read(found.path, self._pseudonymiser))
        if not recordings and found.is_explicit:
            what = "it holds no image, or was cut off before it"
            raise BadInput(found.path, what, "name a file with an image, or copy it again")
        return recordings

    def _identity_sentences(self, path: Path, recordings: Sequence[Recording]) -> list[str]:
        headers = [r.header for r in recordings]
        folder = self._pseudonymiser.key(path.resolve().parent.name)
        sentences = [STEM_SENTENCE] if any(h.stem == stem_of(path) for h in headers) else []
        if self._overrides.patient_from == "file" and any(h.patient == folder for h in headers):
            sentences.append(FOLDER_SENTENCE)
        return sentences

    def _named(self, path: Path, recording: Recording) -> Recording:
        chosen = self._overrides
        changes: dict[str, Any] = {"view": chosen.view or recording.header.view or view_in_stem(path.stem)}
        if chosen.domain is not None:
            changes["domain"] = safe_stem(chosen.domain)
        match chosen.patient_from:
            case "folder":
                changes["patient"] = self._pseudonymiser.key(path.resolve().parent.name)
            case "stem":
                changes["patient"] = self._pseudonymiser.key(stem_of(path))
            case "file":
                pass
        warnings = recording.warnings
        if "patient" in changes:
            warnings = tuple(sentence for sentence in warnings if sentence not in PATIENT_SENTENCES)
        return replace(recording, header=replace(recording.header, **changes), warnings=warnings)


def read_paths(
    paths: Sequence[Path],
    readers: Mapping[str, Reader],
    pseudonymiser: Pseudonymiser,
    *,
    overrides: Overrides | None = None,
    skip_damaged: bool = False,
    picture_formats: Collection[str] = (),
) -> Reading:
    """Find the files to read; nothing is decoded before the result is iterated.

    Folders are walked in sorted order, hidden files aside. A file that no reader recognises counts as damaged
    where it was named, and is passed over with a sentence where it was found in a folder; the same holds for
    a DICOM file without image, and for what the user may not read. Masks are no clips and are passed over too: beside
    an image, in a folder beside that of the images (:mod:`~annotator.ingest.masks`), of an export or prediction.

    Parameters
    ----------
    paths
        Files and folders.
    readers
        Readers by name; the first that recognises a file takes it.
    pseudonymiser
        The project's.
    overrides
        What the user says of all files.
    skip_damaged
        Leave out files that cannot be read, unless none can.
    picture_formats
        Formats of exports whose files hold pictures; what else an export lists are masks.

    Returns
    -------
    Reading
        Iterable over :class:`Read`, with a length.

    Raises
    ------
    BadInput
        Where a path does not exist, a named file is a manifest or of no known format, a folder holds none, or all are
        masks.
    """
    if not paths:
        raise BadInput("import", "no file or folder was named", "name at least one")
    found, folders, exports = list[_Found](), list[Folder](), ExportedMasks(picture_formats)
    named, refused = list[Path](), dict[Path, BadInput]()
    for path in map(Path, paths):
        if path.is_dir() and recognised(path, readers) is None:
            folders.append(search(path, readers, exports))
            found += [_Found(file, reader, is_explicit=False) for file, reader in folders[-1].found.items()]
        elif path in exports:
            named.append(path)
        else:
            found += _named(path, readers, refused, skip_damaged=skip_damaged)
    if not found:
        exported = [*named, *(mask for folder in folders for mask in folder.exported)]
        refuse_masks_alone(paths[0], exported, [mask for folder in folders for mask in folder.kept_apart])
    sentences, by_user = [*told_of(readers), *passed_over(folders, named)], overrides or Overrides()
    return Reading(_once(found), sentences, pseudonymiser, by_user, refused=refused, skip_damaged=skip_damaged)


def _named(
    path: Path, readers: Mapping[str, Reader], refused: dict[Path, BadInput], *, skip_damaged: bool
) -> Iterator[_Found]:
    """A file that was named, or why it is refused, where it may be left out."""
    try:
        refuse_manifest(path)
        yield _Found(path, reader_of(path, readers), is_explicit=True)
    except BadInput as error:
        if not (skip_damaged and path.exists()):
            raise
        refused[path] = error


def _once(found: Sequence[_Found]) -> list[_Found]:
    """Each file once, however often it is named."""
    first = {entry.path.resolve(): entry for entry in reversed(found)}
    return [entry for entry in found if first[entry.path.resolve()] is entry]
