"""The writing half of a project, as far as clips go: they come, change and go again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from sqlalchemy.engine import Connection

from annotator.core.errors import BadInput
from annotator.core.identity import Clip, ClipHeader, FrameKey, Split, strictest
from annotator.core.plugin_types import Recording
from annotator.core.status import LabelStatus, Origin
from annotator.project import adding, removal
from annotator.project.headers import refuse_fixed_changes
from annotator.project.history import add_operation
from annotator.project.label_importing import LabelImporter
from annotator.project.patients import given_to, named_patient
from annotator.project.rows import utc_now
from annotator.project.state import load_state
from annotator.project.telling_apart import (
    Register,
    clips_of_nobody,
    exported_twins,
    former_patients,
    known_clip,
    named_clips,
)
from annotator.project.values import Added, Cell, Commit, Removed

NO_STAND_INS: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
"""Nothing stood for a patient whom a recording names."""


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What recordings are: of each what came of it, the new clips, and clips of nobody as those of named patients."""

    added: tuple[Added, ...]
    new: Sequence[tuple[Clip, adding.Incoming]]
    given: Sequence[Clip]


class ClipWriter(LabelImporter):
    """Imports, edits and removals of clips; see :class:`~annotator.project.writing.LabelWriter` on threads."""

    def add_clip(self, recording: Recording, *, author: str, split: Split = Split.TRAIN) -> Added:
        """Add a clip with the labels that it brings; see :meth:`add_clips`.

        Raises
        ------
        BadInput
            Where the frames are not as declared, or the patient is in another split.
        UnknownName, AnnotatorError
            Where a label does not fit the protocol or the clip.
        ReadOnlyProject, ProjectError
            Where the project cannot be written; nothing is left behind.
        """
        return self.add_clips([(recording, split)], author=author)[0]

    def add_clips(
        self,
        recordings: Iterable[tuple[Recording, Split]],
        *,
        author: str,
        accept: Callable[[Sequence[Added]], None] | None = None,
        told: Callable[[int, int], None] = lambda done, total: None,
        patients_are_named: bool = False,
        unnamed: Collection[str] = (),
        stand_ins: Mapping[str, Collection[str]] = NO_STAND_INS,
        leave_out: Callable[[Recording, BadInput], None] | None = None,
    ) -> tuple[Added, ...]:
        """Add clips with the labels that they bring, all of them or none; content that is here adds nothing.

        Parameters
        ----------
        recordings
            Read once, one at a time: frames go to the disk and labels are packed as they come.
        author
            Whose labels they are, where a recording does not say it.
        accept
            Called with what would be added before any of it is stored; where it raises, nothing is.
        told
            Called with how many of all recordings were compared with what is here; where it raises, nothing is stored.
        patients_are_named
            Whether the patients are known for sure, as from a manifest: equal pixels of two patients are then
            two clips, as they are where an export comes back that has both. Otherwise they are one, since a copied
            file in another folder is no other patient.
        unnamed
            Pseudonyms of patients of whom that is not so; it may grow while the recordings are read.
        stand_ins
            Pseudonyms that stand for the patient where nobody names one, by the stems of recordings that name one; it
            may grow too. See :func:`~annotator.project.telling_apart.clips_of_nobody` on what they are given.
        leave_out
            Where it is given, a recording that cannot be read is left out, unless all are: it is called with the
            recording and what is wrong of it, before the next one is asked for.

        Raises
        ------
        BadInput
            Where frames are not as declared and must not be left out, or a patient is in another split.
        UnknownName, AnnotatorError
            Where a label does not fit the protocol or its clip.
        ReadOnlyProject, ProjectError
            Where the project cannot be written; nothing is left behind.
        """
        self._refuse_read_only()
        incoming = adding.prepare(self._session, self.protocol, recordings, author=author, leave_out=leave_out)
        with self._lock:
            with adding.discarded_at_failure(incoming):
                # It may have been closed while the frames came.
                self._refuse_read_only()
                apart = self._told_apart(incoming, is_named=patients_are_named, unnamed=unnamed, stand_ins=stand_ins)
                if accept is not None:
                    accept(apart.added)
                repaired = self._repaired(incoming, apart.added, told)
            given, commit = self._store_added(apart, repaired, author, is_named=patients_are_named)
        for done in (given, commit):
            self._emitted(done)
        return self._as_stored(apart.added, given, commit)

    def _as_stored(self, added: Sequence[Added], given: Commit, commit: Commit) -> tuple[Added, ...]:
        """What came of each recording, with the revision of new clips, and what giving others to patients means."""
        models = given.sentence.removeprefix(self._operation_sentence(given.revision)) if given.clips else ""
        return tuple(
            replace(one, revision=commit.revision)
            if one.is_new
            else replace(one, given=models if one.clip.name in given.clips else None)
            for one in added
        )

    def _store_added(
        self, apart: _Told, repaired: tuple[str, ...], author: str, *, is_named: bool
    ) -> tuple[Commit, Commit]:
        """Give clips of nobody to their patients, and add the new ones, in one transaction."""
        if apart.new:
            given, commit = self._store_clips(apart, author, is_named=is_named)
            return given, replace(commit, clips=tuple(sorted({*commit.clips, *repaired})))
        given = self._store_details(apart.given, author, action="patient")
        text = f"Restored the frames of {', '.join(repr(name) for name in repaired)}"
        return given, Commit(self.data_revision, "import", (), (), repaired, text)

    def _told_apart(
        self,
        incoming: Sequence[adding.Incoming],
        *,
        is_named: bool,
        unnamed: Collection[str],
        stand_ins: Mapping[str, Collection[str]],
    ) -> _Told:
        """Tell new content from known; new clips get their names, and those of nobody a patient."""
        register = Register(self.clips())
        given = self._given(register, incoming, stand_ins) if stand_ins else []
        patients = {c.name: c.header.patient for c in (*self.clips(), *given)}
        twins = exported_twins(incoming)
        copies = {c.name: self._state.ids[c.name] for c in self.clips() if c.pixels in twins}
        former = former_patients(self._session, copies) if copies else {}
        added: list[Added] = []
        new: list[tuple[Clip, adding.Incoming]] = []
        for one in incoming:
            names_patient = (is_named and one.header.patient not in unnamed) or one.pixels in twins
            # Whoever comes beside it under a patient's own name is no former one of that patient.
            named = twins.get(one.pixels, ())
            free = {name: who for name, who in former.items() if patients[name] not in named}
            alike = register.alike(one.pixels)
            known = known_clip(alike, one, came_as=self._state.came_as, former=free, of_same_patient=names_patient)
            clip = known or register.new_clip(one)
            added.append(Added(clip, is_new=known is None, revision=self.data_revision))
            if known is None:
                new.append((clip, one))
        return _Told(tuple(added), new, given)

    def _given(
        self, register: Register, incoming: Sequence[adding.Incoming], stand_ins: Mapping[str, Collection[str]]
    ) -> list[Clip]:
        """Clips of nobody as those of the patients whom recordings of their pixels name."""
        came_as, named = self._state.came_as, named_clips(self._session)
        found = clips_of_nobody(register, incoming, came_as=came_as, stand_ins=stand_ins, named=named)
        return [register.give(self.clip(name), one) for name, one in found.items()]

    def _repaired(
        self, incoming: Sequence[adding.Incoming], added: Sequence[Added], told: Callable[[int, int], None]
    ) -> tuple[str, ...]:
        """Give every clip whose pixels come its frames back where damaged, and drop known content; their names."""
        by_pixels: dict[str, list[Clip]] = {}
        for clip in self.clips():
            by_pixels.setdefault(clip.pixels, []).append(clip)
        repaired: set[str] = set()
        for done, (one, found) in enumerate(zip(incoming, added, strict=True)):
            told(done, len(incoming))
            alike = by_pixels.get(one.pixels, ())
            repaired |= {clip.name for clip in alike if adding.repair(self._session, clip, one.staged)}
            if not found.is_new:
                one.discard()
        return tuple(sorted(repaired))

    def _store_clips(self, apart: _Told, author: str, *, is_named: bool) -> tuple[Commit, Commit]:
        new, given = apart.new, apart.given
        known = {self._state.ids[name]: clip for name, clip in self._state.clips.items()}
        with adding.placed(self._session, new), self._session.database.write() as connection:
            models = self._write_details(connection, given, author, action="patient") if given else ""
            revision = self.data_revision + 1 + bool(given)
            inserted, consequence = adding.insert_clips(
                self._session, connection, new, known=known, revision=revision, author=author, is_named=is_named
            )
        moved = self._followed_details(given, models) if given else self._nothing("clip")
        keys: set[FrameKey] = set()
        structures: set[str] = set()
        for (clip, _), (clip_id, rows) in zip(new, inserted, strict=True):
            self._state.put_clip(clip_id, clip)
            for row in rows:
                cell = Cell(LabelStatus(row["status"]), Origin(row["origin"]), None, revision, row["author"])
                self._state.put_cells(clip.name, row["frame"], {row["structure"]: cell})
                keys.add(FrameKey(clip.name, row["frame"]))
                structures.add(row["structure"])
        self._state.revision = revision
        names = tuple(sorted(clip.name for clip, _ in new))
        text = f"Imported clip '{names[0]}'" if len(names) == 1 else f"Imported {len(names)} clips"
        keyed = tuple(sorted(keys))
        return moved, Commit(revision, "import", keyed, tuple(sorted(structures)), names, text + consequence)

    def update_clip(self, name: str, header: ClipHeader, *, author: str, split: Split | None = None) -> Commit:
        """Change a clip's details, or the split of its whole patient; see :meth:`update_clips`."""
        return self.update_clips({name: header}, author=author, split=split)

    def update_clips(self, headers: Mapping[str, ClipHeader], *, author: str, split: Split | None = None) -> Commit:
        """Change clips' views, domains, spacings or ED and ES marks, or the split of their whole patients, in one step.

        Models that may have learnt from a patient who becomes a test patient, or from the labels of one who is for
        validation now, are marked and serve no more, and the state of training is dropped; the commit's sentence says
        so. Undo does not bring them back.

        Parameters
        ----------
        headers
            New headers by the clips' names.
        author
            Who did it.
        split
            Of all clips of these clips' patients; as they are where ``None``.

        Raises
        ------
        UnknownName
            Where there is no such clip.
        AnnotatorError
            Where another field differs.
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        self._refuse_read_only()
        with self._lock:
            wanted = [replace(self.clip(name), header=header) for name, header in headers.items()]
            for clip in wanted:
                refuse_fixed_changes(self.clip(clip.name).header, clip.header)
            if split is not None:
                patients = {clip.header.patient for clip in wanted}
                others = (c for c in self.clips() if c.header.patient in patients and c.name not in headers)
                wanted = [replace(clip, split=split) for clip in (*wanted, *others)]
            commit = self._store_details(wanted, author)
        return self._emitted(commit)

    def give_clips(self, names: Collection[str], patient: str | None, *, author: str) -> Commit:
        """Say that clips are another patient's, where a file or folder named a wrong one; their labels go along.

        They take the split of that patient's other clips, with what :meth:`update_clips` says of models. Recordings
        that an import brings later of a patient all of whose clips were given to one other count for that one too.

        Parameters
        ----------
        names
            Of the clips.
        patient
            A pseudonym of the project, or an original key; ``None`` for a patient who has no other clip.
        author
            Who did it.

        Raises
        ------
        UnknownName
            Where there is no such clip, or the pseudonym is nobody's.
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        self._refuse_read_only()
        with self._lock:
            whose = named_patient(self._state, self.pseudonymiser, patient)
            given = [given_to(whose, self.clip(name)) for name in dict.fromkeys(names)]
            named = {clip.name for clip in given}
            others = [c for c in self.clips() if c.header.patient == whose and c.name not in named]
            split = strictest(clip.split for clip in others or given)
            wanted = [replace(clip, split=split) for clip in given]
            commit = self._store_details(wanted, author, action="patient")
        return self._emitted(commit)

    def part_clips(self, names: Collection[str], *, author: str) -> Commit:
        """Say that every one of some clips is a patient of its own, where a folder's name put them together.

        Parameters
        ----------
        names
            Of the clips.
        author
            Who did it.

        Raises
        ------
        UnknownName
            Where there is no such clip.
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        self._refuse_read_only()
        with self._lock:
            given = [self.clip(name) for name in dict.fromkeys(names)]
            parted = [given_to(named_patient(self._state, self.pseudonymiser, None), clip) for clip in given]
            commit = self._store_details(parted, author, action="patient")
        return self._emitted(commit)

    def _store_details(self, wanted: Sequence[Clip], author: str, *, action: str = "details") -> Commit:
        """Store those clips that are other than they were."""
        changed = [clip for clip in wanted if clip != self.clip(clip.name)]
        if not changed:
            return self._nothing("clip")
        with self._session.database.write() as connection:
            consequence = self._write_details(connection, changed, author, action=action)
        return self._followed_details(changed, consequence)

    def _write_details(self, connection: Connection, changed: Sequence[Clip], author: str, *, action: str) -> str:
        """Store clips as they become, as the next revision; what that means for models, as the end of a sentence."""
        revision = self.data_revision + 1
        add_operation(connection, revision, "clip", action=action, author=author, time=utc_now())
        self._insert_details(connection, changed, revision)
        return self._set_apart(connection, changed)

    def _followed_details(self, changed: Sequence[Clip], consequence: str) -> Commit:
        """Bring memory up to what :meth:`_write_details` stored."""
        revision = self.data_revision + 1
        for clip in changed:
            self._state.put_clip(self._state.ids[clip.name], clip)
        self._follow("clip", revision, None)
        names = tuple(sorted(c.name for c in changed))
        return Commit(revision, "clip", (), (), names, self._operation_sentence(revision) + consequence)

    def remove_patient(self, patient: str, *, author: str = "") -> Removed:
        """Erase a patient's frames, labels and history; mark the snapshots that saw them.

        Frames that an interrupted import left of the patient go too.

        Parameters
        ----------
        patient
            The original key or the pseudonym.
        author
            Who did it.

        Raises
        ------
        UnknownName
            Where nothing is of this patient.
        ReadOnlyProject, ProjectError
            Where the project cannot be written; or, once the patient is removed, where traces cannot be deleted yet.
        """
        self._refuse_read_only()
        with self._lock:
            clips, strays = removal.found_of(self._session, self._state, patient)
            revision = self.data_revision + 1
            keys = tuple(sorted(FrameKey(c.name, f) for c in clips for f in self._state.cells.get(c.name, {})))
            before = self.clips()
            removed = removal.erase(self._session, clips, strays=strays, revision=revision, author=author)
            self._reload()
            for content_hash in {c.content_hash for c in before} - {c.content_hash for c in self.clips()}:
                self._session.frames.forget(content_hash)
        self.committed.emit(Commit(revision, "remove", keys, (), removed.clips, "Removed a patient"))
        with self._lock:
            removal.finish_erasures(self._session)
        return removed

    def _reload(self) -> None:
        with self._lock, self._session.database.read() as connection:
            self._state = load_state(connection)
            self._labels.clear()
            self._sentences.clear()
