"""Who is held aside for validation, and which snapshots may serve suggestions: pure decisions, no state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.core.words import counted

if TYPE_CHECKING:
    from annotator.learn.validation import Validation

FEWEST_PATIENTS = 4
"""Below this many labelled patients nothing is held aside."""

HELD_SHARE = 0.2
TOLERANCE = 0.005
"""Dice by which a validation may be lower and still count as 'not worse', however many patients it is of."""

PATIENT_NOISE = 0.02
"""Dice by which one patient's structure moves, from one look to the next, otherwise than that of all patients.

Standard deviation between looks 100 to 500 steps apart; CAMUS, apical four-chamber, 12 and 30 labels.
"""

START_NOISE = 0.06
"""The same between weights that saw no label of the project and what comes of them in its first hundred steps.

These differ by more than two looks at one training do, and few patients then say little of which is better: of 16
trainings (CAMUS, 12 labels of 12 patients or 24 of four; median absolute deviation, scaled) all were better by far.
"""

ACCEPTED_SLACK = 0.05
"""Dice by which a structure may be lower where accepted suggestions alone measure it.

They say that an outline is right, not that another one is wrong, and where two people draw one chamber they differ by
more than this. Without it, who accepts what a model suggests would keep every later model from being published.
"""


def hold_aside(
    labelled: Mapping[str, Collection[str]], held: Collection[str] = (), trained: Collection[str] = ()
) -> tuple[str, ...]:
    """Patients whose labels validate and never train: about one in five, at least one, and held for good.

    Patients are chosen so that as many structures as possible are validated while each structure keeps a training
    patient; ties go to the patient who comes first, so the same labels give the same choice whatever the pseudonyms.

    Parameters
    ----------
    labelled
        Patient to the structures with a finished label in any of its frames, in a lasting order such as that of import.
    held
        Patients already held aside; they stay, even where their labels are gone.
    trained
        Patients who were trained on. None of them is chosen, since a model knows them by heart and every later one
        would seem worse; the next patient who is labelled is held aside instead.

    Returns
    -------
    tuple of str
        Sorted; empty below :data:`FEWEST_PATIENTS` labelled patients where nothing was held before.
    """
    chosen = set(held)
    if len(labelled) < FEWEST_PATIENTS:
        return tuple(sorted(chosen))
    wanted = max(1, math.floor(HELD_SHARE * len(labelled) + 0.5))
    n_here = sum(p in labelled for p in chosen)
    covered = Counter(s for p in chosen if p in labelled for s in labelled[p])
    training = Counter(s for p, structures in labelled.items() if p not in chosen for s in structures)
    free = [p for p in labelled if p not in chosen and p not in trained]
    for _ in range(wanted - n_here):
        # Whose structures all keep another patient; since fewer are left each time, nobody comes back.
        free = [p for p in free if all(training[s] > 1 for s in labelled[p])]
        if not free:
            break
        best = max(free, key=lambda p: _need(labelled[p], covered))
        free.remove(best)
        chosen.add(best)
        covered.update(labelled[best])
        training.subtract(labelled[best])
    return tuple(sorted(chosen))


def _need(structures: Collection[str], covered: Mapping[str, int]) -> float:
    return sum(1.0 / (1 + covered[s]) ** 2 for s in structures)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to publish, and why, in one plain sentence."""

    publish: bool
    is_validated: bool
    sentence: str


def decide(now: Validation | None, best: Mapping[str, float] | None, *, is_start: bool = False) -> Decision:
    """Whether the teacher of this moment may replace the model that serves.

    Parameters
    ----------
    now
        Its validation; ``None`` (or one without a figure) where nothing is held aside.
    best
        Structure to Dice of the best model published so far; ``None`` where none is validated yet.
    is_start
        Whether that is the weights that training began at.
    """
    if now is None or not now.dice:
        return Decision(
            publish=True,
            is_validated=False,
            sentence="Published on schedule; not validated, since no label of a patient held aside judges it yet.",
        )
    mean = sum(now.dice.values()) / len(now.dice)
    figure = f"mean Dice {mean:.3f} on {counted(now.n_patients, 'held patient')}"
    shared = [s for s in now.dice if best and s in best]
    if not best or not shared:
        return Decision(publish=True, is_validated=True, sentence=f"Published: {figure}.")
    before = sum(best[s] for s in shared) / len(shared)
    after = sum(now.dice[s] for s in shared) / len(shared)
    noise = START_NOISE if is_start else PATIENT_NOISE
    if after >= before - tolerance(now, shared, noise=noise):
        compared = f"{before:.3f} before any label" if is_start else f"{before:.3f} at best before"
        return Decision(publish=True, is_validated=True, sentence=f"Published: {figure}, {compared}.")
    other = "weights that training began at" if is_start else "best before"
    return Decision(
        publish=False,
        is_validated=True,
        sentence=f"Kept back: {figure}, worse than the {before:.3f} of the {other}.",
    )


def tolerance(now: Validation, structures: Collection[str], *, noise: float = PATIENT_NOISE) -> float:
    """Dice by which the mean over structures may be lower without being worse.

    That of chance, since few patients validate each: the standard deviation of a mean of means, sqrt(sum of 1 / n) / K
    times that of one patient, for K structures of n patients each, and at least :data:`TOLERANCE`. And
    :data:`ACCEPTED_SLACK` for the share of structures that accepted suggestions alone measure.

    Parameters
    ----------
    now
        Says what is behind each figure.
    structures
        Those that are compared.
    noise
        That standard deviation of one patient.
    """
    spread = math.sqrt(sum(1.0 / now.patients_of.get(s, 1) for s in structures)) / len(structures)
    accepted = sum(s in now.measured_on_accepted for s in structures) / len(structures)
    return max(TOLERANCE, noise * spread) + ACCEPTED_SLACK * accepted


def best_of(now: Mapping[str, float], best: Mapping[str, float]) -> dict[str, float]:
    """What the next snapshot is compared with once ``now`` is published.

    Not always the last one: snapshots that are each a little worse than the one before, within its noise, would else
    lead downhill for as long as one trains.

    Parameters
    ----------
    now, best
        Structure to Dice, of the snapshot just published and of the best before it.
    """
    shared = [s for s in now if s in best]
    is_behind = sum(now[s] for s in shared) < sum(best[s] for s in shared)
    return {**now, **{s: best[s] for s in shared}} if is_behind else dict(now)
