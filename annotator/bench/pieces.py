"""Where the time of a training step goes: the functions that it calls are timed from outside, each call exclusively."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import torch
from torch import Tensor

from annotator.learn import augment, losses, networks, supervision
from annotator.learn import trainer as trainer_module
from annotator.learn.trainer import Trainer

AHEAD: Final = "lesson"
"""Making the next step's lesson, which a second thread does meanwhile: the step spends no time on it but in waiting."""

INSIDE: Final = ("student forward", "teacher forward", "losses", "gradient of the losses", "backward", "optimiser")
"""Pieces that are forward, backward or optimiser.

The losses and their gradient belong to forward and backward: a plain supervised step has them as well. What the teacher
and the allowed sets add to it beside the teacher's own forward pass (targets, moving average) counts as outside.
"""


class Stopwatch:
    """Seconds by piece; a piece that is timed inside another is taken out of it.

    The pieces are of the thread that made the stopwatch; seconds of what other threads do are in ``elsewhere``.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.elsewhere: dict[str, float] = defaultdict(float)
        self._own = threading.get_ident()
        self._open: list[str] = []
        self._since = 0.0

    def enter(self, piece: str) -> None:
        """From now on the time is this piece's."""
        self._charge()
        self._open.append(piece)

    def leave(self) -> None:
        """From now on it is the surrounding piece's again."""
        self._charge()
        self._open.pop()

    def rename(self, piece: str) -> None:
        """The innermost piece is another from now on."""
        self._charge()
        if self._open:
            self._open[-1] = piece

    def timed(self, piece: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its calls timed."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._own:
                return self._timed_elsewhere(piece, lambda: function(*args, **kwargs))
            self.enter(piece)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()

        return run

    def _timed_elsewhere(self, piece: str, function: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            return function()
        finally:
            self.elsewhere[piece] += time.perf_counter() - began

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def watched(trainer: Trainer) -> Iterator[Stopwatch]:
    """Within, the pieces of this trainer's steps are timed; meaningful where work is done when a call returns (CPU)."""
    watch = Stopwatch()
    # The innermost names are looked up when they are called, so that replacing them is enough.
    places: list[tuple[object, str, str]] = [
        (trainer, "step", "bookkeeping"),
        (trainer._lessons, "take", "waiting for the lesson"),
        (trainer._lessons, "begin", "bookkeeping"),
        (supervision, "prepare", AHEAD),
        (supervision, "drawn", "data"),
        (supervision, "exchange_backgrounds", "data"),
        (supervision, "allowed", "data"),
        (augment, "random_grid", "augmentation"),
        (augment, "warp", "augmentation"),
        (augment, "strong_view", "augmentation"),
        (augment, "to_input", "augmentation"),
        (augment, "teacher_view", "augmentation"),
        (losses, "allowed_sets", "targets"),
        (losses, "soft_target", "targets"),
        (losses, "log_probabilities", "losses"),
        (trainer_module, "supervised", "losses"),
        (trainer_module, "gated_consistency", "losses"),
        (torch.nn.utils, "clip_grad_norm_", "optimiser"),
        (trainer._descent.adamw, "step", "optimiser"),
        (trainer._descent.adamw, "zero_grad", "optimiser"),
        (trainer._average, "follow", "moving average"),
    ]
    with ExitStack() as stack:
        for owner, name, piece in places:
            stack.enter_context(patch.object(owner, name, watch.timed(piece, getattr(owner, name))))
        stack.enter_context(patch.object(networks, "look", _look(watch, trainer, networks.look)))
        stack.enter_context(patch.object(Tensor, "backward", watch.timed("gradient of the losses", Tensor.backward)))
        yield watch


def _look(watch: Stopwatch, trainer: Trainer, look: Callable[..., networks.Look]) -> Callable[..., networks.Look]:
    def run(network: torch.nn.Module, *args: Any, **kwargs: Any) -> networks.Look:
        is_student = network is trainer._student
        watch.enter("student forward" if is_student else "teacher forward")
        seen = look(network, *args, **kwargs)
        if is_student:
            # The backward pass reaches the logits once the losses' own gradient is there.
            seen.logits.register_hook(lambda _: watch.rename("backward"))  # type: ignore[no-untyped-call]
        watch.leave()
        return seen

    return run


def shares(seconds: Mapping[str, float]) -> dict[str, float]:
    """Each piece's share of the whole, largest first."""
    total = sum(seconds.values())
    return {piece: round(s / total, 4) for piece, s in sorted(seconds.items(), key=lambda item: -item[1])}
