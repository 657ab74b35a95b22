"""Predictions as files: names, values, and nothing half-written."""

from __future__ import annotations

import csv
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from annotator import registry
from annotator.core.errors import BadInput, Cancelled, CorruptProject, IncompatibleWeights, ProjectError
from annotator.core.identity import Split
from annotator.engine.jobs import models
from annotator.engine.jobs.models import serving_model
from annotator.engine.jobs.predicting import predict_files, predict_project
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.training import TrainBudget, TrainOptions, train
from annotator.project import Project
from annotator.testing.samples import SAMPLE_PROTOCOL
from annotator.testing.sessions import SIDE, add_moving_square, outline_square


class CancelAtThird:
    """Progress that cancels before the third frame."""

    def update(self, done: int, total: int, sentence: str) -> None:
        if done == 2:
            raise Cancelled("The prediction")


@pytest.fixture
def taught(project: Project) -> Project:
    """A project with one clip, one still in the test split, other values, and a model."""
    outline_square(project, add_moving_square(project, "clip"))
    add_moving_square(project, "still", frames=1, split=Split.TEST)
    project.set_values({"lv": 7, "la": 3})
    options = TrainOptions(overrides={"data.image_size": "32", "network.options.width": "8"}, device="cpu")
    train(project, options, TrainBudget(steps=2), progress=Silent())
    return project


def test_clips_are_named_by_frame_and_stills_by_stem(taught: Project, tmp_path: Path) -> None:
    report = predict_project(taught, tmp_path / "out", split=None, weights=None, progress=Silent())
    assert (report.frames, report.snapshot) == (6, 1)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [*(f"clip_{i:05d}.png" for i in range(5)), "predictions.csv", "still.png"]
    for path in (tmp_path / "out").glob("*.png"):
        mask = np.asarray(Image.open(path))
        assert mask.shape == (SIDE, SIDE)
        assert set(np.unique(mask)) <= {0, 3, 7}
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["image"] == "still"
    assert {row["la"] for row in rows} == {"0.0000"}, "no label spoke of it, so the model does not know it"
    assert all(float(row["lv"]) > 0 for row in rows)


def test_damaged_frames_of_a_project_are_left_out_where_that_is_meant(taught: Project, tmp_path: Path) -> None:
    out, no_out = tmp_path / "out", tmp_path / "none"
    (taught.path / "clips" / f"{taught.clip('clip').content_hash}.h5").unlink()
    taught.close()
    with Project.open(taught.path) as opened:
        predict = partial(predict_project, opened, weights=None, progress=Silent())
        for split, skip_damaged in ((None, False), (Split.TRAIN, True)):
            with pytest.raises(CorruptProject, match="Clip 'clip'"):
                predict(no_out, split=split, skip_damaged=skip_damaged)
        assert not no_out.exists()
        report = predict(out, split=None, skip_damaged=True)
    assert (report.frames, [p.stem for p in out.glob("*.png")]) == (1, ["still"])
    (sentence,) = report.warnings
    assert sentence.startswith("Left out 5 frames. Clip 'clip': ")


def test_damaged_files_are_left_out_where_that_is_meant(taught: Project, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.full((SIDE, SIDE), 90, dtype=np.uint8)).save(images / f"{name}.png")
    (images / "b.png").write_bytes((images / "a.png").read_bytes()[:60])
    weights = tmp_path / "weights.safetensors"
    shutil.copy(next((taught.path / "snapshots").glob("*.safetensors")), weights)
    with pytest.raises(BadInput, match=r"b\.png"):
        predict_files([images], tmp_path / "out", weights=weights, progress=Silent())
    report = predict_files([images], tmp_path / "out", weights=weights, progress=Silent(), skip_damaged=True)
    assert (report.frames, [p.stem for p in (tmp_path / "out").glob("*.png")]) == (1, ["a"])
    assert any(sentence.startswith("Left out") and "b.png" in sentence for sentence in report.warnings)
    (images / "a.png").unlink()
    with pytest.raises(BadInput, match=r"b\.png"):
        predict_files([images], tmp_path / "none", weights=weights, progress=Silent(), skip_damaged=True)


def test_a_cancelled_prediction_leaves_the_former_one(taught: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_project(taught, out, split=Split.TEST, weights=None, progress=Silent())
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(Cancelled):
        predict_project(taught, out, split=None, weights=None, progress=CancelAtThird())
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("text", ["file,dice\nmine,0.9\n", "image,lv,la\nmine,0.91,0.8\n", "", "\0"])
def test_a_table_of_that_name_that_is_none_is_left_alone(taught: Project, tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(out / "mine.png")
    (out / "predictions.csv").write_text(text)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(BadInput, match=r"predictions\.csv: it is not a table that 'predict' wrote"):
        predict_project(taught, out, split=None, weights=None, progress=Silent())
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_an_image_that_only_the_table_calls_a_mask_is_left_alone(taught: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_project(taught, out, split=Split.TEST, weights=None, progress=Silent())
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(out / "still.png")
    with pytest.raises(BadInput, match=r"no predictions, such as still\.png"):
        predict_project(taught, out, split=None, weights=None, progress=Silent())
    assert sorted(p.name for p in out.iterdir()) == ["predictions.csv", "still.png"]


def test_predictions_do_not_go_into_a_project(taught: Project) -> None:
    before = sorted(p.name for p in taught.path.iterdir())
    with pytest.raises(BadInput, match="it is a project"):
        predict_project(taught, taught.path, split=None, weights=None, progress=Silent())
    assert sorted(p.name for p in taught.path.iterdir()) == before


def test_equal_stems_are_kept_apart(taught: Project, tmp_path: Path) -> None:
    for folder, grey in (("a", 10), ("b", 200)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((20, 30), grey, dtype=np.uint8)).save(tmp_path / folder / "same.bmp")
    snapshot = taught.latest_snapshot()
    assert snapshot is not None
    paths = [tmp_path / "a", tmp_path / "b"]
    report = predict_files(paths, tmp_path / "out", weights=snapshot.file, progress=Silent())
    assert (report.frames, report.snapshot) == (2, None)
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["same.png", "same~2.png"]
    assert np.asarray(Image.open(tmp_path / "out" / "same.png")).shape == (20, 30)


@pytest.mark.parametrize("out", [".", "masks"])
def test_masks_beside_their_images_are_no_images(taught: Project, tmp_path: Path, out: str) -> None:
    folder = tmp_path / "images"
    (folder / out).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((20, 30), 10, dtype=np.uint8)).save(folder / "still.bmp")
    (folder / "notes.txt").write_text("no image")
    snapshot = taught.latest_snapshot()
    assert snapshot is not None
    for _ in range(2):
        report = predict_files([folder], folder / out, weights=snapshot.file, progress=Silent())
        assert report.frames == 1
        assert any("notes.txt" in sentence for sentence in report.warnings)
        assert [path.name for path in (folder / out).glob("*.png")] == ["still.png"]
    (folder / "still.bmp").unlink()
    with pytest.raises(BadInput, match="masks and no recording"):
        predict_files([folder], folder / out, weights=snapshot.file, progress=Silent())
    assert (folder / out / "still.png").exists()


def test_masks_of_dicom_files_are_called_like_them_and_hold_no_key_of_a_patient(tmp_path: Path) -> None:
    found = get_testdata_file("examples_palette.dcm", download=False)
    assert isinstance(found, str)
    shutil.copy(found, tmp_path / "IM_0001.dcm")
    weights = registry.resource("weights") / "apical-simulated.safetensors"
    predict_files([tmp_path / "IM_0001.dcm"], tmp_path / "out", weights=weights, progress=Silent())
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["IM_0001.png", "predictions.csv"]


def test_a_still_that_is_called_like_a_frame_of_a_clip_keeps_its_mask(taught: Project, tmp_path: Path) -> None:
    add_moving_square(taught, "clip_00001", frames=1)
    report = predict_project(taught, tmp_path / "out", split=None, weights=None, progress=Silent())
    stems = sorted(p.stem for p in (tmp_path / "out").glob("*.png"))
    assert (report.frames, len(stems)) == (7, 7)
    assert {"clip_00001", "clip_00001~2"} < set(stems)
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8") as file:
        assert sorted(row["image"] for row in csv.DictReader(file)) == stems


def test_frames_unlike_all_that_starting_weights_know_are_named(tmp_path: Path) -> None:
    simulator = registry.simulator("echo")
    (heart,) = simulator.simulate(patient=3, domain="varied", seed=7, n_frames=1).frames
    noise = np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8)
    for name, frame in (("heart", np.asarray(heart)), ("noise", noise)):
        Image.fromarray(frame).save(tmp_path / f"{name}.png")
    weights = registry.resource("weights") / "apical-simulated.safetensors"
    paths = [tmp_path / "heart.png", tmp_path / "noise.png"]
    report = predict_files(paths, tmp_path / "out", weights=weights, progress=Silent())
    assert report.strange == ("noise",)
    assert report.warnings[0].startswith("1 of 2 frames, such as noise, is unlike")


def test_a_model_that_learnt_from_labels_finds_nothing_strange(taught: Project, tmp_path: Path) -> None:
    report = predict_project(taught, tmp_path / "out", split=None, weights=None, progress=Silent())
    assert (report.strange, report.warnings) == ((), ())


def test_a_project_without_clips_or_model_says_so(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="no clip"):
        predict_project(project, tmp_path / "out", split=None, weights=None, progress=Silent())
    add_moving_square(project, "clip")
    monkeypatch.setattr(models, "shipped_weights", lambda _: None)
    with pytest.raises(ProjectError, match="no model yet"):
        predict_project(project, tmp_path / "out", split=None, weights=None, progress=Silent())
    assert not (tmp_path / "out").exists()


def test_weights_of_another_protocol_do_not_serve(taught: Project, tmp_path: Path) -> None:
    snapshot = taught.latest_snapshot()
    assert snapshot is not None
    assert serving_model(taught).snapshot == snapshot.id
    with (
        Project.create(tmp_path / "other", SAMPLE_PROTOCOL) as other,
        pytest.raises(IncompatibleWeights, match="lv, la"),
    ):
        serving_model(other, snapshot.file)
