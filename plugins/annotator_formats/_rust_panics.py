"""The RLE decoder is written in Rust and prints of its own accord where its data is damaged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_TURN = threading.Lock()


@contextmanager
def hushed() -> Iterator[None]:
    """Standard error goes nowhere meanwhile, for whatever prints past Python's own stream; one thread at a time.

    A panic is raised as an exception too, and said in one sentence by whoever reads the file.
    """
    with _TURN:
        try:
            kept = os.dup(2)
        except OSError:
            # A program without a console has no such stream.
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
