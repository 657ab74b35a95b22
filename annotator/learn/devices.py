"""Where the learner computes: device, precision, threads, and what running out of memory looks like."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from annotator.core.errors import AnnotatorError
from annotator.core.words import counted

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of two of glibc's options, from its malloc.h."""

_LARGEST_KEPT, _MOST_KEPT = 32 << 20, 512 << 20
"""Bytes of the largest block that is kept (glibc takes no more), and of all that is kept free."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``"auto"`` takes CUDA, then Apple's, then the CPU.

    Raises
    ------
    AnnotatorError
        Where this machine does not have it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        # Reading the number back refuses 'meta', which computes nothing.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError):
        raise AnnotatorError(f"This machine has no device '{name}'; choose 'auto' or 'cpu'.") from None
    return device


def describe(device: torch.device) -> str:
    """Such as ``"CPU, 2 threads"`` or the name of the GPU."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        return f"CPU, {counted(torch.get_num_threads(), 'thread')}"
    return device.type.upper()


def keep_freed_memory() -> None:
    """Tell the C library to keep memory that a step frees for the next one; nothing happens where it is not glibc.

    A step makes and frees hundreds of tensors of some MB. By default each goes back to the operating system and comes
    again page by page, which costs a CPU some percent of a step, and more in a thread than in the main one.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    adjust(_MMAP_THRESHOLD, _LARGEST_KEPT)
    adjust(_TRIM_THRESHOLD, _MOST_KEPT)


def low_precision(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the hardware multiplies it natively, else ``None``."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    if device.type == "cpu":
        # Emulated bfloat16 is slower than float32; native, it halves the step.
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None
    return None


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """Automatic casting where :func:`low_precision` finds a type that pays, else nothing."""
    low = low_precision(device)
    return nullcontext() if low is None else torch.autocast(device.type, dtype=low)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that a device, or the machine, has no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def held_mib(device: torch.device) -> float:
    """MiB that torch holds on a GPU; 0 on the CPU, where the process's own figure tells."""
    return torch.cuda.memory_reserved(device) / 2**20 if device.type == "cuda" else 0.0
