"""A project: clips, labels, history and model snapshots of one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from sqlalchemy.exc import DBAPIError

from annotator.core.errors import CorruptProject
from annotator.core.indexed import complete_values
from annotator.core.protocols import LabelProtocol
from annotator.project import checking, removal
from annotator.project.clip_writing import ClipWriter
from annotator.project.database_url import refuse_password
from annotator.project.salvage import salvage, survey
from annotator.project.session import is_project_folder, make_folder, new_marker, open_session, read_marker
from annotator.project.snapshots import Lineage, store_snapshot
from annotator.project.state import read_news
from annotator.project.values import CheckReport, Commit, Salvaged, Snapshot


class Project(ClipWriter):
    """A project folder, open. Threads share one object: writes take turns, reads need no turn."""

    @classmethod
    def create(
        cls,
        path: Path,
        protocol: LabelProtocol,
        *,
        values: Mapping[str, int] | None = None,
        database_url: str | None = None,
    ) -> Self:
        """Make a project folder and open it for writing.

        Raises
        ------
        ProjectError
            Where the folder has something in it, the disk refuses, or the database's address holds a password; nothing
            is left behind.
        UnknownName
            Where a value names a structure that the protocol does not have.
        """
        complete_values(protocol, values)
        refuse_password(Path(path), database_url)
        make_folder(Path(path), new_marker(protocol, database_url))
        project = cls.open(path)
        if values:
            project.set_values(values)
        return project

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open a project; where another process writes it, for reading only (see ``notes``).

        Raises
        ------
        ProjectError
            Where it is not a project, or is of a newer format.
        CorruptProject
            Where the marker or the database is damaged.
        """
        try:
            session = open_session(Path(path), read_only=read_only)
            try:
                project = cls(session)
                if not session.is_read_only:
                    removal.finish_erasures(session)
            except BaseException:
                session.close()
                raise
        except CorruptProject as error:
            if not isinstance(error.__cause__, DBAPIError):
                raise
            raise CorruptProject(f"{str(error).rstrip('.')}; {survey(Path(path))}") from error
        return project

    @staticmethod
    def protocol_of(path: Path) -> LabelProtocol:
        """The protocol of a project folder, which is not opened.

        Raises
        ------
        ProjectError
            Where it is not a project, or is of a newer format.
        CorruptProject
            Where the marker is damaged.
        """
        return read_marker(Path(path)).protocol

    @staticmethod
    def salvage(path: Path, out: Path) -> Salvaged:
        """Copy what can still be read of a damaged project into a new one.

        Raises
        ------
        ProjectError
            Where ``out`` has something in it, or neither the marker of ``path`` nor its copy can be read.
        """
        return salvage(Path(path), Path(out))

    def follow(self) -> Commit | None:
        """Bring memory up to what another process wrote since, for a project that was opened read-only.

        ``committed`` emits, as for a change made here.

        Returns
        -------
        Commit or None
            All that changed; ``None`` where nothing did.

        Raises
        ------
        ProjectError
            Where the database cannot be read.
        """
        with self._lock:
            with self._session.database.read() as connection:
                news = read_news(connection, self._state)
            if news is None:
                return None
            self._state = news.state
            self._labels.clear()
            self._sentences.clear()
        commit = Commit(
            revision=news.state.revision,
            kind="import",
            keys=tuple(sorted(news.keys)),
            structures=tuple(sorted(news.structures)),
            clips=tuple(sorted(news.clips)),
            sentence="Another window changed the project",
        )
        self.committed.emit(commit)
        return commit

    @staticmethod
    def is_project(path: Path) -> bool:
        """Whether a folder looks like a project, sound or not."""
        return is_project_folder(Path(path))

    def add_snapshot(
        self,
        data: bytes,
        *,
        step: int,
        data_revision: int,
        recipe: str,
        metrics: Mapping[str, Any],
        is_validated: bool,
    ) -> Snapshot:
        """Store a published model (safetensors bytes) with its lineage.

        Raises
        ------
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        self._refuse_read_only()
        with self._lock:
            return store_snapshot(self._session, data, Lineage(step, data_revision, recipe, metrics, is_validated))

    def check(self, told: Callable[[int, int], None] = lambda done, total: None) -> CheckReport:
        """Read every file and row and compare them with their hashes and with each other.

        Parameters
        ----------
        told
            Called with how many clips were read, and how many there are; what it raises ends the check.
        """
        return checking.check(self._session, self.clips(), self._state, told)
