"""One writer at a time: a lock that the operating system drops when its process dies, and who holds it."""

from __future__ import annotations

import getpass
import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final

import psutil
from filelock import FileLock, Timeout

from annotator.project.durable import write_whole

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smbfs", "smb2", "smb3", "afpfs", "webdav", "davfs", "fuse.sshfs", "ceph", "9p"}
)


class WriterLock:
    """The right to write a project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / "lock", thread_local=False)

    def acquire(self) -> str | None:
        """Take the lock without waiting.

        Returns
        -------
        str or None
            None where it is ours; otherwise a plain sentence on who has it or why it cannot be had.

        Raises
        ------
        OSError
            Where the disk refuses to note who has it; the lock is given back.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return f"{read_holder(self._folder)}; this window can read it and change nothing."
        except (OSError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return f"The folder may not be written ({reason}); this project can be read and not changed."
        holder = {
            "user": _user(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            write_whole(self._folder / "writer.json", json.dumps(holder).encode())
        except BaseException:
            self._lock.release()
            raise
        return None

    def release(self) -> None:
        """Give the lock back; harmless where it was never had."""
        if self._lock.is_locked:
            # The lock decides: a note that cannot be deleted only names who had it.
            with suppress(OSError):
                (self._folder / "writer.json").unlink()
            self._lock.release()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # Without USERNAME, Python 3.12 asks on Windows for a module of Unix.
        return "an unnamed user"


def read_holder(folder: Path) -> str:
    """Who has the project open for writing, as the start of a sentence."""
    try:
        holder = json.loads((folder / "writer.json").read_text())
        since = datetime.fromisoformat(holder["since"]).strftime("%Y-%m-%d %H:%M UTC")
        return (
            f"The project is open for writing by {holder['user']} on {holder['host']} "
            f"(process {holder['pid']}, since {since})"
        )
    except (OSError, ValueError, KeyError):
        return "The project is open for writing by another process"


@dataclass(frozen=True, slots=True)
class Share:
    """A mounted file system: its type and where it is mounted."""

    kind: str
    mount: str


def network_share(path: Path) -> Share | None:
    """The network file system that holds ``path``, or None where the disk is local (or cannot be told)."""
    resolved = path.resolve()
    named = windows_share(resolved)
    if named is not None:
        return named
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError):
        return None
    holding = [m for m in mounts if resolved.is_relative_to(m.mountpoint)]
    if not holding:
        return None
    nearest = max(holding, key=lambda m: len(m.mountpoint))
    if nearest.fstype.lower() in _NETWORK or "remote" in nearest.opts.split(","):
        return Share(nearest.fstype, nearest.mountpoint)
    return None


def windows_share(path: PurePath) -> Share | None:
    """The share that a Windows path names by its server, as a connected drive's does once resolved; else None."""
    root = path.drive
    if root.upper().startswith("\\\\?\\UNC\\"):
        root = "\\\\" + root[8:]
    is_device = root.startswith(("\\\\?\\", "\\\\.\\"))
    return Share("smb", root) if root.startswith("\\\\") and not is_device else None


def share_note(share: Share) -> str:
    """What a network share costs, in plain words."""
    return (
        f"The project is on a network share ({share.kind} at {share.mount}): each save waits for the network, "
        "nobody can read while someone saves, and a lost connection can cost the last save; a local disk has "
        "none of these."
    )
