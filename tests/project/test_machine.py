"""A project against a model in memory that is assumed to be right."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from annotator.core.edits import Finish, apply
from annotator.core.identity import ClipHeader, FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.core.status import LabelStatus, Origin
from annotator.project import Project
from tests.core import strategies
from tests.core.strategies import PROTOCOL, SHAPE

FRAMES = 2
AUTHORS = st.sampled_from(["ann", "bob"])


@dataclass(frozen=True)
class Model:
    """Everything that undo brings back."""

    labels: tuple[PartialLabel, ...]
    header: ClipHeader


class ProjectMachine(RuleBasedStateMachine):
    """Commits, finishes, clip details, undo and redo, and reopening at any moment."""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.project = Project.create(self.folder / "project", PROTOCOL)
        header = ClipHeader("clip", self.project.pseudonymiser.key("P"), FRAMES, *SHAPE)
        frames = np.arange(FRAMES * SHAPE[0] * SHAPE[1], dtype=np.uint8).reshape(FRAMES, *SHAPE)
        self.project.add_clip(Recording(header, frames), author="ann")
        self.now = Model((PartialLabel(SHAPE),) * FRAMES, header)
        self.undone: list[Model] = []
        self.done: list[Model] = []
        self.revisions = [self.project.data_revision]

    def _move(self, after: Model) -> None:
        if after != self.now:
            self.done.append(self.now)
            self.undone.clear()
        self.now = after

    @rule(data=st.data(), frame=st.integers(0, FRAMES - 1), author=AUTHORS)
    def commit(self, data: st.DataObject, frame: int, author: str) -> None:
        labels, edits = list(self.now.labels), []
        for _ in range(data.draw(st.integers(1, 2))):
            edits.append(data.draw(strategies.edits(labels[frame])))
            labels[frame] = apply(labels[frame], edits[-1])[0]
        self.project.commit(FrameKey("clip", frame), edits, author=author)
        self._move(replace(self.now, labels=tuple(labels)))

    @rule(data=st.data(), author=AUTHORS)
    def commit_both(self, data: st.DataObject, author: str) -> None:
        edits = [data.draw(strategies.edits(label)) for label in self.now.labels]
        changes = [(FrameKey("clip", f), [edit]) for f, edit in enumerate(edits)]
        self.project.commit_many(changes, author=author, origin=Origin.PROPAGATED)
        labels = tuple(apply(label, edit)[0] for label, edit in zip(self.now.labels, edits, strict=True))
        self._move(replace(self.now, labels=labels))

    @rule(frame=st.integers(0, FRAMES - 1), author=AUTHORS)
    def finish(self, frame: int, author: str) -> None:
        label = self.now.labels[frame]
        drafts = [s for s, v in label.structures.items() if v.status is LabelStatus.DRAFT]
        if drafts:
            self.project.commit(FrameKey("clip", frame), [Finish(drafts[0])], author=author)
            labels = list(self.now.labels)
            labels[frame] = apply(label, Finish(drafts[0]))[0]
            self._move(replace(self.now, labels=tuple(labels)))

    @rule(view=st.sampled_from([None, "a", "b"]), mark=st.integers(0, FRAMES - 1))
    def describe(self, view: str | None, mark: int) -> None:
        header = replace(self.now.header, view=view, ed_frames=(mark,))
        self.project.update_clip("clip", header, author="ann")
        self._move(replace(self.now, header=header))

    @rule(author=AUTHORS)
    def undo(self, author: str) -> None:
        commit = self.project.undo(author=author)
        assert (commit is None) == (not self.done)
        if self.done:
            self.undone.append(self.now)
            self.now = self.done.pop()

    @rule(author=AUTHORS)
    def redo(self, author: str) -> None:
        commit = self.project.redo(author=author)
        assert (commit is None) == (not self.undone)
        if self.undone:
            self.done.append(self.now)
            self.now = self.undone.pop()

    @precondition(lambda self: self.project.data_revision % 3 == 0)
    @rule()
    def reopen(self) -> None:
        before = self.project.all_statuses()
        self.project.close()
        self.project = Project.open(self.folder / "project")
        assert self.project.all_statuses() == before

    @invariant()
    def same(self) -> None:
        for frame, label in enumerate(self.now.labels):
            key = FrameKey("clip", frame)
            assert self.project.label(key) == label
            cells = self.project.statuses("clip").get(frame, {})
            assert {s: c.status for s, c in cells.items()} == {s: v.status for s, v in label.structures.items()}
            assert {s for s in self.project.provenance(key) if s != "unsure"} == set(label.structures)
        assert self.project.clip("clip").header == self.now.header
        assert (self.project.undo_sentence is None) == (not self.done)
        assert (self.project.redo_sentence is None) == (not self.undone)
        assert self.project.data_revision >= self.revisions[-1]
        self.revisions.append(self.project.data_revision)

    def teardown(self) -> None:
        if hasattr(self, "project"):
            report = self.project.check()
            self.project.close()
            shutil.rmtree(self.folder)
            assert report.is_sound, report.problems


TestProjectMachine = ProjectMachine.TestCase
TestProjectMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
