"""Readings of a partly labelled frame: where they agree, and what each does to a structure that nobody named."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from annotator.learn import losses, partial_losses
from annotator.learn.partial_losses import Reading

CLASSES = 4
ALL = torch.ones(CLASSES, dtype=torch.bool)


def _logits(classes: int = CLASSES) -> torch.Tensor:
    return torch.randn((2, classes, 5, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _all_known(classes: int = CLASSES) -> tuple[torch.Tensor, torch.Tensor]:
    truth = torch.randint(0, classes, (2, 5, 6), generator=torch.Generator().manual_seed(1))
    truth[:, 0, :classes] = torch.arange(classes)
    return truth, F.one_hot(truth, classes).permute(0, 3, 1, 2).bool()


def _only_first_known() -> torch.Tensor:
    bitmaps = torch.full((2, 5, 6), 0b1101, dtype=torch.int32)
    bitmaps[:, 1:3, 1:4] = 0b0010
    return losses.allowed_sets(bitmaps, CLASSES)


@pytest.mark.parametrize("reading", ["marginal", "adaptive-categorical"])
def test_categorical_readings_are_cross_entropy_where_all_is_known(reading: Reading) -> None:
    z = _logits()
    truth, allowed = _all_known()
    loss, _ = partial_losses.supervised(reading, z.log_softmax(dim=1), allowed, active=ALL)
    torch.testing.assert_close(loss, F.cross_entropy(z, truth))


def test_binary_reading_is_cross_entropy_of_a_single_structure() -> None:
    z = _logits(2)
    truth, allowed = _all_known(2)
    loss, _ = partial_losses.adaptive_binary(z.log_softmax(dim=1), allowed, ALL[:2])
    torch.testing.assert_close(loss, F.cross_entropy(z, truth))


def test_binary_reading_is_the_sum_over_structures() -> None:
    z = _logits()
    _, allowed = _all_known()
    loss, _ = partial_losses.adaptive_binary(z.log_softmax(dim=1), allowed, ALL)
    by_hand = F.binary_cross_entropy_with_logits(z[:, 1:] - z[:, :1], allowed[:, 1:].double(), reduction="none")
    torch.testing.assert_close(loss, by_hand.sum(dim=1).mean())


def test_sigmoids_choose_the_class_that_the_softmax_chooses() -> None:
    z = _logits()
    log_p = z.log_softmax(dim=1)
    binary = torch.cat([torch.zeros_like(z[:, :1]), partial_losses.structure_logits(log_p)], dim=1)
    assert torch.equal(binary.argmax(dim=1), z.argmax(dim=1))


@pytest.mark.parametrize("reading", ["adaptive-categorical", "adaptive-binary"])
def test_unknown_structures_get_no_gradient(reading: Reading) -> None:
    z = _logits().requires_grad_()
    known, dice = partial_losses.supervised(reading, z.log_softmax(dim=1), _only_first_known(), active=ALL)
    (known + dice).backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert float(z.grad[:, :2].abs().max()) > 1e-3
    torch.testing.assert_close(z.grad[:, 2:], torch.zeros_like(z.grad[:, 2:]))


def test_marginal_reading_moves_unknown_structures_with_background() -> None:
    z = _logits().requires_grad_()
    known, _ = partial_losses.supervised("marginal", z.log_softmax(dim=1), _only_first_known(), active=ALL)
    known.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert float(z.grad[:, 2:].abs().max()) > 1e-3


@pytest.mark.parametrize("reading", ["marginal", "adaptive-categorical", "adaptive-binary"])
def test_nothing_known_gives_nothing(reading: Reading) -> None:
    z = _logits().requires_grad_()
    everything = torch.ones((2, CLASSES, 5, 6), dtype=torch.bool)
    known, dice = partial_losses.supervised(reading, z.log_softmax(dim=1), everything, active=ALL)
    (known + dice).backward()  # type: ignore[no-untyped-call]
    assert float((known + dice).detach()) == 0.0
    assert z.grad is not None
    assert not bool(z.grad.any())


@pytest.mark.parametrize("reading", ["adaptive-categorical", "adaptive-binary"])
def test_gradients_are_the_formula(reading: Reading) -> None:
    z = _logits().requires_grad_()
    allowed = _only_first_known()

    def both(logits: torch.Tensor) -> torch.Tensor:
        known, dice = partial_losses.supervised(reading, logits.log_softmax(dim=1), allowed, active=ALL)
        return known + dice

    assert torch.autograd.gradcheck(both, (z,))


@pytest.mark.parametrize("reading", ["adaptive-categorical", "adaptive-binary"])
def test_inactive_structures_take_no_part(reading: Reading) -> None:
    z = _logits().requires_grad_()
    active = torch.tensor([True, True, False, True])
    log_p = losses.log_probabilities(z, active)
    known, dice = partial_losses.supervised(reading, log_p, _only_first_known(), active=active)
    (known + dice).backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert bool(torch.isfinite(z.grad).all())
    assert not bool(z.grad[:, 2].any())


def test_what_a_frame_knows_is_read_per_frame() -> None:
    bitmaps = torch.stack([torch.full((4, 4), 0b1101), torch.full((4, 4), 0b1111), torch.full((4, 4), 0b1111)])
    bitmaps[2, 0, 0] = 0b1000
    known = partial_losses.frame_known(losses.allowed_sets(bitmaps, CLASSES))
    assert known.tolist() == [[False, True, False, False], [False] * 4, [False, False, False, True]]
