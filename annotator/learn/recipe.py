"""Recipes: every number that training depends on, as validated text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotator.core.errors import BadInput, UnknownName


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkSection(_Section):
    """Which network a plugin builds; ``options`` go to its factory as they are."""

    name: str = "unet"
    options: dict[str, int | float | str] = Field(default_factory=dict)


class DataSection(_Section):
    """What a batch holds.

    Parameters
    ----------
    image_size
        Side of the square network input, in pixels.
    labelled_batch, unlabelled_batch
        Frames of each kind per step.
    max_unlabelled
        Unlabelled frames that stay on the device; beyond it a new one replaces the oldest.
    """

    image_size: int = Field(default=128, ge=16, le=1024, multiple_of=16)
    labelled_batch: int = Field(default=8, ge=1, le=512)
    unlabelled_batch: int = Field(default=4, ge=0, le=512)
    max_unlabelled: int = Field(default=4000, ge=0)


class OptimiserSection(_Section):
    """AdamW; the rate rises over ``warm_up_steps`` and then falls as 1 / sqrt(1 + t / ``decay_steps``)."""

    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    warm_up_steps: int = Field(default=30, ge=0)
    decay_steps: int = Field(default=600, ge=1)
    clip_norm: float = Field(default=1.0, gt=0)


class LossSection(_Section):
    """The supervised loss.

    Parameters
    ----------
    unknown
        ``"marginal"``: unknown stays unknown (the allowed set). ``"background"``: the naive comparison.
    dice_weight
        Weight of the Dice partner beside the cross entropy.
    label_dropout
        Probability that a known structure is made unknown again for one step.
    """

    unknown: Literal["marginal", "background"] = "marginal"
    dice_weight: float = Field(default=1.0, ge=0)
    label_dropout: float = Field(default=0.3, ge=0, lt=1)


class TeacherSection(_Section):
    """EMA decay min(1 - 1/(t+1), ``ema_limit``); consistency ``weight`` * exp(-5 (1 - t/``ramp_steps``)^2)."""

    ema_limit: float = Field(default=0.99, ge=0, lt=1)
    weight: float = Field(default=0.5, ge=0)
    ramp_steps: int = Field(default=300, ge=1)


class AugmentSection(_Section):
    """Largest strengths; geometry is shared by teacher and student, the rest is the student's alone.

    Parameters
    ----------
    rotation
        Degrees either way.
    scale, shift
        Relative zoom either way; shift as a share of the side.
    elastic
        Largest displacement of a smooth deformation, as a share of the side.
    flip
        Probability of a left-right flip (0 for echo: the sides are told by convention).
    gamma, gain, time_gain, blur, noise
        Relative strengths of the intensity changes.
    invert
        Probability of inverted contrast.
    """

    rotation: float = Field(default=20.0, ge=0, le=180)
    scale: float = Field(default=0.25, ge=0, lt=1)
    shift: float = Field(default=0.1, ge=0, lt=1)
    elastic: float = Field(default=0.02, ge=0, lt=0.2)
    flip: float = Field(default=0.0, ge=0, le=1)
    gamma: float = Field(default=0.5, ge=0, lt=2)
    gain: float = Field(default=0.3, ge=0, lt=1)
    time_gain: float = Field(default=0.3, ge=0, lt=1)
    blur: float = Field(default=0.6, ge=0, le=1)
    noise: float = Field(default=0.08, ge=0, le=1)
    invert: float = Field(default=0.0, ge=0, le=1)


class ScheduleSection(_Section):
    """When the learner looks up, in steps.

    Parameters
    ----------
    validate_every, publish_every
        Steps between validations, and between snapshots where nothing is held aside.
    plateau_patience
        Validations without a better result after which the learner sleeps.
    checkpoint_every
        Steps between checkpoints.
    """

    validate_every: int = Field(default=100, ge=1)
    publish_every: int = Field(default=100, ge=1)
    plateau_patience: int = Field(default=20, ge=1)
    checkpoint_every: int = Field(default=200, ge=1)


class Recipe(_Section):
    """A whole recipe; every field has a default, so a file names only what it changes.

    ``start`` says whether a project without a model begins at the shipped starting weights that share structures
    with its protocol, or at nothing.
    """

    name: str = "default"
    start: Literal["weights", "nothing"] = "weights"
    network: NetworkSection = NetworkSection()
    data: DataSection = DataSection()
    optimiser: OptimiserSection = OptimiserSection()
    loss: LossSection = LossSection()
    teacher: TeacherSection = TeacherSection()
    augment: AugmentSection = AugmentSection()
    schedule: ScheduleSection = ScheduleSection()


def read_recipe(path: Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe and change what ``--set path=value`` asks for.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        Dotted path, such as ``"teacher.weight"``, to a value in TOML notation (or a bare word).

    Raises
    ------
    BadInput
        Where the file cannot be read, or a value does not fit.
    UnknownName
        Where an override names no option.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(path, f"the recipe cannot be read ({error})", "give a TOML file") from None
    document.setdefault("name", path.stem)
    for dotted, text in (overrides or {}).items():
        _set(document, dotted, _value(text))
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(path, f"'{where}' does not fit: {first['msg']}", "correct the recipe or the --set") from None


def _set(document: dict[str, Any], dotted: str, value: object) -> None:
    known = option_names()
    if dotted not in known and not dotted.startswith("network.options."):
        raise UnknownName("recipe option", dotted, known)
    *sections, last = dotted.split(".")
    inner = document
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[last] = value


def option_names() -> tuple[str, ...]:
    """Every dotted path that ``--set`` takes; options of the network come under ``network.options.``."""
    names = ["name", "start"]
    for section, info in Recipe.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += [f"{section}.{option}" for option in annotation.model_fields]
    return tuple(names)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
