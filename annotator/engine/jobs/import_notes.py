"""What is worth telling of an import: where clips went, whose they count as, and what is doubted, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from annotator.core.identity import Clip, FrameKey, SpacingStatus, Split, strictest
from annotator.core.labels import PartialLabel
from annotator.core.spellings import other_spellings, plain_spelling
from annotator.core.status import Provenance
from annotator.core.words import counted
from annotator.project import Added, Project

SPLIT_SENTENCE = (
    "'{clip}' is in '{here}' already and stays there, though the import says '{asked}'{others}; the clips' menu in the "
    "window, or 'annotator edit PROJECT CLIP --split {asked}', moves its patient."
)

EXPORTED_SENTENCE = (
    "The patients of {clips} go by the pseudonyms of the project that exported them: other recordings of these "
    "patients count as other patients here. Put them together by the clips' menu in the window, or by 'annotator edit "
    "PROJECT CLIP --patient P --whole-patient', so that none is in training and tests at once."
)

OTHER_PATIENT_SENTENCE = (
    "{clips} of the import counted for another patient already, and that stays; where it is wrong, the clips' menu in "
    "the window, or 'annotator edit PROJECT CLIP --patient P', says whose they are."
)

FOLLOWED_SENTENCE = (
    "{clips} came as a patient's whose clips were given to {patient}, and went there too; where it is wrong, "
    "the clips' menu in the window, or 'annotator edit PROJECT CLIP --patient new', says so."
)

GIVEN_SENTENCE = (
    "{clips} here, whose patient nobody had named, went to the {patients} that the import names, with all labels; undo "
    "takes that back{models}."
)

PARTED_SENTENCE = (
    "{clips} came as a patient whose clips were given to several others, and {counts} for one more patient, "
    "in '{split}', until the clips' menu in the window, or 'annotator edit PROJECT CLIP --patient P', says "
    "whose {they_are}."
)

SPELLED_SENTENCE = (
    "{pairs} count as different patients, though their identifiers in the files differ in case, blanks or signs alone, "
    "as 'P 1' and 'p_1' do. Where two are one, put them together by the clips' menu in the window, or by 'annotator "
    "edit PROJECT CLIP --patient P --whole-patient'."
)

TWICE_SENTENCE = (
    "All that is here of patient {patient}, {clips}, came a second time, since the import names the patients "
    "otherwise. Where a folder's name stood for them, 'annotator remove PROJECT --patient {patient}' erases what was "
    "here first, with its labels."
)

MILLIMETRES_SENTENCE = (
    "{clips}: the pixel size is not to be trusted, so millimetres stay unset until you confirm one in the window."
)

DRAFTS_SENTENCE = (
    "{drafts} of the import, in {clips}, {contradicts} labels here and {was} left out: a draft replaces nothing until "
    "somebody finishes it."
)

PROPOSED_SENTENCE = (
    "{clips}: an image program noted a pixel size in the file, which is proposed; millimetres stay unset until you "
    "confirm it in the window, or by 'annotator edit PROJECT CLIP --spacing proposed --alike'."
)

_PAIRS: Final = 3
"""Pairs of patients that a sentence names; more are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a recording brings besides its frames; ``split`` is the one that somebody asked for.

    ``patient`` is whose it is here, and ``came_as`` whom the import names.
    """

    patient: str
    came_as: str
    split: Split | None
    labels: Mapping[int, PartialLabel]
    provenance: Mapping[int, Mapping[str, Provenance]]
    warnings: Sequence[str]
    is_foreign: bool


def sentences_of(
    project: Project, pairs: Sequence[tuple[Added, Taken]], *, parted: Collection[str], heard: Mapping[str, str]
) -> Iterator[str]:
    """All that is worth telling of an import, once its clips are in the project.

    Parameters
    ----------
    project
        With the clips.
    pairs
        What became of each recording, and what it brought.
    parted
        Patients whose clips had all been given to several others.
    heard
        Pseudonyms to what files call their patients, as far as that is known.
    """
    new = {found.clip.name: found.clip for found, _ in pairs if found.is_new}
    here = {clip.header.patient for clip in project.clips() if clip.name not in new}
    yield from _clip_sentences(pairs)
    yield from split_sentences((found.clip, one.split) for found, one in pairs)
    yield from _patient_sentences(pairs)
    yield from _given_sentences(pairs)
    yield from _followed_sentences(pairs)
    yield from _parted_sentences(c for c in new.values() if c.header.patient in parted)
    yield from _foreign_sentences(pairs, here)
    yield from _spelling_sentences(project, pairs, here, heard)
    yield from _spacing_sentences(new.values())
    yield from _twin_sentences(project, new)
    yield from _twice_sentences(project, new)


def _clip_sentences(pairs: Sequence[tuple[Added, Taken]]) -> Iterator[str]:
    """What readers said of clips, each sentence once, with the clips that it is about where there are several."""
    about: dict[str, list[str]] = defaultdict(list)
    for found, one in pairs:
        for sentence in one.warnings:
            about[sentence].append(found.clip.name)
    for sentence, names in about.items():
        yield sentence if len(pairs) == 1 else f"{_such(names)}: {sentence}"


def _such(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} clips, such as {names[0]}"


def _spacing_sentences(clips: Iterable[Clip]) -> Iterator[str]:
    """Whose pixel sizes somebody has to look at."""
    proposed = [clip for clip in clips if clip.header.proposed_spacing]
    noted = [clip.name for clip in proposed if clip.header.spacing_status is SpacingStatus.UNKNOWN]
    doubted = [clip.name for clip in proposed if clip.header.spacing_status is not SpacingStatus.UNKNOWN]
    if doubted:
        yield MILLIMETRES_SENTENCE.format(clips=_such(doubted))
    if noted:
        yield PROPOSED_SENTENCE.format(clips=_such(noted))


def draft_sentences(left_out: Collection[tuple[FrameKey, str]]) -> Iterator[str]:
    """How many drafts contradict what is here, and so did not come."""
    if left_out:
        verbs = ("contradicts", "was") if len(left_out) == 1 else ("contradict", "were")
        clips = _such([f"'{name}'" for name in sorted({key.clip for key, _ in left_out})])
        drafts = counted(len(left_out), "draft")
        yield DRAFTS_SENTENCE.format(drafts=drafts, clips=clips, contradicts=verbs[0], was=verbs[1])


def split_sentences(asked: Iterable[tuple[Clip, Split | None]]) -> Iterator[str]:
    """Which patients stay in another split than the import asks for, one sentence for each two splits."""
    staying: dict[tuple[Split, Split], dict[str, Clip]] = defaultdict(dict)
    for clip, split in asked:
        if split not in (None, clip.split):
            staying[clip.split, split].setdefault(clip.header.patient, clip)
    for (here, wanted), clips in staying.items():
        first, *others = clips.values()
        also = f", and so are clips of {counted(len(others), 'other patient')}" if others else ""
        yield SPLIT_SENTENCE.format(clip=first.name, here=here, asked=wanted, others=also)


def _patient_sentences(pairs: Sequence[tuple[Added, Taken]]) -> Iterator[str]:
    """How many clips were there already for another patient than the import names."""
    others = {found.clip.name for found, one in pairs if not found.is_new and found.clip.header.patient != one.patient}
    if others:
        yield OTHER_PATIENT_SENTENCE.format(clips=counted(len(others), "clip"))


def _given_sentences(pairs: Sequence[tuple[Added, Taken]]) -> Iterator[str]:
    """How many clips whose patient nobody had named went to the import's patients, and what that means for models."""
    given = {found.clip.name: found for found, _ in pairs if found.given is not None}
    if given:
        patients = counted(len({found.clip.header.patient for found in given.values()}), "patient")
        models = next(found.given for found in given.values()) or ""
        yield GIVEN_SENTENCE.format(clips=counted(len(given), "clip"), patients=patients, models=models)


def _followed_sentences(pairs: Sequence[tuple[Added, Taken]]) -> Iterator[str]:
    """Which new clips went to another patient than the import names, since that patient's clips had gone there."""
    followed = Counter(one.patient for found, one in pairs if found.is_new and one.patient != one.came_as)
    for patient, count in sorted(followed.items()):
        yield FOLLOWED_SENTENCE.format(clips=counted(count, "clip"), patient=patient)


def _parted_sentences(clips: Iterable[Clip]) -> Iterator[str]:
    """Which new clips came as a patient whose clips had all been given to several others."""
    for split, count in sorted(Counter(clip.split for clip in clips).items()):
        counts, they_are = ("counts", "it is") if count == 1 else ("count", "they are")
        yield PARTED_SENTENCE.format(clips=counted(count, "clip"), counts=counts, split=split, they_are=they_are)


def _foreign_sentences(pairs: Sequence[tuple[Added, Taken]], here: Collection[str]) -> Iterator[str]:
    """How many new clips have a pseudonym of another project, of patients who were not ``here``."""
    foreign = {found.clip.name for found, one in pairs if found.is_new and one.is_foreign and one.patient not in here}
    if foreign:
        yield EXPORTED_SENTENCE.format(clips=counted(len(foreign), "clip"))


def _spelling_sentences(
    project: Project, pairs: Sequence[tuple[Added, Taken]], here: Collection[str], heard: Mapping[str, str]
) -> Iterator[str]:
    """Which patients who were not ``here`` files spell almost as others of the project or of the same import."""
    came = {one.came_as: one.patient for found, one in pairs if found.is_new and one.came_as in heard}
    by_plain: dict[str, set[str]] = defaultdict(set)
    for came_as in came:
        by_plain[plain_spelling(heard[came_as])].add(came_as)
    everybody = {clip.header.patient for clip in project.clips()}
    alike: set[tuple[str, ...]] = set()
    for came_as, patient in came.items():
        elsewhere = map(project.pseudonymiser.key, other_spellings(heard[came_as]))
        others = {*by_plain[plain_spelling(heard[came_as])], *elsewhere}
        whose = {project.patient_now(other) for other in others} & everybody - {patient}
        alike |= {tuple(sorted((patient, other))) for other in whose} if patient not in here else set()
    if alike:
        named = ", ".join(f"{one} and {other}" for one, other in sorted(alike)[:_PAIRS])
        more = f" and {counted(len(alike) - _PAIRS, 'more pair')}" if len(alike) > _PAIRS else ""
        yield SPELLED_SENTENCE.format(pairs=f"{named}{more}")


def _twin_sentences(project: Project, new: Mapping[str, Clip]) -> Iterator[str]:
    """What equal pictures of two patients mean for training, one sentence for each kind."""
    by_pixels: dict[str, list[Clip]] = defaultdict(list)
    for clip in project.clips():
        by_pixels[clip.pixels].append(clip)
    pairs: dict[Split | None, list[str]] = defaultdict(list)
    for clip in new.values():
        for other in by_pixels[clip.pixels]:
            if other.name < clip.name or (other.name not in new and other.name != clip.name):
                aside = strictest((clip.split, other.split)) if clip.split is not other.split else None
                pairs[aside].append(f"'{clip.name}' and '{other.name}'")
    for aside, named in pairs.items():
        also = f", and so are {counted(len(named) - 1, 'other pair')} of clips" if len(named) > 1 else ""
        of_each = "of each, " if len(named) > 1 else ""
        leak = f"; {of_each}the one that is not a {aside} clip stays out of training" if aside else ""
        yield f"{named[0]} are the same picture under two patients{also}{leak}."


def _twice_sentences(project: Project, new: Mapping[str, Clip]) -> Iterator[str]:
    """Which patients' clips all came anew under others, as where a manifest follows an import of its folder."""
    before: dict[str, list[Clip]] = defaultdict(list)
    for clip in project.clips():
        if clip.name not in new:
            before[clip.header.patient].append(clip)
    came = {clip.pixels for clip in new.values()}
    for patient, clips in sorted(before.items()):
        if all(clip.pixels in came for clip in clips):
            yield TWICE_SENTENCE.format(patient=patient, clips=counted(len(clips), "clip"))
