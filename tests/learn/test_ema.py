"""The teacher's average."""

from __future__ import annotations

import pytest
import torch

from annotator.learn.ema import Average, decay_at, teacher_of


def test_decay_warms_up_to_its_limit() -> None:
    assert decay_at(0, 0.99) == 0.0
    assert decay_at(1, 0.99) == pytest.approx(0.5)
    assert decay_at(10_000, 0.99) == 0.99


def test_warm_up_is_the_plain_mean() -> None:
    student = torch.nn.Linear(1, 1, bias=False)
    teacher = teacher_of(student)
    average = Average(teacher, student)
    values = [3.0, -1.0, 4.0, 10.0]
    for t, value in enumerate(values):
        torch.nn.init.constant_(student.weight, value)
        average.follow(decay_at(t, 0.99))
    assert float(teacher.get_parameter("weight")) == pytest.approx(sum(values) / len(values))


def test_integer_buffers_are_copied() -> None:
    student = torch.nn.BatchNorm1d(2)
    teacher = teacher_of(student)
    student(torch.randn(8, 2))
    Average(teacher, student).follow(0.9)
    assert int(teacher.get_buffer("num_batches_tracked")) == 1
    assert student.running_mean is not None
    torch.testing.assert_close(teacher.get_buffer("running_mean"), 0.1 * student.running_mean)


def test_weights_that_are_loaded_later_are_averaged() -> None:
    student = torch.nn.BatchNorm1d(2)
    teacher = teacher_of(student)
    average = Average(teacher, student)
    other = torch.nn.BatchNorm1d(2)
    torch.nn.init.constant_(other.weight, 5.0)
    student.load_state_dict(other.state_dict())
    average.follow(0.75)
    assert teacher.get_parameter("weight").tolist() == [2.0, 2.0]


def test_teacher_takes_no_gradient() -> None:
    teacher = teacher_of(torch.nn.Linear(2, 2))
    assert not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
