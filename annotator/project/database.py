"""The annotation database: connections, durability settings and transactions.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit returns after its fsync. On a network share WAL's
shared memory does not work, so the rollback journal is used there.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Literal, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from annotator.core.errors import ProjectError
from annotator.core.names import passing_name
from annotator.project.database_url import with_password
from annotator.project.durable import storage_errors

LOGS: Final = ("-wal", "-journal")
"""Suffixes of the files without which the database's own file tells only half after a crash."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a database is opened.

    Parameters
    ----------
    url
        None for the SQLite file in the project folder.
    is_read_only, is_on_share
        Whether nothing may be written, and whether the folder is on a network share.
    synchronous
        SQLite's durability; anything but FULL is for measuring what durability costs.
    """

    url: str | None = None
    is_read_only: bool = False
    is_on_share: bool = False
    synchronous: Literal["FULL", "OFF"] = "FULL"


class Database:
    """Transactions on the annotations of one project folder; any thread may use it."""

    def __init__(self, folder: Path, access: Access) -> None:
        self.folder = folder
        self.access = access
        self.file = folder / "annotations.sqlite"
        self.is_sqlite = access.url is None
        self._writing = threading.RLock()
        self._engine = self._make_engine()

    def _make_engine(self) -> Engine:
        if self.access.url is not None:
            return sa.create_engine(with_password(self.folder, self.access.url))
        # Where the folder cannot be written, a connection is blind to a log that comes later: each read has its own.
        is_lasting = not self.access.is_read_only or _can_write(self.folder)
        pool = sa.pool.QueuePool if is_lasting else sa.pool.NullPool
        engine = sa.create_engine("sqlite://", creator=self._connect, poolclass=pool)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _connect(self) -> sqlite3.Connection:
        address = file_address(self.file.absolute())
        mode = "ro" if self.access.is_read_only else "rwc"
        has_log = any(self.file.with_name(self.file.name + suffix).exists() for suffix in LOGS)
        if self.access.is_read_only and not has_log:
            # A folder that cannot be written has no room for WAL's shared memory; without a log none is needed.
            mode += "&immutable=1" if not _can_write(self.folder) else ""
        raw = sqlite3.connect(f"{address}?mode={mode}", uri=True, check_same_thread=False, timeout=20)
        raw.isolation_level = None
        try:
            self._configure(raw)
        except BaseException:
            raw.close()
            raise
        return raw

    def _configure(self, raw: sqlite3.Connection) -> None:
        if not self.access.is_read_only:
            raw.execute(f"PRAGMA journal_mode={'DELETE' if self.access.is_on_share else 'WAL'}")
        for pragma in (
            f"synchronous={self.access.synchronous}",
            "foreign_keys=ON",
            "secure_delete=ON",
            "cache_size=-16000",
        ):
            raw.execute(f"PRAGMA {pragma}")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        Raises
        ------
        ProjectError
            Where the database is damaged or refuses.
        """
        with storage_errors(self.folder), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction; it is on disk when the block ends, or nothing of it is.

        Raises
        ------
        ProjectError
            Where the database is damaged, the disk is full, or it refuses.
        """
        with self._writing, storage_errors(self.folder):
            writer = self._engine.execution_options(is_writing=True)
            with writer.begin() as connection:
                yield connection

    def pragma(self, text: str) -> list[tuple[Any, ...]]:
        """Rows of a pragma or maintenance statement of SQLite, run outside a transaction.

        Raises
        ------
        ProjectError
            Where the database is damaged or refuses.
        """
        with self._writing, storage_errors(self.folder), self._engine.connect() as connection:
            raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
            try:
                return [tuple(row) for row in raw.execute(text)]
            except sqlite3.Error as error:
                raise sa.exc.DatabaseError(text, None, error) from error

    def shrink(self) -> None:
        """Give freed pages back, so that deleted rows are in no file any more.

        Raises
        ------
        ProjectError
            Where the disk is full or refuses, or another program reads the database all the while.
        """
        if self.is_sqlite:
            self.pragma("VACUUM")
            self.empty_log()

    def empty_log(self) -> None:
        """Move the write-ahead log into the database file and cut it to nothing.

        Raises
        ------
        ProjectError
            Where the disk is full or refuses, or another program reads the database all the while.
        """
        if self.is_sqlite and any(is_busy for is_busy, *_ in self.pragma("PRAGMA wal_checkpoint(TRUNCATE)")):
            raise ProjectError(f"{self.folder}: another program reads the annotation database; close it and try again.")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def file_address(file: PurePath) -> str:
    r"""The ``file:`` address of an absolute path, as SQLite reads it.

    A share's server (``\\server\share``) belongs to the path there: SQLite refuses an address that names a host.
    """
    address = file.as_uri()
    return address if address.startswith("file:///") else address.replace("file://", "file:////", 1)


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _can_write(folder: Path) -> bool:
    """Whether a file can be made there, by making one: asked for its rights, Windows says so of every folder."""
    if not os.access(folder, os.W_OK):
        return False
    probe = folder / passing_name(".probe-")
    try:
        probe.touch(exist_ok=False)
    except OSError:
        return False
    with suppress(OSError):
        probe.unlink()
    return True
