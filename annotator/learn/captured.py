"""A training step recorded once as a CUDA graph and replayed: one launch in place of a thousand.

The step itself is not written a second time: the same function runs step by step for a while, then once under the
recorder. What differs from step to step comes to it through :class:`~annotator.learn.chance.Chance`, whose tape puts it
into buffers that the graph reads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from annotator.core.memory_errors import is_out_of_memory
from annotator.learn import devices
from annotator.learn.chance import Chance

_LOG = logging.getLogger(__name__)

WARM_UP: Final = 3
"""Steps before the recording, in which libraries choose their kernels and the optimiser makes its state."""

MOST_RECORDINGS: Final = 20
"""Recordings after which shapes count as ever changing, and the step is no longer recorded."""

LOSSES_EVERY: Final = 10
"""On CUDA losses are read once in so many steps, since reading them waits for the device."""

_ARENA_BYTES: Final = 1 << 20
_ALIGNMENT: Final = 16
_IN_FLIGHT: Final = 3
"""Steps that the CPU may be ahead of the device."""

Losses = Mapping[str, Tensor]


class ShapesChanged(Exception):
    """What is made for a step does not fit the buffers of the recorded one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Slot:
    """Buffers on the device, and what fills them; ``offset`` in the arena, ``None`` for tensors made on the device."""

    make: Callable[[], tuple[Tensor, ...]]
    buffers: tuple[Tensor, ...]
    offsets: tuple[int | None, ...]


class Reel:
    """The buffers of one recording, in the order in which the step asks for them.

    Small tensors from the CPU lie in one arena, so that a step copies them at once.

    Parameters
    ----------
    device
        Of the buffers.
    """

    def __init__(self, device: torch.device) -> None:
        self._arena = torch.zeros(_ARENA_BYTES, dtype=torch.uint8, device=device)
        is_cuda = device.type == "cuda"
        staging = [torch.zeros(_ARENA_BYTES, dtype=torch.uint8, pin_memory=is_cuda) for _ in range(_IN_FLIGHT)]
        self._staging = [(arena, _event() if is_cuda else None) for arena in staging]
        self._slots: list[_Slot] = []
        self._used = 0
        self._turn = 0
        self._next: int | None = None

    def take(self, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        """What was made, and a buffer for the like, while a step is watched; then the buffers in the same order.

        Raises
        ------
        ShapesChanged
            Where the step asks for more than it did.
        """
        if self._next is None:
            return self._new_slot(make)
        if self._next >= len(self._slots):
            raise ShapesChanged
        self._next += 1
        return self._slots[self._next - 1].buffers

    def rewind(self) -> None:
        """From now on hand out the buffers from the first."""
        self._next = 0

    def play(self) -> None:
        """Make everything anew, in the same order, into the buffers.

        Raises
        ------
        ShapesChanged
            Where something does not fit.
        """
        arena, free = self._staging[self._turn]
        self._turn = (self._turn + 1) % len(self._staging)
        if free is not None:
            free.synchronize()
        for slot in self._slots:
            made = slot.make()
            for value, buffer, offset in zip(made, slot.buffers, slot.offsets, strict=True):
                if value.shape != buffer.shape or value.dtype != buffer.dtype:
                    raise ShapesChanged
                into = buffer if offset is None else _view(arena, offset, value)
                into.copy_(value)
        self._arena[: self._used].copy_(arena[: self._used], non_blocking=True)
        if free is not None:
            free.record()

    def _new_slot(self, make: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        made = make()
        places = [self._place(value) for value in made]
        buffers = tuple(buffer for buffer, _ in places)
        self._slots.append(_Slot(make, buffers, tuple(offset for _, offset in places)))
        # Not the buffers themselves: they share an arena, and autograd takes the filling of one for a change of all.
        return tuple(value.to(self._arena.device) for value in made)

    def _place(self, value: Tensor) -> tuple[Tensor, int | None]:
        if value.device.type != "cpu" or self._used + value.nbytes > _ARENA_BYTES:
            return torch.empty_like(value, device=self._arena.device), None
        offset = self._used
        self._used += -(-value.nbytes // _ALIGNMENT) * _ALIGNMENT
        return _view(self._arena, offset, value), offset


def _numbers(found: Losses) -> dict[str, float]:
    """All losses in one transfer."""
    return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))


def _event() -> torch.cuda.Event:
    # Blocking: whoever waits sleeps, and leaves the core to the window.
    return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]


def _view(arena: Tensor, offset: int, like: Tensor) -> Tensor:
    return arena[offset : offset + like.nbytes].view(like.dtype).view(like.shape)


def _first(error: Exception) -> Exception:
    """What ended a recording; ending it properly often fails in turn, with an error that says nothing."""
    while isinstance(error.__context__, Exception):
        error = error.__context__
    return error


class Runner(Protocol):
    """Runs a step."""

    def __call__(self) -> Losses:
        """One step."""
        ...

    def drop(self) -> None:
        """Forget whatever holds on to the tensors of earlier steps."""
        ...

    def read(self, found: Losses, number: int) -> dict[str, float]:
        """The losses of the step of this number, from 1; empty where it is not their turn to be waited for."""
        ...


class AsItIs:
    """Runs a step as it is, where every call waits for its result anyhow.

    Parameters
    ----------
    step
        The step.
    """

    def __init__(self, step: Callable[[], Losses]) -> None:
        self._step = step

    def __call__(self) -> Losses:
        """One step."""
        return self._step()

    def drop(self) -> None:
        """Nothing is held."""

    def read(self, found: Losses, number: int) -> dict[str, float]:
        """The losses, after every step."""
        assert number > 0
        return _numbers(found)


def runner(step: Callable[[], Losses], chance: Chance, tell: Callable[[str], None] | None) -> Runner:
    """What runs a step: as it is, or from a recording on CUDA where ``tell`` is given (see :class:`CapturedStep`)."""
    return AsItIs(step) if tell is None or chance.device.type != "cuda" else CapturedStep(step, chance, tell)


class CapturedStep:
    """Runs a step: a few times as it is, then from a recording, made anew whenever shapes change.

    Parameters
    ----------
    step
        The step; it must not wait for the device, and everything that differs from call to call comes from ``chance``.
    chance
        Of the step.
    tell
        Takes a sentence where the step cannot be recorded; it then runs as it is.
    """

    def __init__(self, step: Callable[[], Losses], chance: Chance, tell: Callable[[str], None]) -> None:
        self._step, self._chance, self._tell = step, chance, tell
        self._stream = torch.cuda.Stream(chance.device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._reel: Reel | None = None
        self._losses: Losses = {}
        self._steps, self._recordings = 0, 0
        self._is_off = False

    @property
    def is_recorded(self) -> bool:
        """Whether the next step is a replay."""
        return self._graph is not None

    def drop(self) -> None:
        """Forget the recording, since something that it holds on to was replaced."""
        self._graph, self._reel, self._losses, self._steps = None, None, {}, 0
        self._chance.tape = None

    def read(self, found: Losses, number: int) -> dict[str, float]:
        """The losses, once in :data:`LOSSES_EVERY` steps."""
        return {} if number % LOSSES_EVERY else _numbers(found)

    def __call__(self) -> Losses:
        """One step; its losses stay on the device, and the next step overwrites them.

        Raises
        ------
        RuntimeError
            Whatever the step raises; where memory runs out, also while it is recorded.
        """
        self._stream.wait_stream(torch.cuda.current_stream(self._chance.device))
        with torch.cuda.stream(self._stream):
            losses = self._one()
        torch.cuda.current_stream(self._chance.device).wait_stream(self._stream)
        return losses

    def _one(self) -> Losses:
        if self._reel is not None:
            try:
                self._reel.play()
                if self._graph is None:
                    self._record(self._reel)
            except ShapesChanged:
                self.drop()
        if self._graph is not None:
            self._graph.replay()
            return self._losses
        self._steps += 1
        is_warm = self._steps > WARM_UP
        return self._watched() if is_warm and not self._is_off else self._step()

    def _watched(self) -> Losses:
        """One step as it is, whose needs are written down."""
        if self._recordings == MOST_RECORDINGS:
            self._give_up("its shapes change too often")
            return self._step()
        self._recordings += 1
        reel = Reel(self._chance.device)
        self._chance.tape = reel
        try:
            losses = self._step()
        finally:
            self._chance.tape = None
        self._reel = reel
        return losses

    def _record(self, reel: Reel) -> None:
        """Run the step under the recorder, in which nothing is computed; where that fails, steps run as they are."""
        noise, graph = self._chance.noise, torch.cuda.CUDAGraph()
        state = noise.get_state()
        graph.register_generator_state(noise)
        reel.rewind()
        self._chance.tape = reel
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                losses = self._step()
        except Exception as error:
            # A generator that was being recorded does not come back from a failure.
            self._chance.noise = torch.Generator(device=noise.device).set_state(state)
            self.drop()
            cause = _first(error)
            if isinstance(cause, ShapesChanged) or is_out_of_memory(cause):
                raise cause from None
            _LOG.exception("The step cannot be recorded.")
            self._give_up(devices.first_line(cause))
            return
        self._graph, self._losses, self._chance.tape = graph, losses, None

    def _give_up(self, why: str) -> None:
        self._is_off = True
        self._tell(f"The training step cannot be recorded for the GPU and runs slower: {why}.")
