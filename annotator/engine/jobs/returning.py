"""Recordings that come back with a ``labels.json``: what it says of their clips, told by their pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from annotator.core.errors import BadInput
from annotator.core.identity import PIXEL_DIGITS, Clip, PatientFrom, Pseudonymiser, SpacingStatus, Split
from annotator.core.plugin_types import Recording
from annotator.engine.jobs.documents import Document
from annotator.engine.jobs.progress import Progress
from annotator.ingest import Read, Reading
from annotator.project import content_hash


class Returning:
    """What documents say of recordings and neither the files nor the user does.

    Parameters
    ----------
    documents
        May be none.
    pseudonymiser
        The project's.
    patient_from
        What tells the patient.
    domain, view
        What the user says of all files; ``None`` leaves it to files and documents.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        pseudonymiser: Pseudonymiser,
        *,
        patient_from: PatientFrom,
        domain: str | None,
        view: str | None,
    ) -> None:
        self._documents, self._pseudonymiser = tuple(documents), pseudonymiser
        self._patient_from, self._domain, self._view = patient_from, domain, view
        self._of_folder: dict[str, set[str]] = defaultdict(set)

    def folder(self, read: Read) -> str | None:
        """The pseudonym that a recording has whose file names no patient; ``None`` where files are not asked."""
        return self._pseudonymiser.key(read.path.resolve().parent.name) if self._patient_from == "file" else None

    def survey(self, reading: Reading, progress: Progress) -> Mapping[str, Split]:
        """Look at every recording, so that one that no document has follows its patient's others, be they later.

        Returns
        -------
        mapping
            The split of each patient that the documents have, by the pseudonym here.

        Raises
        ------
        BadInput
            Where a file is damaged from its beginning on and must not be left out.
        """
        splits: dict[str, set[Split]] = defaultdict(set)
        for done, read in enumerate(reading if self._documents else ()):
            progress.update(done, len(reading), f"Looking at {read.path.name}")
            for recording in read.recordings:
                said, patient = self._said(recording)[1], recording.header.patient
                if said is None:
                    continue
                splits[patient].add(said.split)
                if patient == self.folder(read):
                    self._of_folder[patient].add(said.header.patient)
                    splits[said.header.patient].add(said.split)
        return {patient: next(iter(found)) for patient, found in splits.items() if len(found) == 1}

    def as_exported(self, recording: Recording, *, folder: str | None) -> Recording:
        """A recording with what a document says of its clip; of one that none has, the patient of its folder.

        Parameters
        ----------
        recording
            As it was read.
        folder
            See :meth:`folder`.
        """
        recording, said = self._said(recording)
        header = recording.header
        if said is None:
            patients = self._of_folder.get(header.patient, ())
            if header.patient != folder or len(patients) != 1:
                return recording
            return replace(recording, header=replace(header, patient=next(iter(patients))))
        theirs = said.header
        changes: dict[str, Any] = {"ed_frames": theirs.ed_frames, "es_frames": theirs.es_frames}
        if header.patient == folder:
            changes["patient"] = theirs.patient
        if self._domain is None:
            changes["domain"] = theirs.domain
        if self._view is None:
            changes["view"] = theirs.view
        if header.spacing is None or theirs.spacing_status is SpacingStatus.CONFIRMED:
            changes |= {name: getattr(theirs, name) for name in ("spacing", "spacing_status", "proposed_spacing")}
        return replace(recording, header=replace(header, **changes), split=said.split)

    def _said(self, recording: Recording) -> tuple[Recording, Clip | None]:
        """A recording that can be read on, and the documents' clip of its pixels: each patient may have a '4ch'."""
        header = recording.header
        if not any(document.content.has_extent_of(header) for document in self._documents):
            return recording, None
        try:
            recording = replace(recording, frames=tuple(recording.frames))
        except BadInput:
            # It is refused, or left out, where its frames are stored.
            return recording, None
        pixels = content_hash(header, recording.frames)[:PIXEL_DIGITS]
        found = (document.content.clip_like(header, pixels) for document in self._documents)
        return recording, next((clip for clip in found if clip is not None), None)
