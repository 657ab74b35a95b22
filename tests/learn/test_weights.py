"""Model files: they predict alone, and wrong ones are refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_tensors

from annotator.core.errors import AnnotatorError, IncompatibleWeights
from annotator.core.identity import Spacing
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure
from annotator.learn import weights
from annotator.learn.dataset import TrainingFrame
from annotator.learn.trainer import Trainer
from annotator_unet import UNetFactory

FACTORIES = {"unet": UNetFactory()}


@pytest.fixture
def trained(make_trainer: Callable[..., Trainer], frames: list[TrainingFrame]) -> Trainer:
    trainer = make_trainer()
    trainer.put(frames)
    for _ in range(3):
        trainer.step()
    return trainer


@pytest.fixture
def path(trained: Trainer, tmp_path: Path) -> Path:
    file = tmp_path / "model.safetensors"
    file.write_bytes(trained.publish({"data_revision": 12}))
    return file


def test_a_file_predicts_what_the_teacher_predicts(path: Path, trained: Trainer, frames: list[TrainingFrame]) -> None:
    images = np.stack([f.image for f in frames])
    predictor = weights.load(path, FACTORIES)
    np.testing.assert_allclose(predictor.predict_fitted(images), trained.predict(images), atol=0.02)


def test_native_frames_of_any_size_and_colour(path: Path) -> None:
    predictor = weights.load(path, FACTORIES)
    for shape in ((50, 70), (70, 50, 3), (7, 5)):
        frame = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        prediction = predictor.predict(frame, Spacing(0.3, 0.2))
        assert prediction.probabilities.shape == (4, *shape[:2])
        assert prediction.probabilities.dtype == np.float32
        assert prediction.classes.shape == shape[:2]
        np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1.0, atol=1e-5)
        assert not prediction.probabilities[3].any()


def test_the_header_says_everything(path: Path, trained: Trainer) -> None:
    header = weights.read_header(path)
    assert header.protocol == trained.protocol
    assert header.values == {"disc": 1, "bar": 2, "ghost": 3}
    assert header.active == ("disc", "bar")
    assert header.network == "unet"
    assert header.step == 3
    assert header.recipe == trained.recipe.model_dump()
    assert header.facts["data_revision"] == 12
    assert header.facts["calibration"]["is_applied"] is False
    assert header.facts["calibration"]["structures"] == {}


def test_derived_structures_survive(tmp_path: Path, protocol: LabelProtocol) -> None:
    whole = DerivedStructure("whole", "Whole", "#ffffff", ("disc", "bar"))
    richer = LabelProtocol("p", "P", protocol.structures, (whole,), ("front",))
    network = UNetFactory().build(in_channels=1, n_classes=4, options={"width": 8})
    header = weights.WeightsHeader(richer, richer.default_values(), 32, "unet", {"width": 8}, ())
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.save(header, network))
    assert weights.read_header(path) == header


def test_weights_of_another_protocol_are_refused(path: Path) -> None:
    other = LabelProtocol("other", "Other", (Structure("nerve", "Nerve", "#ffffff", "n"),))
    with pytest.raises(IncompatibleWeights, match=r"disc, bar, ghost.*nerve"):
        weights.load(path, FACTORIES, protocol=other)


def test_an_unknown_network_is_named(path: Path) -> None:
    with pytest.raises(IncompatibleWeights, match="'unet'; install"):
        weights.load(path, {})


def _changed(path: Path, **changes: object) -> bytes:
    network = UNetFactory().build(in_channels=1, n_classes=4, options={"width": 8, "feature_channels": 8})
    header = weights.read_header(path)
    document = json.loads(json.dumps({"format_version": 1, **asdict(header), **changes}))
    state = {k: v.contiguous() for k, v in network.state_dict().items()}
    return save_tensors(state, metadata={"annotator": json.dumps(document)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "version 99"),
        ({"protocol": {"name": "x"}}, "damaged"),
        ({"options": {"width": 16}}, "do not fit"),
        ({"options": {"depth": 16}}, "do not fit"),
        ({"image_size": 10**6}, "side of 1000000 pixels"),
        ({"image_size": 100}, "side of 100 pixels"),
        ({"image_size": "128"}, "'image_size' is of another kind"),
        ({"network": ["unet"]}, "'network' is of another kind"),
        ({"facts": []}, "'facts' is of another kind"),
        ({"active": ["tail"]}, "does not have"),
        ({"values": {"disc": 1, "bar": 2}}, "no mask value"),
        ({"values": {"disc": 1, "bar": 2, "ghost": 300}}, "cannot have value 300"),
        ({"values": {"disc": 1, "bar": 1, "ghost": 3}}, "share one mask value"),
        ({"facts": {"calibration": {"is_applied": True, "structures": {"disc": {"temperature": 0}}}}}, "above 0"),
        ({"facts": {"calibration": {"is_applied": True, "structures": {"disc": {}}}}}, "damaged"),
    ],
)
def test_a_header_that_does_not_fit_is_one_sentence(path: Path, changes: dict[str, object], message: str) -> None:
    data = _changed(path, **changes)
    path.write_bytes(data)
    with pytest.raises(IncompatibleWeights, match=message):
        weights.load(path, FACTORIES)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_a_header_that_is_no_description_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(save_tensors({"w": torch.zeros(2)}, metadata={"annotator": text}))
    with pytest.raises(IncompatibleWeights, match=r"model\.safetensors: the header of the weights is damaged"):
        weights.load(file, FACTORIES)


def test_weights_that_are_no_numbers_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(IncompatibleWeights, match=r"model\.safetensors: some of the weights are not numbers"):
        weights.load(path, FACTORIES)


@pytest.mark.parametrize("cut", [0, 4, 100, -10])
def test_a_cut_file_is_one_sentence(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(IncompatibleWeights, match=r"model\.safetensors"):
        weights.load(path, FACTORIES)


def test_a_foreign_file_and_a_missing_one(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(save_tensors({"w": torch.zeros(2)}))
    with pytest.raises(IncompatibleWeights, match="another program"):
        weights.load(foreign, FACTORIES)
    with pytest.raises(IncompatibleWeights, match="there is no such file"):
        weights.load(tmp_path / "none.safetensors", FACTORIES)


def test_starting_weights_are_alive_from_the_first_step(path: Path, make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer()
    trainer.start_from(weights.load(path, FACTORIES))
    assert trainer.active_structures == ("disc", "bar")
    images = np.zeros((1, 32, 32), dtype=np.uint8)
    np.testing.assert_allclose(trainer.predict(images), weights.load(path, FACTORIES).predict_fitted(images), atol=0.02)


def test_the_same_model_is_the_same_file(trained: Trainer) -> None:
    assert len({trained.publish({"b": 1, "a": 2}) for _ in range(8)}) == 1


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((20, 30), dtype=np.float32),
        np.zeros((20, 30), dtype=np.uint16),
        np.zeros((0, 30), dtype=np.uint8),
        np.zeros((20, 30, 1), dtype=np.uint8),
        np.zeros((4, 20, 30, 3), dtype=np.uint8),
    ],
)
def test_a_frame_of_another_kind_is_refused(path: Path, frame: NDArray[Any]) -> None:
    with pytest.raises(AnnotatorError, match=r"\(H, W\) or \(H, W, 3\) of uint8, not"):
        weights.load(path, FACTORIES).predict(frame)
