"""Which model answers for a project: a given weights file, its latest snapshot, or the starting weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator import registry
from annotator.core.errors import IncompatibleWeights, ProjectError
from annotator.engine.starting import shipped_weights
from annotator.project import Project, refuse_damaged

if TYPE_CHECKING:
    from annotator.learn.weights import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class ServingModel:
    """A loaded model; ``snapshot`` is ``None`` where it is not one of the project's."""

    predictor: Predictor
    snapshot: int | None
    file: Path


def load_model(weights: Path) -> ServingModel:
    """A model from a weights file alone.

    Raises
    ------
    IncompatibleWeights
        Where the file cannot be read or needs a network that is not installed.
    """
    from annotator.learn.weights import load  # noqa: PLC0415 - torch is imported late

    return ServingModel(load(weights, registry.networks()), None, weights)


def _starting_model(project: Project) -> ServingModel:
    from annotator.learn.mapping import adapted  # noqa: PLC0415 - torch is imported late

    shipped = shipped_weights(project.protocol)
    if shipped is None:
        raise ProjectError(f"{project.path}: there is no model yet; run 'annotator train' or give --weights.")
    model = load_model(shipped)
    return ServingModel(adapted(model.predictor, project.protocol, project.values), None, shipped)


def serving_model(project: Project, weights: Path | None = None) -> ServingModel:
    """The model that answers for a project.

    Raises
    ------
    ProjectError
        Where no weights are given, the project has no snapshot yet, and no shipped weights know its structures.
    CorruptProject
        Where the snapshot is not as it was published.
    IncompatibleWeights
        Where the weights cannot be read or speak of other structures than the project.
    """
    if weights is not None:
        model = load_model(weights)
    else:
        snapshot = project.latest_snapshot()
        if snapshot is None:
            return _starting_model(project)
        refuse_damaged(snapshot)
        loaded = load_model(snapshot.file)
        model = ServingModel(loaded.predictor, snapshot.id, snapshot.file)
    theirs = tuple(model.predictor.structures)
    if theirs != project.protocol.ids:
        raise IncompatibleWeights(
            f"{model.file}: these weights know {', '.join(theirs)}, the project's protocol "
            f"'{project.protocol.name}' has {', '.join(project.protocol.ids)}; use weights of the same protocol."
        )
    return model
