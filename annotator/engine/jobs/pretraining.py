"""Starting weights from simulated echo alone: the trainer of every project, over patients who never lived.

Simulated patients come and go while it trains: the network sees each of them a few times and none of them often, since
more steps on the same simulation make it worse on real frames. The number of steps is fixed beforehand and the average
of the weights is what is kept; a scanner that no training patient was seen on only measures the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annotator import registry
from annotator.core.allowed import allowed_bitmap, everything_allowed
from annotator.core.disk_errors import write_aside, write_failure
from annotator.core.errors import BadInput, UnknownName
from annotator.core.identity import FrameKey
from annotator.core.plugin_types import Simulator
from annotator.core.protocols import LabelProtocol
from annotator.engine.jobs.pretraining_card import HEAD, card_text
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import refuse_project
from annotator.engine.recipes import find_recipe

if TYPE_CHECKING:
    from annotator.learn.dataset import TrainingFrame
    from annotator.learn.recipe import Recipe
    from annotator.learn.trainer import Trainer

LARGEST_BYTES: Final = 10 * 1024 * 1024
"""Weights that ship are at most so large."""

_FRAMES: Final = 3
"""Frames of a patient: end-diastole, end-systole and one between."""


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """What to train on what.

    Parameters
    ----------
    simulator, network
        Names in the registry.
    domains
        Simulated scanners in turn, one a patient, and a name may come twice; all but the first where none is given.
    held_out
        The scanner that measures the result; the simulator's first where none is given.
    recipe, overrides
        A shipped recipe or TOML file, and dotted paths to values as text.
    pool
        Patients held at a time.
    refresh_every
        Steps between two new patients.
    seed
        Of simulation and training.
    begin
        Weights of an earlier run, to go on from.
    """

    simulator: str = "echo"
    network: str = "unet"
    domains: tuple[str, ...] = ()
    held_out: str | None = None
    recipe: str = "pretrain"
    overrides: Mapping[str, str] = field(default_factory=dict)
    pool: int = 400
    refresh_every: int = 1
    seed: int = 0
    begin: Path | None = None


@dataclass(frozen=True, slots=True)
class PretrainReport:
    """What was written, from how many simulated patients in this run, and Dice on the held-out simulated scanner."""

    weights: Path
    card: Path
    steps: int
    patients: int
    dice: Mapping[str, float]


def pretrain(
    options: PretrainOptions, steps: int, out: Path, *, command: str = "", progress: Progress
) -> PretrainReport:
    """Train a network on a simulator for a fixed number of steps and write weights with a card beside them.

    The same options give the same file on the same machine with the same number of threads.

    Parameters
    ----------
    options
        What to train on what.
    steps
        Number of training steps.
    out
        A ``.safetensors`` file; the card gets the same name with ``.md``.
    command
        Stands in the card, so that others can make the same file.

    Raises
    ------
    UnknownName
        Where simulator, network, scanner or recipe do not exist.
    BadInput
        Where ``out`` has another suffix, lies in a project or is a folder, another text stands at the card's place, no
        scanner is left to train on, or the weights to go on from were not made here, so that the card could not say
        what they have seen, or learnt from the scanner that is held out.
    AnnotatorError
        Where the weights to go on from do not fit, or those made cannot be written or exceed what ships.
    """
    if out.suffix != ".safetensors":
        raise BadInput(out, "weights are a '.safetensors' file", "choose such a name")
    refuse_project(out)
    card = out.with_suffix(".md")
    _refuse_taken(out, card)
    from annotator.learn.familiarity import FACT  # noqa: PLC0415 - torch is imported late

    ward, trainer = _made(options)
    earlier = [] if options.begin is None else _begun(trainer, options.begin, held_out=ward.held_out)
    _train(trainer, ward, options, steps, progress)
    dice = dict(trainer.validate().dice)
    facts = {
        "origin": f"simulated by '{options.simulator}' only",
        "licence": "Apache-2.0",
        "command": command,
        "simulated_patients": ward.n_patients,
        "earlier": earlier,
        "scanners": list(ward.domains),
        "held_out_scanner": ward.held_out,
        "held_out_dice": dice,
        FACT: _familiar(trainer, ward),
    }
    data = trainer.publish(facts)
    if len(data) > LARGEST_BYTES:
        raise BadInput(out, f"the weights take {len(data) / 2**20:.1f} MB of at most 10", "choose a smaller network")
    _write(out, data)
    _write(card, card_text(ward.protocol, trainer.recipe, steps, facts).encode())
    return PretrainReport(out, card, steps, ward.n_patients, dice)


def _refuse_taken(out: Path, card: Path) -> None:
    if out.is_dir():
        raise BadInput(out, "it is a folder, not a file", "give the name of a file to write")
    if card.exists() and not (card.is_file() and card.read_bytes().startswith(HEAD.encode())):
        what = "it is no card of starting weights, and theirs would replace it"
        raise BadInput(card, what, "rename it, or give the weights another name")


def _begun(trainer: Trainer, begin: Path, *, held_out: str) -> list[dict[str, Any]]:
    """Begin at the weights to go on from; what they have seen, run after run."""
    from annotator.learn.weights import load  # noqa: PLC0415 - torch is imported late

    predictor = load(begin, registry.networks(), protocol=trainer.protocol)
    header = predictor.header
    if "simulated_patients" not in header.facts:
        what = "these weights were not made by 'annotator pretrain', so the card could not say what they have seen"
        raise BadInput(begin, what, "give weights that were")
    earlier = header.facts.get("earlier", [])
    if any(held_out in run.get("scanners", ()) for run in (*earlier, header.facts)):
        what = f"these weights learnt from the scanner '{held_out}', which is held out to measure the result"
        raise BadInput(begin, what, "hold out another one, or begin anew")
    trainer.start_from(predictor)
    kept = {name: header.facts[name] for name in ("simulated_patients", "command", "scanners")}
    return [*earlier, {"steps": header.step, "image_size": header.image_size, **kept}]


def _made(options: PretrainOptions) -> tuple[_Ward, Trainer]:
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - torch is imported late
    from annotator.learn.trainer import Trainer  # noqa: PLC0415

    overrides = {"network.name": f'"{options.network}"', **options.overrides}
    recipe = read_recipe(find_recipe(options.recipe), overrides)
    ward = _Ward(registry.simulator(options.simulator), options, recipe)
    factory = registry.network(recipe.network.name)
    # On the CPU whatever the machine has, since the same seed shall give the same file.
    trainer = Trainer(protocol=ward.protocol, recipe=recipe, factory=factory, device="cpu", seed=options.seed)
    trainer.set_validation(list(ward.held_out_frames()))
    return ward, trainer


def _train(trainer: Trainer, ward: _Ward, options: PretrainOptions, steps: int, progress: Progress) -> None:
    for number in range(options.pool):
        progress.update(number, options.pool, f"Simulating patient {number + 1}")
        trainer.put(ward.admit())
    for step in range(steps):
        if step and step % options.refresh_every == 0:
            trainer.put(ward.admit())
        report = trainer.step()
        loss = sum(report.losses.values())
        progress.update(step + 1, steps, f"Pretraining, {ward.n_patients} simulated patients, loss {loss:.3f}")


def _familiar(trainer: Trainer, ward: _Ward) -> dict[str, Any]:
    """What simulated pictures look like to the trained encoder, from patients whom it did not learn from."""
    from annotator.learn.familiarity import describe, fit_familiar  # noqa: PLC0415
    from annotator.learn.weights import load  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        file = Path(folder) / "published.safetensors"
        file.write_bytes(trainer.publish())
        network: Any = load(file, registry.networks()).network
    images = np.stack([frame.image for frame in ward.strangers()])
    return fit_familiar(describe(network.encoder, images)).as_facts()


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, data)
    except OSError as error:
        raise write_failure(error, path) from None


class _Ward:
    """Simulated patients, one after the other; the oldest leaves the trainer's pool as a new one comes."""

    _HELD_OUT_PATIENTS: Final = 12

    def __init__(self, simulator: Simulator, options: PretrainOptions, recipe: Recipe) -> None:
        self._simulator = simulator
        self.protocol: LabelProtocol = registry.protocol(simulator.protocol)
        self.held_out = options.held_out or simulator.domains[0]
        self.domains: Sequence[str] = options.domains or tuple(d for d in simulator.domains if d != self.held_out)
        for domain in (self.held_out, *self.domains):
            if domain not in simulator.domains:
                raise UnknownName("simulated domain", domain, simulator.domains)
        if not self.domains or self.held_out in self.domains:
            raise BadInput(self.held_out, "this scanner is held out", "train on at least one other scanner")
        self.n_patients = 0
        self._size = recipe.data.image_size
        self._pool, self._seed = options.pool, options.seed

    def admit(self) -> list[TrainingFrame]:
        """The frames of the next patient, under the keys of whoever leaves."""
        number = self.n_patients
        self.n_patients += 1
        # Held-out patients are counted from 0, the others from behind them: nobody is in both groups.
        domain = self.domains[number % len(self.domains)]
        return self._frames(self._HELD_OUT_PATIENTS + number, domain, bed=number % self._pool)

    def strangers(self) -> Iterator[TrainingFrame]:
        """Frames of as many further patients as the pool holds, on the scanners of the training."""
        for number in range(self.n_patients, self.n_patients + self._pool):
            domain = self.domains[number % len(self.domains)]
            yield from self._frames(self._HELD_OUT_PATIENTS + number, domain, bed=number % self._pool)

    def held_out_frames(self) -> Iterator[TrainingFrame]:
        """Frames of patients and of a scanner that training never sees."""
        for patient in range(self._HELD_OUT_PATIENTS):
            yield from self._frames(patient, self.held_out, bed=self._pool + patient)

    def _frames(self, patient: int, domain: str, *, bed: int) -> list[TrainingFrame]:
        from annotator.learn.dataset import TrainingFrame  # noqa: PLC0415
        from annotator.learn.preprocess import Fit  # noqa: PLC0415

        made = self._simulator.simulate(patient=patient, domain=domain, seed=self._seed, n_frames=_FRAMES)
        header = made.header
        fit, everything = Fit.of(header.shape, self._size, spacing=header.spacing), everything_allowed(self.protocol)
        return [
            TrainingFrame(
                FrameKey(f"simulated {bed}", index),
                header.patient,
                domain,
                fit.fit_image(frame),
                fit.fit_bitmap(allowed_bitmap(made.labels[index], self.protocol), everything),
            )
            for index, frame in enumerate(made.frames)
        ]
