"""A gate shuts a structure out of what the teacher teaches, on both sides, and touches nothing else."""

from __future__ import annotations

import torch

from annotator.core.protocols import LabelProtocol
from annotator.learn import losses
from annotator.learn.gating import below, gated_consistency, merge_with_background
from annotator.learn.validation import Validation

CLASSES = 4
ALL = torch.ones(CLASSES, dtype=torch.bool)
GATED = torch.tensor([False, False, True, False])


def _log_p(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((2, CLASSES, 5, 6), generator=generator, dtype=torch.float64).log_softmax(dim=1)


def test_only_what_validates_badly_is_gated(protocol: LabelProtocol) -> None:
    gated = below(Validation({"disc": 0.9, "bar": 0.3}), 0.5, protocol)
    assert gated.tolist() == [False, False, True, False]
    assert not below(Validation(), 0.5, protocol).any()


def test_merging_keeps_the_sum() -> None:
    p = _log_p(0).exp()
    merged = merge_with_background(_log_p(0), GATED).exp()
    torch.testing.assert_close(merged.sum(dim=1), torch.ones(2, 5, 6, dtype=torch.float64))
    torch.testing.assert_close(merged[:, 0], p[:, 0] + p[:, 2])
    assert not merged[:, 2].any()
    torch.testing.assert_close(merged[:, [1, 3]], p[:, [1, 3]])


def test_no_gate_is_the_plain_consistency() -> None:
    everything = torch.ones((2, CLASSES, 5, 6), dtype=torch.bool)
    plain = losses.consistency(_log_p(0), _log_p(1), everything, ALL)
    for gated in (None, torch.zeros(CLASSES, dtype=torch.bool)):
        found = gated_consistency(_log_p(0), _log_p(1), everything, active=ALL, gated=gated)
        torch.testing.assert_close(found, plain)


def test_the_gated_structure_is_not_taught_against_background() -> None:
    everything = torch.ones((2, CLASSES, 5, 6), dtype=torch.bool)
    logits = torch.randn((2, CLASSES, 5, 6), dtype=torch.float64, requires_grad=True)
    teacher = _log_p(1)
    other = teacher.exp()
    shifted = other.clone()
    shifted[:, 0], shifted[:, 2] = other[:, 0] + 0.9 * other[:, 2], 0.1 * other[:, 2]
    gradients = []
    for target in (teacher, shifted.log()):
        loss = gated_consistency(logits.log_softmax(dim=1), target, everything, active=ALL, gated=GATED)
        gradients.append(torch.autograd.grad(loss, logits)[0])
    # How the teacher shares background and the gated structure out does not matter.
    torch.testing.assert_close(gradients[0], gradients[1])
    p = torch.softmax(logits.detach(), dim=1)
    torch.testing.assert_close(gradients[0][:, 2] * p[:, 0], gradients[0][:, 0] * p[:, 2])


def test_where_only_background_and_gated_are_left_nothing_is_taught() -> None:
    allowed = losses.allowed_sets(torch.full((2, 5, 6), 0b0101, dtype=torch.int32), CLASSES)
    logits = torch.randn((2, CLASSES, 5, 6), dtype=torch.float64, requires_grad=True)
    target = losses.soft_target(_log_p(1), allowed, ALL)
    loss = gated_consistency(logits.log_softmax(dim=1), target, allowed, active=ALL, gated=GATED)
    assert float(loss.detach()) == 0.0
    assert not torch.autograd.grad(loss, logits)[0].any()
