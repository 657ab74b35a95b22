"""Commands on the model: next, train, predict, evaluate, export-weights."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from annotator.learn import publish_policy
from annotator.learn.publish_policy import Decision
from annotator.testing.commands import command

TINY = ("--set", "data.image_size=32", "--set", "network.options.width=8")
STEMS = ["anna", "bert", "clara", "clip_00000", "clip_00001", "clip_00002", "dora", "frank", "émile ü"]


def test_training_goes_on_where_it_stopped(trained: Path) -> None:
    assert command("status", trained, "--json").json["snapshot"] == 1
    more = command("train", trained, "--steps", 3, *TINY, "--json").json
    assert (more["step"], more["steps"]) == (5, 3)
    assert more["snapshot"] == command("status", trained, "--json").json["snapshot"]
    assert more["seconds"] > 0
    assert set(more["dice"]) <= {"lv", "myo", "la", "rv", "ra"}


def test_training_that_brings_no_model_says_so(study: Path) -> None:
    # The shipped weights know the structures, and at a rate of 1 what comes of them knows nothing.
    words = ("train", study, "--steps", 3, "--set", "fine_tuning.learning_rate=1", "--set", "optimiser.warm_up_steps=0")
    ran = command(*words, "--set", "data.image_size=32")
    assert (ran.status, command("snapshots", study, "--json").json["snapshots"]) == (0, [])
    assert "no new snapshot.\nKept back: mean Dice" in ran.out
    assert "not validated" not in ran.out


def test_snapshots_say_where_they_came_from(trained: Path) -> None:
    (found,) = command("snapshots", trained, "--json").json["snapshots"]
    assert (found["snapshot"], found["step"], found["recipe"]) == (1, 2, "default")
    assert set(found["lineage"]) == {"start", "changes", "calibration"}
    said = command("snapshots", trained).out
    assert "Snapshot 1, step 2, recipe default" in said
    assert "Training began from nothing." in said
    changed = "data.image_size = 32, network.options.width = 8"
    assert f"The recipe was changed for the run that published it: {changed}." in said


def test_minutes_are_a_budget_too(study: Path) -> None:
    assert command("train", study, "--minutes", 0.01, *TINY, "--json").json["steps"] >= 1


@pytest.mark.parametrize(
    "words",
    [
        ("--steps", "1", "--minutes", "1"),
        (),
        ("--steps", "0"),
        ("--steps", "1", "--set", "teacher.weight"),
        ("--steps", "1", "--seed", str(2**64)),
        ("--steps", "1", "--seed=-1"),
    ],
)
def test_usage_errors_of_train(study: Path, words: tuple[str, ...]) -> None:
    ran = command("train", study, *words)
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize("name", ["meta", "hpu", "cuda:99", ""])
def test_a_device_that_this_machine_lacks_is_one_sentence(study: Path, name: str) -> None:
    ran = command("train", study, "--steps", 1, "--device", name)
    assert (ran.status, ran.err) == (1, f"error: This machine has no device '{name}'; choose 'auto' or 'cpu'.\n")


def test_an_unknown_recipe_option_is_refused(study: Path) -> None:
    ran = command("train", study, "--steps", 1, "--set", "teacher.wait=3")
    assert ran.status == 1
    assert "teacher.wait" in ran.err


def test_labels_of_test_clips_train_nothing(tmp_path: Path, data_set: Path) -> None:
    project = tmp_path / "p"
    command("new", project, "--protocol", "apical")
    rows = "image,patient,labels,known,split\nanna.png,anna,anna mask.png,lv,test\nbert.png,bert,,,train\n"
    for name in ("anna.png", "anna mask.png", "bert.png"):
        shutil.copy(data_set / name, tmp_path)
    (tmp_path / "rows.csv").write_text(rows)
    said = command("import", project, "--manifest", tmp_path / "rows.csv", "--values", "lv=1,myo=2,la=3", "--json").json
    assert said["labels"] == 1
    ran = command("train", project, "--steps", 1, *TINY)
    assert ran.status == 1
    assert "no training clip has a finished label" in ran.err
    assert command("status", project, "--json").json["test_labels"]["lv"] == {"outlined": 1}


def test_next_lists_what_to_label(trained: Path) -> None:
    items = command("next", trained, "-n", 4, "--json").json
    assert 1 <= len(items) <= 4
    assert all(set(item) == {"clip", "frame", "structure", "score", "reason"} for item in items)
    assert all(item["clip"] != "émile ü" for item in items)
    assert all(isinstance(item["frame"], int) and item["reason"] for item in items)


def test_next_does_not_say_that_all_is_labelled_where_there_is_nothing_to_teach_with(tmp_path: Path) -> None:
    command("new", tmp_path / "empty", "--protocol", "apical")
    assert command("next", tmp_path / "empty").out.strip() == "Nothing is left to label that would teach the model."


def test_predict_writes_one_indexed_png_per_frame(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "Vorher sagen"
    said = command("predict", trained, "--out", out, "--json").json
    assert said == {"frames": 9, "out": str(out), "snapshot": 1, "strange": [], "passed_over": []}
    assert sorted(p.name for p in out.iterdir()) == sorted([*(f"{stem}.png" for stem in STEMS), "predictions.csv"])
    for stem in STEMS:
        with Image.open(out / f"{stem}.png") as image:
            assert (image.mode, image.size) == ("P", (32, 24))
            assert set(np.unique(np.asarray(image))) <= {0, 1, 2, 3, 4, 5}
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["image"] for row in rows) == sorted(STEMS)
    assert list(rows[0]) == ["image", "lv", "myo", "la", "rv", "ra"]
    assert all(0 <= float(row["lv"]) <= 1 for row in rows)


def test_predicting_a_split_again_leaves_only_that_split(trained: Path, tmp_path: Path) -> None:
    command("predict", trained, "--out", tmp_path / "out")
    said = command("predict", trained, "--split", "test", "--out", tmp_path / "out", "--json").json
    assert said["frames"] == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["predictions.csv", "émile ü.png"]


def test_predictions_do_not_fall_among_other_pngs(trained: Path, data_set: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    kept = shutil.copy(data_set / "anna.png", tmp_path / "images")
    ran = command("predict", trained, "--out", tmp_path / "images")
    assert ran.status == 1
    assert ran.err.startswith(f"error: {tmp_path / 'images'}: ")
    assert Path(kept).read_bytes() == (data_set / "anna.png").read_bytes()
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_predict_before_training_uses_the_starting_weights(study: Path, tmp_path: Path) -> None:
    said = command("predict", study, "--out", tmp_path / "out", "--json").json
    assert said["snapshot"] is None
    assert len(list((tmp_path / "out").glob("*.png"))) == said["frames"]


def test_predict_before_training_is_an_error_where_no_weights_know_the_structures(
    data_set: Path, tmp_path: Path
) -> None:
    command("new", tmp_path / "study", "--protocol", "two-structures")
    command("import", tmp_path / "study", data_set / "anna.png")
    ran = command("predict", tmp_path / "study", "--out", tmp_path / "out")
    assert ran.status == 1
    assert "no model yet" in ran.err
    assert not (tmp_path / "out").exists()


def test_weights_alone_predict_files_as_the_project_does(trained: Path, data_set: Path, tmp_path: Path) -> None:
    command("export-weights", trained, "--out", tmp_path / "a model.safetensors")
    images = [data_set / "anna.png", data_set / "clip.tif"]
    words = ("--weights", tmp_path / "a model.safetensors", "--out", tmp_path / "files")
    assert command("predict", *images, *words, "--json").json["frames"] == 4
    assert sorted(p.stem for p in (tmp_path / "files").glob("*.png")) == STEMS[:1] + STEMS[3:6]
    assert command("predict", trained, "--out", tmp_path / "project").status == 0
    ours, theirs = (np.asarray(Image.open(tmp_path / f / "anna.png")) for f in ("files", "project"))
    assert ours.shape == theirs.shape


def test_files_need_weights(data_set: Path, tmp_path: Path) -> None:
    ran = command("predict", data_set / "anna.png", "--out", tmp_path / "out")
    assert ran.status == 1
    assert "--weights" in ran.err


def test_a_damaged_image_among_files_leaves_no_predictions(trained: Path, data_set: Path, tmp_path: Path) -> None:
    command("export-weights", trained, "--out", tmp_path / "m.safetensors")
    (tmp_path / "zz.png").write_bytes((data_set / "anna.png").read_bytes()[:60])
    words = ("--weights", tmp_path / "m.safetensors", "--out", tmp_path / "out")
    ran = command("predict", data_set / "anna.png", tmp_path / "zz.png", *words)
    assert ran.status == 1
    assert ran.err.startswith(f"error: {tmp_path / 'zz.png'}: ")
    assert not (tmp_path / "out").exists()


def test_evaluate_gives_each_structure_by_domain_and_view(trained: Path) -> None:
    said = command("evaluate", trained, "--split", "train", "--json").json
    assert set(said) == {
        "structures", "mean_dice", "by_domain", "by_view", "frames", "labels", "labels_from_suggestions", "snapshot",
        "passed_over",
    }  # fmt: skip
    assert said["structures"]["lv"]["patients"] == 3
    assert said["structures"]["myo"]["patients"] == 2
    low, high = said["structures"]["lv"]["ci95"]
    assert 0 <= low <= said["structures"]["lv"]["dice"] <= high <= 1
    assert set(said["by_domain"]) == {"other scanner", "scanner"}
    assert set(said["by_view"]) == {"a4c"}
    means = [found["dice"] for found in said["structures"].values()]
    assert said["mean_dice"] == pytest.approx(np.mean(means))


def test_evaluate_looks_at_test_clips_by_default(trained: Path) -> None:
    said = command("evaluate", trained, "--json").json
    assert said["frames"] == 1
    assert set(said["by_view"]) == {"a2c"}
    tested = command("evaluate", trained).out
    assert "Mean Dice of snapshot 1: " in tested
    assert not re.search(r"\d to \d", tested), "one patient has no interval"
    assert "flatters" not in tested
    assert "The model learns from this split" in command("evaluate", trained, "--split", "train").out


def test_that_the_starting_weights_stand_in_is_said(study: Path, tmp_path: Path) -> None:
    assert "Mean Dice of the shipped starting weights: " in command("evaluate", study, "--split", "train").out
    assert "made by the shipped starting weights." in command("predict", study, "--out", tmp_path / "out").out


@pytest.mark.parametrize("name", ["safetensors", "onnx", "torch-export", "monai-bundle"])
def test_export_weights(trained: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / {"onnx": "m.onnx", "torch-export": "m.pt2", "monai-bundle": "bundle"}.get(name, "m.safetensors")
    said = command("export-weights", trained, "--format", name, "--out", target, "--json").json
    assert said["snapshot"] == 1
    named = [Path(file) for file in said["files"]]
    files = [inner for path in named for inner in (path.rglob("*") if path.is_dir() else [path])]
    assert all(path.exists() for path in named)
    assert any(file.suffix == ".md" for file in files)
    if name == "onnx":
        onnx.checker.check_model(onnx.load(target))


def test_a_snapshot_that_changed_on_the_disk_is_not_exported(trained: Path, tmp_path: Path) -> None:
    (snapshot,) = (trained / "snapshots").iterdir()
    data = bytearray(snapshot.read_bytes())
    data[-1] ^= 1
    snapshot.write_bytes(data)
    ran = command("export-weights", trained, "--out", tmp_path / "m.safetensors")
    assert ran.status == 1
    assert "its file is not the one that was published; restore it from a backup" in ran.err
    assert not (tmp_path / "m.safetensors").exists()


def test_an_unknown_weights_format_lists_the_four(trained: Path, tmp_path: Path) -> None:
    ran = command("export-weights", trained, "--format", "pickle", "--out", tmp_path / "m")
    assert ran.status == 1
    assert all(name in ran.err for name in ("safetensors", "onnx", "torch-export", "monai-bundle"))


def test_ctrl_c_in_training_keeps_what_was_learnt(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_self: object, done: int, _total: int, _sentence: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("annotator.cli.output._BarProgress.update", interrupt)
    assert command("train", study, "--steps", 50, *TINY).status == 130
    monkeypatch.undo()
    more = command("train", study, "--steps", 1, *TINY, "--json")
    assert json.loads(more.out)["step"] == 3


def test_that_nothing_was_published_is_told(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Decision(publish=False, is_validated=True, sentence="It is worse.")
    monkeypatch.setattr(publish_policy, "decide", lambda *_, **__: refused)
    said = command("train", study, "--steps", 2, *TINY, "--json").json
    assert (said["new"], said["snapshot"]) == (False, None)
