"""Which device is chosen, and what is said of one that cannot be used."""

from __future__ import annotations

import warnings

import pytest
import torch

from annotator.core.errors import AnnotatorError
from annotator.learn import devices

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


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:118] err. DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_no_memory_left(error: Exception, *, is_memory: bool) -> None:
    assert devices.is_out_of_memory(error) is is_memory
