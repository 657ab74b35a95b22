"""Imports: all or nothing, and real recordings with their calibration."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.data import get_testdata_file

from annotator import registry
from annotator.core.edits import Assign, Paint, PaintUnsure
from annotator.core.errors import BadInput, Cancelled, ContradictingLabels
from annotator.core.identity import Clip, FrameKey, PatientFrom, Spacing, SpacingStatus, Split
from annotator.core.labels import UNKNOWN_LABEL, StructureLabel
from annotator.core.status import LabelStatus, Origin
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_manifest, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.ingest import FOLDER_SENTENCE
from annotator.project import Project
from annotator.testing.sessions import add_moving_square, outline_square

_NIFTI: Any = nibabel.Nifti1Image  # nibabel is not annotated


class CancelAt:
    """Progress that cancels before a piece."""

    def __init__(self, piece: int) -> None:
        self.piece = piece

    def update(self, done: int, total: int, sentence: str) -> None:
        if done == self.piece:
            raise Cancelled("The import")


def stacks(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"stack {i}.tif" for i in range(count)]
    for i, path in enumerate(paths):
        pixels = np.random.default_rng(i).integers(0, 255, (2, 8, 9), dtype=np.uint8)
        tifffile.imwrite(path, pixels, photometric="minisblack")
    return paths


def files_of(project: Project) -> list[Path]:
    return sorted((project.path / "clips").iterdir())


@pytest.mark.parametrize("piece", [0, 1, 2])
def test_a_cancelled_import_adds_nothing(project: Project, tmp_path: Path, piece: int) -> None:
    with pytest.raises(Cancelled):
        import_paths(project, stacks(tmp_path, 3), ImportOptions(), author="t", progress=CancelAt(piece))
    assert (project.clips(), files_of(project), project.data_revision) == ((), [], 0)


def test_an_import_tells_what_it_does_before_and_after_it_reads_files(project: Project, tmp_path: Path) -> None:
    said: list[str] = []

    class Heard(Silent):
        def update(self, done: int, total: int, sentence: str) -> None:
            said.append(sentence)

    import_paths(project, stacks(tmp_path, 2), ImportOptions(), author="t", progress=Heard())
    importing = ["Importing stack 0.tif", "Importing stack 1.tif"]
    assert said == ["Looking through stack 0.tif", *importing, *["Comparing with the clips here"] * 2]


@pytest.mark.parametrize("piece", ["Looking", "Comparing"])
def test_an_import_that_is_cancelled_while_no_file_is_read_adds_nothing(
    project: Project, tmp_path: Path, piece: str
) -> None:
    class Cancels(Silent):
        def update(self, done: int, total: int, sentence: str) -> None:
            if sentence.startswith(piece):
                raise Cancelled("The import")

    with pytest.raises(Cancelled):
        import_paths(project, stacks(tmp_path, 3), ImportOptions(), author="t", progress=Cancels())
    assert (project.clips(), files_of(project), project.data_revision) == ((), [], 0)


def test_a_damaged_file_keeps_the_sound_ones_out(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 3)
    paths[2].write_bytes(paths[2].read_bytes()[:120])
    with pytest.raises(BadInput, match="stack 2"):
        import_paths(project, paths, ImportOptions(), author="t", progress=Silent())
    assert (project.clips(), files_of(project)) == ((), [])


def test_the_report_counts_what_came_and_what_was_there(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 3)
    first = import_paths(project, paths[:2], ImportOptions(), author="t", progress=Silent())
    assert (first.added, first.known, first.frames, first.clips) == (2, 0, 4, ("stack 0", "stack 1"))
    second = import_paths(project, paths, ImportOptions(), author="t", progress=Silent())
    assert (second.added, second.known, second.frames) == (1, 2, 2)


def test_pixel_sizes_that_a_program_noted_are_told_of_once(project: Project, tmp_path: Path) -> None:
    for i in range(3):
        pixels, noted = np.full((8, 9), i, dtype=np.uint8), {"unit": "mm"}
        tifffile.imwrite(tmp_path / f"{i}.tif", pixels, imagej=True, resolution=(4, 5), metadata=noted)
    report = import_paths(project, [tmp_path], ImportOptions(), author="t", progress=Silent())
    (sentence,) = (one for one in report.warnings if "pixel size" in one)
    assert sentence.startswith(
        "3 clips, such as 0: an image program noted a pixel size in the file, which is proposed; "
    )
    assert {clip.header.proposed_spacing for clip in project.clips()} == {Spacing(0.2, 0.25)}


def test_patients_whom_files_spell_almost_alike_are_told_of_and_not_merged(project: Project, tmp_path: Path) -> None:
    def come(*folders: str) -> list[str]:
        for seed, folder in enumerate(folders, len(project.clips())):
            (tmp_path / folder).mkdir()
            pixels = np.full((8, 9), seed, dtype=np.uint8)
            tifffile.imwrite(tmp_path / folder / "one.tif", pixels)
        paths = [tmp_path / folder for folder in folders]
        report = import_paths(project, paths, ImportOptions(), author="t", progress=Silent())
        return [sentence for sentence in report.warnings if "count as different patients" in sentence]

    key = project.pseudonymiser.key
    assert come("P 001", "P 01") == []
    (later,) = come("p001")
    assert later.startswith(f"{' and '.join(sorted((key('P 001'), key('p001'))))} count as different patients, ")
    assert "001" not in later.replace(key("P 001"), "").replace(key("p001"), ""), "no identifier is told"
    (together,) = come("Q 2", "q_2")
    assert all(key(name) in together for name in ("Q 2", "q_2"))
    assert len({clip.header.patient for clip in project.clips()}) == len(project.clips()) == 5
    one = next(clip.name for clip in project.clips() if clip.header.patient == key("Q 2"))
    project.give_clips([one], key("q_2"), author="t")
    (third,) = come("q2")
    assert key("Q 2") not in third, "a patient who was given away is the other one"
    assert come("R 3") == []


def test_patients_whom_a_manifest_spells_almost_alike_are_told_of(project: Project, tmp_path: Path) -> None:
    """A manifest's patients were compared with each other alone, and not with those that were here."""
    images = stacks(tmp_path, 5)

    def come(rows: dict[int, str]) -> list[str]:
        lines = [f"{images[number].name},{patient}" for number, patient in rows.items()]
        (tmp_path / "rows.csv").write_text("\n".join(["image,patient", *lines]))
        report = import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
        return [sentence for sentence in report.warnings if "count as different patients" in sentence]

    key = project.pseudonymiser.key
    assert come({0: "P 1"}) == []
    (later,) = come({0: "P 1", 1: "p_1", 2: "P 11"})
    assert later.startswith(f"{' and '.join(sorted((key('P 1'), key('p_1'))))} count as different patients, ")
    (together,) = come({3: "Q 1", 4: "Q-1"})
    assert all(key(name) in together for name in ("Q 1", "Q-1"))


def test_a_manifest_after_its_folder_says_what_is_there_twice(project: Project, tmp_path: Path) -> None:
    """Where the files moved meanwhile, every recording was there twice, and nothing said what to do."""
    (tmp_path / "first").mkdir()
    images = stacks(tmp_path / "first", 3)
    (tmp_path / "other").mkdir()
    (other,) = stacks(tmp_path / "other", 1)
    tifffile.imwrite(other, np.zeros((2, 8, 9), dtype=np.uint8), photometric="minisblack")
    import_paths(project, [*images, other], ImportOptions(), author="t", progress=Silent())
    lines = [f"{image.rename(tmp_path / image.name).name},P{number}" for number, image in enumerate(images)]

    def come(count: int) -> list[str]:
        (tmp_path / "rows.csv").write_text("\n".join(["image,patient", *lines[:count]]))
        report = import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
        return [sentence for sentence in report.warnings if "a second time" in sentence]

    assert come(1) == [], "what else the folder's patient has would go too"
    project.remove_patient("P0")
    (sentence,) = come(3)
    patient = project.pseudonymiser.key("first")
    assert sentence.startswith(f"All that is here of patient {patient}, 3 clips, came a second time, ")
    assert f"--patient {patient}'" in sentence
    project.remove_patient(patient)
    assert (len(project.clips()), come(3), project.check().is_sound) == (4, [], True)


def test_a_view_that_the_protocol_lacks_is_told_of(tmp_path: Path) -> None:
    with Project.create(tmp_path / "apical", registry.protocol("apical")) as apical:
        report = import_paths(apical, stacks(tmp_path, 1), ImportOptions(view="a4ch"), author="t", progress=Silent())
    assert any(sentence.startswith("The view 'a4ch' is none of protocol ") for sentence in report.warnings)


def test_the_same_images_twice_in_one_import_are_one_clip(project: Project, tmp_path: Path) -> None:
    (path,) = stacks(tmp_path, 1)
    twin = tmp_path / "twin.tif"
    twin.write_bytes(path.read_bytes())
    report = import_paths(project, [path, twin], ImportOptions(), author="t", progress=Silent())
    assert (report.added, report.known, len(files_of(project))) == (1, 1, 1)


@pytest.mark.parametrize(
    ("splits", "aside"),
    [
        (("train", "test"), "test"),
        (("test", "validation"), "test"),
        (("validation", "train"), "validation"),
        (("train", "train"), None),
        (("test", "test"), None),
    ],
)
def test_a_picture_under_two_patients_is_told_with_what_it_means_for_training(
    project: Project, tmp_path: Path, splits: tuple[str, str], aside: str | None
) -> None:
    (one,) = stacks(tmp_path, 1)
    other = shutil.copy(one, tmp_path / "twin.tif")
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"image,patient,split\n{one},P1,{splits[0]}\n{other},P2,{splits[1]}\n")
    report = import_manifest(project, manifest, values=None, author="t", progress=Silent())
    end = "" if aside is None else f"; the one that is not a {aside} clip stays out of training"
    assert report.warnings[0] == f"'twin' and 'stack 0' are the same picture under two patients{end}."


def test_of_many_pictures_under_two_patients_one_sentence_tells(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 4)
    for split in ("train", "test"):
        rows = "".join(f"{path},{split} {i},{split}\n" for i, path in enumerate(paths))
        (tmp_path / "m.csv").write_text("image,patient,split\n" + rows)
        report = import_manifest(project, tmp_path / "m.csv", values=None, author="t", progress=Silent())
    assert report.added == len(paths)
    assert report.warnings[0] == (
        "'stack 0~2' and 'stack 0' are the same picture under two patients, and so are 3 other pairs of clips; of "
        "each, the one that is not a test clip stays out of training."
    )


def test_twins_with_different_labels_are_refused(project: Project, tmp_path: Path) -> None:
    (path,) = stacks(tmp_path, 1)
    (tmp_path / "twin.tif").write_bytes(path.read_bytes())
    rows = f"image,patient,frame,absent\n{path.name},p,0,lv\ntwin.tif,p,0,la\n"
    (tmp_path / "rows.csv").write_text(rows)
    with pytest.raises(BadInput, match="come twice"):
        import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    assert (project.clips(), files_of(project)) == ((), [])


@pytest.mark.parametrize("labelled", [("a", "b"), ("a",), ("b",)])
def test_labels_of_any_of_equal_images_in_one_import_come(
    project: Project, tmp_path: Path, labelled: tuple[str, ...]
) -> None:
    """Those of the second one were counted, and not stored."""
    (path,) = stacks(tmp_path, 1)
    for name in "ab":
        shutil.copy(path, tmp_path / f"{name}.tif")
    rows = [f"{name}.tif,p,{'ab'.index(name)},{'lv' if name in labelled else ''}" for name in "ab"]
    (tmp_path / "rows.csv").write_text("\n".join(["image,patient,frame,absent", *rows]) + "\n")
    for count in (len(labelled), 0):
        report = import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
        assert report.labels == count
        (clip,) = project.clips()
        assert project.labelled_keys() == tuple(FrameKey(clip.name, "ab".index(name)) for name in labelled)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_data_set_s_labels_come_beside_its_recordings_in_either_order(
    project: Project, tmp_path: Path, order: tuple[int, int]
) -> None:
    paths = stacks(tmp_path, 1)
    import_paths(project, paths, ImportOptions(), author="t", progress=Silent())
    key = FrameKey("stack 0", 1)
    project.commit(key, [Paint("lv", np.eye(8, 9, dtype=np.bool_))], author="ann")
    export_labels(project, "hdf5", tmp_path / "out", progress=Silent())
    both = [paths[0], tmp_path / "out" / "dataset.h5"]
    with Project.create(tmp_path / "other", project.protocol) as other:
        import_paths(other, [both[i] for i in order], ImportOptions(), author="t", progress=Silent())
        assert other.label(key) == project.label(key)
        assert other.provenance(key)["lv"].author == "ann"


def test_a_data_set_and_a_document_of_one_import_are_one_step_for_undo(project: Project, tmp_path: Path) -> None:
    """They were two: the first undo left half of the import."""
    clips = [add_moving_square(project, name) for name in ("one", "two")]
    (data_set, document) = (tmp_path / "hdf5" / "dataset.h5", tmp_path / "png" / "labels.json")
    for clip, file in zip(clips, (data_set, document), strict=True):
        outline_square(project, clip)
        export_labels(project, file.parent.name, file.parent, progress=Silent())
    with Project.create(tmp_path / "other", project.protocol) as other:
        for name in ("one", "two"):
            add_moving_square(other, name)
        report = import_paths(other, [data_set, document], ImportOptions(), author="t", progress=Silent())
        assert (report.known, report.labels, len(other.all_statuses())) == (1, 2, 2)
        other.undo(author="t")
        assert not any(other.all_statuses().values()), "nothing of it is left"
        assert other.undo_sentence is None


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_data_set_and_a_document_that_differ_are_refused_together(
    project: Project, tmp_path: Path, is_known: bool, replaces: bool
) -> None:
    """The data set's clips came before the document was refused, or each took the other's place at every import."""
    clip = add_moving_square(project, "one")
    (data_set, document) = (tmp_path / "hdf5" / "dataset.h5", tmp_path / "png" / "labels.json")
    for top, file in ((8, data_set), (12, document)):
        outline_square(project, clip, top=top)
        export_labels(project, file.parent.name, file.parent, progress=Silent())
    with Project.create(tmp_path / "other", project.protocol) as other:
        if is_known:
            import_paths(other, [data_set], ImportOptions(), author="t", progress=Silent())
        before = other.data_revision, other.clips(), files_of(other)
        options = ImportOptions(replace_labels=replaces)
        with pytest.raises(
            BadInput, match=r"labels\.json: it says something else of the 1st frame of 'one' than another file"
        ):
            import_paths(other, [data_set, document], options, author="t", progress=Silent())
        assert (other.data_revision, other.clips(), files_of(other)) == before


def test_what_is_said_of_a_clip_names_the_clip_where_several_come(project: Project, tmp_path: Path) -> None:
    """'Look whether they name the patient' was said once of a whole archive, and of no clip."""
    names = ("a.nii", "b.nii", "c.nii")
    for value, name in enumerate(names):
        image: Any = _NIFTI(np.full((9, 8), value, dtype=np.uint8), np.eye(4))
        image.header.set_xyzt_units("mm" if name == "c.nii" else "unknown")
        nibabel.save(image, tmp_path / name)
    paths = [tmp_path / name for name in names]
    report = import_paths(project, paths, ImportOptions(), author="a", progress=Silent())
    assert sum("names no unit" in sentence for sentence in report.warnings) == 1
    assert any(s.startswith("2 clips, such as a: The file names no unit") for s in report.warnings)
    assert any(s.startswith("3 clips, such as a: The file declares 1 x 1 mm") for s in report.warnings)
    alone = import_paths(project, paths[:1], ImportOptions(), author="a", progress=Silent())
    assert any(s.startswith("The file names no unit") for s in alone.warnings)


def test_a_real_cine_keeps_its_time_and_doubts_its_pixel_size(project: Project) -> None:
    cine = get_testdata_file("examples_ybr_color.dcm", download=False)
    assert isinstance(cine, str)
    report = import_paths(project, [Path(cine)], ImportOptions(), author="t", progress=Silent())
    (clip,) = project.clips()
    header = clip.header
    assert (report.frames, header.n_frames, header.shape) == (30, 30, (240, 320))
    assert np.allclose(np.diff(header.frame_times_ms), 33.3, atol=0.05)
    assert (header.spacing, header.spacing_status) == (None, SpacingStatus.DOUBTED)
    assert header.proposed_spacing is not None
    assert any("not to be trusted" in sentence for sentence in report.warnings)


PAIRS = [(f"patient{i:04d}", view, phase) for i in range(1, 6) for view in ("2CH", "4CH") for phase in ("ED", "ES")]


def lv_areas_cm2(folder: Path, rows: list[dict[str, object]]) -> dict[str, float]:
    """Import a manifest into a fresh project; the LV area of each clip by its name, in cm²."""
    (folder / "m.csv").parent.mkdir(exist_ok=True)
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    areas = {}
    values = {"lv": 1, "myo": 2, "la": 3}
    with Project.create(folder / "p", registry.protocol("apical")) as project:
        import_manifest(project, folder / "m.csv", values=values, author="t", progress=Silent())
        for clip in project.clips():
            areas[clip.name] = area_cm2(project, clip)
    return areas


def area_cm2(project: Project, clip: Clip) -> float:
    inside = project.label(FrameKey(clip.name, 0))["lv"].inside
    assert inside is not None
    assert clip.header.spacing is not None
    return float(np.count_nonzero(inside)) * clip.header.spacing.y * clip.header.spacing.x / 100.0


def test_areas_agree_between_anisotropic_metaimage_and_square_png(real_data: Path, tmp_path: Path) -> None:
    original, square = real_data / "camus_mhd_5", real_data / "camus_4ch_dev"
    if not (original.is_dir() and square.is_dir()):
        pytest.skip("no CAMUS frames beside the checkout (../shared/data)")
    names = [f"{patient}_{view}_{phase}" for patient, view, phase in PAIRS]
    mhd = [
        {
            "image": original / name[:11] / f"{name}.mhd",
            "patient": name[:11],
            "labels": original / name[:11] / f"{name}_gt.mhd",
            "known": "*",
        }
        for name in names
    ]
    with (square / "index.csv").open(encoding="utf-8") as file:
        index = [row for row in csv.DictReader(file) if row["name"] in names]
    png = [
        {
            "image": square / "images" / f"{row['name']}.png",
            "patient": row["patient"],
            "spacing_y_mm": row["spacing_y_mm"],
            "spacing_x_mm": row["spacing_x_mm"],
            "labels": square / "labels" / f"{row['name']}.png",
            "known": "*",
        }
        for row in index
    ]
    ours = lv_areas_cm2(tmp_path / "mhd", mhd)
    theirs = lv_areas_cm2(tmp_path / "png", png)
    assert len(ours) == 20
    assert len(theirs) == 10
    for name, area in theirs.items():
        assert ours[name] == pytest.approx(area, rel=0.02)
    assert all(5 < area < 80 for area in ours.values())


@pytest.mark.parametrize("is_manifest", [False, True])
def test_what_asks_for_no_split_goes_where_its_patient_is(
    project: Project, tmp_path: Path, *, is_manifest: bool
) -> None:
    first, second, third = stacks(tmp_path, 3)
    import_paths(project, [first], ImportOptions(split=Split.TEST), author="t", progress=Silent())
    if is_manifest:
        (tmp_path / "rows.csv").write_text(f"image\n{second.name}\n{third.name}\n")
        import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    else:
        import_paths(project, [second, third], ImportOptions(), author="t", progress=Silent())
    assert [clip.split for clip in project.clips()] == [Split.TEST] * 3
    other, asked = tmp_path / "other.tif", ImportOptions(split=Split.TRAIN)
    tifffile.imwrite(other, np.eye(8, 9, dtype=np.uint8), photometric="minisblack")
    with pytest.raises(BadInput, match="already in 'test'"):
        import_paths(project, [other], asked, author="t", progress=Silent())


@pytest.mark.parametrize("is_manifest", [False, True])
def test_another_split_the_second_time_is_told_of(project: Project, tmp_path: Path, *, is_manifest: bool) -> None:
    paths = stacks(tmp_path, 3)

    def import_as(split: Split | None) -> tuple[str, ...]:
        if not is_manifest:
            return import_paths(project, paths, ImportOptions(split=split), author="t", progress=Silent()).warnings
        rows = "".join(f"{p.name},{'p' if i < 2 else 'q'},{split or ''}\n" for i, p in enumerate(paths))
        (tmp_path / "rows.csv").write_text("image,patient,split\n" + rows)
        return import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent()).warnings

    before = {*import_as(None), *import_as(None), *import_as(Split.TRAIN)}
    told = [sentence for sentence in import_as(Split.TEST) if sentence not in before]
    assert {clip.split for clip in project.clips()} == {Split.TRAIN}
    others = ", and so are clips of 1 other patient" if is_manifest else ""
    assert told == [
        f"'stack 0' is in 'train' already and stays there, though the import says 'test'{others}; the clips' menu in "
        "the window, or 'annotator edit PROJECT CLIP --split test', moves its patient."
    ]
    for clip in project.clips():
        project.update_clip(clip.name, clip.header, author="t", split=Split.TEST)
    assert {*import_as(Split.TEST), *import_as(None)} <= before


def test_that_clips_stay_with_their_first_patient_is_told(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 3)

    def told(options: ImportOptions, wanted: list[Path]) -> list[str]:
        report = import_paths(project, wanted, options, author="t", progress=Silent())
        return [sentence for sentence in report.warnings if "another patient" in sentence]

    assert not told(ImportOptions(patient_from="stem"), paths[:1])
    assert not told(ImportOptions(patient_from="stem"), paths[:1])
    assert not told(ImportOptions(), paths[1:])
    assert told(ImportOptions(patient_from="stem"), paths) == [
        "2 clips of the import counted for another patient already, and that stays; where it is wrong, the clips' menu "
        "in the window, or 'annotator edit PROJECT CLIP --patient P', says whose they are."
    ]


def test_recordings_follow_a_patient_who_was_put_together_with_another(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 3)
    by_stem = ImportOptions(patient_from="stem")
    import_paths(project, paths[:2], by_stem, author="t", progress=Silent())
    one, other = (clip.header.patient for clip in project.clips())
    project.update_clip("stack 1", project.clip("stack 1").header, author="t", split=Split.TEST)
    project.give_clips(["stack 0"], other, author="t")
    more = paths[2].replace(tmp_path / "stack 0.tiff")
    report = import_paths(project, [more], by_stem, author="t", progress=Silent())
    assert report.warnings[1:] == (
        f"1 clip came as a patient's whose clips were given to {other}, and went there too; where it is wrong, "
        "the clips' menu in the window, or 'annotator edit PROJECT CLIP --patient new', says so.",
    )
    assert {(clip.header.patient, clip.split) for clip in project.clips()} == {(other, Split.TEST)}
    assert one != other
    assert not import_paths(project, [more, paths[0]], by_stem, author="t", progress=Silent()).warnings[1:]


def test_recordings_of_a_patient_who_was_parted_are_kept_apart_as_the_most_of_those(
    project: Project, tmp_path: Path
) -> None:
    paths, by_folder = stacks(tmp_path, 4), ImportOptions(patient_from="folder")
    import_paths(project, paths[:2], by_folder, author="t", progress=Silent())
    came_as = project.clip("stack 0").header.patient
    project.part_clips(["stack 0", "stack 1"], author="t")
    project.update_clip("stack 1", project.clip("stack 1").header, author="t", split=Split.TEST)
    report = import_paths(project, paths[1:3], by_folder, author="t", progress=Silent())
    assert report.warnings[-1] == (
        "1 clip came as a patient whose clips were given to several others, and counts for one more patient, "
        "in 'test', until the clips' menu in the window, or 'annotator edit PROJECT CLIP --patient P', says whose "
        "it is."
    )
    assert (project.clip("stack 2").header.patient, project.clip("stack 2").split) == (came_as, Split.TEST)
    assert not import_paths(project, paths[3:], by_folder, author="t", progress=Silent()).warnings[1:]
    assert project.clip("stack 3").split is Split.TEST


@pytest.mark.parametrize(("form", "is_known"), [("png", False), ("hdf5", False), ("hdf5", True)])
def test_labels_that_come_back_keep_author_and_origin(
    project: Project, tmp_path: Path, form: str, *, is_known: bool
) -> None:
    paths = stacks(tmp_path, 1)
    import_paths(project, paths, ImportOptions(), author="Ada", progress=Silent())
    key, said = FrameKey("stack 0", 1), StructureLabel(LabelStatus.OUTLINED, np.eye(8, 9, dtype=np.bool_))
    model = project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False).id
    project.commit(key, [Assign("lv", said)], author="Ada", origin=Origin.ACCEPTED, snapshot=model)
    project.commit(key, [Paint("la", np.eye(8, 9, k=3, dtype=np.bool_))], author="Bob", origin=Origin.CORRECTED)
    project.commit(key, [PaintUnsure(np.eye(8, 9, k=6, dtype=np.bool_))], author="Cid")
    export_labels(project, form, tmp_path / "out", progress=Silent())
    files = [tmp_path / "out" / ("labels.json" if form == "png" else "dataset.h5")]
    with Project.create(tmp_path / "second", project.protocol) as second:
        if is_known:
            import_paths(second, paths, ImportOptions(), author="Eve", progress=Silent())
        import_paths(
            second, files if form == "hdf5" else [*paths, *files], ImportOptions(), author="Eve", progress=Silent()
        )
        assert second.label(key) == project.label(key)
        cells = {s: (by.author, by.origin, by.snapshot) for s, by in second.provenance(key).items()}
        expected = {"lv": ("Ada", Origin.ACCEPTED, None), "la": ("Bob", Origin.CORRECTED, None)}
        assert cells == {**expected, "unsure": ("Cid", Origin.DRAWN, None)}
        before = second.all_statuses()
    with Project.open(second.path) as again:
        assert again.all_statuses() == before


def test_images_that_come_back_with_an_export_are_what_they_were(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 3)
    options = ImportOptions(patient_from="stem")
    import_paths(project, paths, options, author="t", progress=Silent())
    header = project.clip("stack 1").header
    seen = replace(
        header,
        domain="north",
        spacing=Spacing(0.3, 0.4),
        spacing_status=SpacingStatus.CONFIRMED,
        ed_frames=(1,),
    )
    project.update_clip("stack 1", seen, author="t", split=Split.TEST)
    for name in ("stack 0", "stack 1"):
        absent = Assign("lv", StructureLabel(LabelStatus.ABSENT))
        project.commit(FrameKey(name, 0), [absent], author="t", origin=Origin.DRAWN)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    files = [*paths, tmp_path / "out" / "labels.json"]
    with Project.create(tmp_path / "second", project.protocol) as second:
        import_paths(second, files, options, author="t", progress=Silent())
        again = second.clip("stack 1")
        assert again.split is Split.TEST
        assert replace(again.header, patient=seen.patient) == seen
        assert second.clip("stack 0").split is second.clip("stack 2").split is Split.TRAIN
    with Project.create(tmp_path / "fourth", project.protocol) as fourth:
        # By themselves these files name no patient; what they are called in the export tells them apart.
        report = import_paths(fourth, files, ImportOptions(), author="t", progress=Silent())
        assert (fourth.clip("stack 0").header.patient, fourth.clip("stack 1").header) == (
            project.clip("stack 0").header.patient,
            seen,
        )
        assert fourth.clip("stack 2").header.patient == fourth.pseudonymiser.key(tmp_path.name)
        assert FOLDER_SENTENCE in report.warnings
    with Project.create(tmp_path / "third", project.protocol) as third:
        asked = ImportOptions(patient_from="stem", domain="south", split=Split.TRAIN)
        import_paths(third, files, asked, author="t", progress=Silent())
        assert (third.clip("stack 1").header.domain, third.clip("stack 1").split) == ("south", Split.TRAIN)


def test_images_of_one_name_come_back_as_their_own_patients(project: Project, tmp_path: Path) -> None:
    rows = ["image,patient,split,domain,absent"]
    for number, split in enumerate(("train", "test", "validation")):
        (tmp_path / f"P{number}").mkdir()
        tifffile.imwrite(tmp_path / f"P{number}" / "4ch.tif", np.full((8, 9), 9 + number, dtype=np.uint8))
        rows.append(f"P{number}/4ch.tif,P{number},{split},scanner {number},{'lv' if number else 'la'}")
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    images = sorted(tmp_path.glob("P*"), reverse=True)

    def said(of: Project) -> dict[str, tuple[object, ...]]:
        return {
            c.pixels: (c.split, c.header.patient, c.header.domain, of.label(FrameKey(c.name, 0)).structures)
            for c in of.clips()
        }

    with Project.create(tmp_path / "second", project.protocol) as second:
        files = [*images, tmp_path / "out" / "labels.json"]
        import_paths(second, files, ImportOptions(), author="t", progress=Silent())
        assert said(second) == said(project)
    with Project.create(tmp_path / "third", project.protocol) as third:
        files = [images[0], tmp_path / "out" / "labels.json"]
        with pytest.raises(BadInput, match="no clip here has its pixels"):
            import_paths(third, files, ImportOptions(), author="t", progress=Silent())
        assert third.clips() == ()


def test_labels_of_test_clips_that_fall_on_training_clips_are_told_of(project: Project, tmp_path: Path) -> None:
    paths = stacks(tmp_path, 1)
    import_paths(project, paths, ImportOptions(split=Split.TEST), author="t", progress=Silent())
    absent = Assign("lv", StructureLabel(LabelStatus.ABSENT))
    project.commit(FrameKey("stack 0", 0), [absent], author="t", origin=Origin.DRAWN)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    with Project.create(tmp_path / "second", project.protocol) as second:
        import_paths(second, paths, ImportOptions(), author="t", progress=Silent())
        report = import_paths(
            second, [tmp_path / "out" / "labels.json"], ImportOptions(), author="t", progress=Silent()
        )
        assert report.labels == 1
        (sentence,) = report.warnings
        assert sentence.startswith("'stack 0' is in 'train' already and stays there, though the import says 'test'; ")


@pytest.mark.parametrize("patient_from", ["file", "folder"])
def test_images_without_labels_come_back_as_those_of_their_patient(
    project: Project, tmp_path: Path, patient_from: PatientFrom
) -> None:
    for number, name in enumerate(("P0/a", "P0/b", "P1/a", "P1/b")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((8, 9), 9 + number, dtype=np.uint8))
    images, options = sorted(tmp_path.glob("P*")), ImportOptions(patient_from=patient_from)
    import_paths(project, images, options, author="t", progress=Silent())
    tested = project.clips()[1]
    project.update_clip(tested.name, tested.header, author="t", split=Split.TEST)
    for clip in project.clips()[1:3]:
        project.commit(
            FrameKey(clip.name, 0), [Assign("lv", StructureLabel(LabelStatus.ABSENT))], author="t", origin=Origin.DRAWN
        )
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    with Project.create(tmp_path / "second", project.protocol) as second:
        import_paths(second, [*images, tmp_path / "out" / "labels.json"], options, author="t", progress=Silent())
        assert [clip.split for clip in second.clips()] == [Split.TEST, Split.TEST, Split.TRAIN, Split.TRAIN]
        patients = [clip.header.patient for clip in second.clips()]
        assert patients[0] == patients[1] != patients[2] == patients[3]


def test_a_data_set_that_comes_back_keeps_its_test_clips(project: Project, tmp_path: Path) -> None:
    one, two = stacks(tmp_path, 2)
    rows = f"image,patient,split,absent\n{one.name},p,train,lv\n{two.name},q,test,lv\n"
    (tmp_path / "rows.csv").write_text(rows)
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    export_labels(project, "hdf5", tmp_path / "out", progress=Silent())
    with Project.create(tmp_path / "second", project.protocol) as second:
        import_paths(second, [tmp_path / "out" / "dataset.h5"], ImportOptions(), author="t", progress=Silent())
        assert {c.name: c.split for c in second.clips()} == {c.name: c.split for c in project.clips()}
        assert len(second.labelled_keys(splits=(Split.TEST,))) == 2


@pytest.mark.parametrize("form", ["png", "hdf5"])
def test_one_picture_under_two_patients_comes_back(project: Project, tmp_path: Path, form: str) -> None:
    (path,) = stacks(tmp_path, 1)
    (tmp_path / "a twin.tif").write_bytes(path.read_bytes())
    rows = f"image,patient,split,frame,absent\n{path.name},p,train,0,lv\na twin.tif,q,test,0,la\n"
    (tmp_path / "rows.csv").write_text(rows)
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    export_labels(project, form, tmp_path / "out", progress=Silent())
    if form == "png":
        files = [path, tmp_path / "a twin.tif", tmp_path / "out" / "labels.json"]
    else:
        files = [tmp_path / "out" / "dataset.h5"]

    def said(of: Project) -> dict[str, tuple[Split, str, object]]:
        return {c.name: (c.split, c.header.patient, of.label(FrameKey(c.name, 0)).structures) for c in of.clips()}

    before = said(project)
    for order in {tuple(files), (*files[1::-1], *files[2:])}:
        with Project.create(tmp_path / f"second {order[0].stem}", project.protocol) as second:
            for _ in range(2):
                import_paths(second, order, ImportOptions(), author="t", progress=Silent())
                assert said(second) == before
    report = import_paths(project, files, ImportOptions(), author="t", progress=Silent())
    assert (report.added, said(project)) == (0, before)


def test_of_equal_pictures_of_two_patients_each_is_known_as_its_own(project: Project, tmp_path: Path) -> None:
    (path,) = stacks(tmp_path, 1)
    twin = tmp_path / "q" / "twin.tif"
    twin.parent.mkdir()
    twin.write_bytes(path.read_bytes())
    (tmp_path / "rows.csv").write_text(f"image,patient,split\n{path.name},p,train\nq/twin.tif,q,test\n")
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    report = import_paths(project, [twin], ImportOptions(split=Split.TEST), author="t", progress=Silent())
    assert report.known == 1
    assert not [sentence for sentence in report.warnings if "already" in sentence]


def test_masks_that_come_back_take_nothing_from_the_labels(project: Project, tmp_path: Path) -> None:
    (path,) = stacks(tmp_path, 1)
    (tmp_path / "rows.csv").write_text(f"image,patient,frame,absent\n{path.name},p,1,\n")
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    key = FrameKey("stack 0", 1)
    one, rest = np.zeros((8, 9), dtype=np.bool_), np.zeros((8, 9), dtype=np.bool_)
    one[1:4, 1:4], rest[6, 6] = True, True
    project.commit(key, [Assign("lv", StructureLabel(LabelStatus.OUTLINED, one)), PaintUnsure(rest)], author="t")
    before = project.label(key)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    (mask,) = (tmp_path / "out").rglob("*.png")
    (tmp_path / "rows.csv").write_text(f"image,patient,frame,labels,known\n{path.name},p,1,{mask},lv\n")
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    assert project.label(key) == before
    project.undo(author="t")
    import_manifest(project, tmp_path / "rows.csv", values=None, author="t", progress=Silent())
    assert project.label(key)["lv"] == before["lv"]
    assert project.label(key).unsure is not None  # where nothing was known before


def squares(tmp_path: Path, project: Project, rows: slice) -> Path:
    """A mask of the LV in a project's first clip, and 255 elsewhere, with the manifest that names it."""
    (path,) = stacks(tmp_path, 1)
    mask = np.full((8, 9), 255, dtype=np.uint8)
    mask[rows, 2:5] = project.values["lv"]
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    (tmp_path / "rows.csv").write_text(f"image,patient,frame,labels,known\n{path.name},p,1,mask.tif,lv\n")
    return tmp_path / "rows.csv"


def test_a_mask_that_says_less_than_the_label_here_is_refused_before_a_clip_comes(
    project: Project, tmp_path: Path
) -> None:
    import_manifest(project, squares(tmp_path, project, slice(2, 6)), values=None, author="t", progress=Silent())
    key, inside = FrameKey("stack 0", 1), np.zeros((8, 9), dtype=np.bool_)
    inside[2:6, 2:5] = True
    outline = Assign("lv", StructureLabel(LabelStatus.OUTLINED, inside))
    project.commit(key, [outline, PaintUnsure(np.ones((8, 9), dtype=np.bool_), is_unsure=False)], author="t")
    rows = squares(tmp_path, project, slice(2, 4))
    tifffile.imwrite(tmp_path / "new.tif", np.zeros((8, 9), dtype=np.uint8))
    rows.write_text(f"{rows.read_text()}new.tif,q,0,,\n")
    before = project.label(key)
    with pytest.raises(ContradictingLabels, match=r"rows\.csv: 6 pixels"):
        import_manifest(project, rows, values=None, author="t", progress=Silent())
    assert (project.label(key), len(project.clips())) == (before, 1)
    report = import_manifest(project, rows, values=None, author="t", progress=Silent(), replace_labels=True)
    assert (report.added, report.replaced) == (1, 1)
    after = project.label(key)
    assert after["lv"].inside is not None
    assert int(after["lv"].inside.sum()) == 6
    assert after.unsure is not None
    assert after.unsure[4, 3], "what the mask does not know is no background"


@pytest.mark.parametrize("form", ["png", "hdf5"])
def test_corrected_labels_come_back_in_the_place_of_those_here(project: Project, tmp_path: Path, form: str) -> None:
    paths = stacks(tmp_path, 2)
    import_paths(project, paths, ImportOptions(patient_from="stem"), author="Ada", progress=Silent())
    keys = [FrameKey(f"stack {i}", 0) for i in range(2)]
    left, right = np.zeros((8, 9), dtype=np.bool_), np.zeros((8, 9), dtype=np.bool_)
    left[1:5, 1:4], right[1:6, 1:5] = True, True
    for key in keys:
        project.commit(key, [Assign("lv", StructureLabel(LabelStatus.OUTLINED, left))], author="Ada")
    export_labels(project, "hdf5", tmp_path / "for Bob", progress=Silent())
    with Project.create(tmp_path / "second", project.protocol) as second:
        sent = tmp_path / "for Bob" / "dataset.h5"
        import_paths(second, [sent], ImportOptions(), author="Bob", progress=Silent())
        second.commit(keys[0], [Assign("lv", StructureLabel(LabelStatus.OUTLINED, right))], author="Bob")
        second.commit(keys[1], [Assign("lv", UNKNOWN_LABEL), Paint("la", left)], author="Bob")
        export_labels(second, form, tmp_path / "back", progress=Silent())
    back = tmp_path / "back" / ("labels.json" if form == "png" else "dataset.h5")
    before = {key: project.label(key) for key in keys}
    with pytest.raises(ContradictingLabels, match=f"{back.name}: ") as refused:
        import_paths(project, [back], ImportOptions(), author="Eve", progress=Silent())
    assert (refused.value.replaceable, refused.value.left_out) == (((keys[0], "lv"),), ((keys[1], "la"),))
    report = import_paths(project, [back], ImportOptions(replace_labels=True), author="Eve", progress=Silent())
    assert report.replaced == 1
    assert [sentence for sentence in report.warnings if "draft" in sentence] == [
        "1 draft of the import, in 'stack 1', contradicts labels here and was left out: a draft replaces nothing until "
        "somebody finishes it."
    ]
    assert project.label(keys[0])["lv"] == StructureLabel(LabelStatus.OUTLINED, right)
    assert project.provenance(keys[0])["lv"].author == "Bob"
    assert project.label(keys[1]) == before[keys[1]], "what Bob cleared or did not finish stays"
    again = import_paths(project, [back], ImportOptions(replace_labels=True), author="Eve", progress=Silent())
    assert (again.labels, again.replaced) == (0, 0)
    project.undo(author="Ada")
    assert {key: project.label(key) for key in keys} == before


@pytest.mark.parametrize("form", ["png", "nifti", "metaimage", "hdf5"])
def test_masks_of_a_derived_structure_do_not_come_in_as_pictures(tmp_path: Path, form: str) -> None:
    protocol = registry.protocol("apical")
    said = "dataset.h5: it labels lv-epi" if form == "hdf5" else "out: it holds masks and no recording"
    with Project.create(tmp_path / "p", protocol) as project, Project.create(tmp_path / "other", protocol) as other:
        key = outline_square(project, add_moving_square(project, "one"))
        project.commit(key, [Assign("myo", StructureLabel(LabelStatus.ABSENT))], author="t")
        export_labels(project, form, tmp_path / "out", progress=Silent(), derived="lv-epi")
        with pytest.raises(BadInput, match=said):
            import_paths(other, [tmp_path / "out"], ImportOptions(), author="a", progress=Silent())
        assert other.clips() == ()


def test_everything_of_an_exports_folder_brings_its_labels_to_the_clips_that_are_there(tmp_path: Path) -> None:
    """As a shell's ``export/*`` names it: corrected labels come back, and masks do not come in as pictures."""
    protocol = registry.protocol("apical")
    with Project.create(tmp_path / "p", protocol) as project:
        clip = add_moving_square(project, "one")
        outline_square(project, clip)
        outline_square(project, clip, frame=1)
        export_labels(project, "png", tmp_path / "out", progress=Silent())
        project.commit(FrameKey(clip, 1), [Assign("lv", StructureLabel())], author="t")
        everything = sorted((tmp_path / "out").iterdir())
        report = import_paths(project, everything, ImportOptions(), author="a", progress=Silent())
        assert (len(project.clips()), report.added) == (1, 0)
        assert project.label(FrameKey(clip, 1))["lv"].status is LabelStatus.OUTLINED


def test_that_patients_of_a_data_set_are_others_than_the_same_ones_here_is_told(tmp_path: Path) -> None:
    """The rest of a test patient, imported from a folder later, went to training under another pseudonym, unsaid."""
    protocol = registry.protocol("apical")
    paths = stacks(tmp_path, 2)
    images, told = ImportOptions(split=Split.TEST), "go by the pseudonyms of the project that exported them"
    with Project.create(tmp_path / "p", protocol) as project:
        import_paths(project, paths, images, author="a", progress=Silent())
        for clip in project.clips():
            project.commit(FrameKey(clip.name, 0), [Assign("lv", StructureLabel(LabelStatus.ABSENT))], author="t")
        for form in ("png", "hdf5"):
            export_labels(project, form, tmp_path / form, progress=Silent())
        again = import_paths(project, [tmp_path / "hdf5"], ImportOptions(), author="a", progress=Silent())
        assert told not in "".join(again.warnings)
    data_set, labels = [tmp_path / "hdf5"], [*paths, tmp_path / "png" / "labels.json"]
    cases: tuple[tuple[list[Path], PatientFrom, bool], ...] = (
        (data_set, "file", True),
        (labels, "file", True),
        (data_set, "folder", False),
        (labels, "folder", False),
    )
    for number, (given, patient_from, is_told) in enumerate(cases):
        with Project.create(tmp_path / f"other {number}", protocol) as other:
            options = ImportOptions(patient_from=patient_from)
            report = import_paths(other, given, options, author="a", progress=Silent())
            sentences = [s for s in report.warnings if told in s]
            assert [s.startswith("The patients of 2 clips ") for s in sentences] == [True] * is_told


def test_a_manifest_that_names_patients_otherwise_than_their_files_is_told_of(project: Project, tmp_path: Path) -> None:
    cine = get_testdata_file("examples_ybr_color.dcm")
    assert isinstance(cine, str)
    nameless = pydicom.dcmread(cine)
    nameless.PatientID = ""
    nameless.save_as(tmp_path / "nameless.dcm")
    rows = [f"{cine},P1,test", f"{tmp_path / 'nameless.dcm'},P2,test", f"{stacks(tmp_path, 1)[0]},P3,train"]
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(["image,patient,split", *rows]))
    report = import_manifest(project, manifest, values=None, author="a", progress=Silent())
    assert sum("1 file of the manifest names the patient otherwise" in s for s in report.warnings) == 1
    assert not any("names no patient" in s for s in report.warnings), "the manifest names it"
    one = pydicom.dcmread(cine).PatientID
    manifest.write_text("\n".join(["image,patient,split", f"{cine},{one},test"]))
    with Project.create(tmp_path / "other", registry.protocol("apical")) as other:
        alike = import_manifest(other, manifest, values=None, author="a", progress=Silent())
        assert not any("otherwise" in s for s in alike.warnings)


def test_a_manifest_without_patients_leaves_those_that_files_name(project: Project, tmp_path: Path) -> None:
    """All DICOM clips of a folder became one patient, and came in twice where the project had them."""
    cine = get_testdata_file("examples_ybr_color.dcm")
    assert isinstance(cine, str)
    made = pydicom.dcmread(cine)
    for name, patient in (("one", "A"), ("nobody", "")):
        made.PatientID, made.SOPInstanceUID = patient, f"1.2.{len(name)}"
        made.save_as(tmp_path / f"{name}.dcm")
    manifest = tmp_path / "m.csv"
    manifest.write_text("image\none.dcm\n")
    import_manifest(project, manifest, values=None, author="a", progress=Silent())
    assert [clip.header.patient for clip in project.clips()] == [project.pseudonymiser.key("A")]
    with Project.create(tmp_path / "other", registry.protocol("apical")) as other:
        import_paths(other, [tmp_path / "nobody.dcm"], ImportOptions(), author="a", progress=Silent())
        manifest.write_text("image\nnobody.dcm\n")
        report = import_manifest(other, manifest, values=None, author="a", progress=Silent())
        assert (report.added, report.known, len(other.clips())) == (0, 1, 1)
        manifest.write_text("image,patient\nnobody.dcm,P\n")
        assert import_manifest(other, manifest, values=None, author="a", progress=Silent()).added == 0
        assert [clip.header.patient for clip in other.clips()] == [other.pseudonymiser.key("P")]


def test_a_manifest_without_patients_splits_by_those_that_files_name(project: Project, tmp_path: Path) -> None:
    cine = get_testdata_file("examples_ybr_color.dcm")
    assert isinstance(cine, str)
    made = pydicom.dcmread(cine)
    for number, patient in enumerate(("A", "B", "A")):
        made.PatientID, made.SOPInstanceUID = patient, f"1.2.{number}"
        made.save_as(tmp_path / f"{number}.dcm")
    manifest = tmp_path / "m.csv"
    manifest.write_text("image,split\n0.dcm,train\n2.dcm,test\n")
    with pytest.raises(BadInput, match=r"m\.csv.* '0\.dcm' and '2\.dcm' are of one patient and in two splits"):
        import_manifest(project, manifest, values=None, author="a", progress=Silent())
    picture = stacks(tmp_path, 2)
    manifest.write_text(f"image,split\n0.dcm,train\n1.dcm,test\n{picture[0]},train\n{picture[1]},test\n")
    with pytest.raises(BadInput, match=r"'stack 0\.tif' and 'stack 1\.tif' are of one patient"):
        import_manifest(project, manifest, values=None, author="a", progress=Silent())
    manifest.write_text("image,split\n0.dcm,train\n1.dcm,test\n")
    import_manifest(project, manifest, values=None, author="a", progress=Silent())
    assert {clip.header.patient: clip.split for clip in project.clips()} == {
        project.pseudonymiser.key("A"): Split.TRAIN,
        project.pseudonymiser.key("B"): Split.TEST,
    }
