"""LABO's closed form: its limits, its gradient, and that it speaks only where a person did."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from annotator.learn import labo, losses

CLASSES = 4
ALL = torch.ones(CLASSES, dtype=torch.bool)


def _known() -> tuple[torch.Tensor, torch.Tensor]:
    truth = torch.randint(0, CLASSES, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    truth[:, 0, :CLASSES] = torch.arange(CLASSES)
    return truth, F.one_hot(truth, CLASSES).permute(0, 3, 1, 2).bool()


def _logits() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((2, CLASSES, 5, 6), generator=generator, dtype=torch.float64, requires_grad=True)


def _total(z: torch.Tensor, allowed: torch.Tensor, *, share: float, tau: float) -> torch.Tensor:
    log_p = z.log_softmax(dim=1)
    shares = torch.full(z.shape[:1] + z.shape[2:], share, dtype=z.dtype)
    more = labo.regularisation(log_p, allowed, ALL, share=shares, tau=tau)
    return losses.marginal_cross_entropy(log_p, allowed, ALL) + more


def _gradient(value: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(value, z)[0]


@pytest.mark.parametrize("tau", [0.5, 1.5, 4.0])
def test_gradient_is_the_formula(tau: float) -> None:
    z = _logits()
    truth, allowed = _known()
    p, y = torch.softmax(z.detach(), dim=1), F.one_hot(truth, CLASSES).permute(0, 3, 1, 2).double()
    best = torch.softmax(z.detach() / tau, dim=1)
    expected = (0.9 * (p - y) + 0.1 * (p - best)) / truth.numel()
    torch.testing.assert_close(_gradient(_total(z, allowed, share=0.1, tau=tau), z), expected)


def test_temperature_one_only_scales_the_gradient() -> None:
    z = _logits()
    _, allowed = _known()
    plain = _gradient(losses.marginal_cross_entropy(z.log_softmax(dim=1), allowed, ALL), z)
    torch.testing.assert_close(_gradient(_total(z, allowed, share=0.3, tau=1.0), z), 0.7 * plain)


def test_temperature_one_only_scales_the_gradient_of_partial_labels_too() -> None:
    z = _logits()
    bitmaps = torch.full((2, 5, 6), 0b1101, dtype=torch.int32)
    bitmaps[:, 1:3] = 0b0010
    allowed = losses.allowed_sets(bitmaps, CLASSES)
    plain = _gradient(losses.marginal_cross_entropy(z.log_softmax(dim=1), allowed, ALL), z)
    torch.testing.assert_close(_gradient(_total(z, allowed, share=0.3, tau=1.0), z), 0.7 * plain)


def test_endless_temperature_is_label_smoothing() -> None:
    z = _logits()
    truth, allowed = _known()
    total = _total(z, allowed, share=0.1, tau=1e9)
    torch.testing.assert_close(total, F.cross_entropy(z, truth, label_smoothing=0.1))


def test_the_closed_form_solves_the_inner_problem() -> None:
    z = torch.randn(1, CLASSES, 1, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    log_p = z.log_softmax(dim=1)
    a, b = 0.1, 0.15
    best = labo.best_labels(log_p, b / a)

    def inner(p: torch.Tensor) -> torch.Tensor:
        return -a * (p * log_p).sum() + b * (p * (p * CLASSES).log()).sum()

    generator = torch.Generator().manual_seed(4)
    for _ in range(50):
        other = torch.softmax(best.log() + 0.3 * torch.randn(best.shape, generator=generator), dim=1)
        assert float(inner(other)) > float(inner(best))


def test_merge_first_temper_second() -> None:
    z = _logits().detach()
    bitmaps = torch.full((2, 5, 6), 0b1101, dtype=torch.int32)
    bitmaps[:, 1:3] = 0b0010
    allowed = losses.allowed_sets(bitmaps, CLASSES)
    m = labo.merged(z.log_softmax(dim=1), allowed)
    torch.testing.assert_close(m.exp().sum(dim=1), torch.ones(2, 5, 6, dtype=torch.float64))
    two = torch.stack([z[:, 1], torch.logsumexp(z[:, [0, 2, 3]], dim=1)], dim=1)
    expected = torch.softmax(two / 2.0, dim=1)
    best = labo.best_labels(m, 2.0)
    inside, outside = bitmaps == 0b0010, bitmaps != 0b0010
    torch.testing.assert_close(best[:, -2][inside], expected[:, 0][inside])
    torch.testing.assert_close(best[:, -1][inside], expected[:, 1][inside])
    torch.testing.assert_close(best[:, -2][outside], expected[:, 1][outside])
    torch.testing.assert_close(best[:, 1][outside], expected[:, 0][outside])


def test_nobody_spoke_nothing_is_regularised() -> None:
    z = _logits()
    everything = torch.ones((2, CLASSES, 5, 6), dtype=torch.bool)
    share = torch.full((2, 5, 6), 0.1)
    value = labo.regularisation(z.log_softmax(dim=1), everything, ALL, share=share, tau=1.5)
    assert float(value.detach()) == 0.0
    assert not bool(_gradient(value, z).any())


def test_inactive_classes_stay_out() -> None:
    z = _logits()
    _, allowed = _known()
    allowed = allowed.clone()
    allowed[:, 0] |= allowed[:, 2]
    allowed[:, 2] = False
    active = torch.tensor([True, True, False, True])
    share = torch.full((2, 5, 6), 0.1)
    value = labo.regularisation(losses.log_probabilities(z, active), allowed, active, share=share, tau=3.0)
    gradient = _gradient(value, z)
    assert bool(torch.isfinite(gradient).all())
    assert not bool(gradient[:, 2].any())


def test_contours_get_more_but_never_more_than_all() -> None:
    near = torch.tensor([[[True, False]]])
    torch.testing.assert_close(labo.share_of(near, share=0.1, contour_factor=2.0), torch.tensor([[[0.2, 0.1]]]))
    assert float(labo.share_of(near, share=0.6, contour_factor=3.0).max()) == 1.0
