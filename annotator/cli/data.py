"""Commands on a project's data: new, import, status, export, check, remove, simulate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from annotator import registry
from annotator.cli.opening import writable
from annotator.cli.output import (
    AuthorOption,
    JsonOption,
    ProjectArgument,
    author_name,
    progress_bar,
    show,
    table,
    tell,
)
from annotator.core.errors import AnnotatorError, CorruptProject
from annotator.core.identity import PatientFrom, Split
from annotator.core.indexed import read_values
from annotator.core.protocols import LabelProtocol
from annotator.core.words import counted
from annotator.engine.jobs.arrivals import ImportReport
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_manifest, import_paths
from annotator.engine.jobs.simulating import simulate_clips
from annotator.engine.jobs.staging import refuse_project
from annotator.project import Project

ProtocolOption = Annotated[str, typer.Option(help="Name of a labelling protocol, or a path to its TOML file.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(new)
    app.command(name="import")(import_)
    app.command()(status)
    app.command()(export)
    app.command()(check)
    app.command()(remove)
    app.command()(simulate)


def new(
    project: ProjectArgument,
    protocol: ProtocolOption,
    json: JsonOption = False,
) -> None:
    """Make a project folder."""
    chosen = chosen_protocol(protocol)
    with Project.create(project, chosen) as made:
        tell(made.notes)
        result = {"project": str(made.path), "protocol": chosen.name, "structures": list(chosen.ids)}
    show(result, as_json=json, lines=[f"Made {project} with the structures {', '.join(chosen.ids)}."])


def import_(
    project: ProjectArgument,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders.", show_default=False)] = None,
    manifest: Annotated[Path | None, typer.Option(help="A CSV with one row a frame or clip.")] = None,
    values: Annotated[str | None, typer.Option(help="Value of each structure in label files: lv=1,myo=2.")] = None,
    domain: Annotated[str | None, typer.Option(help="Scanner, vendor or hospital of these clips.")] = None,
    view: Annotated[str | None, typer.Option(help="View of these clips, such as a4c.")] = None,
    patient_from: Annotated[
        PatientFrom,
        typer.Option(
            help="What tells the patient: the file, else its folder; always the folder; or always the file's name."
        ),
    ] = "file",
    split: Annotated[
        Split | None,
        typer.Option(help="Part of the data that these clips belong to; train, unless an export says otherwise."),
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out files that cannot be read, and name them.")
    ] = False,
    replace_labels: Annotated[
        bool,
        typer.Option(
            "--replace-labels",
            help="Take finished labels that come in where they contradict those here, which are kept in the history "
            "and come back with undo in the window; without it nothing is imported then.",
        ),
    ] = False,
    author: AuthorOption = None,
    json: JsonOption = False,
) -> None:
    """Add clips from files, folders or a manifest with labels.

    \f

    Raises
    ------
    typer.BadParameter
        Where neither files nor a manifest are given, or options of one go with the other.
    """
    if (manifest is None) == (not paths):
        raise typer.BadParameter("give either files and folders, or --manifest FILE.csv")
    options = ImportOptions(domain, view, patient_from, split, skip_damaged, replace_labels)
    if manifest is not None:
        _refuse_beside_manifest(options)
    elif values is not None:
        raise typer.BadParameter("--values goes with --manifest")
    if domain is not None and not domain.strip():
        raise typer.BadParameter("a domain has a name")
    chosen = parse_values(values) if values else None
    name = author_name(author)
    with writable(project) as opened, progress_bar() as progress:
        if manifest is not None:
            report = import_manifest(
                opened, manifest, values=chosen, author=name, progress=progress, replace_labels=replace_labels
            )
        else:
            report = import_paths(opened, paths or [], options, author=name, progress=progress)
    tell([*report.warnings, *(f"Left out: {sentence}" for sentence in report.left_out)])
    show(asdict(report), as_json=json, lines=[_import_sentence(report)])


def _refuse_beside_manifest(options: ImportOptions) -> None:
    """Refuse what a manifest says itself, so that nobody takes its patients for test patients who are not.

    Raises
    ------
    typer.BadParameter
        Where an option goes with files alone.
    """
    if options.skip_damaged:
        raise typer.BadParameter("a manifest is imported as a whole; take damaged files out of it")
    asked = {"--domain": options.domain, "--view": options.view, "--split": options.split}
    names = [name for name, value in asked.items() if value is not None]
    names += ["--patient-from"] if options.patient_from != ImportOptions().patient_from else []
    if names:
        raise typer.BadParameter(f"{', '.join(names)}: a manifest has columns for domain, view, split and patient")


def _import_sentence(report: ImportReport) -> str:
    sentence = (
        f"Added {counted(report.added, 'clip')} ({counted(report.frames, 'frame')}) "
        f"and {counted(report.labels, 'label')}."
    )
    sentence += f" {report.known} were there already." if report.known else ""
    if report.replaced:
        sentence += f" Replaced {counted(report.replaced, 'label')} that contradicted them."
    return f"{sentence} Left out: {len(report.left_out)}." if report.left_out else sentence


def chosen_protocol(text: str) -> LabelProtocol:
    """The protocol of that name, or in that TOML file."""
    return registry.read_protocol(Path(text)) if text.endswith(".toml") else registry.protocol(text)


def parse_values(text: str) -> dict[str, int]:
    """:func:`~annotator.core.indexed.read_values` of an option.

    Raises
    ------
    typer.BadParameter
        Where it is anything else: a usage error.
    """
    try:
        return read_values(text)
    except AnnotatorError as error:
        raise typer.BadParameter(str(error).rstrip(".")) from None


def status(project: ProjectArgument, json: JsonOption = False) -> None:
    """Counts by status, structure and domain."""
    with Project.open(project, read_only=True) as opened:
        counts = opened.counts()
        snapshot = opened.latest_snapshot()
        result = {
            "clips": counts.clips,
            "frames": counts.frames,
            "labels": {s: dict(by_status) for s, by_status in counts.labels.items()},
            "test_labels": {s: dict(by_status) for s, by_status in counts.test_labels.items()},
            "by_domain": {d: dict(by_structure) for d, by_structure in counts.by_domain.items()},
            "revision": opened.data_revision,
            "snapshot": snapshot.id if snapshot else None,
        }
    model = f"snapshot {snapshot.id}" if snapshot else "no model yet"
    head = (
        f"{counted(counts.clips, 'clip')}, {counted(counts.frames, 'frame')}, revision {result['revision']}, {model}."
    )
    lines = [head, *(_label_table(counts.labels) if any(counts.labels.values()) else ["No label yet."])]
    if any(counts.test_labels.values()):
        lines += ["Labels of test clips, which are only evaluated:", *_label_table(counts.test_labels)]
    show(result, as_json=json, lines=lines)


def _label_table(labels: Mapping[str, Mapping[str, int]]) -> list[str]:
    kinds = sorted({kind for by_status in labels.values() for kind in by_status})
    return table([{"structure": s, **{k: str(n.get(k, 0)) for k in kinds}} for s, n in labels.items()])


def export(
    project: ProjectArgument,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    format: Annotated[str, typer.Option(help="png, nifti, metaimage or hdf5.")] = "png",  # noqa: A002 - the option's name
    derived: Annotated[
        str | None,
        typer.Option(
            help="In place of all structures, the masks of one that the protocol derives from them, such as lv-epi "
            "(apical: LV cavity and myocardium together); its value is 1."
        ),
    ] = None,
    skip_damaged: Annotated[
        bool,
        typer.Option("--skip-damaged", help="Leave frames that cannot be read out of a format with pictures (hdf5)."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write the labels as files; unknown is never written as background."""
    with Project.open(project, read_only=True) as opened, progress_bar() as progress:
        report = export_labels(opened, format, out, progress=progress, derived=derived, skip_damaged=skip_damaged)
    tell(report.dropped)
    result = {"files": [str(f) for f in report.files], "dropped": list(report.dropped)}
    show(result, as_json=json, lines=[f"Wrote {counted(len(report.files), 'file')} to {out}."])


def check(
    project: ProjectArgument,
    salvage: Annotated[
        Path | None,
        typer.Option(help="Copy what can still be read of a damaged project into a new project in this folder."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Verify every file and row of a project, or copy what is left of a damaged one.

    \f

    Raises
    ------
    CorruptProject
        Where something is damaged.
    """
    if salvage is not None:
        _salvage(project, salvage, as_json=json)
        return
    with Project.open(project, read_only=True) as opened, progress_bar() as progress:
        report = opened.check(lambda done, total: progress.update(done, total, "Checking clips"))
    tell(_unnamed_sentences(report.unnamed))
    result = {"sound": report.is_sound, "problems": list(report.problems)}
    show(result, as_json=json, lines=["Everything is sound."] if report.is_sound else list(report.problems))
    if not report.is_sound:
        count = "1 problem was" if len(report.problems) == 1 else f"{len(report.problems)} problems were"
        raise CorruptProject(
            f"{project}: {count} found; 'annotator check {project} --salvage OUT' copies what is sound into a new "
            "project."
        )


def _unnamed_sentences(files: Sequence[str]) -> list[str]:
    if not files:
        return []
    which = f"{counted(len(files), 'file')} of frames, such as clips/{files[0]},"
    what = "that no clip has, as an interrupted import leaves; importing again takes what it needs of them"
    return [f"There {'is' if len(files) == 1 else 'are'} {which} {what}, and 'annotator remove' a patient's."]


def _salvage(project: Path, out: Path, *, as_json: bool) -> None:
    refuse_project(out)
    salvaged = Project.salvage(project, out)
    tell(salvaged.lost)
    head = (
        f"Copied {counted(salvaged.clips, 'clip')}, {counted(salvaged.labels, 'label revision')} "
        f"and {counted(salvaged.snapshots, 'model')} to {out}."
    )
    show({**asdict(salvaged), "path": str(out)}, as_json=as_json, lines=[head])


def remove(
    project: ProjectArgument,
    patient: Annotated[str, typer.Option(help="The patient's identifier, or the pseudonym shown in the project.")],
    json: JsonOption = False,
) -> None:
    """Erase a patient's frames, labels and history for good."""
    with writable(project) as opened:
        removed = opened.remove_patient(patient)
    sentence = (
        f"Removed {counted(len(removed.clips), 'clip')}; "
        f"{counted(len(removed.tainted_snapshots), 'model snapshot')} had seen them."
    )
    show(asdict(removed), as_json=json, lines=[sentence])


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to write to.", show_default=False)],
    patients: Annotated[int, typer.Option(min=1, help="Simulated patients, spread over the domains.")] = 8,
    domains: Annotated[str | None, typer.Option(help="Comma-separated simulated vendors.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Frames a clip.")] = 16,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pixels.")] = 0,
    simulator: Annotated[str, typer.Option(help="Name of a simulator plugin.")] = "echo",
    json: JsonOption = False,
) -> None:
    """Write simulated clips with their truth and a manifest."""
    chosen = registry.simulator(simulator)
    names = tuple(d.strip() for d in domains.split(",")) if domains else chosen.domains
    with progress_bar() as progress:
        report = simulate_clips(
            chosen, out, patients=patients, domains=names, seed=seed, n_frames=frames, progress=progress
        )
    result = {"manifest": str(report.manifest), "clips": report.clips, "values": dict(report.values)}
    pairs = ",".join(f"{s}={v}" for s, v in report.values.items())
    show(
        result,
        as_json=json,
        lines=[f"Wrote {counted(report.clips, 'clip')}; import with --manifest {report.manifest} --values {pairs}"],
    )
