"""Small frames of a two-structure protocol, in which each structure is labelled in other patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from annotator.core.identity import FrameKey
from annotator.core.protocols import LabelProtocol, Structure
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import AugmentSection, DataSection, NetworkSection, OptimiserSection
from annotator.learn.trainer import Trainer
from annotator_unet import UNetFactory

FrameMaker = Callable[..., TrainingFrame]

SIDE = 32


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def protocol() -> LabelProtocol:
    structures = (
        Structure("disc", "Disc", "#e4572e", "q"),
        Structure("bar", "Bar", "#3ddc97", "w"),
        Structure("ghost", "Ghost", "#4aa8ff", "e"),
    )
    return LabelProtocol("shapes", "Shapes", structures, views=("front",))


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        network=NetworkSection(options={"width": 8, "feature_channels": 8}),
        data=DataSection(image_size=SIDE, labelled_batch=4, unlabelled_batch=2),
        optimiser=OptimiserSection(learning_rate=5e-3, warm_up_steps=5),
        augment=AugmentSection(rotation=15, scale=0.15, shift=0.08, elastic=0.02, gamma=0.4),
    )


@pytest.fixture
def make_frame() -> FrameMaker:
    """A frame with a bright disc and a dim bar; ``known`` says which of the two is labelled."""

    def make(index: int, known: tuple[str, ...] = ("disc",), *, patient: str | None = None) -> TrainingFrame:
        random = np.random.default_rng(index)
        y, x = np.mgrid[:SIDE, :SIDE]
        row, column = random.integers(8, 13), random.integers(10, 22)
        disc = (y - row) ** 2 + (x - column) ** 2 < 30
        bar = (abs(y - 25) < 3) & (abs(x - column) < 8)
        noise = random.random((SIDE, SIDE)) * 40
        image = (noise + 200 * disc + 100 * bar).clip(0, 255).astype(np.uint8)
        bitmap = np.full((SIDE, SIDE), 0b1111, dtype=np.uint16)
        for name, bit in (("disc", 2), ("bar", 4)):
            if name in known:
                bitmap &= np.uint16(~bit & 0xFFFF)
        for name, bit, mask in (("disc", 2, disc), ("bar", 4, bar)):
            if name in known:
                bitmap[mask] = bit
        return TrainingFrame(
            FrameKey(f"clip{index}", 0), patient or f"p{index}", "default", image, bitmap if known else None
        )

    return make


@pytest.fixture
def frames(make_frame: FrameMaker) -> list[TrainingFrame]:
    """Six frames with the disc labelled, six with the bar, four unlabelled."""
    known: list[tuple[str, ...]] = [("disc",)] * 6 + [("bar",)] * 6 + [()] * 4
    return [make_frame(i, of) for i, of in enumerate(known)]


@pytest.fixture
def make_trainer(protocol: LabelProtocol, recipe: Recipe) -> Callable[..., Trainer]:
    def make(*, changed: Recipe | None = None, seed: int = 0) -> Trainer:
        return Trainer(protocol=protocol, recipe=changed or recipe, factory=UNetFactory(), device="cpu", seed=seed)

    return make
