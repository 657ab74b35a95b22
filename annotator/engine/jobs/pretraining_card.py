"""The card beside starting weights: what they saw, how they were made, and where they end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from annotator.core.protocols import LabelProtocol

if TYPE_CHECKING:
    from annotator.learn.recipe import Recipe

HEAD: Final = "# Starting weights for "
"""How every card begins."""


def card_text(protocol: LabelProtocol, recipe: Recipe, steps: int, facts: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Parameters
    ----------
    protocol
        Structures in class order.
    recipe
        Of the training.
    steps
        Of the last run; fixed beforehand.
    facts
        Of the weights' header.
    """
    runs = [*facts["earlier"], {**facts, "steps": steps, "image_size": recipe.data.image_size}]
    scanners = sorted({scanner for run in runs for scanner in run.get("scanners", ())})
    steps_text = ", then ".join(f"{run['steps']} at {run['image_size']} px" for run in runs)
    commands = "\n    ".join(run["command"] or "annotator pretrain" for run in runs)
    structures = ", ".join(f"{s.name} (`{s.id}`)" for s in protocol.structures)
    dice = ", ".join(f"`{name}` {value:.2f}" for name, value in facts["held_out_dice"].items()) or "not measured"
    return f"""{HEAD}'{protocol.title}'

Suggestions before the first label, and a start for training, in projects that share structures with this protocol.

| | |
|---|---|
| Structures | {structures} |
| Network | {recipe.network.name}, {recipe.data.image_size} px, grey |
| Learnt from | {_patients(runs)} simulated patients, {facts["origin"]}; no image of a person |
| Simulated scanners | {", ".join(scanners)} |
| Steps | {steps_text}; fixed beforehand; the running average of the weights is kept |
| Dice on the held-out simulated scanner '{facts["held_out_scanner"]}' | {dice} |
| Licence | {facts["licence"]} |

Made by

    {commands}

## Limits

- A simulator is not a patient: measure on real frames of your own before you trust a figure. The Dice above says how
  well the network reads that simulator, and no more.
- Only pictures of '{protocol.title}' were simulated; in others the suggestions mean nothing.
- Not a medical device: a person accepts or corrects each suggestion.
"""


def _patients(runs: Sequence[Mapping[str, Any]]) -> int:
    """Simulated patients of all runs; runs of one seed have the same ones, of which the longest has all."""
    of_seeds: dict[object, int] = {}
    for number, run in enumerate(runs):
        words = shlex.split(run["command"])
        seed = words[words.index("--seed") + 1] if "--seed" in words else number
        of_seeds[seed] = max(of_seeds.get(seed, 0), run["simulated_patients"])
    return sum(of_seeds.values())
