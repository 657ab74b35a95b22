"""The mathematics of the losses: formula, gradients, limits and laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.learn import losses

CLASSES = 4
ALL = torch.ones(CLASSES, dtype=torch.bool)


def _case(seed: int, *, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((2, CLASSES, 5, 6), generator=generator, dtype=dtype)
    bitmaps = torch.randint(1, 1 << CLASSES, (2, 5, 6), generator=generator, dtype=torch.int32)
    return logits, losses.allowed_sets(bitmaps, CLASSES)


def test_allowed_sets_reads_every_bit() -> None:
    bitmaps = torch.tensor([[[0b1, 0b1010], [0b1111, 1 << 15]]], dtype=torch.int32)
    sets = losses.allowed_sets(bitmaps, 16)
    assert sets.shape == (1, 16, 2, 2)
    assert sets[0, :, 0, 0].nonzero().flatten().tolist() == [0]
    assert sets[0, :, 0, 1].nonzero().flatten().tolist() == [1, 3]
    assert sets[0, :, 1, 1].nonzero().flatten().tolist() == [15]


@pytest.mark.parametrize("seed", range(3))
def test_marginal_gradient_is_the_formula(seed: int) -> None:
    logits, allowed = _case(seed)
    logits.requires_grad_()
    losses.marginal_cross_entropy(logits.log_softmax(dim=1), allowed, ALL).backward()  # type: ignore[no-untyped-call]
    p = torch.softmax(logits.detach(), dim=1)
    inside = (p * allowed).sum(dim=1, keepdim=True)
    says = (~allowed).any(dim=1, keepdim=True)
    expected = (p - allowed * p / inside) * says / says.sum()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, expected)


def test_gradcheck_of_every_loss() -> None:
    logits, allowed = _case(1)
    logits.requires_grad_()
    target = losses.soft_target(torch.randn_like(logits), allowed, ALL)
    for loss in (
        lambda z: losses.marginal_cross_entropy(z.log_softmax(dim=1), allowed, ALL),
        lambda z: losses.partial_dice(z.log_softmax(dim=1), allowed, ALL),
        lambda z: losses.consistency(z.log_softmax(dim=1), target, allowed, ALL),
    ):
        assert torch.autograd.gradcheck(loss, (logits,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_cross_entropy_where_everything_is_known(dtype: torch.dtype) -> None:
    logits, _ = _case(2, dtype=dtype)
    classes = torch.randint(0, CLASSES, (2, 5, 6), generator=torch.Generator().manual_seed(0))
    allowed = F.one_hot(classes, CLASSES).permute(0, 3, 1, 2).bool()
    loss = losses.marginal_cross_entropy(logits.log_softmax(dim=1), allowed, ALL)
    torch.testing.assert_close(loss, F.cross_entropy(logits, classes))


def test_nothing_known_gives_zero_and_zero_gradient() -> None:
    logits, allowed = _case(3)
    logits.requires_grad_()
    everything = torch.ones_like(allowed)
    total = losses.marginal_cross_entropy(logits.log_softmax(dim=1), everything, ALL) + losses.partial_dice(
        logits.log_softmax(dim=1), everything, ALL
    )
    total.backward()  # type: ignore[no-untyped-call]
    assert float(total.detach()) == 0.0
    assert logits.grad is not None
    assert not bool(logits.grad.any())


def test_does_not_shrink_as_labels_get_sparser() -> None:
    logits = torch.randn((1, CLASSES, 1, 1), generator=torch.Generator().manual_seed(0)).expand(1, -1, 8, 8)
    dense = losses.allowed_sets(torch.full((1, 8, 8), 2, dtype=torch.int32), CLASSES)
    sparse = torch.ones_like(dense)
    sparse[..., :1, :1] = dense[..., :1, :1]
    torch.testing.assert_close(
        losses.marginal_cross_entropy(logits.log_softmax(dim=1), dense, ALL),
        losses.marginal_cross_entropy(logits.log_softmax(dim=1), sparse, ALL),
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), fewer=st.integers(1, 15), more=st.integers(0, 15))
def test_more_knowledge_never_lowers_a_pixels_loss(seed: int, fewer: int, more: int) -> None:
    logits = torch.randn((1, CLASSES, 1, 1), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def loss(bits: int) -> float:
        allowed = losses.allowed_sets(torch.full((1, 1, 1), bits, dtype=torch.int32), CLASSES)
        return float(losses.marginal_cross_entropy(logits.log_softmax(dim=1), allowed, ALL))

    assert loss(fewer) >= loss(fewer | more) - 1e-12 >= -1e-12


def test_inactive_classes_take_no_part() -> None:
    logits, _ = _case(4)
    logits.requires_grad_()
    active = torch.tensor([True, True, False, False])
    masked = losses.log_probabilities(logits, active)
    only_inactive_excluded = losses.allowed_sets(torch.full((2, 5, 6), 0b0011, dtype=torch.int32), CLASSES)
    assert not bool(losses.informative(only_inactive_excluded, active).any())
    decided = losses.allowed_sets(torch.full((2, 5, 6), 0b1101, dtype=torch.int32), CLASSES)
    target = losses.soft_target(logits, decided, active)
    loss = losses.marginal_cross_entropy(masked, decided, active) + losses.partial_dice(masked, decided, active)
    loss = loss + losses.consistency(masked, target, torch.ones_like(decided), active)
    loss.backward()  # type: ignore[no-untyped-call]
    assert masked.exp()[:, 2:].sum() == 0
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    assert not bool(logits.grad[:, 2:].any())


def test_dice_counts_only_pixels_that_decide() -> None:
    bitmaps = torch.full((1, 4, 4), 0b1111, dtype=torch.int32)
    bitmaps[:, 0] = 0b0010
    bitmaps[:, 1] = 0b1101
    allowed = losses.allowed_sets(bitmaps, CLASSES)
    logits = torch.zeros(1, CLASSES, 4, 4)
    logits[:, 1, 0] = 50.0
    logits[:, 0, 1] = 50.0
    logits[:, 1, 2:] = 50.0
    assert float(losses.partial_dice(logits.log_softmax(dim=1), allowed, ALL)) == pytest.approx(0.0, abs=1e-5)
    logits[:, 1, 1] = 100.0
    assert float(losses.partial_dice(logits.log_softmax(dim=1), allowed, ALL)) == pytest.approx(
        1 - 2 * 4 / 12, abs=1e-5
    )


def test_teacher_never_contradicts_the_annotator() -> None:
    logits, allowed = _case(5)
    target = losses.soft_target(logits, allowed, ALL).exp()
    assert not bool(target[~allowed].any())
    torch.testing.assert_close(target.sum(dim=1), torch.ones(2, 5, 6, dtype=torch.float64))


def test_consistency_is_least_where_student_equals_target() -> None:
    logits, _ = _case(6)
    everything = torch.ones((2, CLASSES, 5, 6), dtype=torch.bool)
    target = losses.soft_target(logits, everything, ALL)
    student = logits.clone().requires_grad_()
    loss = losses.consistency(student.log_softmax(dim=1), target, everything, ALL)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-12)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, torch.zeros_like(student.grad))
    assert float(losses.consistency(torch.zeros_like(logits).log_softmax(dim=1), target, everything, ALL)) > 0.01


def test_consistency_leaves_decided_pixels_alone() -> None:
    logits, _ = _case(7)
    student = torch.zeros_like(logits).requires_grad_()
    decided = losses.allowed_sets(torch.full((2, 5, 6), 4, dtype=torch.int32), CLASSES)
    loss = losses.consistency(student.log_softmax(dim=1), losses.soft_target(logits, decided, ALL), decided, ALL)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0.0
    assert student.grad is not None
    assert not bool(student.grad.any())


def test_consistency_weighs_rare_classes_more() -> None:
    target = torch.zeros(1, 2, 10, 10)
    target[:, 0] = 1.0
    target[:, :, 0, 0] = torch.tensor([0.0, 1.0])
    both = torch.ones(1, 2, 10, 10, dtype=torch.bool)
    student = torch.zeros(1, 2, 10, 10, requires_grad=True)
    losses.consistency(student.log_softmax(dim=1), target.clamp(min=1e-30).log(), both, ALL[:2]).backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert float(student.grad[0, 1, 0, 0].abs()) > 5 * float(student.grad[0, 1, 5, 5].abs())


def test_naive_reading_makes_the_undecided_background() -> None:
    bitmaps = torch.tensor([[[0b1111, 0b0010], [0b1001, 0b0001]]], dtype=torch.int32)
    expected = torch.tensor([[[1, 2], [1, 1]]], dtype=torch.int32)
    np.testing.assert_array_equal(losses.unknown_as_background(bitmaps).numpy(), expected.numpy())
