"""Commands on data: new, import, status, export, check, remove, simulate."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from annotator.project import Project
from annotator.testing.commands import command


def test_new_says_what_the_protocol_labels(tmp_path: Path) -> None:
    made = command("new", tmp_path / "a study", "--protocol", "apical", "--json").json
    assert made["structures"] == ["lv", "myo", "la", "rv", "ra"]
    assert made["protocol"] == "apical"


def test_new_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    ran = command("new", tmp_path, "--protocol", "apical")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {tmp_path}: ")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_status_counts_by_split(study: Path) -> None:
    said = command("status", study, "--json").json
    assert (said["clips"], said["frames"], said["snapshot"]) == (7, 9, None)
    assert said["labels"]["lv"] == {"outlined": 4}
    assert said["labels"]["la"] == {"absent": 3}
    assert said["labels"]["myo"] == {"outlined": 4}
    assert said["labels"]["rv"] == {}
    assert said["test_labels"]["lv"] == {"outlined": 1}
    assert said["test_labels"]["la"] == {"absent": 1}
    assert said["by_domain"]["other scanner"]["clips"] == 1
    assert isinstance(said["revision"], int)


def test_status_for_a_person_shows_test_labels_apart(study: Path) -> None:
    lines = command("status", study).out.splitlines()
    assert lines[0].startswith("7 clips, 9 frames, revision ")
    assert sum(line.startswith("lv ") for line in lines) == 2


def test_importing_the_same_again_adds_nothing(study: Path, data_set: Path) -> None:
    before = command("status", study, "--json").json
    manifest = command(
        "import", study, "--manifest", data_set / "manifest.csv", "--values", "lv=1,myo=2,la=3", "--json"
    )
    assert (manifest.json["added"], manifest.json["known"], manifest.json["labels"]) == (0, 7, 0)
    folder = command("import", study, data_set / "anna.png", data_set / "clip.tif", "--json")
    assert (folder.json["added"], folder.json["known"]) == (0, 2)
    assert command("status", study, "--json").json == before


def test_values_of_a_manifest_are_kept(study: Path) -> None:
    with Project.open(study, read_only=True) as project:
        assert dict(project.values) == {"lv": 1, "myo": 2, "la": 3, "rv": 4, "ra": 5}


def test_a_manifest_may_give_other_values(tmp_path: Path, data_set: Path) -> None:
    command("new", tmp_path / "other", "--protocol", "apical")
    ran = command("import", tmp_path / "other", "--manifest", data_set / "manifest.csv", "--values", "myo=1,lv=2")
    assert ran.status == 0
    with Project.open(tmp_path / "other", read_only=True) as project:
        assert dict(project.values) == {"lv": 2, "myo": 1, "la": 3, "rv": 4, "ra": 5}


def test_a_folder_is_imported_with_what_the_user_says(tmp_path: Path, data_set: Path) -> None:
    command("new", tmp_path / "p", "--protocol", "apical")
    words = ("--domain", "north", "--view", "2CH", "--patient-from", "stem", "--split", "test")
    added = command("import", tmp_path / "p", data_set / "anna.png", data_set / "bert.png", *words, "--json").json
    assert added["clips"] == ["anna", "bert"]
    with Project.open(tmp_path / "p", read_only=True) as project:
        anna, bert = project.clips()
    assert (anna.header.domain, anna.header.view, anna.split) == ("north", "a2c", "test")
    assert anna.header.patient != bert.header.patient
    assert command("import", tmp_path / "p", data_set / "anna.png", "--view", "Jane Doe").status == 1


def test_damaged_files_of_a_folder_are_left_out_where_asked(tmp_path: Path, data_set: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    shutil.copy(data_set / "anna.png", folder)
    (folder / "torn.png").write_bytes((data_set / "bert.png").read_bytes()[:40])
    command("new", tmp_path / "p", "--protocol", "apical")
    refused = command("import", tmp_path / "p", folder)
    assert refused.status == 1
    assert command("status", tmp_path / "p", "--json").json["clips"] == 0
    added = command("import", tmp_path / "p", folder, "--skip-damaged", "--json")
    assert added.status == 0
    assert added.json["clips"] == ["anna"]
    assert [str(folder / "torn.png") in sentence for sentence in added.json["left_out"]] == [True]
    assert command("import", tmp_path / "p", "--manifest", data_set / "manifest.csv", "--skip-damaged").status == 2


def test_a_contradiction_leaves_the_new_clips_out_too(study: Path, data_set: Path, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    shutil.copy(data_set / "anna.png", folder)
    image = np.asarray(Image.open(data_set / "anna.png"))
    Image.fromarray(255 - image).save(folder / "new.png")
    Image.fromarray(np.ones_like(image)).save(folder / "all.png")
    rows = "image,patient,labels,known\nnew.png,new,all.png,lv\nanna.png,anna,all.png,lv\n"
    (folder / "rows.csv").write_text(rows)
    before = command("status", study, "--json").json
    ran = command("import", study, "--manifest", folder / "rows.csv")
    assert ran.status == 1
    assert ran.err.startswith(f"error: {folder / 'rows.csv'}: ")
    assert "pixels of the 1st frame of 'anna'" in ran.err
    assert command("status", study, "--json").json == before
    assert len(list((study / "clips").iterdir())) == 7


def test_labels_that_contradict_replace_those_here_where_asked(study: Path, data_set: Path, tmp_path: Path) -> None:
    shutil.copy(data_set / "anna.png", tmp_path)
    shape = np.asarray(Image.open(data_set / "anna.png")).shape
    Image.fromarray(np.ones(shape, dtype=np.uint8)).save(tmp_path / "all.png")
    (tmp_path / "rows.csv").write_text("image,patient,labels,known\nanna.png,anna,all.png,lv\n")
    words = ("import", study, "--manifest", tmp_path / "rows.csv", "--author", "B. Senior")
    refused = command(*words)
    assert (refused.status, "--replace-labels" in refused.err) == (1, True)
    before = labels_of(study)
    brought = command(*words, "--replace-labels", "--json").json
    assert (brought["added"], brought["labels"], brought["replaced"]) == (0, 1, 1)
    again = command(*words, "--replace-labels")
    assert again.out == "Added 0 clips (0 frames) and 0 labels. 1 were there already.\n"
    with Project.open(study) as project:
        assert project.provenance(project.clip("anna").frame_keys[0])["lv"].author == "B. Senior"
        project.undo(author="A. Reader")
    assert labels_of(study) == before
    assert command(*words, "--replace-labels").out.endswith(" Replaced 1 label that contradicted them.\n")


@pytest.mark.parametrize("stop", [0, 1])
def test_ctrl_c_leaves_an_import_undone(
    study: Path, tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = np.arange(3 * 24 * 32, dtype=np.uint8).reshape(3, 24, 32)
    for name in ("one", "two"):
        tifffile.imwrite(tmp_path / f"{name}.tif", pages + len(name) + (name == "two"), photometric="minisblack")

    def interrupt(_self: object, done: int, _total: int, _sentence: str) -> None:
        if done == stop:
            raise KeyboardInterrupt

    before = (command("status", study, "--json").json, sorted(study.rglob("*.h5*")))
    monkeypatch.setattr("annotator.cli.output._BarProgress.update", interrupt)
    ran = command("import", study, tmp_path / "one.tif", tmp_path / "two.tif")
    assert (ran.status, ran.out) == (130, "")
    assert "nothing half-written" in ran.err
    monkeypatch.undo()
    assert (command("status", study, "--json").json, sorted(study.rglob("*.h5*"))) == before
    assert not list(study.rglob("*.part"))


@pytest.mark.parametrize("name", ["png", "nifti", "metaimage", "hdf5"])
def test_export_writes_each_format(study: Path, tmp_path: Path, name: str) -> None:
    wrote = command("export", study, "--format", name, "--out", tmp_path / "aus gabe", "--json").json
    assert wrote["files"]
    assert all(Path(file).is_file() for file in wrote["files"])
    if name in ("nifti", "metaimage"):
        assert wrote["dropped"]


@pytest.mark.parametrize("name", ["png", "nifti", "metaimage"])
def test_masks_are_exported_though_frames_are_missing(study: Path, tmp_path: Path, name: str) -> None:
    sound = command("export", study, "--format", name, "--out", tmp_path / "sound", "--json").json
    next((study / "clips").glob("*.h5")).unlink()
    wrote = command("export", study, "--format", name, "--out", tmp_path / "out", "--json").json
    assert [Path(file).read_bytes() for file in wrote["files"]] == [Path(file).read_bytes() for file in sound["files"]]


def test_png_export_is_one_indexed_png_per_labelled_frame(study: Path, tmp_path: Path) -> None:
    command("export", study, "--format", "png", "--out", tmp_path / "out")
    names = sorted(p.stem for p in (tmp_path / "out").rglob("*.png"))
    assert names == sorted(["anna", "bert", "clara", "dora", "émile ü", "clip_00000", "clip_00001"])
    mask = np.asarray(Image.open(tmp_path / "out" / "dora.png"))
    assert mask.shape == (24, 32)
    assert set(np.unique(mask)) == {1, 2, 255}  # rv and ra were not known, so nothing is background


def test_a_derived_structure_is_exported_in_place_of_all(study: Path, tmp_path: Path) -> None:
    command("export", study, "--format", "png", "--out", tmp_path / "all")
    wrote = command("export", study, "--format", "png", "--derived", "lv-epi", "--out", tmp_path / "epi", "--json").json
    masks = {Path(file).name: np.asarray(Image.open(file)) for file in wrote["files"] if file.endswith(".png")}
    assert masks
    for name, mask in masks.items():
        plain = np.asarray(Image.open(tmp_path / "all" / name))
        assert np.array_equal(mask == 1, np.isin(plain, (1, 2)))
    assert any((mask == 255).any() for mask in masks.values()), "what nobody knows is not called background"
    refused = command("export", study, "--derived", "lv-endo", "--out", tmp_path / "none")
    assert (refused.status, refused.err.count("\n"), "lv-epi" in refused.err) == (1, 1, True)
    assert not (tmp_path / "none").exists()


def labels_of(path: Path) -> dict[str, object]:
    with Project.open(path, read_only=True) as project:
        keys = [key for clip in project.clips() for key in clip.frame_keys]
        return {f"{key.clip} {key.frame}": project.label(key) for key in keys}


def test_exported_labels_come_back_into_a_second_project(study: Path, data_set: Path, tmp_path: Path) -> None:
    command("export", study, "--format", "png", "--out", tmp_path / "out")
    second = tmp_path / "second"
    command("new", second, "--protocol", "apical")
    images = [path for path in data_set.iterdir() if "mask" not in path.name and path.suffix in (".png", ".tif")]
    brought = command("import", second, *images, tmp_path / "out" / "labels.json", "--json").json
    assert brought["added"] == 7
    assert brought["labels"] == 4 + 3 + 4 + 3
    assert labels_of(second) == labels_of(study)
    again = command("import", second, tmp_path / "out" / "labels.json", "--json").json
    assert again["labels"] == 0


def test_a_data_set_file_restores_a_whole_project(study: Path, tmp_path: Path) -> None:
    command("export", study, "--format", "hdf5", "--out", tmp_path / "out")
    second = tmp_path / "second"
    command("new", second, "--protocol", "apical")
    named = sorted((tmp_path / "out").iterdir())
    assert {file.suffix for file in named} == {".h5", ".json"}
    assert command("import", second, *named).status == 0, "its own list of files is no labels.json"
    said, restored = labels_of(study), labels_of(second)
    assert restored == {name: label for name, label in said.items() if name in restored}
    assert {name for name in said if not name.startswith("frank")} == set(restored)


def test_labels_without_their_images_are_refused(study: Path, tmp_path: Path) -> None:
    command("export", study, "--format", "png", "--out", tmp_path / "out")
    command("new", tmp_path / "second", "--protocol", "apical")
    ran = command("import", tmp_path / "second", tmp_path / "out" / "labels.json")
    assert ran.status == 1
    assert ran.err.startswith(f"error: {tmp_path / 'out' / 'labels.json'}: ")


@pytest.mark.parametrize(
    "words", [("--split", "test"), ("--domain", "d"), ("--view", "a4c"), ("--patient-from", "stem")]
)
def test_what_a_manifest_says_itself_is_not_asked_beside_it(tmp_path: Path, data_set: Path, words: list[str]) -> None:
    project = tmp_path / "p"
    command("new", project, "--protocol", "apical")
    ran = command("import", project, "--manifest", data_set / "manifest.csv", "--values", "lv=1,myo=2,la=3", *words)
    assert (ran.status, ran.out) == (2, "")
    assert command("status", project, "--json").json["clips"] == 0
    assert command("import", project, data_set / "anna.png", "--values", "lv=1").status == 2


def test_nothing_is_salvaged_into_a_project(study: Path) -> None:
    ran = command("check", study, "--salvage", study / "inside")
    assert (ran.status, ran.out) == (1, "")
    assert not (study / "inside").exists()


def test_check_finds_a_sound_project_sound(study: Path) -> None:
    assert command("check", study, "--json").json == {"sound": True, "problems": []}


def test_check_names_files_that_an_interrupted_import_left(study: Path) -> None:
    file = next((study / "clips").glob("*.h5"))
    (study / "clips" / f"{'0' * 64}.h5").write_bytes(file.read_bytes())
    ran = command("check", study)
    assert (ran.status, ran.out) == (0, "Everything is sound.\n")
    assert ran.err.startswith(f"There is 1 file of frames, such as clips/{'0' * 64}.h5, that no clip has, ")


def test_check_names_a_damaged_clip_whose_labels_are_salvaged(study: Path, data_set: Path, tmp_path: Path) -> None:
    damaged = sorted((study / "clips").glob("*.h5"))[0]
    damaged.write_bytes(damaged.read_bytes()[:300])
    ran = command("check", study, "--json")
    assert ran.status == 1
    said = json.loads(ran.out)
    assert not said["sound"]
    assert len(said["problems"]) == 1
    assert len(ran.err.splitlines()) == 1
    assert "--salvage" in ran.err
    before = command("status", study, "--json").json
    saved = command("check", study, "--salvage", tmp_path / "saved", "--json")
    assert saved.json["clips"] == 7
    assert command("status", tmp_path / "saved", "--json").json == before
    assert command("check", tmp_path / "saved").status == 1
    command("import", tmp_path / "saved", *data_set.glob("*.png"), *data_set.glob("*.tif"))
    assert command("check", tmp_path / "saved").status == 0


def test_a_data_set_is_exported_without_what_is_damaged_where_asked(study: Path, tmp_path: Path) -> None:
    damaged = sorted((study / "clips").glob("*.h5"))[0]
    damaged.write_bytes(damaged.read_bytes()[:300])
    out = tmp_path / "set"
    refused = command("export", study, "--format", "hdf5", "--out", out)
    assert (refused.status, out.exists()) == (1, False)
    said = command("export", study, "--format", "hdf5", "--out", out, "--skip-damaged", "--json").json
    assert said["dropped"][0].startswith("Left out ")
    assert (out / "dataset.h5").is_file()


def test_remove_erases_a_patient_and_marks_models(trained: Path) -> None:
    gone = command("remove", trained, "--patient", "gerda", "--json").json
    assert gone["clips"] == ["clip"]
    assert gone["tainted_snapshots"] == [1]
    said = command("status", trained, "--json").json
    assert (said["clips"], said["snapshot"]) == (6, None)
    again = command("remove", trained, "--patient", "gerda")
    assert again.status == 1
    assert again.err.startswith("error: ")


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_simulate_is_deterministic_and_imports(tmp_path: Path) -> None:
    words = ("--patients", 2, "--domains", "vendor-a,vendor-b", "--frames", 2, "--seed")
    made = command("simulate", tmp_path / "one", *words, 5, "--json").json
    command("simulate", tmp_path / "two", *words, 5)
    command("simulate", tmp_path / "three", *words, 6)
    assert made["clips"] == 2
    one, two, three = (digests(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three
    assert len(one) == 5
    with (tmp_path / "one" / "manifest.csv").open(encoding="utf-8") as file:
        assert [row["domain"] for row in csv.DictReader(file)] == ["vendor-a", "vendor-b"]
    command("new", tmp_path / "p", "--protocol", "apical")
    values = ",".join(f"{name}={value}" for name, value in made["values"].items())
    added = command("import", tmp_path / "p", "--manifest", made["manifest"], "--values", values, "--json").json
    assert (added["added"], added["frames"], added["labels"]) == (2, 4, 20)


def test_simulate_names_the_domains_that_there_are(tmp_path: Path) -> None:
    ran = command("simulate", tmp_path / "out", "--domains", "nowhere")
    assert ran.status == 1
    assert "vendor-a" in ran.err
    assert not (tmp_path / "out").exists()
