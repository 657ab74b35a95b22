"""CFT at publish: each structure's row of the head is fitted again on what a person said.

Chong et al. 2024, arXiv 2401.16991. The softmax couples the rows; with the others fixed, row *c* is a logistic
regression with a fixed offset,

    p_c = sigmoid(w_c . f + b_c - logsumexp over j != c of z_j),

positive where S = {c}, negative where *c* is not in S, and left out elsewhere [our derivation for pixels and allowed
sets]. A row is kept only if that structure's validation Dice rises and no other's falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.core.protocols import LabelProtocol
from annotator.learn.losses import MASKED
from annotator.learn.recipe_sections import CftSection
from annotator.learn.validation import Validation

_SMALL = 1e-6
_LEAST_RISE = 1e-6
_GRADIENT_STEPS = 40
_POPULATION = 24
_GENERATIONS = 20
_ELITE = 6


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Cached features of pixels that a person said something about.

    Parameters
    ----------
    features
        (N, D) float32, from evaluation mode and without augmentation.
    bitmaps
        (N,) allowed sets.
    frames
        (N,) int64, which frame each comes from.
    """

    features: Tensor
    bitmaps: Tensor
    frames: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The final 1x1 convolution as a matrix: weight (K+1, D) and bias (K+1,), float32."""

    weight: Tensor
    bias: Tensor

    def with_row(self, c: int, row: Tensor) -> Head:
        """Another row *c*, (D+1,) with the bias last."""
        weight, bias = self.weight.clone(), self.bias.clone()
        weight[c], bias[c] = row[:-1], row[-1]
        return Head(weight, bias)

    def row(self, c: int) -> Tensor:
        """(D+1,), the bias last."""
        return torch.cat([self.weight[c], self.bias[c : c + 1]])


@dataclass(frozen=True, slots=True, eq=False)
class RowProblem:
    """One structure's logistic regression.

    Parameters
    ----------
    inputs
        (N, D+1) float32, features and a column of ones.
    offset
        (N,) float32, logsumexp of the other active classes' logits.
    positive
        (N,) bool; the others are negative.
    old
        (D+1,) float32, the row to start from.
    """

    inputs: Tensor
    offset: Tensor
    positive: Tensor
    old: Tensor

    def logits(self, rows: Tensor) -> Tensor:
        """(N,) for a row (D+1,), or (N, P) for P rows (D+1, P)."""
        offset = self.offset if rows.ndim == 1 else self.offset[:, None]
        return self.inputs @ rows - offset


def problem_of(pixels: Pixels, head: Head, c: int, *, active: Tensor) -> RowProblem:
    """The pixels that decide structure *c*, with what the other rows say of them.

    Parameters
    ----------
    pixels, head
        Cached features; the present head.
    c
        Class index, at least 1.
    active
        (K+1,) bool; an inactive class takes no part in the softmax.
    """
    positive = pixels.bitmaps == (1 << c)
    decides = positive | ((pixels.bitmaps >> c) & 1 == 0)
    features = pixels.features[decides]
    logits = (features @ head.weight.T + head.bias).masked_fill(~active, MASKED)
    logits[:, c] = MASKED
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
    return RowProblem(inputs, torch.logsumexp(logits, dim=1), positive[decides], head.row(c))


def row_loss(problem: RowProblem, row: Tensor, decay: float) -> Tensor:
    """Cross entropy + soft Dice + ``decay`` |row - old|^2, a scalar."""
    logits = problem.logits(row)
    target = problem.positive.to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, target)
    p = torch.sigmoid(logits)
    dice = (2 * (p * target).sum() + _SMALL) / (p.sum() + target.sum() + _SMALL)
    return entropy + (1 - dice) + decay * (row - problem.old).square().sum()


def fit_by_gradient(problem: RowProblem, decay: float) -> Tensor:
    """The row (D+1,) that a quasi-Newton search finds from the old one."""
    row = problem.old.clone().requires_grad_()
    search = torch.optim.LBFGS([row], max_iter=_GRADIENT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        search.zero_grad()
        loss = row_loss(problem, row, decay)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    with torch.enable_grad():
        search.step(closure)  # type: ignore[no-untyped-call]
    return row.detach()


def thresholded_dice(problem: RowProblem, rows: Tensor) -> Tensor:
    """Dice of 'p_c > 1/2' on the cached pixels, (P,) for rows (D+1, P)."""
    claimed = problem.logits(rows) > 0
    hits = (claimed & problem.positive[:, None]).sum(dim=0).float()
    return 2 * hits / (claimed.sum(dim=0) + problem.positive.sum()).clamp(min=1)


def fit_by_generations(problem: RowProblem, decay: float, generator: torch.Generator) -> Tensor:
    """The row (D+1,), bias included, that a small genetic search finds; never worse than the old one by its own figure.

    Fitness is the thresholded Dice less ``decay`` |row - old|^2; the best rows stay, the others are mixed from two of
    them and changed a little.

    Parameters
    ----------
    problem, decay
        See :func:`row_loss`.
    generator
        On the CPU.
    """
    scale = problem.old.norm() / len(problem.old) ** 0.5 + _SMALL

    def changed(rows: Tensor, size: float) -> Tensor:
        noise = torch.randn(rows.shape, generator=generator).to(rows.device)
        moved: Tensor = rows + size * scale * noise
        return moved

    def fitness(rows: Tensor) -> Tensor:
        return thresholded_dice(problem, rows) - decay * (rows - problem.old[:, None]).square().sum(dim=0)

    old = problem.old[:, None]
    rows = torch.cat([old, changed(old.repeat(1, _POPULATION - 1), 0.3)], dim=1)
    for generation in range(_GENERATIONS):
        best = rows[:, fitness(rows).argsort(descending=True, stable=True)[:_ELITE]]
        parents = torch.randint(_ELITE, (2, _POPULATION - _ELITE), generator=generator).to(rows.device)
        from_first = torch.rand((len(old), _POPULATION - _ELITE), generator=generator).to(rows.device) < 0.5
        children = torch.where(from_first, best[:, parents[0]], best[:, parents[1]])
        rows = torch.cat([best, changed(children, 0.3 * (1 - generation / _GENERATIONS))], dim=1)
    return rows[:, int(fitness(rows).argmax())]


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """The head after CFT, and plain facts: per structure whether its row is new, why not, and Dice before and after."""

    head: Head
    facts: dict[str, Any]


def refit(
    pixels: Pixels,
    head: Head,
    *,
    validate: Callable[[Head], Validation],
    protocol: LabelProtocol,
    active: Tensor,
    section: CftSection,
) -> Refit:
    """Fit one structure's row after the other, keeping what validation confirms.

    Parameters
    ----------
    pixels, head
        Of the training patients; the present head.
    validate
        Dice of a head on patients that gave no pixel.
    protocol, active, section
        Names; (K+1,) bool; the recipe's numbers.
    """
    before = validate(head)
    facts: dict[str, Any] = {}
    for structure in protocol.ids:
        c = protocol.index(structure)
        reason = _why_not(pixels, before, structure, c=c, section=section)
        if reason or not bool(active[c]):
            facts[structure] = {"is_new": False, "reason": reason or "it was never labelled"}
            continue
        problem = problem_of(pixels, head, c, active=active)
        row = _fitted(problem, section, seed=c)
        candidate = head.with_row(c, row)
        after = validate(candidate)
        is_new = bool(torch.isfinite(row).all()) and is_accepted(before, after, structure)
        facts[structure] = {
            "is_new": is_new,
            "reason": "" if is_new else "validation did not confirm it",
            "dice_before": before.dice[structure],
            "dice_after": after.dice.get(structure),
        }
        if is_new:
            head, before = candidate, after
    return Refit(head, facts)


def is_accepted(before: Validation, after: Validation, structure: str) -> bool:
    """Whether the structure's Dice rises and no other's falls; one that cannot be measured any more did not rise."""
    others = (after.dice.get(s, float("nan")) >= dice for s, dice in before.dice.items() if s != structure)
    return after.dice.get(structure, 0.0) > before.dice[structure] + _LEAST_RISE and all(others)


def _why_not(pixels: Pixels, before: Validation, structure: str, *, c: int, section: CftSection) -> str:
    shown = set(pixels.frames[pixels.bitmaps == (1 << c)].tolist())
    if len(shown) < section.least_frames:
        return f"{len(shown)} labelled frames show it, fewer than {section.least_frames}"
    return "" if structure in before.dice else "no patient held aside shows it"


def _fitted(problem: RowProblem, section: CftSection, *, seed: int) -> Tensor:
    if section.method == "genetic":
        return fit_by_generations(problem, section.decay, torch.Generator().manual_seed(seed))
    return fit_by_gradient(problem, section.decay)
