"""What a recipe may add to a step: each term a small object that names its losses, already weighted by the recipe.

HDC (Le et al. 2025, arXiv 2504.09876): a main and a noisy decoder over one encoder, correlation guidance from the
teacher, mutual information and pixel consistency between the decoders; noise on three levels, which are here the
teacher's view (``teacher.noise``), the values and the channels of the features [our reading of summaries].
UniMatch (Yang et al. 2023, arXiv 2208.09910): a second strong view and a view with dropped feature channels; here with
the soft target on the allowed set in place of confident hard labels, and without CutMix [ours].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from annotator.learn import augment, correlation, inversion, labo, losses, networks, temporal
from annotator.learn.chance import Chance
from annotator.learn.contours import near_contour
from annotator.learn.gating import gated_consistency
from annotator.learn.networks import Look
from annotator.learn.partial_losses import supervised
from annotator.learn.recipe import Recipe
from annotator.learn.supervision import Lesson

Precision = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class StepState:
    """What the terms see of a step.

    Parameters
    ----------
    lesson
        What the step is taught.
    active
        (K+1,) bool.
    gated
        (K+1,) bool, structures that the teacher does not teach; ``None`` where it teaches all.
    seen, log_p
        The student's view of ``strong``, and its log-probabilities (B, K+1, S, S).
    taught, target
        The teacher's view of ``plain``, and its log target on the allowed set; ``None`` where nothing asks for it.
    ramp
        0..1, how far the teacher is trusted yet.
    """

    lesson: Lesson
    active: Tensor
    gated: Tensor | None
    seen: Look
    log_p: Tensor
    taught: Look | None
    target: Tensor | None
    ramp: float | Tensor

    def agreement(self, log_p: Tensor) -> Tensor:
        """Consistency of log-probabilities (B, K+1, S, S) with the teacher's target."""
        assert self.target is not None
        return gated_consistency(log_p, self.target, self.lesson.allowed, active=self.active, gated=self.gated)

    @property
    def undecided(self) -> Tensor:
        """(B, S, S) bool: more than one active class is left."""
        return losses.how_many(losses.of_active(self.lesson.allowed, self.active)).squeeze(1) > 1


class Term(Protocol):
    """One addition to the loss.

    Contract: pure but for the random numbers that it draws; the losses come with their weights applied.
    """

    needs_features: ClassVar[bool]
    needs_teacher: ClassVar[bool]

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """Loss name to a scalar."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class NoisyDecoder:
    """HDC's second student; ``twin`` shares the student's encoder."""

    recipe: Recipe
    twin: nn.Module
    chance: Chance
    precision: Precision
    needs_features: ClassVar[bool] = True
    needs_teacher: ClassVar[bool] = True

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """The noisy decoder's own losses, and what ties the features together."""
        section, loss = self.recipe.hdc, self.recipe.loss
        assert state.seen.features is not None
        assert state.taught is not None
        assert state.taught.features is not None
        with self.precision():
            levels = networks.disturbed(
                state.seen.levels,
                noise=section.feature_noise,
                dropout=section.channel_dropout,
                generator=self.chance.noise,
            )
            features = networks.decode(self.twin, levels)
            logits = networks.head_of(self.twin)(features)
        log_noisy = losses.log_probabilities(logits, state.active)
        known, dice = supervised(loss.unknown, log_noisy, state.lesson.allowed, active=state.active)
        places = correlation.sample_positions(features, section.pixels, self.chance)
        main, noisy, taught = (
            correlation.rows_at(f, places) for f in (state.seen.features, features, state.taught.features)
        )
        teacher = self.recipe.teacher.weight * state.ramp
        found = {
            "noisy_supervised": section.weight * (known + loss.dice_weight * dice),
            "noisy_consistency": section.weight * teacher * state.agreement(log_noisy),
        }
        if section.correlation:
            found["correlation"] = section.correlation * state.ramp * correlation.correlation_loss(main, taught)
        if section.mutual_information:
            shared = correlation.mutual_information_loss(noisy, main)
            found["mutual_information"] = section.mutual_information * state.ramp * shared
        if section.pixel_consistency:
            apart = correlation.disagreement(state.log_p, log_noisy, state.undecided)
            found["pixel_consistency"] = section.pixel_consistency * state.ramp * apart
        return found


@dataclass(frozen=True, slots=True, eq=False)
class FurtherViews:
    """UniMatch's second strong view and its view with dropped features."""

    recipe: Recipe
    student: nn.Module
    chance: Chance
    precision: Precision
    needs_features: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = True

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """Agreement of each further view with the teacher's target."""
        section = self.recipe.unimatch
        found: dict[str, Tensor] = {}
        if section.second_view:
            view = augment.strong_view(state.lesson.plain, self.recipe.augment, self.chance)
            with self.precision():
                logits = self.student(augment.to_input(view))
            agreement = state.agreement(losses.log_probabilities(logits, state.active))
            found["second_view"] = section.second_view * state.ramp * agreement
        if section.feature_view:
            with self.precision():
                levels = networks.encode(self.student, augment.to_input(state.lesson.plain))
                dropout, generator = section.channel_dropout, self.chance.noise
                dropped = networks.disturbed(levels, noise=0.0, dropout=dropout, generator=generator)
                logits = networks.head_of(self.student)(networks.decode(self.student, dropped))
            agreement = state.agreement(losses.log_probabilities(logits, state.active))
            found["feature_view"] = section.feature_view * state.ramp * agreement
        return found


@dataclass(frozen=True, slots=True, eq=False)
class RegularisedLabels:
    """LABO, where a person spoke."""

    recipe: Recipe
    needs_features: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = False

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """The difference to the plain cross entropy, where a person spoke: what a view cannot show is no label."""
        section, lesson = self.recipe.labo, state.lesson
        near = near_contour(lesson.bitmaps, width=section.contour_width, everything=lesson.possible)
        share = labo.share_of(near, share=section.share, contour_factor=section.contour_factor)
        share = share * (lesson.bitmaps != lesson.possible)
        value = labo.regularisation(state.log_p, lesson.allowed, state.active, share=share, tau=section.temperature)
        return {"labo": value}


@dataclass(frozen=True, slots=True, eq=False)
class Inversion:
    """Reconstruction by the encoder's transpose, and entropy."""

    recipe: Recipe
    student: nn.Module
    needs_features: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = False

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """Both losses, each where its weight is not 0."""
        section = self.recipe.inversion
        found: dict[str, Tensor] = {}
        if section.weight:
            encoder = networks.parts_of(self.student).encoder
            value = inversion.inversion_loss(encoder, augment.to_input(state.lesson.strong))
            found["inversion"] = section.weight * value
        if section.entropy:
            found["entropy"] = section.entropy * state.ramp * inversion.entropy(state.log_p, state.undecided)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class EvenChange:
    """Areas that bend no more through three neighbouring frames than a beat does."""

    recipe: Recipe
    needs_features: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = False

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """The student's own areas; 0 where the step has no neighbours."""
        section = self.recipe.temporal
        triples = state.lesson.triples
        if triples is None:
            return {"even_change": state.log_p.new_zeros(())}
        value = temporal.even_change(state.log_p, triples, state.active, slack=section.slack)
        return {"even_change": section.area * state.ramp * value}


@dataclass(frozen=True, slots=True, eq=False)
class BetweenNeighbours:
    """What the teacher says of both neighbours, for the frame between them."""

    recipe: Recipe
    needs_features: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = True

    def __call__(self, state: StepState) -> Mapping[str, Tensor]:
        """Agreement of the student in the middle; 0 where the step has no neighbours."""
        triples, allowed = state.lesson.triples, state.lesson.allowed
        if triples is None:
            return {"neighbours": state.log_p.new_zeros(())}
        assert state.target is not None
        middle = triples[:, 1]
        target, agree = temporal.both_neighbours(state.target, triples, allowed)
        where = allowed[middle] & agree.unsqueeze(1)
        value = gated_consistency(state.log_p[middle], target, where, active=state.active, gated=state.gated)
        return {"neighbours": self.recipe.temporal.neighbours * state.ramp * value}


def chosen(
    recipe: Recipe, student: nn.Module, *, twin: nn.Module | None, chance: Chance, precision: Precision
) -> tuple[Term, ...]:
    """The terms that a recipe switches on, in the order in which they draw random numbers; none by default."""
    terms: list[Term] = []
    if twin is not None:
        terms.append(NoisyDecoder(recipe, twin, chance, precision))
    if recipe.unimatch.second_view or recipe.unimatch.feature_view:
        terms.append(FurtherViews(recipe, student, chance, precision))
    if recipe.labo.share:
        terms.append(RegularisedLabels(recipe))
    if recipe.inversion.weight or recipe.inversion.entropy:
        terms.append(Inversion(recipe, student))
    if recipe.temporal.area:
        terms.append(EvenChange(recipe))
    if recipe.temporal.neighbours:
        terms.append(BetweenNeighbours(recipe))
    return tuple(terms)
