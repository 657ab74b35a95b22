"""Whose clips these are: what they were imported for, and what people have said since."""

from __future__ import annotations

import secrets
from dataclasses import replace

from annotator.core.errors import UnknownName
from annotator.core.identity import Clip, Pseudonymiser, Split, is_pseudonym, strictest
from annotator.project.state import State


def patient_now(state: State, patient: str) -> str:
    """The pseudonym that a patient's recordings count for: where all clips that came as theirs are another's, that one.

    So the rest of an archive follows where one person's clips, which came under two pseudonyms, were put together.
    """
    if any(clip.header.patient == patient for clip in state.clips.values()):
        return patient
    owners = {state.clips[name].header.patient for name, came in state.came_as.items() if came == patient}
    return owners.pop() if len(owners) == 1 else patient


def parted_patients(state: State) -> dict[str, Split]:
    """Patients all of whose clips were given to several others, with the part of the data for what comes of them yet.

    Nobody knows whose of these others' it is, so that it belongs where it is kept most apart from training.
    """
    here = {clip.header.patient for clip in state.clips.values()}
    given: dict[str, list[Clip]] = {}
    for name, came in state.came_as.items():
        if came not in here:
            given.setdefault(came, []).append(state.clips[name])
    several = {came: clips for came, clips in given.items() if len({clip.header.patient for clip in clips}) > 1}
    return {came: strictest(clip.split for clip in clips) for came, clips in several.items()}


def named_patient(state: State, pseudonymiser: Pseudonymiser, patient: str | None) -> str:
    """The pseudonym of a patient by pseudonym or original key; of nobody yet for ``None``, or for a key that is new.

    Raises
    ------
    UnknownName
        Where a pseudonym is nobody's.
    """
    here = {clip.header.patient for clip in state.clips.values()}
    if patient is None:
        return pseudonymiser.key(secrets.token_hex())
    if patient in here:
        return patient
    if is_pseudonym(patient):
        raise UnknownName("patient", patient)
    return patient_now(state, pseudonymiser.key(patient))


def given_to(patient: str, clip: Clip) -> Clip:
    """A clip as that of a patient, by pseudonym."""
    return replace(clip, header=replace(clip.header, patient=patient))
