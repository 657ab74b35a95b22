"""Feature terms: where they are least, what they do not see, and that nothing becomes NaN."""

from __future__ import annotations

import pytest
import torch

from annotator.learn import correlation
from annotator.learn.chance import Chance


def _rows(seed: int, count: int = 200, channels: int = 6) -> torch.Tensor:
    return torch.randn((count, channels), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_equal_features_cost_nothing() -> None:
    rows = _rows(0).requires_grad_()
    loss = correlation.correlation_loss(rows, rows.detach())
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-8)
    assert rows.grad is not None
    assert float(rows.grad.abs().max()) < 1e-6


def test_scale_and_shift_of_a_channel_do_not_matter() -> None:
    rows = _rows(0)
    changed = rows * torch.arange(1, 7) + 3
    assert float(correlation.correlation_loss(changed, rows)) == pytest.approx(0.0, abs=1e-7)


def test_without_a_floor_it_is_the_published_formula() -> None:
    student, teacher = _rows(0), _rows(1)
    c = torch.stack([torch.corrcoef(torch.stack([student[:, j], teacher[:, j]]))[0, 1] for j in range(6)])
    expected = torch.log2(((c - 1).abs() ** 2.02).sum())
    torch.testing.assert_close(correlation.correlation_loss(student, teacher, floor=0.0), expected)


def test_opposite_features_cost_more_than_unrelated_ones() -> None:
    rows = _rows(0, 2000)
    unrelated = float(correlation.correlation_loss(_rows(1, 2000), rows))
    assert 0.0 < unrelated < float(correlation.correlation_loss(-rows, rows))


def test_dead_channels_give_no_nan_and_no_wish() -> None:
    student, teacher = _rows(0), _rows(1)
    teacher[:, 2] = 0.0
    student[:, 4] = 0.0
    student.requires_grad_()
    loss = correlation.correlation_loss(student, teacher)
    loss.backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert bool(torch.isfinite(student.grad).all())
    assert not bool(student.grad[:, 2].any())


def test_gradients_are_the_formulas() -> None:
    student, teacher = _rows(0, 12, 4).requires_grad_(), _rows(1, 12, 4)
    assert torch.autograd.gradcheck(lambda s: correlation.correlation_loss(s, teacher), (student,))
    assert torch.autograd.gradcheck(lambda s: correlation.mutual_information_loss(s, teacher), (student,))


def test_mutual_information_loss_is_never_negative() -> None:
    for seed in range(5):
        assert float(correlation.mutual_information_loss(_rows(seed), _rows(seed + 50))) >= 0.0


def test_mutual_information_loss_ignores_rotation_and_row_scale() -> None:
    student, reference = _rows(0), _rows(1)
    turn, _ = torch.linalg.qr(_rows(2, 6, 6))
    scale = torch.arange(1, 201, dtype=torch.float64)[:, None]
    one = correlation.mutual_information_loss(student, reference)
    torch.testing.assert_close(correlation.mutual_information_loss(scale * student @ turn, reference), one)


def test_clusters_told_apart_alike_cost_nothing() -> None:
    of = torch.arange(60) % 3
    student = torch.eye(6, dtype=torch.float64)[of]
    reference = torch.eye(6, dtype=torch.float64)[5 - of]
    assert float(correlation.mutual_information_loss(student, reference)) == pytest.approx(0.0, abs=1e-12)
    mixed = torch.eye(6, dtype=torch.float64)[of.roll(1).sort().values]
    assert float(correlation.mutual_information_loss(mixed, reference)) > 0.05


def test_rows_are_the_same_pixels_of_both() -> None:
    features = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).float()
    generator = torch.Generator().manual_seed(0)
    chance = Chance(generator, generator)
    everything = correlation.sample_positions(features, 100, chance)
    rows = correlation.rows_at(features, everything)
    torch.testing.assert_close(rows[27], features[1, :, 1, 2])
    some = correlation.sample_positions(features, 10, chance)
    assert len(some) == 10
    torch.testing.assert_close(correlation.rows_at(features, some), rows[some])


def test_disagreement_counts_undecided_pixels_alone() -> None:
    one, two = (_rows(s, 2 * 3, 16).reshape(2, 3, 4, 4).log_softmax(dim=1) for s in (0, 1))
    undecided = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert float(correlation.disagreement(one, two, undecided)) == 0.0
    undecided[0, 1, 2] = True
    expected = (one.exp() - two.exp())[0, :, 1, 2].square().sum()
    torch.testing.assert_close(correlation.disagreement(one, two, undecided), expected)
