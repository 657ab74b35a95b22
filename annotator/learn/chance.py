"""What differs from step to step: random numbers, frames drawn, and the few figures that follow the step's number.

Everything of this kind comes into a step through :class:`Chance`, made on the CPU in a fixed order. A step that is
recorded once and replayed (:mod:`annotator.learn.captured`) reads the same things from buffers that are filled anew
before each replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

Made = Callable[[torch.Generator], tuple[Tensor, ...]]


def own_generators(device: torch.device) -> dict[str, torch.Generator]:
    """Torch's own generators, by their name in a checkpoint: the CPU's and, where it is another one, the device's."""
    found = {"undeclared_rng": torch.default_generator}
    if device.type == "cuda":
        found["undeclared_cuda_rng"] = torch.cuda.default_generators[device.index or 0]
    elif device.type == "mps":
        found["undeclared_mps_rng"] = torch.mps._get_default_mps_generator()
    return found


def _fresh(device: torch.device, seed: int) -> Tensor:
    return torch.Generator(device).manual_seed(seed).get_state()


def _fits(state: Tensor | None, now: Tensor) -> bool:
    return state is not None and state.shape == now.shape


class Tape(Protocol):
    """Stands between what is made for a step and the step that reads it."""

    def take(self, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What the step reads in place of what ``make`` gives."""
        ...


class Chance:
    """Random numbers of a step.

    Parameters
    ----------
    parameters
        CPU generator of the few numbers per frame, so that they are the same on every device.
    noise
        Generator on the device, for noise fields (the same object on the CPU).
    """

    def __init__(self, parameters: torch.Generator, noise: torch.Generator) -> None:
        self.parameters, self.noise = parameters, noise
        self.tape: Tape | None = None
        # From torch's own generators modules draw that are given none, such as dropout in the network of a plugin.
        seed, own = parameters.initial_seed(), own_generators(noise.device)
        self._undeclared = [(name, of, _fresh(of.device, seed)) for name, of in own.items()]

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """While it is open, torch's own generators on the CPU and on the device are of this training too."""
        before = [of.get_state() for _, of, _ in self._undeclared]
        for _, of, state in self._undeclared:
            of.set_state(state)
        try:
            yield
        finally:
            self._undeclared = [(name, of, of.get_state()) for name, of, _ in self._undeclared]
            for (_, of, _), state in zip(self._undeclared, before, strict=True):
                of.set_state(state)

    def state(self) -> dict[str, Tensor]:
        """Where all generators stand."""
        states = {"rng": self.parameters.get_state(), "noise_rng": self.noise.get_state()}
        return {**states, **{name: state for name, _, state in self._undeclared}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state`, or from one of another device or an earlier version, as far as it says."""
        self.parameters.set_state(state["rng"])
        if self.device.type != "cpu" and _fits(state["noise_rng"], self.noise.get_state()):
            self.noise.set_state(state["noise_rng"])
        self._undeclared = [
            (name, of, state[name] if _fits(state.get(name), now) else now) for name, of, now in self._undeclared
        ]

    @property
    def device(self) -> torch.device:
        """Where a step's tensors live."""
        return self.noise.device

    def draw_all(self, made: Made) -> tuple[Tensor, ...]:
        """Several tensors on the device, made with the CPU's generator."""
        if self.tape is not None:
            return self.tape.take(lambda: made(self.parameters))
        return tuple(tensor.to(self.device) for tensor in made(self.parameters))

    def draw(self, made: Callable[[torch.Generator], Tensor]) -> Tensor:
        """A tensor on the device, made with the CPU's generator."""
        (tensor,) = self.draw_all(lambda generator: (made(generator),))
        return tensor

    def symmetric(self, count: int, limit: float) -> Tensor:
        """(count,) float32 on the device, each evenly from -limit to limit."""
        return self.draw(lambda generator: symmetric(count, limit, generator))

    def figure(self, made: Callable[[], float]) -> float | Tensor:
        """A figure that depends on the step: itself, or a scalar on the device that holds it."""
        if self.tape is None:
            return made()
        (scalar,) = self.tape.take(lambda: (torch.tensor(made(), dtype=torch.float32),))
        return scalar

    def normal(self, shape: torch.Size) -> Tensor:
        """Normal noise on the device, float32."""
        return torch.randn(shape, generator=self.noise, device=self.device)


def symmetric(count: int, limit: float, generator: torch.Generator) -> Tensor:
    """(count,) float32 on the CPU, each evenly from -limit to limit."""
    return (torch.rand(count, generator=generator) * 2 - 1) * limit
