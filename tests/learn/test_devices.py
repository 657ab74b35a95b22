"""Which device is chosen, and what is said of one that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch

from annotator.core.errors import AnnotatorError
from annotator.core.protocols import LabelProtocol
from annotator.learn import devices
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import read_recipe
from annotator.learn.trainer import Trainer
from annotator.registry.resources import resource
from annotator_unet import UNetFactory
from tests.learn.small import SMALL

THERE: dict[str, Callable[[], bool]] = {
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}
WITHOUT_NOISE = {
    **SMALL,
    "augment.noise": "0",
    "hdc.feature_noise": "0",
    "hdc.channel_dropout": "0",
    "unimatch.channel_dropout": "0",
    "teacher.noise": "0",
}

BROKEN = [
    (torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device\nFor"), "no kernel"),
    (torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be"), "does not work"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB."), "close other programs"),
    (RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update"), "too old"),
    (RuntimeError("Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility"), "Error 804"),
    (torch.AcceleratorError("CUDA error: invalid device ordinal\nGPU device may be out of range"), "has no device"),
    (AssertionError("Torch not compiled with CUDA enabled"), "has no device"),
]


def _break(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A machine that says it has a GPU, on which nothing can be computed."""
    made = torch.ones

    def ones(*shape: int, device: torch.device) -> torch.Tensor:
        warnings.warn("Found GPU0 which is of compute capability 6.1", stacklevel=1)
        if device.type == "cuda":
            raise error
        return made(*shape, device=device)

    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(("error", "said"), BROKEN)
def test_a_gpu_that_cannot_be_used_is_passed_over_or_told_of(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _break(monkeypatch, error)
    assert devices.choose_device("auto") == torch.device("cpu")
    assert "The CPU computes in place of the GPU" in caplog.text
    assert "compute capability" in caplog.text
    with pytest.raises(AnnotatorError, match=said) as told:
        devices.choose_device("cuda")
    assert "\n" not in str(told.value)
    assert str(told.value).endswith(".")


@pytest.fixture
def _in_full_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(devices, "low_precision", lambda _device: None)
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.usefixtures("_in_full_precision")
@pytest.mark.parametrize("device", THERE)
@pytest.mark.parametrize("name", ["default", "gated", "hdc", "unimatch", "labo", "inversion", "backmix", "temporal"])
def test_a_gpu_learns_what_the_cpu_learns(
    name: str, device: str, protocol: LabelProtocol, frames: list[TrainingFrame]
) -> None:
    """All but noise is drawn alike on every device, so that without noise the losses are the same.

    Its checkpoint goes on with the CPU as the training itself does.
    """
    if not THERE[device]():
        pytest.skip(f"there is no device '{device}'")
    recipe = read_recipe(resource(f"recipes/{name}.toml"), WITHOUT_NOISE)
    found = []
    for where in ("cpu", device):
        trainer = Trainer(protocol=protocol, recipe=recipe, factory=UNetFactory(), device=where, seed=0)
        trainer.put(frames)
        losses = [dict(trainer.step().losses) for _ in range(3)]
        again = Trainer(protocol=protocol, recipe=recipe, factory=UNetFactory(), device="cpu", seed=0)
        again.put(frames)
        again.restore(trainer.checkpoint())
        found.append([*losses, dict(again.step().losses)])
        assert found[-1][-1] == pytest.approx(dict(trainer.step().losses), rel=5e-3, abs=1e-3)
    for one, two in zip(*found, strict=True):
        assert two == pytest.approx(one, rel=5e-3, abs=1e-3)


@pytest.mark.parametrize(("device", "released"), [("cpu", []), ("cuda", ["cuda"]), ("mps", ["mps"])])
def test_a_batch_that_shrinks_gives_memory_back_to_the_gpu(
    device: str, released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: found.append("cuda"))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: found.append("mps"))
    devices.release(torch.device(device))
    assert found == released


@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_what_apples_gpus_lack_is_left_to_the_cpu_before_torch_is_there(given: str | None, found: str) -> None:
    name = "PYTORCH_ENABLE_MPS_FALLBACK"
    environment = {key: value for key, value in os.environ.items() if key != name} | ({name: given} if given else {})
    code = f"import annotator, os, sys; print(os.environ['{name}'], 'torch' in sys.modules)"
    run = [sys.executable, "-c", code]
    said = subprocess.run(run, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == [found, "False"]
