"""A lower operating-system priority for one thread, so that the window wins wherever both want a core."""

from __future__ import annotations

import logging
import os
import platform
import threading
from pathlib import Path

_LOG = logging.getLogger(__name__)


def lower_priority() -> bool:
    """Lower the calling thread's priority; threads that it starts later inherit it on Linux.

    Call it before the first torch operation of the thread, whose OpenMP workers then inherit it. On Linux the thread
    becomes 'idle': the scheduler counts a core on which only such threads run as a free one, so that what the window
    starts goes there at once, where it would queue behind the window's own core for a merely 'nice' thread. It cannot
    be taken back, and beside programs that want every core for themselves the thread hardly gets on.

    Returns
    -------
    bool
        Whether the operating system did it.
    """
    try:
        if platform.system() == "Linux":
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))
            return True
        if platform.system() == "Windows":
            return _lower_on_windows()
    except OSError:
        _LOG.warning("The training thread keeps its normal priority.", exc_info=True)
    return False


def waited_s() -> float:
    """Seconds in which the calling thread could have run and had no core; 0 where the system does not count them."""
    try:
        # Nanoseconds on a core, nanoseconds of waiting for one, turns.
        return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _lower_on_windows() -> bool:
    import ctypes  # noqa: PLC0415

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009
    below_normal = -1
    return bool(kernel.SetThreadPriority(kernel.GetCurrentThread(), below_normal))


def leave_a_core() -> int:
    """Let torch use every core but one in the calling thread; the number of threads.

    The window has a core of its own then. Threads that share the step wait for the slowest at every operation, so
    that one which the window delays costs more than it brings.
    """
    import torch  # noqa: PLC0415

    from annotator.learn.devices import cores  # noqa: PLC0415

    threads = max(1, cores() - 1)
    torch.set_num_threads(threads)
    return threads


def preload_torch() -> None:
    """Import torch, and what its first optimiser imports, now; under the splash, since it freezes other threads.

    Call it before anything else imports torch. Its threads then wait for each other without spinning, which would take
    the cores from the window; without a window they may, since that takes a third or more off a step of two threads.
    """
    # OpenMP reads it when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch  # noqa: PLC0415

    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
