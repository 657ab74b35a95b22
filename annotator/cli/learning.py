"""Commands on the model: next, train, predict, evaluate, snapshots, export-weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from annotator.cli.opening import writable
from annotator.cli.output import JsonOption, ProjectArgument, progress_bar, show, table, tell
from annotator.core.errors import BadInput
from annotator.core.identity import Split
from annotator.core.words import counted
from annotator.engine.jobs.evaluating import evaluate as evaluate_job
from annotator.engine.jobs.predicting import predict_files, predict_project
from annotator.engine.jobs.queueing import next_up
from annotator.engine.jobs.training import TrainBudget, TrainOptions
from annotator.engine.jobs.training import train as train_job
from annotator.engine.jobs.weights import export_weights as export_weights_job
from annotator.engine.lineage import LINEAGE, lineage_sentences
from annotator.learn.patient_scores import Evaluation
from annotator.project import Project, Snapshot

LARGEST_SEED: Final = 2**63 - 1
"""The largest that torch takes in its every use."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="next")(next_)
    app.command()(train)
    app.command()(predict)
    app.command()(evaluate)
    app.command()(snapshots)
    app.command(name="export-weights")(export_weights)


def next_(
    project: ProjectArgument,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="How many.")] = 10,
    json: JsonOption = False,
) -> None:
    """What to label next: frame, structure and the reason."""
    with Project.open(project, read_only=True) as opened, progress_bar() as progress:
        items = next_up(opened, number, progress=progress)
    result = [
        {"clip": i.key.clip, "frame": i.key.frame, "structure": i.structure, "score": i.score, "reason": i.reason}
        for i in items
    ]
    rows = [
        {"clip": i.key.clip, "frame": str(i.key.frame), "structure": i.structure, "reason": i.reason} for i in items
    ]
    show(result, as_json=json, lines=table(rows) or ["Nothing is left to label that would teach the model."])


def train(
    project: ProjectArgument,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a shipped recipe, or a path to a TOML file, for this run alone; "
            "else the one chosen in the window, else default.",
            show_default=False,
        ),
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="path=value; changes the recipe.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps to do, in addition to those done.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes to train, in addition.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Where a new model starts from.")] = 0,
    json: JsonOption = False,
) -> None:
    """Train without a window: the same engine, resumed where it left off.

    \f

    Raises
    ------
    typer.BadParameter
        Where not exactly one of steps and minutes is given.
    """
    if (steps is None) == (minutes is None):
        raise typer.BadParameter("give either --steps N or --minutes M")
    options = TrainOptions(recipe=recipe, overrides=overrides(set_ or []), device=device, seed=seed)
    with writable(project) as opened, progress_bar() as progress:
        report = train_job(opened, options, TrainBudget(steps=steps, minutes=minutes), progress=progress)
    tell((*report.sentences, *report.warnings))
    result = {
        "step": report.step,
        "steps": report.steps,
        "seconds": report.seconds,
        "steps_per_s": report.steps_per_s,
        "snapshot": report.snapshot,
        "new": report.is_new,
        "validated": report.is_validated,
        "dice": dict(report.dice),
        "kept_back": report.kept_back,
        "warnings": list(report.warnings),
    }
    quality = ", ".join(f"{s} {d:.3f}" for s, d in report.dice.items()) or "not validated"
    made = f"snapshot {report.snapshot}: {quality}" if report.is_new else "no new snapshot"
    line = f"{counted(report.steps, 'step')} in {report.seconds:.0f} s; {made}."
    show(result, as_json=json, lines=[line, *filter(None, [report.kept_back])])


def overrides(pairs: list[str]) -> dict[str, str]:
    """``path=value`` words as a mapping.

    Raises
    ------
    typer.BadParameter
        Where a word has another form.
    """
    split = [pair.split("=", 1) for pair in pairs]
    for pair, parts in zip(pairs, split, strict=True):
        if len(parts) != 2:
            raise typer.BadParameter(f"'{pair}' is not of the form path=value")
    return {parts[0]: parts[1] for parts in split}


def predict(
    source: Annotated[list[Path], typer.Argument(help="A project folder, or image files and folders.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    weights: Annotated[Path | None, typer.Option(help="A weights file; needed for files.")] = None,
    split: Annotated[Split | None, typer.Option(help="Only this part of a project.")] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out what cannot be read, and name it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write one indexed PNG per frame and predictions.csv with the confidence per structure.

    \f

    Raises
    ------
    BadInput
        Where files come without weights.
    typer.BadParameter
        Where a split is asked of files.
    """
    with progress_bar() as progress:
        if len(source) == 1 and Project.is_project(source[0]):
            with Project.open(source[0], read_only=True) as opened:
                report = predict_project(
                    opened, out, split=split, weights=weights, progress=progress, skip_damaged=skip_damaged
                )
        elif weights is None:
            raise BadInput(source[0], "it is no project, and files need a model", "give --weights FILE")
        elif split is not None:
            raise typer.BadParameter("--split goes with a project")
        else:
            report = predict_files(source, out, weights=weights, progress=progress, skip_damaged=skip_damaged)
    tell(report.warnings)
    result = {
        "frames": report.frames,
        "out": str(report.out),
        "snapshot": report.snapshot,
        "strange": report.strange,
        "passed_over": report.passed_over,
    }
    line = f"Wrote {counted(report.frames, 'mask')} to {out}, made by {_model(report.snapshot, weights)}."
    show(result, as_json=json, lines=[line])


def evaluate(
    project: ProjectArgument,
    split: Annotated[Split, typer.Option(help="Which part of the data.")] = Split.TEST,
    weights: Annotated[Path | None, typer.Option(help="A weights file instead of the latest snapshot.")] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out frames that cannot be read, and name them.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Dice and HD95 (mm) per structure, domain and view, by patient, with bootstrap intervals."""
    with Project.open(project, read_only=True) as opened, progress_bar() as progress:
        result = evaluate_job(opened, split, weights=weights, progress=progress, skip_damaged=skip_damaged)
    tell(result.passed_over)
    show(result.as_json(), as_json=json, lines=_lines(result, split, _model(result.snapshot, weights)))


def _model(snapshot: int | None, weights: Path | None) -> str:
    """Which model it was, in words."""
    if weights is not None:
        return weights.name
    return "the shipped starting weights" if snapshot is None else f"snapshot {snapshot}"


def _lines(result: Evaluation, split: Split, model: str) -> list[str]:
    rows = []
    for group, results in [("all", result.structures), *result.by_domain.items(), *result.by_view.items()]:
        for structure, r in results.items():
            # Of one patient a bootstrap has a single mean, and so no interval.
            interval = f"{r.ci95[0]:.3f} to {r.ci95[1]:.3f}" if r.patients > 1 else "-"
            distance = f"{r.hd95_mm:.1f}" if r.hd95_mm is not None else "-"
            rows.append(
                {
                    "of": group,
                    "structure": structure,
                    "Dice": f"{r.dice:.3f}",
                    "95%": interval,
                    "HD95 mm": distance,
                    "patients": str(r.patients),
                }
            )
    frames = counted(result.frames, "frame")
    mean = [] if result.mean_dice is None else [f"Mean Dice of {model}: {result.mean_dice:.3f} on {frames}."]
    return [*table(rows), *mean, *_caveats(result, split)]


def _caveats(result: Evaluation, split: Split) -> list[str]:
    said = []
    if split is Split.TRAIN:
        said.append("The model learns from this split, which flatters it; patients marked 'test' judge it.")
    elif split is Split.VALIDATION:
        said.append("These patients choose the model, which flatters it a little; patients marked 'test' judge it.")
    left_out = {name: r.hd95_missing for name, r in result.structures.items() if r.hd95_missing}
    if left_out:
        each = ", ".join(f"{name} {count}" for name, count in left_out.items())
        said.append(f"HD95 leaves out frames where only the model or only the label has the structure: {each}.")
    fewer = {
        name: f"{r.hd95_patients} of {r.patients}"
        for name, r in result.structures.items()
        if 0 < r.hd95_patients < r.patients
    }
    if fewer:
        each = ", ".join(f"{name} {count}" for name, count in fewer.items())
        said.append(f"HD95 is that of fewer patients, since some have no pixel size or no distance: {each}.")
    if result.labels_from_suggestions:
        said.append(
            f"{result.labels_from_suggestions} of {result.labels} labels began as a model's suggestion, which flatters "
            "the model."
        )
    return said


def snapshots(project: ProjectArgument, json: JsonOption = False) -> None:
    """The published models: validation, recipe, where training began, and what was done before publishing."""
    with Project.open(project, read_only=True) as opened:
        found = opened.snapshots()
    result = {"snapshots": [_snapshot_json(snapshot) for snapshot in found]}
    lines = [line for snapshot in found for line in _snapshot_lines(snapshot)]
    show(result, as_json=json, lines=lines or ["There is no model yet."])


def _snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.id,
        "step": snapshot.step,
        "time": snapshot.time.isoformat(),
        "recipe": snapshot.recipe,
        "revision": snapshot.data_revision,
        "validated": snapshot.is_validated,
        "tainted": snapshot.is_tainted,
        "file": str(snapshot.file) if snapshot.has_file else None,
        "sha256": snapshot.sha256,
        **snapshot.metrics,
    }


def _snapshot_lines(snapshot: Snapshot) -> list[str]:
    dice = snapshot.metrics.get("dice", {})
    quality = ", ".join(f"{s} {d:.3f}" for s, d in dice.items()) or "not validated"
    accepted = ", ".join(snapshot.metrics.get("measured_on_accepted", []))
    quality += f" (against accepted suggestions alone: {accepted})" if accepted else ""
    why = "; it may have seen a patient who was removed, or set apart for tests or validation, since"
    tainted = why if snapshot.is_tainted else "" if snapshot.has_file else "; its file was taken away"
    head = f"Snapshot {snapshot.id}, step {snapshot.step}, recipe {snapshot.recipe}: {quality}{tainted}."
    return [head, *(f"  {sentence}" for sentence in lineage_sentences(snapshot.metrics.get(LINEAGE, {})))]


def export_weights(
    project: ProjectArgument,
    out: Annotated[Path, typer.Option(help="File to write (a folder for monai-bundle).")],
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="safetensors, onnx, torch-export or monai-bundle.")
    ] = "safetensors",
    json: JsonOption = False,
) -> None:
    """Write the latest snapshot's weights with a model card."""
    with Project.open(project, read_only=True) as opened:
        report = export_weights_job(opened, format, out)
    result = {"files": [str(f) for f in report.files], "snapshot": report.snapshot}
    show(result, as_json=json, lines=[f"Wrote {', '.join(str(f) for f in report.files)}."])
