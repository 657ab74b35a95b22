"""Weights for other programs give the same logits as ours."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from annotator.core.errors import AnnotatorError, BadInput, UnknownName
from annotator.learn.augment import normalise
from annotator.learn.portable import FORMATS, PortableModel, export_weights, portable_model
from annotator.learn.weights import WeightsHeader, load, save
from annotator.testing.samples import SAMPLE_PROTOCOL


class Small(nn.Module):
    """Enough operators of a segmentation network to be worth exporting."""

    def __init__(self, in_channels: int = 1, n_classes: int = 4) -> None:
        super().__init__()
        self.down = nn.Conv2d(in_channels, 8, 4, stride=2, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.up = nn.Conv2d(8, 4 * n_classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = torch.relu(self.norm(self.down(images)))
        return nn.functional.pixel_shuffle(self.up(features), 2)


class SmallFactory:
    name = "small"

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> nn.Module:
        return Small(in_channels, n_classes)


@pytest.fixture
def model(tmp_path: Path) -> PortableModel:
    torch.manual_seed(0)
    header = WeightsHeader(SAMPLE_PROTOCOL, {"one": 1, "two": 2, "three": 3}, 32, "small", {}, ("one", "two"))
    file = tmp_path / "published.safetensors"
    file.write_bytes(save(header, Small()))
    return portable_model(file, {"small": SmallFactory()}, card="# A card\n")


IMAGES = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))


def expected(model: PortableModel) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        return np.asarray(model.network.eval()(IMAGES).numpy())


def test_inactive_classes_are_never_picked(model: PortableModel) -> None:
    logits = expected(model)
    assert (logits[:, 3] < -1e8).all()
    assert (np.abs(logits[:, :3]) < 1e3).all()


def test_safetensors_is_the_published_file(model: PortableModel, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "weights.safetensors"
    assert export_weights(model, format="safetensors", out=out) == (out, out.with_name("weights.safetensors.md"))
    assert out.read_bytes() == model.weights
    assert out.with_name("weights.safetensors.md").read_text(encoding="utf-8") == "# A card\n"


def test_a_folder_in_place_of_the_file_leaves_the_card_beside_it_alone(model: PortableModel, tmp_path: Path) -> None:
    (tmp_path / "fold").mkdir()
    (tmp_path / "fold.md").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="fold: it is a folder, not a file"):
        export_weights(model, format="safetensors", out=tmp_path / "fold")
    assert (tmp_path / "fold.md").read_text(encoding="utf-8") == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fold", "fold.md", "published.safetensors"]


def test_notes_of_the_card_s_name_are_left_alone(model: PortableModel, tmp_path: Path) -> None:
    carded = replace(model, card="# A model\n\n## Intended use\n\nNone.\n")
    out, notes = tmp_path / "notes.safetensors", tmp_path / "notes.safetensors.md"
    notes.write_text("# Mine\n\n## Shopping\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"notes\.safetensors\.md: it is no model card"):
        export_weights(carded, format="safetensors", out=out)
    assert (notes.read_text(encoding="utf-8"), out.exists()) == ("# Mine\n\n## Shopping\n", False)
    notes.unlink()
    for _ in range(2):
        assert export_weights(carded, format="safetensors", out=out) == (out, notes)
    assert notes.read_text(encoding="utf-8") == carded.card


def test_onnx_gives_the_same_logits(model: PortableModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = export_weights(model, format="onnx", out=tmp_path / "model ä.onnx")[0]
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": IMAGES.numpy()})
    np.testing.assert_allclose(logits, expected(model), rtol=1e-4, atol=1e-5)
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["annotator"])
    assert metadata["protocol"]["name"] == "sample"
    assert metadata["preprocessing"]["image_size"] == 32
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["model.pt2", "model"])
def test_torch_export_gives_the_same_logits_and_carries_its_card(
    model: PortableModel, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    out = export_weights(model, format="torch-export", out=tmp_path / name)[0]
    assert capfd.readouterr().err == ""
    extra = {"metadata.json": "", "README.md": ""}
    program = torch.export.load(out, extra_files=extra)
    torch.testing.assert_close(program.module()(IMAGES), torch.from_numpy(expected(model)))
    assert extra["README.md"] == "# A card\n"
    assert json.loads(extra["metadata.json"])["values"] == {"one": 1, "two": 2, "three": 3}


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_has_the_layout_and_the_model(model: PortableModel, tmp_path: Path, name: str) -> None:
    (out,) = export_weights(model, format="monai-bundle", out=tmp_path / name)
    root = out
    if name.endswith(".zip"):
        with zipfile.ZipFile(out) as archive:
            archive.extractall(tmp_path / "unpacked")
        root = tmp_path / "unpacked" / "bundle"
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert files == {
        "LICENSE", "configs/inference.json", "configs/metadata.json", "docs/README.md", "models/model.pt2",
        "models/model.safetensors",
    }  # fmt: skip
    metadata = json.loads((root / "configs/metadata.json").read_text(encoding="utf-8"))
    # A graph of torch.export refuses the train() and eval() of MONAI's evaluators.
    assert "Evaluator" not in (root / "configs/inference.json").read_text(encoding="utf-8")
    outputs = metadata["network_data_format"]["outputs"]["pred"]
    assert outputs["channel_def"] == {"0": "background", "1": "one", "2": "two", "3": "three"}
    program = torch.export.load(root / "models/model.pt2")
    torch.testing.assert_close(program.module()(IMAGES), torch.from_numpy(expected(model)))


@pytest.mark.filterwarnings("ignore")
def test_a_bundle_writes_masks_that_lie_on_their_images(tmp_path: Path) -> None:
    bundle = pytest.importorskip("monai.bundle")
    torch.manual_seed(0)
    header = WeightsHeader(SAMPLE_PROTOCOL, {"one": 1, "two": 2, "three": 3}, 32, "small", {}, ("one", "two"))
    file = tmp_path / "published.safetensors"
    file.write_bytes(save(header, Small()))
    factories = {"small": SmallFactory()}
    (root,) = export_weights(portable_model(file, factories), format="monai-bundle", out=tmp_path / "bundle")
    (root / "images").mkdir()
    grey = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    grey[0] = grey[-1] = grey[:, 0] = grey[:, -1] = 0
    Image.fromarray(grey).save(root / "images" / "grey.png")
    Image.fromarray(grey).convert("RGB").save(root / "images" / "colour.png")
    parser = bundle.ConfigParser()
    parser.read_config(root / "configs/inference.json")
    parser["bundle_root"] = str(root)
    with torch.no_grad():
        parser.get_parsed_content("initialize")
        parser.get_parsed_content("run")
    expected = load(file, factories).predict(grey).probabilities.argmax(axis=0)
    for name in ("grey", "colour"):
        (written,) = (root / "output" / name).iterdir()
        image = nibabel.Nifti1Image.from_filename(written)
        np.testing.assert_array_equal(np.asarray(image.dataobj).squeeze().T, expected)


@pytest.mark.parametrize("kind", ["onnx", "torch-export"])
def test_an_exported_graph_gives_the_calibrated_probabilities_that_the_model_serves(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    facts = {
        "calibration": {"is_applied": True, "structures": {"one": {"temperature": 2.5}, "two": {"temperature": 0.6}}}
    }
    header = WeightsHeader(
        SAMPLE_PROTOCOL, {"one": 1, "two": 2, "three": 3}, 32, "small", {}, ("one", "two"), facts=facts
    )
    file = tmp_path / "published.safetensors"
    file.write_bytes(save(header, Small()))
    factories = {"small": SmallFactory()}
    grey = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    served = load(file, factories).predict_fitted(grey)
    out = export_weights(portable_model(file, factories), format=kind, out=tmp_path / "model")[0]
    images = normalise(torch.from_numpy(grey))
    if kind == "onnx":
        session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
        logits = torch.from_numpy(session.run(["logits"], {"image": images.numpy()})[0])
    else:
        logits = torch.export.load(out).module()(images)
    np.testing.assert_allclose(torch.softmax(logits, dim=1).detach().numpy(), served, atol=2e-5)
    file.write_bytes(save(replace(header, facts={}), Small()))
    assert np.abs(load(file, factories).predict_fitted(grey) - served).max() > 0.01, "calibration changes them"


def test_nothing_is_left_where_a_network_cannot_be_exported(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images if float(images.sum()) > 0 else -images

    model = PortableModel(Branching(), 32)
    for kind in ("onnx", "torch-export", "monai-bundle"):
        with pytest.raises(AnnotatorError, match="cannot be written as") as caught:
            export_weights(model, format=kind, out=tmp_path / "model")
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "kind"), [("m.onnx", "safetensors"), ("m.PT2", "onnx"), ("m.onnx", "monai-bundle")])
def test_a_name_of_another_format_is_refused(model: PortableModel, tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(BadInput, match=f"and '{kind}' was asked for; give the other format"):
        export_weights(model, format=kind, out=tmp_path / name)
    assert list(tmp_path.iterdir()) == [tmp_path / "published.safetensors"]


def test_formats_and_folders_are_checked(model: PortableModel, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="torch-export"):
        export_weights(model, format="pickle", out=tmp_path / "x")
    with pytest.raises(AnnotatorError, match="there already"):
        export_weights(model, format="monai-bundle", out=tmp_path)
    with pytest.raises(AnnotatorError, match="no published weights"):
        export_weights(PortableModel(Small(), 32), format="safetensors", out=tmp_path / "x")
    blocked = tmp_path / "file"
    blocked.write_text("mine", encoding="utf-8")
    for kind in FORMATS:
        with pytest.raises(AnnotatorError, match="cannot be written"):
            export_weights(model, format=kind, out=blocked / "x")
