"""A CUDA graph without CUDA: what a step does is written down by operations and done again on the same tensors.

As under the real recorder nothing counts that is computed while it is written down, every number of Python stays what
it was then, and what waits for the device or brings something from the CPU is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2", "repeat_interleave"}
MADE_ON_THE_CPU = {"zeros", "ones", "empty", "full", "arange", "rand", "randn", "randint", "randperm", "scalar_tensor"}
TAKES_A_LITERAL = {"lift_fresh", "detach", "fill_"}


class Waits(RuntimeError):
    """Something that a recorded step must not do."""


def _tensors(values: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes operations down in a graph."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = graph
        self._own: set[int] = set()
        self._literals: dict[int, torch.Tensor] = {}
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """One operation, done and written down."""
        named = dict(kwargs or {})
        self._refuse(func, args, named)
        self._keep_what_changes(func, args, named)
        made = func(*args, **named)
        if func is torch.ops.aten.lift_fresh.default:
            self._literals[made.untyped_storage()._cdata] = made
        is_new = not any(returned.alias_info for returned in func._schema.returns)
        if is_new:
            self._own |= {out.untyped_storage()._cdata for out in _tensors(made)}
        self._graph.acts.append((func, args, named, _tensors(made) if is_new else []))
        return made

    def undo(self) -> None:
        """Give everything that was there before its former value."""
        for storage, value in self._before.values():
            storage.copy_(value)

    def _keep_what_changes(self, func: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = [*zip(func._schema.arguments, args, strict=False)]
        given += [(argument, named[argument.name]) for argument in func._schema.arguments if argument.name in named]
        for argument, value in given:
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in _tensors(value):
                    storage = tensor.untyped_storage()
                    if storage._cdata not in self._own and storage._cdata not in self._before:
                        self._before[storage._cdata] = (storage, storage.clone())  # type: ignore[no-untyped-call]

    def _refuse(self, func: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        name = func._schema.name.removeprefix("aten::")
        by_mask = name.startswith("index") and any(t.dtype is torch.bool for t in _tensors(args[1]))
        if name in WAITS or by_mask:
            raise Waits(f"{func} waits for the device")
        if name in MADE_ON_THE_CPU and named.get("device") is None:
            raise Waits(f"{func} makes something on the CPU")
        given = {t.untyped_storage()._cdata for t in _tensors((args, named))}
        if name not in TAKES_A_LITERAL and given & self._literals.keys():
            raise Waits(f"{func} brings a number from the CPU")


class Graph:
    """Stands for ``torch.cuda.CUDAGraph``."""

    def __init__(self) -> None:
        self.acts: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[torch.Tensor]]] = []
        self.generators: list[torch.Generator] = []

    def register_generator_state(self, generator: torch.Generator) -> None:
        """The generator that goes on at every replay."""
        self.generators.append(generator)

    def replay(self) -> None:
        """Do everything again, into the same tensors."""
        with torch.no_grad():
            for func, args, named, made in self.acts:
                again = _tensors(func(*args, **named))
                for out, value in zip(made, again, strict=bool(made)):
                    out.untyped_storage().copy_(value.untyped_storage())


@contextmanager
def _recording(graph: Graph, **_options: Any) -> Iterator[None]:
    states = [generator.get_state() for generator in graph.generators]
    watch = _Watch(graph)
    try:
        with watch:
            yield
    finally:
        watch.undo()
        for generator, state in zip(graph.generators, states, strict=True):
            generator.set_state(state)


class _Stream:
    def __init__(self, *_device: object) -> None:
        pass

    def wait_stream(self, other: object) -> None:
        """Everything is done in order anyhow."""


def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on graphs are recorded on the CPU."""
    fakes: dict[str, object] = {
        "Stream": _Stream,
        "current_stream": _Stream,
        "stream": nullcontext,
        "CUDAGraph": Graph,
        "graph": _recording,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
