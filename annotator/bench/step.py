"""``annotator bench step``: what the default recipe's step costs beside a plain supervised one, and where it goes.

Everything is interleaved in one run, each contestant in turn, on simulated echo in which every patient has some
structures labelled at most. The plain step is forward, cross entropy and Dice, backward and optimiser on a batch that
lies ready: it draws nothing, augments nothing and has no teacher.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

import numpy as np
import torch

from annotator import registry
from annotator.bench import pieces
from annotator.bench.plain_step import PlainStep
from annotator.core.allowed import allowed_bitmap, everything_allowed
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.protocols import LabelProtocol
from annotator.learn.dataset import TrainingFrame
from annotator.learn.preprocess import Fit
from annotator.learn.recipe import Recipe, read_recipe
from annotator.learn.trainer import Trainer

ROUNDS: Final = 20
WARM_UP: Final = 3
GPU_STEPS: Final = 20
"""Steps in a row between two looks at a GPU, since waiting for each would time the wait."""

PATIENTS: Final = 12
METHODS: Final = ("supervised", "backmix", "labo", "inversion", "unimatch", "hdc")
"""Recipes that change the step; the others differ at publication or in the reading of labels alone."""


def run(options: Mapping[str, float]) -> dict[str, Any]:
    """Measure.

    Options are ``rounds``; ``methods`` (0 leaves the methods' recipes out); ``threads``; ``cuda`` (0 measures the CPU
    where there is a GPU too); ``size`` (side of the images) and ``width`` (of the network).
    """
    if "threads" in options:
        torch.set_num_threads(int(options["threads"]))
    rounds = int(options.get("rounds", ROUNDS))
    overrides = {"data.image_size": str(int(options.get("size", 128)))}
    if "width" in options:
        overrides["network.options.width"] = str(int(options["width"]))
    device = "cuda" if torch.cuda.is_available() and options.get("cuda", 1) else "cpu"
    names = ("default", *METHODS) if options.get("methods", 1) else ("default",)
    frames = tuple(made_frames(int(overrides["data.image_size"])))
    default = _trainer("default", overrides, device, frames)
    # By itself, as the learner runs: what other trainers hold and free would count as its own.
    where = _where(default, rounds) if device == "cpu" else {}
    trainers = {"default": default} | {name: _trainer(name, overrides, device, frames) for name in names[1:]}
    contestants: dict[str, Callable[[], object]] = {"plain": PlainStep(default).step}
    contestants |= {name: trainer.step for name, trainer in trainers.items()}
    times = interleaved(contestants, rounds=rounds, device=device)
    result = {
        "device": default.device_text,
        "batch": default.batch_size,
        "step_ms": _in_ms(times),
        "default_to_plain": round(times["default"] / times["plain"], 3),
        "to_default": {name: round(times[name] / times["default"], 3) for name in names[1:]},
    }
    return {**result, **(_captured(default, rounds) if device == "cuda" else where)}


def _where(trainer: Trainer, rounds: int) -> dict[str, Any]:
    for _ in range(WARM_UP):
        trainer.step()
    with pieces.watched(trainer) as watch:
        for _ in range(rounds):
            trainer.step()
    found = pieces.shares(watch.seconds)
    outside = sum(share for piece, share in found.items() if piece not in pieces.INSIDE)
    of_losses = found.get("losses", 0.0) + found.get("gradient of the losses", 0.0)
    return {
        "shares": found,
        "made_ahead": round(watch.elsewhere[pieces.AHEAD] / sum(watch.seconds.values()), 4),
        "outside_forward_backward_optimiser": round(outside, 4),
        "outside_and_losses": round(outside + of_losses, 4),
    }


def _captured(trainer: Trainer, rounds: int) -> dict[str, Any]:
    """The step beside graphs of what it cannot do without, of tensors of the same shapes; and its memory."""
    torch.cuda.reset_peak_memory_stats()
    plain = PlainStep(trainer)
    graphs = {
        "student_forward_backward": plain.captured(plain.passes),
        "student_forward_backward_optimiser": plain.captured(plain.step),
        "both_networks_and_optimiser": plain.captured(plain.networks_alone),
    }
    contestants: dict[str, Callable[[], object]] = {"step": trainer.step}
    contestants |= {name: graph.replay for name, graph in graphs.items()}
    times = interleaved(contestants, rounds=rounds, device="cuda")
    return {
        "steps_per_s": {name: round(1 / seconds, 1) for name, seconds in times.items()},
        "speed_beside": {name: round(times[name] / times["step"], 3) for name in graphs},
        "is_recorded": trainer.notes == (),
        "peak_memory_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1),
        "reserved_memory_mb": round(trainer.memory_mb, 1),
    }


def _in_ms(times: Mapping[str, float]) -> dict[str, float]:
    return {name: round(1000 * seconds, 3) for name, seconds in times.items()}


def interleaved(contestants: Mapping[str, Callable[[], object]], *, rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each contestant's step, taken in turn."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    steps = GPU_STEPS if device == "cuda" else 1
    for number in range(WARM_UP + rounds):
        for name, act in contestants.items():
            began = time.perf_counter()
            for _ in range(steps):
                act()
            if device == "cuda":
                torch.cuda.synchronize()
            if number >= WARM_UP:
                samples[name].append((time.perf_counter() - began) / steps)
    return {name: median(of_one) for name, of_one in samples.items()}


def made_frames(side: int, *, patients: int = PATIENTS) -> Iterable[TrainingFrame]:
    """Simulated frames, two a patient: a third has the first structure labelled, a third the next two, a third none."""
    simulator = registry.simulator("echo")
    protocol = registry.protocol(simulator.protocol)
    for patient in range(patients):
        domain = simulator.domains[patient % len(simulator.domains)]
        made = simulator.simulate(patient=patient, domain=domain, seed=1, n_frames=2)
        kept = (protocol.ids[:1], protocol.ids[1:3], ())[patient % 3]
        for index, image in enumerate(made.frames):
            bitmap = _bitmap(made.labels[index], kept, protocol) if kept else None
            fit = Fit.of(made.header.shape, side, spacing=made.header.spacing)
            fitted = None if bitmap is None else fit.fit_bitmap(bitmap, everything_allowed(protocol))
            key = FrameKey(f"simulated {patient}", index)
            yield TrainingFrame(key, made.header.patient, domain, fit.fit_image(np.asarray(image)), fitted)


def _bitmap(label: PartialLabel, kept: Sequence[str], protocol: LabelProtocol) -> np.ndarray[Any, np.dtype[np.uint16]]:
    only = PartialLabel(label.shape, {name: said for name, said in label.structures.items() if name in kept})
    return allowed_bitmap(only, protocol)


def _trainer(name: str, overrides: Mapping[str, str], device: str, frames: Sequence[TrainingFrame]) -> Trainer:
    recorded = {"optimiser.is_recorded": "true", **overrides}
    recipe: Recipe = read_recipe(registry.resource(f"recipes/{name}.toml"), recorded)
    protocol = registry.protocol(registry.simulator("echo").protocol)
    factory = registry.network(recipe.network.name)
    trainer = Trainer(protocol=protocol, recipe=recipe, factory=factory, device=device, seed=0)
    trainer.put(frames)
    return trainer
