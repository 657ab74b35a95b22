"""The model card that goes with exported weights: what the model is, what it saw, how well it does, its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from annotator.core.protocols import LabelProtocol


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model card says.

    Parameters
    ----------
    title
        Name of the model, such as the project's folder name.
    protocol
        Structures in class order.
    values
        Structure id to its value in an indexed mask.
    network
        Name of the network and its options in words.
    preprocessing
        Step to what it does, in order, such as ``{"size": "256 x 256 px, letterboxed in mm"}``.
    recipe
        Flat setting to value.
    step
        Training steps behind the weights.
    data_revision
        Of the project whose labels were read.
    labels
        Structure id to status to number of labels.
    by_author, by_origin
        Number of labels.
    domains
        Domain to number of clips, those of test patients not counted.
    validation
        Structure id to mean Dice over held-out patients, 0..1; empty where none was measured.
    validation_by_domain
        Domain to the same.
    measured_on_accepted
        Structures that were measured on accepted suggestions alone.
    lineage
        Sentences on the weights that training began from, and on what was done before publishing.
    is_calibrated
        Whether the probabilities carry the calibration that was measured on patients held aside.
    inactive
        Structures that never had a positive label and are never predicted.
    limits
        Further sentences.
    """

    title: str
    protocol: LabelProtocol
    values: Mapping[str, int]
    network: str
    preprocessing: Mapping[str, str]
    recipe: Mapping[str, object]
    step: int
    data_revision: int
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    by_author: Mapping[str, int] = field(default_factory=dict)
    by_origin: Mapping[str, int] = field(default_factory=dict)
    domains: Mapping[str, int] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    validation_by_domain: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measured_on_accepted: Sequence[str] = ()
    lineage: Sequence[str] = ()
    is_calibrated: bool = False
    inactive: Sequence[str] = ()
    limits: Sequence[str] = ()


def model_card(facts: ModelFacts) -> str:
    """The card as Markdown."""
    sections = (
        f"# {_plain(facts.title)}",
        _intended_use(facts),
        _structures(facts),
        f"## Network\n\n{_plain(facts.network)}, {facts.step} training steps, data revision {facts.data_revision}.",
        "## Preprocessing\n\n" + _table(("step", "what it does"), facts.preprocessing.items()),
        "## Recipe\n\n" + _table(("setting", "value"), facts.recipe.items()),
        _data(facts),
        _validation(facts),
        _lineage(facts),
        _limits(facts),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _intended_use(facts: ModelFacts) -> str:
    names = ", ".join(s.name for s in facts.protocol.structures)
    return (
        "## Intended use\n\n"
        f"Suggests outlines ({_plain(names)}; protocol `{facts.protocol.name}`) for a person to accept, correct or "
        "reject while labelling research data. It is not a medical device and must not guide care."
    )


def _structures(facts: ModelFacts) -> str:
    rows = [
        (
            i,
            f"`{s.id}`",
            s.name,
            facts.values.get(s.id, i),
            "no" if s.id in facts.inactive else "yes",
            ", ".join(s.views) or "all",
            "yes" if s.connected else "no",
        )
        for i, s in enumerate(facts.protocol.structures, start=1)
    ]
    head = ("class", "id", "structure", "mask value", "predicted", "views that show it", "one piece")
    shown = (
        "The application leaves out what a clip's view does not show, brings the probabilities to the frame's size, "
        "takes the most probable class, and gives small pieces and holes of what is one piece to the classes around "
        "them. The graphs of `onnx`, `torch-export` and `monai-bundle` do none of this, so their masks may differ from "
        "those of `annotator predict`."
    )
    return f"## Output\n\nOne class a pixel; class 0 is background.\n\n{_table(head, rows)}\n\n{shown}"


def _data(facts: ModelFacts) -> str:
    statuses = sorted({status for counts in facts.labels.values() for status in counts})
    rows = [(f"`{name}`", *(counts.get(s, 0) for s in statuses)) for name, counts in facts.labels.items()]
    return "\n\n".join(
        (
            "## Labels it learnt from",
            "Those of patients held aside, by which it was validated, are counted too; those of test patients are not.",
            _table(("structure", *statuses), rows),
            _table(("author", "labels"), facts.by_author.items()),
            _table(("origin", "labels"), facts.by_origin.items()),
            _table(("domain", "clips"), facts.domains.items()),
        )
    )


def _validation(facts: ModelFacts) -> str:
    if not facts.validation:
        return "## Validation\n\n**Not validated**: no patients were held aside when these weights were made."
    ids = list(facts.validation)
    rows = [("all", *(f"{facts.validation[i]:.3f}" for i in ids))]
    for domain, dice in facts.validation_by_domain.items():
        rows.append((domain, *(f"{dice[i]:.3f}" if i in dice else "not measured" for i in ids)))
    said = "Mean Dice over patients that were never trained on."
    if facts.measured_on_accepted:
        which = ", ".join(f"`{i}`" for i in facts.measured_on_accepted)
        said += f" Measured on suggestions that were accepted as they were, which flatters the model: {which}."
    return f"## Validation\n\n{said}\n\n" + _table(("domain", *(f"`{i}`" for i in ids)), rows)


def _lineage(facts: ModelFacts) -> str:
    if not facts.lineage:
        return ""
    return "## Lineage\n\n" + "\n".join(f"- {_plain(sentence)}" for sentence in facts.lineage)


def _limits(facts: ModelFacts) -> str:
    calibrated = (
        "The probabilities are calibrated on the patients held aside, so they mean less on others; "
        "they are not for clinical decisions."
    )
    raw = "The probabilities are not calibrated, and not for clinical decisions."
    sentences = [
        "Scanners, views and patients unlike those above may be segmented badly, and the model does not say so.",
        calibrated if facts.is_calibrated else raw,
    ]
    if facts.inactive:
        missing = ", ".join(f"`{i}`" for i in facts.inactive)
        sentences.append(f"Never predicted, since no label ever showed them: {missing}.")
    return "## Limits\n\n" + "\n".join(f"- {_plain(s)}" for s in (*sentences, *facts.limits))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = ["| " + " | ".join(_plain(str(cell)) for cell in row) + " |" for row in rows]
    if not body:
        return f"No {head[0]} is recorded."
    return "\n".join(("| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body))


def _plain(text: str) -> str:
    """Text that cannot break a table or open a tag."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
