"""The model card says what the model saw, how well it does, and what it does not know."""

from __future__ import annotations

from dataclasses import replace

from annotator.export import ModelFacts, model_card
from annotator.testing.samples import SAMPLE_PROTOCOL

FACTS = ModelFacts(
    title="Ward 3",
    protocol=SAMPLE_PROTOCOL,
    values={"one": 5, "two": 2, "three": 9},
    network="unet (width 16)",
    preprocessing={"size": "256 x 256 px"},
    recipe={"learning_rate": 0.001},
    step=1200,
    data_revision=42,
    labels={"one": {"outlined": 12, "absent": 1}, "two": {"partial": 3}},
    by_author={"A. Reader": 10, "B | <b>": 6},
    by_origin={"drawn": 9, "accepted": 7},
    domains={"scanner a": 4},
    validation={"one": 0.912, "two": 0.7},
    validation_by_domain={"scanner a": {"one": 0.9}},
    measured_on_accepted=("two",),
    lineage=("Training began from a <b> file.",),
    inactive=("three",),
)


def test_every_fact_is_on_the_card() -> None:
    card = model_card(FACTS)
    for said in (
        "# Ward 3", "unet (width 16), 1200 training steps, data revision 42", "| `one` | 1 | 12 | 0 |",
        "| A. Reader | 10 |", "| drawn | 9 |", "| all | 0.912 | 0.700 |", "| scanner a | 0.900 | not measured |",
        "| 3 | `three` | Third | 9 | no | all | no |", "Never predicted", "not a medical device",
        "| learning_rate | 0.001 |",
        "which flatters the model: `two`.", "## Lineage\n\n- Training began from a &lt;b> file.", "not calibrated",
    ):  # fmt: skip
        assert said in card


def test_no_text_breaks_the_tables() -> None:
    assert "| B \\| &lt;b> | 6 |" in model_card(FACTS)


def test_weights_without_validation_say_so() -> None:
    card = model_card(replace(FACTS, validation={}, validation_by_domain={}, lineage=(), is_calibrated=True))
    assert "Lineage" not in card
    assert "calibrated on the patients held aside" in card
    assert "**Not validated**" in card
    assert "Mean Dice" not in card
