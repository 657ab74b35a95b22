"""A plain supervised step of a trainer's own network, on a batch that lies ready: what the real step is measured by."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from annotator.learn import devices
from annotator.learn.descent import adamw_options
from annotator.learn.trainer import Trainer


class PlainStep:
    """Forward, cross entropy and soft Dice over every pixel, backward, clipping and AdamW.

    Parameters
    ----------
    trainer
        Gives a copy of its network, the size of its batch, the precision and the optimiser's options.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._device = trainer._device
        self._student = copy.deepcopy(trainer._student).train()
        self._teacher = copy.deepcopy(trainer._teacher)
        side, generator = trainer.recipe.data.image_size, torch.Generator().manual_seed(0)
        shape = (trainer.batch_size, side, side)
        self.images = torch.randn((shape[0], 1, *shape[1:]), generator=generator).to(self._device)
        self.classes = torch.randint(trainer.protocol.n_classes, shape, generator=generator).to(self._device)
        self._n_classes = trainer.protocol.n_classes
        self._clip = trainer.recipe.optimiser.clip_norm
        self._optimiser = torch.optim.AdamW(self._student.parameters(), **adamw_options(self._device))

    def step(self) -> Tensor:
        """One step; its loss, which on a CPU is read as the trainer reads its own."""
        loss = self.passes()
        torch.nn.utils.clip_grad_norm_(self._student.parameters(), self._clip)
        self._optimiser.step()
        if self._device.type == "cpu":
            loss.item()
        return loss

    def passes(self) -> Tensor:
        """Forward and backward of one batch."""
        self._optimiser.zero_grad(set_to_none=True)
        with devices.precision(self._device):
            logits = self._student(self.images)
        log_p = torch.log_softmax(logits.float(), dim=1)
        loss = F.nll_loss(log_p, self.classes) + _dice(log_p.exp(), F.one_hot(self.classes, self._n_classes))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def networks_alone(self) -> Tensor:
        """What no step with a teacher does without: its forward, the student's forward and backward, the optimiser."""
        with torch.no_grad(), devices.precision(self._device):
            self._teacher(self.images)
        return self.step()

    def captured(self, act: Callable[[], Tensor]) -> torch.cuda.CUDAGraph:
        """One of the above as a CUDA graph."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                act()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            act()
        return graph


def _dice(probability: Tensor, truth: Tensor) -> Tensor:
    wanted = truth.permute(0, 3, 1, 2)
    overlap = (probability * wanted).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + wanted.sum(dim=(0, 2, 3))
    return 1 - ((2 * overlap + 1e-6) / (total + 1e-6)).mean()
