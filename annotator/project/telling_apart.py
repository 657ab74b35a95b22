"""Which recordings are clips that the project has already, and what the others are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from annotator.core.errors import BadInput
from annotator.core.identity import Clip, Split, strictest, twin_hash
from annotator.core.names import numbered_names
from annotator.project import schema
from annotator.project.adding import NAMED, Incoming
from annotator.project.headers import parse_header
from annotator.project.patients import given_to
from annotator.project.session import Session


class Register:
    """Clips of a project and those that came so far, found by their pixels, and by what no two may share.

    Parameters
    ----------
    clips
        Of the project.
    """

    def __init__(self, clips: Iterable[Clip]) -> None:
        self._by_pixels: dict[str, list[Clip]] = {}
        self._splits: dict[str, Split] = {}
        self._hashes: set[str] = set()
        self._names: set[str] = set()
        self._next_names: dict[str, Iterator[str]] = {}
        for clip in clips:
            self._add(clip)

    def _add(self, clip: Clip) -> None:
        self._by_pixels.setdefault(clip.pixels, []).append(clip)
        self._splits.setdefault(clip.header.patient, clip.split)
        self._hashes.add(clip.content_hash)
        self._names.add(clip.name)

    def alike(self, pixels: str) -> Sequence[Clip]:
        """The clips of these pixels, in the order in which they came."""
        return self._by_pixels.get(pixels, ())

    def new_clip(self, incoming: Incoming) -> Clip:
        """A clip with a name of its own beside those that there are, which is one of them from now on.

        Raises
        ------
        BadInput
            Where the patient's other clips are in another split.
        """
        header, split = incoming.header, self._split(incoming)
        content_hash = incoming.staged.content_hash
        if content_hash in self._hashes:
            content_hash = twin_hash(content_hash, header.patient)
        # Names that were taken stay so: the search for the next one goes on where it ended.
        names = self._next_names.setdefault(header.stem, numbered_names(header.stem))
        clip = Clip(next(name for name in names if name not in self._names), header, split, content_hash)
        self._add(clip)
        return clip

    def give(self, clip: Clip, incoming: Incoming) -> Clip:
        """A clip of the project as that of a recording's patient, which it is from now on.

        View, domain and pixel size are the recording's where nothing is known of them here.

        Raises
        ------
        BadInput
            Where the patient's other clips are in another split.
        """
        patient, split = incoming.header.patient, self._split(incoming)
        known = replace(clip, header=clip.header.filled_from(incoming.header), split=split)
        given = given_to(patient, known)
        self._by_pixels[clip.pixels] = [given if other is clip else other for other in self._by_pixels[clip.pixels]]
        self._splits.setdefault(patient, split)
        return given

    def _split(self, incoming: Incoming) -> Split:
        """The split of a recording, where it is that of its patient's other clips; :class:`BadInput` where not."""
        header, split = incoming.header, incoming.split
        here = self._splits.get(header.patient, split)
        if here is not split:
            raise BadInput(
                header.stem,
                f"patient {header.patient} is already in '{here}' and cannot be in '{split}' too",
                f"import it with split '{here}'",
            )
        return split


def named_clips(session: Session) -> Collection[str]:
    """Names of the clips that came with an import that names patients for sure."""
    clips, operations = schema.clips.c, schema.operations.c
    query = sa.select(clips.name).where(clips.added_revision == operations.revision, operations.action == NAMED)
    with session.database.read() as connection:
        return frozenset(connection.execute(query).scalars())


def clips_of_nobody(
    register: Register,
    incoming: Sequence[Incoming],
    *,
    came_as: Mapping[str, str],
    stand_ins: Mapping[str, Collection[str]],
    named: Collection[str],
) -> Mapping[str, Incoming]:
    """Clips whose patient nobody named, by name, and of each the recording of its pixels that names one now.

    Such a clip came, and is still, of what stood for a patient as long as the files alone were asked. It stays where
    its patient's name comes for these pixels in earnest, or where the recording is a clip already or would take it
    out of tests or validation; of several recordings the one that is called like it has it.

    Parameters
    ----------
    register
        Of the project's clips.
    incoming
        All recordings.
    came_as
        The patients that clips were imported for.
    stand_ins
        Pseudonyms that may have stood for the patient, by the recordings' stems.
    named
        Names of clips whose patient an import named.
    """
    by_pixels: dict[str, list[Incoming]] = {}
    for one in incoming:
        by_pixels.setdefault(one.pixels, []).append(one)
    found: dict[str, Incoming] = {}
    for pixels, coming in by_pixels.items():
        alike = register.alike(pixels)
        taken = {one.header.patient for one in coming}
        here = {patient for clip in alike for patient in (clip.header.patient, came_as[clip.name])}
        for clip in alike:
            patient = clip.header.patient
            if patient in taken or came_as[clip.name] != patient or clip.name in named:
                continue
            fit = [
                one
                for one in coming
                if one.header.patient not in here
                and patient in stand_ins.get(one.header.stem, ())
                and strictest((clip.split, one.split)) is one.split
            ]
            if fit:
                found[clip.name] = min(fit, key=lambda one: one.header.stem != clip.header.stem)
    return found


def exported_twins(incoming: Iterable[Incoming]) -> Mapping[str, set[str]]:
    """Pixels that come under several patients, as an export names them, and these patients."""
    patients: dict[str, set[str]] = {}
    for one in incoming:
        if one.is_exported:
            patients.setdefault(one.pixels, set()).add(one.header.patient)
    return {pixels: named for pixels, named in patients.items() if len(named) > 1}


def former_patients(session: Session, ids: Mapping[str, int]) -> Mapping[str, set[str]]:
    """Everybody whose some clips, by name, ever were."""
    names, details = {clip_id: name for name, clip_id in ids.items()}, schema.clip_details.c
    found: dict[str, set[str]] = {name: set() for name in ids}
    with session.database.read() as connection:
        rows = connection.execute(sa.select(details.clip_id, details.header).where(details.clip_id.in_(names)))
        for clip_id, header in rows:
            found[names[clip_id]].add(parse_header(header).patient)
    return found


def known_clip(
    alike: Iterable[Clip],
    incoming: Incoming,
    *,
    came_as: Mapping[str, str],
    former: Mapping[str, Collection[str]],
    of_same_patient: bool,
) -> Clip | None:
    """The clip that has the recording's pixels already, of the same patient first; where asked, no other.

    Parameters
    ----------
    alike
        Clips of these pixels, of the project and of those that came so far.
    incoming
        The recording.
    came_as
        The patients that clips were imported for, who may be others now.
    former
        Everybody whose clips ever were, where that counts too: an export may be of a time between two moves.
    of_same_patient
        Whether another patient's clip of these pixels is another one.
    """
    patient, stem = incoming.header.patient, incoming.header.stem
    # Pictures that are alike may all have been a patient's; then their names tell them apart, if anything does.
    same = sorted(alike, key=lambda clip: clip.header.stem != stem)
    now = [clip for clip in same if clip.header.patient == patient]
    first = [clip for clip in same if came_as.get(clip.name) == patient]
    once = [clip for clip in same if patient in former.get(clip.name, ())]
    own = sorted((*now, *first, *once), key=lambda clip: clip.header.stem != stem)
    return next(iter(own if of_same_patient else own + same), None)
