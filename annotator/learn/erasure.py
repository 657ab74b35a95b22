"""Notices a structure that fades from the suggestions of a domain whose labels never speak of it.

A teacher a little less sure of a structure in one domain is believed there, learnt from, and is less sure still:
nothing in the losses of that domain holds against it. Predicted areas show it without a label. How the areas of two
domains are compared is our own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from annotator.core.words import listed

FEWEST_FRAMES: Final = 4
"""Frames of a domain without which its median says nothing."""

LEAST_SHARE: Final = 0.005
"""Share of the picture below which a structure is too small to be missed."""

ALARM_BELOW: Final = 0.25
"""An alarm begins where less than this part of the expected area is left."""

CALM_ABOVE: Final = 0.4
"""It ends where more than this part is back; between the two it stays as it was, so that it does not flicker."""

SMALLEST_SCALE: Final = 0.2
"""Structures of one domain are at most so much smaller than those of another, such as in deeper pictures."""


@dataclass(frozen=True, slots=True)
class FrameAreas:
    """What a model predicts of one frame.

    Parameters
    ----------
    domain
        Of its clip.
    shares
        Structure id to its predicted share of the picture, 0..1; without those that its view cannot show.
    """

    domain: str
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Erasure:
    """A structure that nearly vanished from the suggestions of one domain.

    Parameters
    ----------
    domain, structure
        Where it vanished.
    share
        Median predicted share of the picture there, 0..1.
    reference
        The same in the domains that label it.
    """

    domain: str
    structure: str
    share: float
    reference: float


def sentences(alarms: Sequence[Erasure], names: Mapping[str, str]) -> tuple[str, ...]:
    """What to tell the user: one sentence on what vanished in each domain, and one on what cures it.

    Parameters
    ----------
    alarms
        From :func:`erasures`.
    names
        Structure id to its name, such as ``"Left atrium"``.
    """
    by_domain: defaultdict[str, list[Erasure]] = defaultdict(list)
    for alarm in alarms:
        by_domain[alarm.domain].append(alarm)
    return tuple(_sentence(domain, of, names) for domain, of in by_domain.items())


def _sentence(domain: str, alarms: Sequence[Erasure], names: Mapping[str, str]) -> str:
    """What and the cure come first, since the panel has room for little more; how large it is, at the end."""
    together = listed([names[a.structure] for a in alarms])
    areas = [
        f"{names[a.structure]}: {_percent(a.share)} of the picture, {_percent(a.reference)} where it is labelled"
        for a in alarms
    ]
    have, them = ("has", "it") if len(alarms) == 1 else ("have", "them")
    return (
        f"In '{domain}' {together} {have} nearly vanished from the suggestions. Label {them} in two or three frames of "
        f"'{domain}', or mark as absent what is not in the picture. ({'; '.join(areas)}.)"
    )


def erasures(
    frames: Sequence[FrameAreas],
    labelled: Collection[tuple[str, str]],
    *,
    before: Collection[tuple[str, str]] = (),
) -> tuple[Erasure, ...]:
    """Structures whose predicted area falls away in a domain that never labels them.

    The expected area is that of the domains which label the structure, times the scale of this domain: how large the
    structures that it does label are here, compared with those domains. A deeper picture shows all of them smaller.

    Parameters
    ----------
    frames
        Predictions of one model.
    labelled
        (domain, structure) pairs with a finished label; 'absent' is one.
    before
        The pairs whose alarm stands.

    Returns
    -------
    tuple of Erasure
        In the order of domain and structure.
    """
    medians = _medians(frames)
    found = []
    for domain in sorted(medians):
        for structure in sorted({s for _, s in labelled}):
            reference = _reference(medians, labelled, structure, beside=domain)
            share = medians[domain].get(structure)
            if (domain, structure) in labelled or share is None or reference is None or reference < LEAST_SHARE:
                continue
            part = share / (reference * _scale(medians, labelled, domain))
            if part < (CALM_ABOVE if (domain, structure) in before else ALARM_BELOW):
                found.append(Erasure(domain, structure, share, reference))
    return tuple(found)


def _medians(frames: Sequence[FrameAreas]) -> dict[str, dict[str, float]]:
    """Domain to structure to median share, where enough frames can show it."""
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for frame in frames:
        for structure, share in frame.shares.items():
            found[frame.domain][structure].append(share)
    return {
        domain: {s: median(shares) for s, shares in of.items() if len(shares) >= FEWEST_FRAMES}
        for domain, of in found.items()
    }


def _reference(
    medians: Mapping[str, Mapping[str, float]], labelled: Collection[tuple[str, str]], structure: str, *, beside: str
) -> float | None:
    """Median share of a structure over the other domains that label it; ``None`` where there is none."""
    others = [of for d, of in medians.items() if d != beside and (d, structure) in labelled]
    shares = [of[structure] for of in others if structure in of]
    return median(shares) if shares else None


def _scale(medians: Mapping[str, Mapping[str, float]], labelled: Collection[tuple[str, str]], domain: str) -> float:
    """How much smaller than elsewhere a domain shows what it labels itself; 1 where that is not known."""
    ratios = []
    for structure in {s for d, s in labelled if d == domain}:
        reference, share = _reference(medians, labelled, structure, beside=domain), medians[domain].get(structure)
        if share is not None and reference is not None and reference >= LEAST_SHARE:
            ratios.append(share / reference)
    return min(1.0, max(SMALLEST_SCALE, median(ratios))) if ratios else 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.005 else "under 1%"
