"""Where the learner computes: device, precision and threads."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from annotator.core.errors import NoDevice
from annotator.core.memory_errors import is_out_of_memory
from annotator.core.words import counted

_LOG = logging.getLogger(__name__)

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of two of glibc's options, from its malloc.h."""

_LARGEST_KEPT, _MOST_KEPT = 32 << 20, 512 << 20
"""Bytes of the largest block that is kept (glibc takes no more), and of all that is kept free."""


_BROKEN = ("CUDA error", "CUDA driver", "NVIDIA driver on your system is too old", "from cudaGetDeviceCount")
"""What torch says where there is a GPU that cannot be used."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``"auto"`` takes CUDA, then Apple's, then the CPU, the first that computes.

    That a GPU is there does not mean so: it may be older than torch knows, or all of it may belong to another program.

    Raises
    ------
    NoDevice
        Where this machine does not have it, or it does not compute.
    """
    # What torch warns of, such as an old driver, goes to the log: shown from a thread it can stop the window.
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            return _first_that_computes() if name == "auto" else _tried(name)
        finally:
            for warning in said:
                _LOG.warning("%s", warning.message)


def _first_that_computes() -> torch.device:
    for name, is_there in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)):
        if is_there():
            try:
                return _tried(name)
            except NoDevice as error:
                _LOG.warning("The CPU computes in place of the GPU. %s", error)
    return torch.device("cpu")


def _tried(name: str) -> torch.device:
    """The device, which has computed something."""
    try:
        device = torch.device(name)
        # Reading the number back refuses 'meta', which computes nothing.
        torch.ones(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = first_line(error)
        if is_out_of_memory(error):
            wrong = f"The device '{name}' has no memory left; close other programs that use it or choose 'cpu'."
        elif any(sign in reason for sign in _BROKEN) and "invalid device ordinal" not in reason:
            wrong = f"The device '{name}' does not work ({reason}); choose 'cpu', or try again after a restart."
        else:
            wrong = f"This machine has no device '{name}'; choose 'auto' or 'cpu'."
        raise NoDevice(wrong) from None
    return device


def first_line(error: BaseException) -> str:
    """What an exception says, without what torch adds for developers; its kind where it says nothing."""
    return str(error).split("\n", 1)[0].rstrip(". ") or type(error).__name__


def describe(device: torch.device) -> str:
    """Such as ``"CPU, 2 threads"`` or the name of the GPU."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        return f"CPU, {counted(torch.get_num_threads(), 'thread')}"
    return device.type.upper()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


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


def release(device: torch.device) -> None:
    """Give back what torch keeps on a GPU for later; what is in use stays."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def held_mib(device: torch.device) -> float:
    """MiB that torch holds on a GPU; 0 on the CPU, where the process's own figure tells."""
    return torch.cuda.memory_reserved(device) / 2**20 if device.type == "cuda" else 0.0
