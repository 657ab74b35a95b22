"""CFT: a logistic regression with a fixed offset, whose result is kept only where validation confirms it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from annotator.core.protocols import LabelProtocol
from annotator.learn import cft
from annotator.learn.recipe_sections import CftSection
from annotator.learn.validation import Validation

ACTIVE = torch.ones(4, dtype=torch.bool)
CHANNELS = 5


def _head(seed: int = 0) -> cft.Head:
    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(4, CHANNELS, generator=generator), torch.randn(4, generator=generator)
    return cft.Head(weight, bias)


def _pixels(truth: cft.Head, *, seed: int = 1, count: int = 600) -> cft.Pixels:
    """Pixels whose classes another head tells, a third of them known as 'not the disc' alone."""
    features = torch.randn(count, CHANNELS, generator=torch.Generator().manual_seed(seed))
    classes = (features @ truth.weight.T + truth.bias).argmax(dim=1)
    bitmaps = (1 << classes).to(torch.int32)
    vague = (torch.arange(count) % 3 == 0) & (classes != 1)
    bitmaps[vague] = 0b1101
    return cft.Pixels(features, bitmaps, torch.arange(count) % 6)


def _dice(pixels: cft.Pixels, head: cft.Head) -> Validation:
    classes = (pixels.features @ head.weight.T + head.bias).argmax(dim=1)
    dice = {}
    for c, name in enumerate(("disc", "bar", "ghost"), start=1):
        positive = pixels.bitmaps == (1 << c)
        claimed = (classes == c) & (positive | ((pixels.bitmaps >> c) & 1 == 0))
        dice[name] = 2.0 * int((claimed & positive).sum()) / max(1, int(positive.sum() + claimed.sum()))
    return Validation(dice, {}, 1 - float(np.mean(list(dice.values()))))


def test_a_row_with_the_others_fixed_is_a_logistic_regression() -> None:
    head, pixels = _head(), _pixels(_head(5))
    problem = cft.problem_of(pixels, head, 1, active=ACTIVE)
    full = torch.softmax(pixels.features @ head.weight.T + head.bias, dim=1)[:, 1]
    # Every pixel decides the disc here: those that are vague say that they are not the disc.
    torch.testing.assert_close(torch.sigmoid(problem.logits(problem.old)), full)
    assert torch.equal(problem.positive, pixels.bitmaps == 0b0010)


def test_pixels_that_do_not_decide_the_structure_are_left_out() -> None:
    pixels = _pixels(_head(5))
    problem = cft.problem_of(pixels, _head(), 2, active=ACTIVE)
    assert len(problem.positive) == int((pixels.bitmaps != 0b1101).sum())


def test_inactive_classes_do_not_weigh_in_the_offset() -> None:
    head, pixels = _head(), _pixels(_head(5))
    active = torch.tensor([True, True, True, False])
    offset = cft.problem_of(pixels, head, 1, active=active).offset
    expected = torch.logsumexp((pixels.features @ head.weight.T + head.bias)[:, [0, 2]], dim=1)
    torch.testing.assert_close(offset, expected)


def test_the_loss_has_the_gradient_of_its_formula() -> None:
    problem = cft.problem_of(_pixels(_head(5), count=40), _head(), 1, active=ACTIVE)
    wide = cft.RowProblem(problem.inputs.double(), problem.offset.double(), problem.positive, problem.old.double())
    row = (wide.old + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: cft.row_loss(wide, r, 0.01), (row,))


def test_both_searches_improve_the_row_and_move_the_bias() -> None:
    problem = cft.problem_of(_pixels(_head(5)), _head(), 1, active=ACTIVE)
    by_gradient = cft.fit_by_gradient(problem, 0.001)
    by_generations = cft.fit_by_generations(problem, 0.001, torch.Generator().manual_seed(0))
    assert float(cft.row_loss(problem, by_gradient, 0.001)) < 0.5 * float(cft.row_loss(problem, problem.old, 0.001))
    old, new = (float(cft.thresholded_dice(problem, r[:, None])) for r in (problem.old, by_generations))
    assert new > old + 0.1
    for row in (by_gradient, by_generations):
        assert float((row[-1] - problem.old[-1]).abs()) > 1e-3


def test_a_strong_pull_keeps_the_old_row() -> None:
    problem = cft.problem_of(_pixels(_head(5)), _head(), 1, active=ACTIVE)
    torch.testing.assert_close(cft.fit_by_gradient(problem, 1e6), problem.old, atol=1e-3, rtol=0)


def test_the_genetic_search_repeats_itself() -> None:
    problem = cft.problem_of(_pixels(_head(5)), _head(), 1, active=ACTIVE)
    rows = [cft.fit_by_generations(problem, 0.01, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(rows[0], rows[1])


@pytest.mark.parametrize("method", ["gradient", "genetic"])
@pytest.mark.parametrize("seed", range(4))
def test_validation_never_falls(protocol: LabelProtocol, method: str, seed: int) -> None:
    section = CftSection.model_validate({"method": method, "decay": 0.001})
    held = _pixels(_head(5), seed=seed + 50)
    head = _head(seed)
    before = _dice(held, head)
    result = cft.refit(
        _pixels(_head(5), seed=seed),
        head,
        validate=lambda h: _dice(held, h),
        protocol=protocol,
        active=ACTIVE,
        section=section,
    )
    after = _dice(held, result.head)
    assert all(after.dice[s] >= before.dice[s] for s in before.dice)
    new = [s for s, of in result.facts.items() if of["is_new"]]
    for c, structure in enumerate(protocol.ids, start=1):
        is_same = torch.equal(result.head.row(c), head.row(c))
        assert is_same == (structure not in new)
    assert torch.equal(result.head.row(0), head.row(0))


def test_a_row_that_helps_is_kept_with_its_bias(protocol: LabelProtocol) -> None:
    truth = _head(5)
    spoilt = truth.with_row(2, torch.cat([truth.weight[2], truth.bias[2:3] - 4.0]))
    pixels, held = _pixels(truth), _pixels(truth, seed=9)
    result = cft.refit(
        pixels,
        spoilt,
        validate=lambda h: _dice(held, h),
        protocol=protocol,
        active=ACTIVE,
        section=CftSection(method="gradient", decay=0.0),
    )
    assert result.facts["bar"]["is_new"]
    assert result.facts["bar"]["dice_after"] > result.facts["bar"]["dice_before"] + 0.2
    assert float((result.head.bias[2] - spoilt.bias[2]).abs()) > 0.5


def test_nothing_is_fitted_without_enough_frames_or_figures(protocol: LabelProtocol) -> None:
    head, pixels = _head(), _pixels(_head(5))
    few = CftSection(method="gradient", least_frames=7)
    alone = cft.refit(
        pixels, head, validate=lambda _: Validation(), protocol=protocol, active=ACTIVE, section=CftSection()
    )
    scarce = cft.refit(pixels, head, validate=lambda h: _dice(pixels, h), protocol=protocol, active=ACTIVE, section=few)
    for result, why in ((alone, "held aside"), (scarce, "fewer than 7")):
        assert torch.equal(result.head.weight, head.weight)
        assert all(why in of["reason"] for of in result.facts.values())


@pytest.mark.parametrize(
    ("after", "accepted"),
    [
        ({"disc": 0.6, "bar": 0.7}, True),
        ({"disc": 0.6, "bar": 0.69}, False),
        ({"disc": 0.5, "bar": 0.9}, False),
        ({"disc": 0.6}, False),
        ({"bar": 0.7}, False),
    ],
)
def test_accepted_only_if_it_rises_and_no_other_falls(after: dict[str, float], *, accepted: bool) -> None:
    assert cft.is_accepted(Validation({"disc": 0.5, "bar": 0.7}), Validation(after), "disc") is accepted
