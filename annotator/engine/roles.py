"""Which frame plays which part in training: pure functions over clips and finished labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from operator import attrgetter
from typing import Final, TypeVar
from zlib import crc32

from annotator.core.identity import Clip, FrameKey, Split

T = TypeVar("T")

MAX_UNLABELLED: Final = 1500
"""Unlabelled frames in the trainer: 25 MB at 128 x 128, and more would each be drawn too rarely to matter."""

MAX_UNLABELLED_PER_CLIP: Final = 24
"""About one beat at every second frame; neighbouring frames say nearly the same."""

MAX_VALIDATION: Final = 240
"""Frames that are scored at each validation; a few seconds on two cores."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts of the frames; no frame is in two of them, and no frame of a test clip in any.

    Parameters
    ----------
    labelled
        Frames with finished labels that the trainer learns from.
    validation
        Frames with finished labels of patients that are held aside.
    unlabelled
        Frames that only the teacher speaks of, spread over clips and over each clip.
    held
        Pseudonyms of the patients that are held aside.
    kept_apart
        Why finished labels are not learnt from: they are of test clips, of clips that are held aside for validation, or
        (``TRAIN``) of copies of such clips under another patient.
    unmeasured
        Structures that are learnt, and of which no patient who is held aside has a label; none where nobody is.
    """

    labelled: tuple[FrameKey, ...] = ()
    validation: tuple[FrameKey, ...] = ()
    unlabelled: tuple[FrameKey, ...] = ()
    held: tuple[str, ...] = ()
    kept_apart: frozenset[Split] = frozenset()
    unmeasured: frozenset[str] = frozenset()

    def without(self, gone: Collection[FrameKey]) -> Plan:
        """The plan without some frames; the patients that are held aside stay."""
        labelled, validation, unlabelled = (
            tuple(key for key in part if key not in gone) for part in (self.labelled, self.validation, self.unlabelled)
        )
        return replace(self, labelled=labelled, validation=validation, unlabelled=unlabelled)


def labelled_patients(
    clips: Collection[Clip], finished: Mapping[FrameKey, Collection[str]]
) -> dict[str, frozenset[str]]:
    """Patients of training clips with a finished label, and the structures that it says something of."""
    patients = {clip.name: clip.header.patient for clip in clips if clip.split is Split.TRAIN}
    found: dict[str, frozenset[str]] = {}
    for key, structures in finished.items():
        patient = patients.get(key.clip)
        if patient is not None:
            found[patient] = found.get(patient, frozenset()) | frozenset(structures)
    return found


def chosen_validation(clips: Collection[Clip]) -> tuple[str, ...]:
    """Patients that a manifest put into validation; where there are any, they replace the automatic choice."""
    return tuple(dict.fromkeys(c.header.patient for c in clips if c.split is Split.VALIDATION))


def usable_clips(clips: Collection[Clip]) -> tuple[Clip, ...]:
    """Clips that are not for testing, and are not the picture of one that is, under another patient."""
    tested = {c.pixels for c in clips if c.split is Split.TEST and c.pixels}
    return tuple(c for c in clips if c.split is not Split.TEST and c.pixels not in tested)


def must_unlearn(
    before: Mapping[str, Clip], now: Mapping[str, Clip], *, taught: Collection[str], held: Collection[str]
) -> bool:
    """Whether something was learnt that should not have been, now that clips are others.

    So it is where a clip is gone or became a test clip, where a test clip came with the pixels of another one, and
    where one whose labels taught is for validation, or is a patient's who is held aside.

    Parameters
    ----------
    before, now
        All clips by name.
    taught
        Names of the clips whose labels were learnt from.
    held
        Patients that were held aside.
    """
    seen = {clip.pixels for clip in before.values() if clip.split is not Split.TEST}
    arrived = (clip for name, clip in now.items() if name not in before)
    if before.keys() - now.keys() or any(clip.split is Split.TEST and clip.pixels in seen for clip in arrived):
        return True
    others = ((now[name], clip) for name, clip in before.items() if now[name] is not clip)
    apart = (clip for clip, was in others if clip.is_set_apart_since(was, held=held))
    return any(clip.split is Split.TEST or clip.name in taught for clip in apart)


def plan_frames(
    clips: Sequence[Clip],
    finished: Mapping[FrameKey, Collection[str]],
    *,
    held: Collection[str],
    reach: int = 0,
    most: int = MAX_UNLABELLED,
) -> Plan:
    """Give every frame its part; a picture that is also a test or held patient's, under another patient, has none.

    Parameters
    ----------
    clips
        All clips of the project.
    finished
        Frames with at least one finished label, and the structures that they have one of.
    held
        Patients whose frames are only validated on.
    reach
        Spacing in frames up to which a labelled frame and two unlabelled ones are wanted in a row; 0 where training
        has no use for neighbours.
    most
        Unlabelled frames at most.
    """
    usable = usable_clips(clips)
    aside = [c for c in usable if c.header.patient in held]
    checked, seen = {c.name for c in aside}, {c.pixels for c in aside if c.pixels}
    train = {c.name for c in usable if c.split is Split.TRAIN and c.name not in checked and c.pixels not in seen}
    done = sorted(finished, key=attrgetter("clip", "frame"))
    taken = set(done)
    unlearnt = {key.clip for key in done} - train
    apart = frozenset(
        Split.VALIDATION if c.header.patient in held and c.split is Split.TRAIN else c.split
        for c in clips
        if c.name in unlearnt
    )
    labelled = tuple(key for key in done if key.clip in train)
    validation = spread([key for key in done if key.clip in checked], MAX_VALIDATION)
    learnt, measured = ({s for key in part for s in finished[key]} for part in (labelled, validation))
    return Plan(
        labelled=labelled,
        validation=validation,
        unlabelled=_unlabelled([c for c in clips if c.name in train], taken, reach, most),
        held=tuple(held),
        kept_apart=apart,
        unmeasured=frozenset(learnt - measured) if aside else frozenset(),
    )


def _unlabelled(clips: Sequence[Clip], taken: Collection[FrameKey], reach: int, most: int) -> tuple[FrameKey, ...]:
    if not clips or not most:
        return ()
    said: dict[str, set[int]] = {}
    for key in taken:
        said.setdefault(key.clip, set()).add(key.frame)
    near = _near(clips, said, reach, most) if reach else {}
    left = most - sum(map(len, near.values()))
    chosen = {clip.name for clip in _lasting(clips, left)}
    each = max(1, min(MAX_UNLABELLED_PER_CLIP, left // len(chosen)))
    found: list[FrameKey] = []
    for clip in clips:
        neighbours = near.get(clip.name, ())
        wanted = max(0, each - len(neighbours)) if clip.name in chosen else 0
        gone = {*said.get(clip.name, ()), *neighbours}
        others = [frame for frame in range(clip.header.n_frames) if frame not in gone] if wanted else []
        found += (FrameKey(clip.name, frame) for frame in sorted([*neighbours, *spread(others, wanted)]))
    return tuple(found)


def _lasting(clips: Sequence[Clip], count: int) -> Sequence[Clip]:
    """At most so many clips, as if at random; where there is room for one less, all others of them stay.

    A label in a clip that had none takes room for its neighbours: with evenly spaced clips nearly all would be others
    after it, and their frames would have to be read anew.
    """
    if len(clips) <= count:
        return clips
    return sorted(clips, key=lambda clip: (crc32(clip.name.encode()), clip.name))[:count]


def _near(clips: Sequence[Clip], said: Mapping[str, set[int]], reach: int, most: int) -> dict[str, tuple[int, ...]]:
    """Of each clip with labelled frames, the unlabelled ones nearest to them, in at most half of all places."""
    with_labels = spread([clip for clip in clips if clip.name in said], most // 4)
    each = min(MAX_UNLABELLED_PER_CLIP, most // len(with_labels)) // 2 if with_labels else 0
    near: dict[str, tuple[int, ...]] = {}
    for clip in with_labels:
        labelled = said[clip.name]
        distance = {n: min(abs(n - frame) for frame in labelled) for n in range(clip.header.n_frames)}
        # The third of a triple is twice its spacing away where the labelled frame is first or last.
        close = [n for n in distance if 0 < distance[n] <= 2 * reach]
        near[clip.name] = tuple(sorted(close, key=lambda n: (distance[n], n))[:each])
    return near


def spread(items: Sequence[T], count: int) -> tuple[T, ...]:
    """At most ``count`` items, evenly spaced, in their order."""
    if len(items) <= count:
        return tuple(items)
    return tuple(items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count))


def in_turn(items: Sequence[T], count: int, *, first: int = 0) -> Iterator[T]:
    """All items: ``count`` evenly spaced ones, then as many halfway between these, and so on.

    Each time it begins at the one at place ``first`` of these, and comes round to those before it.
    """
    left = list(enumerate(items))
    for chosen in cycle((spread, _halfway)):
        if not left:
            return
        turn = chosen(left, count)
        begin = first % len(turn)
        yield from (item for _, item in (*turn[begin:], *turn[:begin]))
        gone = {place for place, _ in turn}
        left = [(place, item) for place, item in left if place not in gone]


def _halfway(items: Sequence[T], count: int) -> tuple[T, ...]:
    """As :func:`spread`, half of the spacing earlier: what lies between the items that it took."""
    return tuple(items) if len(items) <= count else tuple(items[i * len(items) // count] for i in range(count))


def nearest_first(key: FrameKey, n_frames: int) -> Iterator[FrameKey]:
    """All frames of the key's clip, the key first, then outwards, forwards before backwards."""
    yield key
    for distance in range(1, n_frames):
        for frame in (key.frame + distance, key.frame - distance):
            if 0 <= frame < n_frames:
                yield FrameKey(key.clip, frame)
