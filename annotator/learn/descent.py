"""One step downhill: gradient, clipping, AdamW; and whether every gradient so far was a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from annotator.core.errors import TrainingFailed
from annotator.learn.recipe_sections import OptimiserSection


def adamw_options(device: torch.device) -> dict[str, Any]:
    """Which of AdamW's implementations: one kernel for all weights, and on CUDA one that a graph can hold."""
    return {"fused": device.type in ("cpu", "cuda"), "capturable": device.type == "cuda"}


class Descent:
    """AdamW with clipped gradients.

    Parameters
    ----------
    parameters
        What is trained, on its device.
    section
        Of the recipe.
    device
        Of the parameters.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], section: OptimiserSection, device: torch.device) -> None:
        self._parameters, self._clip_norm, self._device = parameters, section.clip_norm, device
        self.adamw = torch.optim.AdamW(
            parameters, lr=section.learning_rate, weight_decay=section.weight_decay, **adamw_options(device)
        )
        self._sound = torch.ones((), dtype=torch.bool, device=device)

    def step(
        self,
        loss: Tensor,
        rate: float | Tensor,
        hurried: Sequence[tuple[Tensor, Tensor]] = (),
    ) -> None:
        """Follow the gradient of ``loss`` at a learning rate; on CUDA nothing waits for the device.

        Parameters
        ----------
        loss
            A scalar.
        rate
            Learning rate.
        hurried
            Weights (views of parameters), each with how many times as fast as the others it learns.

        Raises
        ------
        TrainingFailed
            Where the gradient is no number, before it does harm; on CUDA :meth:`check` says so instead.
        """
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        self._sound.logical_and_(torch.isfinite(norm))
        if self._device.type != "cuda":
            self.check()
        for group in self.adamw.param_groups:
            group["lr"] = rate
        before = [weight.clone() for weight, _ in hurried]
        self.adamw.step()
        # AdamW's step is in proportion to the rate, so a multiple of the step is one at a multiple of the rate.
        for (weight, pace), was in zip(hurried, before, strict=True):
            weight.copy_(was + pace * (weight - was))

    def check(self) -> None:
        """Wait for the device and make sure of the steps so far; to be called before anything of them is used.

        Raises
        ------
        TrainingFailed
            Where a gradient was no number.
        """
        if not bool(self._sound):
            raise TrainingFailed("The loss is no longer a number; lower optimiser.learning_rate and try again.")

    def load(self, state: dict[str, Any]) -> None:
        """Go on from ``adamw.state_dict()``, also from another device's or another recipe's."""
        # Each device has its own implementation, and the step counts lie where that wants them; and what the recipe
        # says now holds, whatever it said when the state was written.
        for group, own in zip(state["param_groups"], self.adamw.param_groups, strict=True):
            group.update(adamw_options(self._device), weight_decay=own["weight_decay"])
        self.adamw.load_state_dict(state)
