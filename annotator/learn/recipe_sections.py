"""The sections of a recipe: what each number means, its default and its limits."""

from __future__ import annotations

import math
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

SMALLEST_IMAGE: Final = 16
LARGEST_IMAGE: Final = 1024
"""Sides of the square network input, in pixels; a side is a multiple of the smallest."""


class Section(BaseModel):
    """Validated, and as it was read: what is not an option is refused, and so is what is no number where one is due."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_mere_yes(cls, value: object, info: ValidationInfo) -> object:
        # Pydantic takes 'true' for 1, which nobody means who switches something on.
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise PydanticCustomError("no_flag", "Input should not be true or false")
        return value


class NetworkSection(Section):
    """Which network a plugin builds; ``options`` go to its factory as they are."""

    name: str = "unet"
    options: dict[str, int | float | str] = Field(default_factory=dict)


class DataSection(Section):
    """What a batch holds.

    Parameters
    ----------
    image_size
        Side of the square network input, in pixels.
    labelled_batch, unlabelled_batch
        Frames of each kind per step.
    max_unlabelled
        Unlabelled frames that stay on the device; beyond it a new one replaces the oldest. A project gives 1,500 at
        most.
    """

    image_size: int = Field(default=128, ge=SMALLEST_IMAGE, le=LARGEST_IMAGE, multiple_of=SMALLEST_IMAGE)
    labelled_batch: int = Field(default=8, ge=1, le=512)
    unlabelled_batch: int = Field(default=4, ge=0, le=512)
    max_unlabelled: int = Field(default=4000, ge=0)


class OptimiserSection(Section):
    """AdamW; the rate rises over ``warm_up_steps`` and then falls as 1 / sqrt(1 + t / ``decay_steps``).

    On CUDA ``is_recorded`` has the whole step recorded as a graph and replayed; off, since it has not run on a GPU yet.
    """

    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    warm_up_steps: int = Field(default=30, ge=0)
    decay_steps: int = Field(default=600, ge=1)
    clip_norm: float = Field(default=1.0, gt=0)
    is_recorded: bool = False

    def shape_at(self, step: int) -> float:
        """Share of the learning rate after ``step`` steps."""
        rise = min(1.0, (step + 1) / max(1, self.warm_up_steps))
        return rise / math.sqrt(1.0 + step / self.decay_steps)


class FineTuningSection(Section):
    """What differs where training begins at weights instead of at nothing.

    Parameters
    ----------
    learning_rate
        In place of the optimiser's.
    age
        Steps that the weights count as, where the teacher is trusted more and more: it knows something already.
    average_age
        The same in the teacher's average: it must neither be replaced by the student's first, rough steps nor stay
        behind what those learn.
    ema_limit
        In place of the teacher's: a student that begins near its goal is worth averaging for longer.
    head_pace
        Where there are structures that the weights do not know, whose rows of the head begin empty: how many times as
        fast as the rest these learn at first, before they disturb it (Kumar et al. 2022, arXiv 2202.10054, train the
        head alone first). The pace falls as 1 / (1 + t / 50), down to 1.
    """

    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    age: int = Field(default=1000, ge=0)
    average_age: int = Field(default=9, ge=0)
    ema_limit: float = Field(default=0.995, ge=0, lt=1)
    head_pace: float = Field(default=20.0, ge=1, le=100)

    def head_pace_at(self, step: int) -> float:
        """How many times as fast as the rest the head's new rows learn after ``step`` steps."""
        return max(1.0, self.head_pace / (1.0 + step / 50.0))


class LossSection(Section):
    """The supervised loss.

    Parameters
    ----------
    unknown
        ``"marginal"``: unknown stays unknown (the allowed set). For comparison ``"background"`` (naive),
        ``"adaptive-categorical"`` and ``"adaptive-binary"``; see :mod:`annotator.learn.partial_losses`.
    dice_weight
        Weight of the Dice partner beside the cross entropy.
    label_dropout
        Probability that a known structure is made unknown again for one step; none is in the naive reading.
    """

    unknown: Literal["marginal", "background", "adaptive-categorical", "adaptive-binary"] = "marginal"
    dice_weight: float = Field(default=1.0, ge=0)
    label_dropout: float = Field(default=0.3, ge=0, lt=1)


class TeacherSection(Section):
    """EMA decay min(1 - 1/(t+1), ``ema_limit``); consistency ``weight`` * exp(-5 (1 - t/``ramp_steps``)^2).

    Parameters
    ----------
    renewed_age
        The t that the decay goes back to, where it was beyond, as new labels come: who labels wants to see it soon.
    noise
        Deviation of the noise on the teacher's view, cut off at twice as much; 0 for none.
    gate
        Validation Dice below which the teacher does not teach a structure; 0 for no gate.
    """

    ema_limit: float = Field(default=0.99, ge=0, lt=1)
    renewed_age: int = Field(default=50, ge=0)
    weight: float = Field(default=0.5, ge=0)
    ramp_steps: int = Field(default=300, ge=1)
    noise: float = Field(default=0.0, ge=0, le=1)
    gate: float = Field(default=0.0, ge=0, le=1)

    def ramp_at(self, step: int) -> float:
        """How far the teacher is trusted after ``step`` steps, up to 1."""
        return math.exp(-5.0 * (1.0 - min(1.0, step / self.ramp_steps)) ** 2)


class HdcSection(Section):
    """A second decoder that sees disturbed features; off where ``weight`` is 0 (:mod:`annotator.learn.terms`).

    Parameters
    ----------
    weight
        Weight of the noisy decoder's own losses, supervised and against the teacher.
    correlation
        Weight of the correlation of the main decoder's features with the teacher's.
    mutual_information
        Weight of the mutual information of the noisy decoder's features with the main one's.
    pixel_consistency
        Weight of the squared difference between the two decoders' probabilities.
    feature_noise
        Largest relative change of an encoder feature, drawn per value.
    channel_dropout
        Chance that a channel of the encoder's features is silenced.
    pixels
        Pixels per step on which features are compared.
    """

    weight: float = Field(default=0.0, ge=0)
    correlation: float = Field(default=0.0, ge=0)
    mutual_information: float = Field(default=0.0, ge=0)
    pixel_consistency: float = Field(default=0.0, ge=0)
    feature_noise: float = Field(default=0.3, ge=0, le=1)
    channel_dropout: float = Field(default=0.3, ge=0, lt=1)
    pixels: int = Field(default=1024, ge=64, le=4096)


class UniMatchSection(Section):
    """Further views for the teacher's target; each off where its weight is 0.

    Parameters
    ----------
    second_view
        Weight of a second strong view.
    feature_view
        Weight of the plain view with encoder channels dropped.
    channel_dropout
        Chance of each channel there.
    """

    second_view: float = Field(default=0.0, ge=0)
    feature_view: float = Field(default=0.0, ge=0)
    channel_dropout: float = Field(default=0.5, ge=0, lt=1)


class LaboSection(Section):
    """Label regularisation in closed form; off where ``share`` is 0.

    Parameters
    ----------
    share
        a, the share of the regularised label.
    temperature
        tau = b / a; 1 only scales the gradient, large is label smoothing.
    contour_factor, contour_width
        How many times larger ``share`` is within so many pixels of a contour.
    """

    share: float = Field(default=0.0, ge=0, lt=1)
    temperature: float = Field(default=1.5, gt=0)
    contour_factor: float = Field(default=2.0, ge=0)
    contour_width: int = Field(default=2, ge=1, le=32)


class InversionSection(Section):
    """Reconstruction by the encoder's transpose, and entropy of what is undecided; each off where its weight is 0."""

    weight: float = Field(default=0.0, ge=0)
    entropy: float = Field(default=0.0, ge=0)


class TemporalSection(Section):
    """Triples of neighbouring frames of a clip (:mod:`annotator.learn.temporal`); off where both weights are 0.

    ``area`` and ``neighbours`` weigh the two terms; a bend below ``slack``, a share of the area, costs nothing.
    Neighbours are up to ``reach`` frames apart, and make up ``share`` of the unlabelled frames of a step.
    """

    area: float = Field(default=0.0, ge=0)
    neighbours: float = Field(default=0.0, ge=0)
    slack: float = Field(default=0.05, ge=0, le=1)
    reach: int = Field(default=2, ge=1, le=12)
    share: float = Field(default=0.5, gt=0, le=1)

    @property
    def is_on(self) -> bool:
        """Whether triples are drawn at all."""
        return self.area > 0 or self.neighbours > 0


class CftSection(Section):
    """Each structure's row of the head is fitted again when a model is published; off by default.

    Parameters
    ----------
    method
        ``"gradient"`` or ``"genetic"``.
    pixels
        Most pixels read from each labelled frame, half of them near contours.
    least_frames
        Labelled frames that a structure needs.
    decay
        Pull toward the old row.
    contour_width
        What counts as near, in pixels.
    """

    method: Literal["off", "gradient", "genetic"] = "off"
    pixels: int = Field(default=512, ge=16)
    least_frames: int = Field(default=4, ge=1)
    decay: float = Field(default=0.01, ge=0)
    contour_width: int = Field(default=3, ge=1, le=32)


class CalibrationSection(Section):
    """Confidence on the validation patients.

    Parameters
    ----------
    fit
        Measure it when a model is published, and store what calibration would bring.
    apply
        Let the model use it, where other patients confirm it.
    """

    fit: bool = True
    apply: bool = False


class AugmentSection(Section):
    """Largest strengths; geometry and backgrounds are shared by teacher and student, the rest is the student's alone.

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
    exchange_contrast
        Probability that a frame takes the contrast, usual or inverted, of another of the batch; ``invert`` and it share
        one draw.
    backmix
        Probability that what lies outside the sector comes from another frame.
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
    exchange_contrast: float = Field(default=0.5, ge=0, le=1)
    backmix: float = Field(default=0.0, ge=0, le=1)


class ScheduleSection(Section):
    """When the learner looks up; when a project's models are judged and published is no matter of its recipe.

    Parameters
    ----------
    validate_every
        Steps after which gates are looked at again, and after which the learning benchmark validates.
    plateau_patience
        So many times ``validate_every`` steps without a better result let the learner sleep.
    """

    validate_every: int = Field(default=100, ge=1)
    plateau_patience: int = Field(default=20, ge=1)
