"""How unlike a picture is to the known ones: the distance's law, its way through a file, what shipped weights say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from annotator import registry
from annotator.core.errors import IncompatibleWeights
from annotator.core.identity import Spacing
from annotator.learn import familiarity
from annotator.learn.familiarity import FACT, Familiar, describe, fit_familiar, steadiness, strangeness
from annotator.learn.preprocess import Fit
from annotator.learn.weights import Predictor, load, save
from annotator.registry import resource

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return load(resource("weights") / "apical-simulated.safetensors", registry.networks())


def noise(n: int, side: int = 128) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


def simulated(n: int, *, first: int = 0) -> NDArray[np.uint8]:
    made = []
    for patient in range(first, first + n):
        clip = registry.simulator("echo").simulate(patient=patient, domain="varied", seed=7, n_frames=1)
        (frame,) = clip.frames
        made.append(Fit.of(clip.header.shape, 128, spacing=clip.header.spacing).fit_image(frame))
    return np.stack(made)


def test_the_distance_is_mahalanobis_and_one_on_average() -> None:
    rng = np.random.default_rng(0)
    mixed = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    familiar = fit_familiar(mixed)
    inverse = np.linalg.inv(np.cov(mixed.T.astype(np.float64), bias=True))
    centred = mixed - mixed.mean(axis=0, dtype=np.float64)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", centred, inverse, centred) / 6)
    np.testing.assert_allclose(familiar.distances(mixed), expected, rtol=0.02)
    assert np.mean(familiar.distances(mixed) ** 2) == pytest.approx(1, rel=0.02)
    wide = fit_familiar(rng.normal(size=(40, 200)).astype(np.float32))
    assert len(wide.components) == familiarity.COMPONENTS


def test_it_survives_the_way_through_a_file_and_decides_there(shipped: Predictor, tmp_path: Path) -> None:
    known = simulated(24)
    encoder: Any = shipped.network.encoder
    familiar = fit_familiar(describe(encoder, known))
    header = replace(shipped.header, facts={**shipped.header.facts, FACT: familiar.as_facts()})
    file = tmp_path / "weights.safetensors"
    file.write_bytes(save(header, shipped.network))
    again = load(file, registry.networks())
    encoder = again.network.encoder
    expected = familiar.distances(describe(encoder, known)) / familiarity.FARTHEST
    np.testing.assert_allclose(strangeness(again, known), expected)
    assert Familiar.from_facts(again.header.facts[FACT]).rest == familiar.rest
    assert (strangeness(again, noise(3)) > 1).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": "x"},
        {"mean": "AACAPwAAgD8="},
        {"spread": "AACAPwAAgD8="},
        {"variances": "AACAPw=="},
        {"rest": "no"},
        {"rest": 0.0},
        {"rest": float("nan")},
        {"components": None},
    ],
)
def test_statistics_that_do_not_fit_are_refused_with_their_file(
    shipped: Predictor, tmp_path: Path, changes: dict[str, object]
) -> None:
    header = replace(shipped.header, facts={FACT: {**shipped.header.facts[FACT], **changes}})
    file = tmp_path / "weights.safetensors"
    file.write_bytes(save(header, shipped.network))
    with pytest.raises(IncompatibleWeights, match=r"weights\.safetensors: the header of the weights is damaged"):
        load(file, registry.networks())


def test_pictures_that_are_all_alike_give_statistics_that_can_be_used() -> None:
    alike = np.ones((3, 12), dtype=np.float32)
    again = Familiar.from_facts(fit_familiar(alike).as_facts())
    assert again.distances(alike).tolist() == [0, 0, 0]
    assert (again.distances(alike + 1) > familiarity.FARTHEST).all()


def test_statistics_of_another_network_are_one_sentence(shipped: Predictor, tmp_path: Path) -> None:
    facts = fit_familiar(np.random.default_rng(0).normal(size=(9, 12)).astype(np.float32)).as_facts()
    file = tmp_path / "weights.safetensors"
    file.write_bytes(save(replace(shipped.header, facts={FACT: facts}), shipped.network))
    with pytest.raises(IncompatibleWeights, match="of 12 features"):
        strangeness(load(file, registry.networks()), noise(1))


def test_weights_from_labels_find_nothing_strange(shipped: Predictor) -> None:
    own = Predictor(replace(shipped.header, facts={"data_revision": 3}), shipped.network)
    assert not strangeness(own, noise(2)).any()


def test_outlines_that_move_with_the_picture_are_steady() -> None:
    def bright(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([images <= 127, images > 127], axis=1).astype(np.float32)

    def still(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return bright(np.repeat(square, len(images), axis=0))

    square = np.zeros((1, 64, 64), dtype=np.uint8)
    square[:, 20:40, 24:44] = 255
    assert steadiness(bright, square)[0] > 0.95
    assert steadiness(still, square)[0] < 0.9
    assert steadiness(bright, np.zeros_like(square))[0] == 0


def test_the_shipped_weights_know_simulated_echo_and_doubt_noise(shipped: Predictor) -> None:
    with torch.inference_mode():
        assert np.median(strangeness(shipped, simulated(5, first=600))) < 1
        assert np.median(strangeness(shipped, noise(3))) > 1


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data")
def test_the_shipped_weights_tell_real_hearts_from_other_ultrasound(shipped: Predictor) -> None:
    def read(path: Path, spacing: Spacing | None) -> NDArray[np.uint8]:
        image = np.asarray(Image.open(path).convert("RGB"))
        return Fit.of(image.shape[:2], 128, spacing=spacing).fit_image(image)

    echo = sorted((DATA / "camus_4ch_dev" / "images").glob("patient00[0-5]*.png"))[::10]
    nerves = sorted((DATA / "usgra" / "images").glob("*.png"))[::5]
    pictures = np.stack([read(p, Spacing(0.308, 0.308)) for p in echo])
    hearts = strangeness(shipped, pictures)
    mirrored = strangeness(shipped, np.ascontiguousarray(pictures[:, :, ::-1]))
    others = strangeness(shipped, np.stack([read(p, None) for p in nerves]))
    assert (hearts < 1).mean() >= 0.9
    assert ((mirrored < 1) == (hearts < 1)).all(), "some laboratories show the left heart on the left"
    assert (others > 1).mean() >= 0.6
    assert np.median(hearts) < np.median(others)
