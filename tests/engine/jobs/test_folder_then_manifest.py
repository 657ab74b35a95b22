"""A manifest after its folder: clips whose patient nobody named are of those whom it names, labels and all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydicom.data import get_testdata_file

from annotator import registry
from annotator.core.edits import Assign
from annotator.core.errors import AnnotatorError, BadInput, ContradictingLabels, ProjectError
from annotator.core.identity import Clip, FrameKey, PatientFrom, Spacing, SpacingStatus, Split, strictest
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.engine.jobs.arrivals import ImportReport
from annotator.engine.jobs.importing import ImportOptions, import_manifest, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.engine.messages import DataChanged, SnapshotPublished
from annotator.project import TRAINED_FACT, Project
from annotator.project.values import Commit
from annotator.testing.sessions import SIDE, driven, outline_square
from tests.core import strategies
from tests.core.strategies import PROTOCOL, SHAPE
from tests.engine.jobs.test_colleagues import all_of, assert_kept, said_in, undo_and_redo

ABSENT = Assign("two", StructureLabel(LabelStatus.ABSENT))
WHOLE = Assign("one", StructureLabel(LabelStatus.OUTLINED, np.ones(SHAPE, dtype=np.bool_)))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project", PROTOCOL) as made:
        yield made


def picture(file: Path, seed: int) -> Path:
    file.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, SHAPE, dtype=np.uint8)
    tifffile.imwrite(file, pixels, photometric="minisblack")
    return file


def pictures(tmp_path: Path, count: int = 3) -> list[Path]:
    return [picture(tmp_path / "images" / f"{'abcdef'[i]}.tif", i) for i in range(count)]


def come(
    project: Project, paths: Sequence[Path], patient_from: PatientFrom = "file", *, split: Split | None = None
) -> ImportReport:
    options = ImportOptions(patient_from=patient_from, split=split)
    return import_paths(project, paths, options, author="t", progress=Silent())


def rows_come(project: Project, folder: Path, rows: Sequence[str], header: str = "image,patient,split") -> ImportReport:
    file = folder / "rows.csv"
    file.write_text("\n".join([header, *rows]))
    return import_manifest(project, file, values=None, author="m", progress=Silent())


def owners(project: Project) -> dict[str, str]:
    return {clip.name: clip.header.patient for clip in project.clips()}


def told(report: ImportReport) -> list[str]:
    return [sentence for sentence in report.warnings if "nobody had named" in sentence]


@pytest.mark.parametrize("patient_from", ["file", "folder", "stem"])
def test_a_manifest_names_the_patients_of_clips_that_came_by_folder(
    project: Project, tmp_path: Path, patient_from: PatientFrom
) -> None:
    """Each clip came in a second time, and the labels drawn meanwhile went with the first."""
    key = project.pseudonymiser.key
    come(project, pictures(tmp_path), patient_from)
    before = owners(project)
    project.commit(FrameKey("a", 0), [ABSENT], author="ann")
    cv2.imwrite(str(tmp_path / "mask.png"), np.ones(SHAPE, dtype=np.uint8))
    rows = ["images/a.tif,P1,train,mask.png,one", "images/b.tif,P2,test,,", "images/c.tif,P2,test,,"]
    header = "image,patient,split,labels,known"
    heard: list[Commit] = []
    project.committed.connect(heard.append)
    report = rows_come(project, tmp_path, rows, header)
    assert (report.added, report.known, report.labels) == (0, 3, 1)
    assert told(report) == [
        "3 clips here, whose patient nobody had named, went to the 2 patients that the import names, with all labels; "
        "undo takes that back."
    ]
    assert owners(project) == {"a": key("P1"), "b": key("P2"), "c": key("P2")}
    assert [clip.split for clip in project.clips()] == [Split.TRAIN, Split.TEST, Split.TEST]
    label = project.label(FrameKey("a", 0))
    assert (label.status("one"), label.status("two")) == (LabelStatus.OUTLINED, LabelStatus.ABSENT)
    assert [(commit.kind, commit.clips) for commit in heard] == [("clip", ("a", "b", "c")), ("import", ("a",))]
    after = all_of(project)
    again = rows_come(project, tmp_path, rows, header)
    assert (again.added, told(again), all_of(project)) == (0, [], after)
    project.undo(author="ann")
    assert project.label(FrameKey("a", 0)).status("one") is LabelStatus.UNKNOWN
    project.undo(author="ann")
    assert owners(project) == before
    assert project.label(FrameKey("a", 0)).status("two") is LabelStatus.ABSENT
    project.redo(author="ann")
    project.redo(author="ann")
    assert (project.clips(), said_in(project)) == (after[1], after[2])
    assert project.check().is_sound


def test_what_a_row_vouches_for_fills_what_nobody_said_here(project: Project, tmp_path: Path) -> None:
    come(project, pictures(tmp_path, 2))
    theirs = project.clip("b").header.with_confirmed(Spacing(0.5, 0.5))
    project.update_clip("b", replace(theirs, view="side", domain="south"), author="ann")
    before = project.clips()
    header = "image,patient,view,domain,spacing_y_mm,spacing_x_mm"
    rows_come(project, tmp_path, [f"images/{name}.tif,P{name},front,north,0.2,0.3" for name in "ab"], header)
    filled, kept = (clip.header for clip in project.clips())
    assert (filled.view, filled.domain, filled.spacing) == ("front", "north", Spacing(0.2, 0.3))
    assert filled.spacing_status is SpacingStatus.TRUSTED
    assert kept == replace(before[1].header, patient=kept.patient)
    project.undo(author="t")
    assert project.clips() == before


def test_new_clips_come_beside_those_that_are_given_and_stay_at_undo(project: Project, tmp_path: Path) -> None:
    files = pictures(tmp_path)
    come(project, files[:2])
    before = owners(project)
    report = rows_come(project, tmp_path, [f"images/{f.name},P1,validation" for f in files])
    assert (report.added, report.known, len(set(owners(project).values()))) == (1, 2, 1)
    assert {clip.split for clip in project.clips()} == {Split.VALIDATION}
    project.undo(author="t")
    assert owners(project) == {**before, "c": project.pseudonymiser.key("P1")}
    path = project.path
    project.close()
    with Project.open(path) as again:
        again.redo(author="t")
        assert set(owners(again).values()) == {again.pseudonymiser.key("P1")}
        assert again.check().is_sound


def test_a_contradiction_refuses_all_and_moves_nobody(project: Project, tmp_path: Path) -> None:
    come(project, pictures(tmp_path, 2))
    picture(tmp_path / "images" / "new.tif", 9)
    project.commit(FrameKey("b", 0), [WHOLE], author="ann")
    cv2.imwrite(str(tmp_path / "mask.png"), np.full(SHAPE, 2, dtype=np.uint8))
    before = all_of(project)
    rows = ["images/new.tif,P3,,", "images/a.tif,P1,,", "images/b.tif,P2,mask.png,two"]
    with pytest.raises(ContradictingLabels):
        rows_come(project, tmp_path, rows, "image,patient,labels,known")
    assert all_of(project) == before


def test_a_disk_that_refuses_moves_nobody(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    come(project, pictures(tmp_path, 2))
    picture(tmp_path / "images" / "new.tif", 9)
    before = all_of(project)

    def refuse(*_: object, **__: object) -> None:
        raise ProjectError("the disk is full")

    rows = ["images/a.tif,P1,", "images/new.tif,P3,"]
    with monkeypatch.context() as patched:
        patched.setattr("annotator.project.adding.forget_clips", refuse)
        with pytest.raises(ProjectError, match="full"):
            rows_come(project, tmp_path, rows)
    assert all_of(project) == before
    assert (rows_come(project, tmp_path, rows).added, project.check().is_sound) == (1, True)


def test_a_patient_who_is_here_in_another_split_is_refused(project: Project, tmp_path: Path) -> None:
    come(project, pictures(tmp_path, 1))
    picture(tmp_path / "images" / "new.tif", 9)
    rows_come(project, tmp_path, ["images/new.tif,P1,train"])
    before = all_of(project)
    with pytest.raises(BadInput, match="is already in 'train' and cannot be in 'test' too"):
        rows_come(project, tmp_path, ["images/a.tif,P1,test"])
    assert all_of(project) == before


@pytest.mark.parametrize("with_new", [False, True])
@pytest.mark.parametrize("split", [Split.TEST, Split.VALIDATION])
def test_models_that_learnt_from_what_a_manifest_sets_apart_are_marked_as_by_hand(
    project: Project, tmp_path: Path, split: Split, *, with_new: bool
) -> None:
    come(project, pictures(tmp_path, 2))
    picture(tmp_path / "images" / "new.tif", 9)
    project.commit(FrameKey("a", 0), [ABSENT], author="ann")
    project.write_fact(TRAINED_FACT, json.dumps([project.clip("a").header.patient]))
    learnt = project.data_revision
    project.checkpoint_path.write_bytes(b"weights that learnt from a")

    def publish() -> None:
        project.add_snapshot(b"1", step=1, data_revision=learnt, recipe="", metrics={}, is_validated=False)

    publish()
    rows = [f"images/{name}.tif,P1,{split}" for name in ("a", *(["new"] if with_new else []))]
    (sentence,) = told(rows_come(project, tmp_path, rows))
    assert sentence.endswith(
        "; undo takes that back; the state of training and 1 model that may have learnt from it will not be used "
        "any more."
    )
    publish()
    assert project.latest_snapshot() is None
    assert not project.checkpoint_path.exists()
    project.undo(author="t")
    assert (project.clip("a").split, project.latest_snapshot()) == (Split.TRAIN, None)


def test_a_running_learner_unlearns_what_a_manifest_sets_apart(tmp_path: Path) -> None:
    with Project.create(tmp_path / "apical", registry.protocol("apical")) as apical:
        for seed, folder in enumerate(("p1", "p2")):
            file = tmp_path / folder / f"{folder}.tif"
            file.parent.mkdir()
            pixels = np.random.default_rng(seed).integers(0, 40, (5, SIDE, SIDE), dtype=np.uint8)
            tifffile.imwrite(file, pixels, photometric="minisblack")
            come(apical, [file])
            outline_square(apical, folder)
        driver, workshop = driven(apical)
        driver.run(lambda: any(isinstance(event, SnapshotPublished) for event in driver.events))
        heard: list[Commit] = []
        apical.committed.connect(heard.append)
        rows_come(apical, tmp_path, ["p1/p1.tif,Q,test"])
        for commit in heard:
            driver.session.handle(DataChanged(commit.keys, commit.clips))
        assert driver.session.status().snapshot is None
        driver.run(lambda: len(workshop.trainers) == 2 and workshop.trainers[1].step_count > 0)
        assert all(key.clip != "p1" for key in workshop.trainers[1].ever_seen)


@pytest.mark.parametrize("named_by", ["hand", "hand, to the folder", "manifest", "dicom", "folder of tests"])
def test_clips_whose_patient_somebody_named_stay(project: Project, tmp_path: Path, named_by: str) -> None:
    (file,) = pictures(tmp_path, 1)
    if named_by == "dicom":
        made = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
        made.PatientID = "images"
        file = file.with_suffix(".dcm")
        made.save_as(file)
    if named_by == "manifest":
        rows_come(project, tmp_path, [f"images/{file.name},images,"])
    else:
        patient_from: PatientFrom = "stem" if named_by == "hand, to the folder" else "file"
        come(project, [file], patient_from, split=Split.TEST if named_by == "folder of tests" else None)
    (first,) = project.clips()
    if named_by.startswith("hand"):
        project.give_clips([first.name], "Q" if named_by == "hand" else "images", author="t")
        (first,) = project.clips()
    report = rows_come(project, tmp_path, [f"images/{file.name},P1,"])
    assert (report.added, told(report), project.clip(first.name)) == (1, [], first)


def test_a_clip_stays_beside_one_that_its_patient_has_already(project: Project, tmp_path: Path) -> None:
    come(project, pictures(tmp_path, 1), split=Split.TEST)
    assert rows_come(project, tmp_path, ["images/a.tif,P1,"]).added == 1
    project.update_clip("a", project.clip("a").header, author="t", split=Split.TRAIN)
    before = all_of(project)
    report = rows_come(project, tmp_path, ["images/a.tif,P1,"])
    assert (report.known, told(report), all_of(project)) == (1, [], before)


@pytest.mark.parametrize("order", [("a", "copy"), ("copy", "a")])
def test_equal_pictures_of_two_patients_are_two_clips_as_in_an_empty_project(
    project: Project, tmp_path: Path, order: Sequence[str]
) -> None:
    (file,) = pictures(tmp_path, 1)
    copy = Path(shutil.copy(file, file.with_name("copy.tif")))
    assert come(project, [file, copy]).added == 1
    project.commit(FrameKey("a", 0), [ABSENT], author="ann")
    rows = {"a": "images/a.tif,P1,train", "copy": "images/copy.tif,P2,test"}
    report = rows_come(project, tmp_path, [rows[name] for name in order])
    with Project.create(tmp_path / "empty", PROTOCOL) as empty:
        plain = rows_come(empty, tmp_path, [rows[name] for name in order])
        assert [one for one in report.warnings if "same picture" in one] == [
            one for one in plain.warnings if "same picture" in one
        ]
        parts = {(clip.name, clip.split) for clip in empty.clips()}
    assert {(clip.name, clip.split) for clip in project.clips()} == parts == {("a", Split.TRAIN), ("copy", Split.TEST)}
    key = project.pseudonymiser.key
    assert owners(project) == {"a": key("P1"), "copy": key("P2")}
    assert set(said_in(project)) == {FrameKey("a", 0)}


def test_a_folder_s_name_that_is_a_patient_s_too_keeps_its_clip(project: Project, tmp_path: Path) -> None:
    (file,) = pictures(tmp_path, 1)
    shutil.copy(file, file.with_name("copy.tif"))
    come(project, [file])
    first = project.clip("a")
    report = rows_come(project, tmp_path, ["images/a.tif,P1,", "images/copy.tif,,"])
    assert (report.added, told(report), project.clip("a")) == (1, [], first)


FILES = {"one/a": 0, "one/b": 1, "one/copy": 1, "two/a": 2, "two/c": 3}
"""Files with the seed of their pixels."""

PATIENTS = ("P1", "P2", "P3", "one", "")
ROWS = st.dictionaries(
    st.sampled_from(sorted(FILES)), st.tuples(st.sampled_from(PATIENTS), st.integers(0, 3)), min_size=1
)
SPLITS = st.fixed_dictionaries(dict.fromkeys(PATIENTS, st.sampled_from(["", "", *Split])))


class LateManifests(RuleBasedStateMachine):
    """Folders and manifests of the same files, in any order, while people draw, move and undo."""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.files = {name: picture(self.folder / f"{name}.tif", seed) for name, seed in FILES.items()}
        for value in (1, 2, 3):
            cv2.imwrite(str(self.folder / f"{value}.png"), np.full(SHAPE, value, dtype=np.uint8))
        self.project = Project.create(self.folder / "project", PROTOCOL)
        come(self.project, [self.folder / "one"])

    @rule(names=st.sets(st.sampled_from(sorted(FILES)), min_size=1), patient_from=st.sampled_from(["file", "stem"]))
    def folder_comes(self, names: set[str], patient_from: PatientFrom) -> None:
        before = said_in(self.project)
        come(self.project, [self.files[name] for name in sorted(names)], patient_from)
        assert said_in(self.project) == before

    def some_clip(self, data: st.DataObject) -> Clip | None:
        clips = self.project.clips()
        return data.draw(st.sampled_from(clips)) if clips else None

    @rule(data=st.data())
    def draw(self, data: st.DataObject) -> None:
        if clip := self.some_clip(data):
            key = FrameKey(clip.name, 0)
            self.project.commit(key, [data.draw(strategies.edits(self.project.label(key)))], author="ann")

    @rule(data=st.data(), split=st.sampled_from(Split))
    def split(self, data: st.DataObject, split: Split) -> None:
        if clip := self.some_clip(data):
            self.project.update_clip(clip.name, clip.header, author="t", split=split)

    @rule(data=st.data(), patient=st.sampled_from([None, "P1", "P2"]))
    def give(self, data: st.DataObject, patient: str | None) -> None:
        if clip := self.some_clip(data):
            self.project.give_clips([clip.name], patient, author="t")

    @rule(steps=st.integers(1, 3))
    def undo(self, steps: int) -> None:
        before = said_in(self.project), self.project.clips()
        undone = sum(self.project.undo(author="x") is not None for _ in range(steps))
        for _ in range(undone):
            self.project.redo(author="y")
        assert said_in(self.project) == before[0]
        assert owners(self.project) == {clip.name: clip.header.patient for clip in before[1]}

    @rule(rows=ROWS, splits=SPLITS)
    def manifest_comes(self, rows: Mapping[str, tuple[str, int]], splits: Mapping[str, str]) -> None:
        project = self.project
        lines = [
            f"{name}.tif,{patient},{splits[patient]},{f'{mask}.png' if mask else ''},*"
            for name, (patient, mask) in rows.items()
        ]
        header = "image,patient,split,labels,known"
        before = all_of(project)
        was = {clip.name: clip for clip in before[1]}
        try:
            report = rows_come(project, self.folder, lines, header)
        except AnnotatorError:
            assert all_of(project) == before
            return
        moved = {clip.name for clip in project.clips() if was.get(clip.name, clip) != clip}
        assert bool(told(report)) == bool(moved)
        named = {project.pseudonymiser.key(patient) for patient, _ in rows.values() if patient}
        stand_ins = {project.pseudonymiser.key(name) for path in FILES for name in path.split("/")}
        for name in moved:
            assert was[name].header.patient in stand_ins
            now = project.clip(name)
            assert now.header.patient in named
            assert strictest((now.split, was[name].split)) is now.split
        for key, (label, _) in before[2].items():
            assert_kept(label, project.label(key))
        after = all_of(project)
        again = rows_come(project, self.folder, lines, header)
        assert (again.added, told(again), all_of(project)) == (0, [], after)
        undo_and_redo(
            project,
            lambda: (
                {key: said for key, said in said_in(project).items() if key.clip in was} == before[2]
                and all(project.clip(name).header.patient == was[name].header.patient for name in moved)
            ),
        )
        assert said_in(project) == after[2]
        assert owners(project) == {clip.name: clip.header.patient for clip in after[1]}

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "project"):
            assert self.project.check().is_sound, self.project.check().problems
            splits = defaultdict(set)
            for clip in self.project.clips():
                splits[clip.header.patient].add(clip.split)
            assert all(len(found) == 1 for found in splits.values())

    def teardown(self) -> None:
        if hasattr(self, "project"):
            clips = self.project.clips()
            self.project.close()
            with Project.open(self.folder / "project", read_only=True) as again:
                assert again.clips() == clips
            shutil.rmtree(self.folder)


TestLateManifests = LateManifests.TestCase
TestLateManifests.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
