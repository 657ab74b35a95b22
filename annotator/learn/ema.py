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


class Average:
    """Moves a teacher toward a student, in place.

    Parameters and floating-point buffers are averaged; integer buffers (such as batch norm's counter) are copied.

    Parameters
    ----------
    teacher, student
        Of one make, on their device; both keep their tensors from now on.
    """

    def __init__(self, teacher: torch.nn.Module, student: torch.nn.Module) -> None:
        # Looked up once: a step would spend longer on that than on averaging.
        pairs = list(zip(_tensors(teacher), _tensors(student), strict=True))
        self._averages = [t for t, _ in pairs if t.is_floating_point()]
        self._now = [s for _, s in pairs if s.is_floating_point()]
        self._copied = [(t, s) for t, s in pairs if not t.is_floating_point()]

    @torch.no_grad()
    def follow(self, decay: float | torch.Tensor) -> None:
        """Keep ``decay`` of the teacher and take the rest from the student."""
        if isinstance(decay, torch.Tensor):
            # In a recorded step the decay lies on the device, and a list of lerps takes a number alone.
            change = torch._foreach_sub(self._now, self._averages)
            torch._foreach_mul_(change, 1.0 - decay)
            torch._foreach_add_(self._averages, change)
        else:
            torch._foreach_lerp_(self._averages, self._now, 1.0 - decay)
        for t, s in self._copied:
            t.copy_(s)


def _tensors(network: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
