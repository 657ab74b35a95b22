"""Two colleagues who send each other labels of the same recordings, each beside work of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tifffile
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, initialize, invariant, multiple, rule

from annotator.core.edits import apply
from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, FrameKey, Split
from annotator.core.labels import PartialLabel
from annotator.core.status import LabelStatus, Origin
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from tests.core import strategies
from tests.core.strategies import PROTOCOL, SHAPE

PATIENTS = ("P1", "P2", "P3")
FRAMES = 2

Said = Mapping[FrameKey, tuple[PartialLabel, Mapping[str, tuple[str, Origin]]]]
"""Labels with authors and origins."""

whose = st.sampled_from([0, 1])


def said_in(project: Project) -> Said:
    """Everything that is said in a project."""
    return {
        key: (project.label(key), {s: (v.author, v.origin) for s, v in project.provenance(key).items()})
        for key in project.all_statuses()
    }


def all_of(project: Project) -> tuple[int, tuple[Clip, ...], Said, Mapping[str, bytes]]:
    """What a refused import must leave as it is."""
    files = {file.name: file.read_bytes() for file in (project.path / "clips").iterdir()}
    return project.data_revision, project.clips(), said_in(project), files


def undo_and_redo(project: Project, is_as_before: Callable[[], bool]) -> None:
    """Undo what came last until all is as before, in two steps at most, and redo as many."""
    n_steps = 0
    while not is_as_before():
        n_steps += 1
        assert n_steps <= 2
        project.undo(author="x")
    for _ in range(n_steps):
        project.redo(author="x")


def assert_kept(before: PartialLabel, after: PartialLabel) -> None:
    """Nothing that was said is gone; what was whole is as it was."""
    for structure, said in before.structures.items():
        now = after[structure]
        if said.status.is_whole:
            assert now == said
        elif said.status is not LabelStatus.REJECTED:
            assert now.status.is_finished or now.status is said.status


class ColleaguesMachine(RuleBasedStateMachine):
    """Drawing, splits, patients and undo in two projects, between which exports travel at any moment."""

    exports = Bundle("exports")

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.recordings = [self.folder / patient / f"{patient}.tif" for patient in PATIENTS]
        for seed, file in enumerate(self.recordings):
            file.parent.mkdir()
            frames = np.random.default_rng(seed).integers(0, 255, (FRAMES, *SHAPE), dtype=np.uint8)
            tifffile.imwrite(file, frames, photometric="minisblack")
        self.projects = [Project.create(self.folder / name, PROTOCOL) for name in ("resident", "senior")]
        self.n_exports = 0
        for project, count in zip(self.projects, (3, 2), strict=True):
            import_paths(project, self.recordings[:count], ImportOptions(), author="begin", progress=Silent())

    @rule(data=st.data(), who=whose, patient=st.sampled_from(PATIENTS), frame=st.integers(0, FRAMES - 1))
    def draw(self, data: st.DataObject, who: int, patient: str, frame: int) -> None:
        project, key = self.projects[who], FrameKey(patient, frame)
        if patient in {clip.name for clip in project.clips()}:
            before = project.label(key)
            edit = data.draw(strategies.edits(before))
            project.commit(key, [edit], author=f"reader {who}")
            assert project.label(key) == apply(before, edit)[0]

    @rule(who=whose, steps=st.integers(1, 3))
    def undo_and_redo(self, who: int, steps: int) -> None:
        project = self.projects[who]
        before = said_in(project), project.clips()
        undone = sum(project.undo(author="x") is not None for _ in range(steps))
        for _ in range(undone):
            project.redo(author="y")
        assert said_in(project) == before[0]
        assert {c.name: c.header for c in project.clips()} == {c.name: c.header for c in before[1]}

    @rule(who=whose)
    def undo(self, who: int) -> None:
        self.projects[who].undo(author="x")

    @rule(data=st.data(), who=whose, split=st.sampled_from(Split))
    def split(self, data: st.DataObject, who: int, split: Split) -> None:
        clip = data.draw(st.sampled_from(self.projects[who].clips()))
        self.projects[who].update_clip(clip.name, clip.header, author="t", split=split)

    @rule(data=st.data(), who=whose, patient=st.sampled_from([None, *PATIENTS]))
    def give(self, data: st.DataObject, who: int, patient: str | None) -> None:
        clip = data.draw(st.sampled_from(self.projects[who].clips()))
        self.projects[who].give_clips([clip.name], patient, author="t")

    @rule(data=st.data(), who=whose)
    def damage(self, data: st.DataObject, who: int) -> None:
        project = self.projects[who]
        file = data.draw(st.sampled_from(sorted((project.path / "clips").iterdir())))
        before = said_in(project)
        file.write_bytes(file.read_bytes()[:500])
        import_paths(project, self.recordings, ImportOptions(), author="t", progress=Silent())
        assert said_in(project) == before

    @rule(target=exports, who=whose, form=st.sampled_from(["png", "hdf5"]))
    def export(self, who: int, form: str) -> MultipleResults[Path]:
        project = self.projects[who]
        if not said_in(project):
            return multiple()
        self.n_exports += 1
        out = self.folder / f"export {self.n_exports}"
        export_labels(project, form, out, progress=Silent())
        file = out / ("labels.json" if form == "png" else "dataset.h5")
        with Project.create(self.folder / f"empty {self.n_exports}", PROTOCOL) as empty:
            paths = [file] if form == "hdf5" else [*self.recordings, file]
            import_paths(empty, paths, ImportOptions(), author="t", progress=Silent())
            assert said_in(empty) == said_in(project)
            splits = {clip.name: clip.split for clip in project.clips()}
            assert all(splits[key.clip] is empty.clip(key.clip).split for key in said_in(empty))
        return multiple(file)

    @rule(
        files=st.lists(exports, min_size=1, max_size=2, unique=True),
        beside=st.booleans(),
        who=whose,
        replaces=st.booleans(),
    )
    def bring(self, files: list[Path], *, beside: bool, who: int, replaces: bool) -> None:
        project, options = self.projects[who], ImportOptions(replace_labels=replaces)
        paths = [*self.recordings, *files] if beside else files
        before, refusal = all_of(project), ""
        try:
            import_paths(project, paths, options, author="t", progress=Silent())
        except AnnotatorError as error:
            refusal = str(error)
        if refusal:
            assert "\n" not in refusal
            assert all_of(project) == before
            return
        after = all_of(project)
        again = import_paths(project, paths, options, author="t", progress=Silent())
        assert (again.added, again.replaced, all_of(project)) == (0, 0, after)
        if not replaces:
            for key, (label, _) in before[2].items():
                assert_kept(label, project.label(key))
        undo_and_redo(
            project, lambda: {key: said for key, said in said_in(project).items() if key in before[2]} == before[2]
        )
        assert said_in(project) == after[2]

    @invariant()
    def sound(self) -> None:
        for project in self.projects:
            assert project.check().is_sound, project.check().problems

    def teardown(self) -> None:
        if hasattr(self, "projects"):
            for project in self.projects:
                project.close()
            shutil.rmtree(self.folder)


TestColleaguesMachine = ColleaguesMachine.TestCase
TestColleaguesMachine.settings = settings(max_examples=6, stateful_step_count=15, deadline=None)
