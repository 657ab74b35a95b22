"""The latest model with its card, for other people and other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator import registry
from annotator.core.errors import ProjectError
from annotator.core.status import LabelStatus
from annotator.engine.jobs.staging import refuse_project
from annotator.engine.lineage import lineage_sentences
from annotator.engine.roles import usable_clips
from annotator.export import ModelFacts, model_card
from annotator.project import Project, Snapshot, refuse_damaged

if TYPE_CHECKING:
    from annotator.learn.weights import WeightsHeader


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """Files that were written, and the snapshot that they hold."""

    files: tuple[Path, ...]
    snapshot: int


def export_weights(project: Project, format_name: str, out: Path) -> WeightsReport:
    """Write the weights of a project's latest snapshot.

    Parameters
    ----------
    project
        Whose model.
    format_name
        ``"safetensors"``, ``"onnx"``, ``"torch-export"`` or ``"monai-bundle"``.
    out
        File to write, or folder for a MONAI bundle.

    Raises
    ------
    ProjectError
        Where there is no snapshot yet.
    CorruptProject
        Where the snapshot is not as it was published.
    UnknownName
        Where there is no such format.
    BadInput
        Where ``out`` lies in a project.
    AnnotatorError
        Where the file cannot be written.
    """
    refuse_project(out)
    from annotator.learn import portable  # noqa: PLC0415 - torch is imported late
    from annotator.learn.weights import read_header  # noqa: PLC0415

    snapshot = project.latest_snapshot()
    if snapshot is None:
        raise ProjectError(f"{project.path}: there is no model yet; run 'annotator train' first.")
    refuse_damaged(snapshot)
    card = model_card(_facts(project, snapshot, read_header(snapshot.file)))
    model = portable.portable_model(snapshot.file, registry.networks(), card=card)
    return WeightsReport(portable.export_weights(model, format=format_name, out=out), snapshot.id)


def _facts(project: Project, snapshot: Snapshot, header: WeightsHeader) -> ModelFacts:
    from annotator.learn.preprocess import INPUT_MEAN, INPUT_STD  # noqa: PLC0415 - it imports OpenCV
    from annotator.learn.weights import applied_temperatures  # noqa: PLC0415

    counts = project.counts()
    limits = []
    if snapshot.data_revision != project.data_revision:
        limits.append(
            f"Labels are counted at data revision {project.data_revision}; the model learnt from revision "
            f"{snapshot.data_revision}."
        )
    return ModelFacts(
        title=project.path.name,
        protocol=header.protocol,
        values=header.values,
        network=f"{header.network} {dict(header.options)}" if header.options else header.network,
        preprocessing={
            "size": f"{header.image_size} px square, letterboxed, square in mm where the spacing is known",
            "padding": "black, or white where the frame's edge is light (inverted contrast)",
            "grey": "ITU-R BT.601 luminance",
            "values": f"(grey / 255 - {INPUT_MEAN}) / {INPUT_STD}",
        },
        recipe=_flat(header.recipe),
        step=snapshot.step,
        data_revision=snapshot.data_revision,
        labels={
            structure: {status: n for status, n in said.items() if LabelStatus(status).is_finished}
            for structure, said in counts.labels.items()
        },
        by_author=counts.by_author,
        by_origin=counts.by_origin,
        domains=Counter(clip.header.domain for clip in usable_clips(project.clips())),
        validation=snapshot.metrics.get("dice", {}),
        validation_by_domain=snapshot.metrics.get("dice_by_domain", {}),
        measured_on_accepted=snapshot.metrics.get("measured_on_accepted", ()),
        lineage=lineage_sentences(header.facts),
        is_calibrated=bool(applied_temperatures(header)),
        inactive=[s for s in header.protocol.ids if s not in header.active],
        limits=limits,
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested settings under dotted names."""
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
