"""The teacher: an exponential moving average of the student (Tarvainen and Valpola 2017, arXiv 1703.01780)."""

from __future__ import annotations

import copy

import torch


def teacher_of(student: torch.nn.Module) -> torch.nn.Module:
    """A frozen copy of the student, in evaluation mode."""
    teacher = copy.deepcopy(student)
    teacher.requires_grad_(requires_grad=False)
    return teacher.eval()


def decay_at(step: int, limit: float) -> float:
    """min(1 - 1/(t+1), limit): a plain mean at first, a moving average later."""
    return min(1.0 - 1.0 / (step + 1.0), limit)


@torch.no_grad()
def follow(teacher: torch.nn.Module, student: torch.nn.Module, decay: float | torch.Tensor) -> None:
    """Move the teacher toward the student, in place.

    Parameters and floating-point buffers are averaged; integer buffers (such as batch norm's counter) are copied.
    """
    floating = [(t, s) for t, s in _pairs(teacher, student) if t.is_floating_point()]
    averages, now = [t for t, _ in floating], [s for _, s in floating]
    if isinstance(decay, torch.Tensor):
        # In a recorded step the decay lies on the device, and a list of lerps takes a number alone.
        change = torch._foreach_sub(now, averages)
        torch._foreach_mul_(change, 1.0 - decay)
        torch._foreach_add_(averages, change)
    else:
        torch._foreach_lerp_(averages, now, 1.0 - decay)
    for t, s in _pairs(teacher, student):
        if not t.is_floating_point():
            t.copy_(s)


def _pairs(teacher: torch.nn.Module, student: torch.nn.Module) -> list[tuple[torch.Tensor, torch.Tensor]]:
    of_teacher = [*teacher.parameters(), *teacher.buffers()]
    of_student = [*student.parameters(), *student.buffers()]
    return [(t, s.detach()) for t, s in zip(of_teacher, of_student, strict=True)]
