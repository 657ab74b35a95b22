"""The command that makes starting weights."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from annotator.cli.learning import LARGEST_SEED, overrides
from annotator.cli.output import JsonOption, progress_bar, show
from annotator.engine.jobs.pretraining import PretrainOptions
from annotator.engine.jobs.pretraining import pretrain as pretrain_job


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(pretrain)


def pretrain(
    out: Annotated[Path, typer.Option(help="File to write, '.safetensors'; its card goes beside it.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")],
    simulator: Annotated[str, typer.Option(help="Name of a simulator plugin.")] = "echo",
    network: Annotated[str, typer.Option(help="Name of a network plugin.")] = "unet",
    domains: Annotated[
        str | None, typer.Option(help="Comma-separated simulated scanners, in turn; a name may come twice.")
    ] = None,
    held_out: Annotated[str | None, typer.Option(help="The simulated scanner that only measures.")] = None,
    pool: Annotated[int, typer.Option(min=1, help="Simulated patients held at a time.")] = 400,
    refresh_every: Annotated[int, typer.Option(min=1, help="Steps between two new patients.")] = 1,
    recipe: Annotated[str, typer.Option(help="Name of a shipped recipe, or a path to a TOML file.")] = "pretrain",
    set_: Annotated[list[str] | None, typer.Option("--set", help="path=value; changes the recipe.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="The same seed gives the same weights.")] = 0,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Weights of an earlier run to go on from; other patients by --seed.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a network on simulated clips alone: starting weights, with a card."""
    options = PretrainOptions(
        simulator=simulator,
        network=network,
        domains=tuple(d.strip() for d in domains.split(",")) if domains else (),
        held_out=held_out,
        recipe=recipe,
        overrides=overrides(set_ or []),
        pool=pool,
        refresh_every=refresh_every,
        seed=seed,
        begin=from_,
    )
    told = ["annotator", "pretrain", "--simulator", simulator, "--network", network, "--steps", str(steps)]
    told += ["--domains", domains] if domains else []
    told += ["--held-out", held_out] if held_out else []
    told += ["--pool", str(pool), "--refresh-every", str(refresh_every), "--recipe", recipe]
    told += [word for pair in set_ or [] for word in ("--set", pair)]
    told += ["--from", from_.name] if from_ else []
    told += ["--seed", str(seed), "--out", out.name]
    with progress_bar() as progress:
        report = pretrain_job(options, steps, out, command=shlex.join(told), progress=progress)
    result = {
        "weights": str(report.weights),
        "card": str(report.card),
        "steps": report.steps,
        "patients": report.patients,
        "dice": dict(report.dice),
    }
    dice = ", ".join(f"{name} {value:.2f}" for name, value in report.dice.items()) or "not measured"
    line = f"Wrote {report.weights} after {report.steps} steps; Dice on the held-out simulated scanner: {dice}."
    show(result, as_json=json, lines=[line])
