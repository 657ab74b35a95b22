"""What the learner measured on the patients held aside, in words and points that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from annotator.core.protocols import LabelProtocol
from annotator.engine.messages import Reliability, TrainingStatus
from annotator.engine.messages import ReliabilityCurve as Measured
from annotator.viewer.state import ReliabilityCurve, ReliabilityRow

_READ_AT: Final = 0.8
"""The probability that is read aloud."""

_UNSURE: Final = 0.1
"""A probability between this and its opposite is unsure."""

_FEWEST_PIXELS: Final = 20
"""A bin with fewer is neither drawn nor read aloud."""


def held_sentence(patients: tuple[str, ...], *, unmeasured: str = "") -> str:
    """Who is held aside, by pseudonym, or from when on somebody is; and, as a sentence, what they do not measure."""
    if not patients:
        return (
            "No patient is held aside yet. From the fourth labelled patient on, some that nothing was learnt from are "
            "kept out of training, and the model is measured on them."
        )
    who = "Patient" if len(patients) == 1 else f"{len(patients)} patients"
    told = f"{who} held aside, never trained on: {', '.join(patients)}."
    return f"{told} {unmeasured}".rstrip()


def caveat_sentence(status: TrainingStatus, protocol: LabelProtocol) -> str:
    """Which Dice flatters the model, and what would measure it; empty where none does."""
    flattered = [s.name for s in protocol.structures if s.id in status.measured_on_accepted]
    if not flattered:
        return ""
    which = "These figures are" if len(flattered) == len(status.dice) else f"The figures of {', '.join(flattered)} are"
    return (
        f"{which} against suggestions that were accepted as they were, which flatters the model. "
        "Draw or correct some in the patients held aside, and it is measured on those."
    )


def reliability_rows(found: Mapping[str, Reliability], protocol: LabelProtocol) -> tuple[ReliabilityRow, ...]:
    """One row per measured structure, in the protocol's order."""
    return tuple(
        ReliabilityRow(s.name, s.colour, _curve(found[s.id].before), _curve(found[s.id].after))
        for s in protocol.structures
        if s.id in found
    )


def _curve(measured: Measured) -> ReliabilityCurve:
    kept = [(p, f) for p, f, count in measured.points if count >= _FEWEST_PIXELS]
    words = f"Calibration error {100 * measured.error:.1f}%"
    unsure = [(abs(p - f), count) for p, f, count in measured.points if _UNSURE <= p <= 1 - _UNSURE]
    if unsure:
        # Most pixels are sure background, so that the mean over all of them is small whatever happens at a border.
        gap = sum(distance * count for distance, count in unsure) / sum(count for _, count in unsure)
        words += f" over all pixels, {100 * gap:.0f}% where it is unsure"
    if kept:
        said, true = min(kept, key=lambda point: abs(point[0] - _READ_AT))
        words = f"When it says {said:.0%}, it is right {true:.0%} of the time. {words}"
    return ReliabilityCurve(tuple(kept), f"{words}.")


def confidence_sentence(status: TrainingStatus) -> str:
    """What the confidence of the suggestions is worth."""
    if not status.reliability:
        if not status.validation_patients:
            return "Confidence cannot be measured yet, since no patient is held aside."
        # A published model may have no figures: where nothing but absence is known of these patients.
        return "Confidence is measured when a model is published, of structures that patients held aside show."
    any_of = next(iter(status.reliability.values()))
    flattered = " It was measured with accepted suggestions, which flatters." if status.measured_on_accepted else ""
    if any_of.is_applied:
        return f"The suggestions carry the confidence after calibration.{flattered}"
    reason = f", since {any_of.reason}" if any_of.reason else ""
    served = f"The suggestions carry the confidence before calibration{reason}."
    if not any_of.is_cross_fitted:
        served += " 'After' is of the very patients that it was fitted on, which flatters it."
    return f"{served}{flattered}"
