"""The reference network against the contract of network plugins."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from annotator.testing.networks import NetworkConformance
from annotator_unet import UNet, UNetFactory
from annotator_unet.network import doubled


class TestUNet(NetworkConformance):
    factory = UNetFactory()
    options = {"width": 8, "feature_channels": 8}  # noqa: RUF012


class TestDefaultWidth(NetworkConformance):
    factory = UNetFactory()
    most_parameters = 2_000_000


def test_encoder_sees_no_skip() -> None:
    network = UNetFactory().build(in_channels=1, n_classes=2, options={"width": 8})
    images = torch.zeros(1, 1, 32, 32)
    assert network.encoder(images).shape == (1, 64, 2, 2)


@pytest.mark.parametrize("options", [{"width": 12}, {"width": 0}, {"depth": 5}])
def test_refuses_options_that_do_not_fit(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="unet"):
        UNetFactory().build(in_channels=1, n_classes=2, options=options)


def test_weights_do_not_depend_on_the_memory_format() -> None:
    network = UNet(in_channels=1, n_classes=3, width=8).eval()
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = network(images.clone(memory_format=torch.contiguous_format))
        channels_last = network(images.clone(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, channels_last)


def test_norms_in_float32_round_to_what_bfloat16_gives() -> None:
    network = UNet(in_channels=1, n_classes=3, width=8).eval()
    block: nn.Sequential = network.encoder.levels[2]  # type: ignore[assignment]
    x = torch.randn(2, 16, 16, 16, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found, plain = block(x), x
        for layer in block:
            plain = layer(plain)
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found, plain)


def test_the_gradient_of_doubling_is_that_of_interpolation() -> None:
    x = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    made = doubled(x)
    plain = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
    assert torch.equal(made, plain)
    way = torch.randn(made.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found, wanted = (torch.autograd.grad((of * way).sum(), x, create_graph=True)[0] for of in (made, plain))
    torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradgradcheck(doubled, (x,)), "network inversion asks for the gradient of a gradient"
