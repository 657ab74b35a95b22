"""A file for HDF5 that never fails under it: the library crashes the process where its last flush finds a full disk.

The first failed write is kept as :attr:`DiskFile.error`; from then on what is written stays in memory, so that the
library sees a sound file until it is closed, and the writer, who asks after each frame, soon does.
"""

from __future__ import annotations

import io
from pathlib import Path

from annotator_formats._held_interrupt import HeldInterrupt


class DiskFile(io.RawIOBase):
    """A new file to read and write; :meth:`check` says whether the disk has taken everything so far.

    Parameters
    ----------
    path
        Where it is made.
    held
        Ctrl-C, which would be lost in the library's calls.

    Raises
    ------
    OSError
        Where it cannot be made.
    """

    def __init__(self, path: Path, held: HeldInterrupt | None = None) -> None:
        super().__init__()
        self._held = held
        self.error: OSError | None = None
        self._stream = path.open("w+b", buffering=0)
        self._position = 0
        self._kept: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise what the disk refused, or a ctrl-C that came.

        Raises
        ------
        OSError
            The first error of a write.
        KeyboardInterrupt
            Where ctrl-C came.
        """
        if self._held is not None:
            self._held.check()
        if self.error is not None:
            raise self.error

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte; the end counts what is kept in memory."""
        match whence:
            case io.SEEK_SET:
                self._position = offset
            case io.SEEK_CUR:
                self._position += offset
            case _:
                ends = (start + len(data) for start, data in self._kept)
                self._position = max(self._stream.seek(0, io.SEEK_END), *ends, 0) + offset
        return self._position

    def tell(self) -> int:
        """The byte that is read or written next."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; bytes that nobody wrote are 0."""
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        self._stream.seek(self._position)
        self._stream.readinto(view)
        for start, data in self._kept:
            low, high = max(start, self._position), min(start + len(data), self._position + len(view))
            if low < high:
                view[low - self._position : high - self._position] = data[low - start : high - start]
        self._position += len(view)
        return len(view)

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write to the disk, or to memory after the disk refused once."""
        view = memoryview(data).cast("B")
        written = 0
        try:
            self._stream.seek(self._position)
            while self.error is None and written < len(view):
                written += self._stream.write(view[written:])
        except OSError as error:
            self.error = error
        if written < len(view):
            self._kept.append((self._position + written, bytes(view[written:])))
        self._position += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of what is on the disk."""
        length = self._position if size is None else size
        try:
            self._stream.truncate(length)
        except OSError as error:
            self.error = self.error or error
        return length

    def close(self) -> None:
        """Close the file on the disk."""
        if not self.closed:
            self._stream.close()
        super().close()
