"""A compact U-Net: half-resolution inside, full-resolution features by sub-pixel shuffle, group norm throughout.

U-Net: Ronneberger et al. 2015; sub-pixel convolution: Shi et al. 2016; group norm: Wu and He 2018 (instance norm
would make the network blind to contrast). The stem halves the resolution at once, since full-resolution
convolutions would take most of a CPU's time; the shuffle gives the edges back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

_GROUP = 8
_NARROW = (torch.bfloat16, torch.float16)
_DEPTH_FACTORS = (1, 2, 4, 8)


class _Block(nn.Sequential):
    def __init__(self, channels_in: int, channels_out: int, convolutions: int) -> None:
        layers: list[nn.Module] = []
        for i in range(convolutions):
            source = channels_in if i == 0 else channels_out
            layers.append(nn.Conv2d(source, channels_out, 3, padding=1, bias=False))
            layers.append(nn.GroupNorm(channels_out // _GROUP, channels_out))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Convolutions as the caller wants them, and what lies between them in float32 at least.

        Rounded afterwards it is the same, and a CPU's group norm and ReLU take twice as long in bfloat16.
        """
        layers = tuple(self)
        for convolve, normalise, rectify in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
            made = convolve(x)
            wide = made.float() if made.dtype in _NARROW else made
            x = rectify(normalise(wide)).to(made.dtype)
        return x


def doubled(x: Tensor) -> Tensor:
    """Each pixel as four, (B, C, H, W) to (B, C, 2H, 2W)."""
    made: Tensor = _Doubled.apply(x)  # type: ignore[no-untyped-call]
    return made


class _Doubled(torch.autograd.Function):
    """Interpolation, whose own gradient, a sum of four, takes a CPU twice as long as pooling's."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest")

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        return F.avg_pool2d(gradients[0], 2, divisor_override=1)


class Encoder(nn.Module):
    """Stem and four levels at 1/2, 1/4, 1/8 and 1/16 of the input.

    Parameters
    ----------
    in_channels
        Channels of the image.
    widths
        Channels of each level.
    """

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        sources = (widths[0], *widths[:-1])
        self.levels = nn.ModuleList(
            _Block(a, b, 2 if i else 1) for i, (a, b) in enumerate(zip(sources, widths, strict=True))
        )

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) to the features of every level, finest first."""
        x = self.stem(images)
        levels: list[Tensor] = []
        for i, level in enumerate(self.levels):
            x = level(F.max_pool2d(x, 2) if i else x)
            levels.append(x)
        return levels

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to the deepest features, (B, D', H/16, W/16)."""
        return self.pyramid(images)[-1]


class UNet(nn.Module):
    """The network; satisfies ``SegmentationNetwork`` and ``DecodingNetwork`` of :mod:`annotator.plugin`.

    Parameters
    ----------
    in_channels, n_classes
        Channels of the image, classes of the output.
    width
        Channels of the first level, a multiple of 8; deeper levels have 2, 4 and 8 times as many.
    feature_channels
        D, input channels of the head.
    """

    stride = 16

    def __init__(self, *, in_channels: int, n_classes: int, width: int = 24, feature_channels: int = 16) -> None:
        super().__init__()
        widths = tuple(width * factor for factor in _DEPTH_FACTORS)
        self.encoder = Encoder(in_channels, widths)
        pairs = pairwise(widths)
        self.decoder = nn.ModuleList(_Block(fine + coarse, fine, 1) for fine, coarse in pairs)
        self.enlarge = nn.Conv2d(width, 4 * feature_channels, 3, padding=1)
        self.head = nn.Conv2d(feature_channels, n_classes, 1)

    def features(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, H, W)."""
        return self.decode(self.encode(images))

    def encode(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) to the encoder's levels, finest first."""
        return self.encoder.pyramid(images.contiguous(memory_format=torch.channels_last))

    def decode(self, levels: Sequence[Tensor]) -> Tensor:
        """The encoder's levels to (B, D, H, W)."""
        *skips, x = levels
        for block, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            x = block(torch.cat([doubled(x), skip], dim=1))
        return F.relu(self._enlarged(x))

    def _enlarged(self, x: Tensor) -> Tensor:
        """Convolution and sub-pixel shuffle; with the channels of a pixel side by side, several times as fast.

        The weights keep the order of :func:`torch.nn.functional.pixel_shuffle`.
        """
        source, (count, _, height, width) = self.enlarge, x.shape
        depth = self.head.in_channels
        assert source.bias is not None
        weight = source.weight.view(depth, 4, *source.weight.shape[1:]).transpose(0, 1).flatten(0, 1)
        bias = source.bias.view(depth, 4).t().flatten()
        places = F.conv2d(x, weight, bias, padding=1).permute(0, 2, 3, 1)
        square = places.reshape(count, height, width, 2, 2, depth).transpose(2, 3)
        return square.reshape(count, 2 * height, 2 * width, depth).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to logits (B, n_classes, H, W)."""
        return self.head(self.features(images))  # type: ignore[no-any-return]


class UNetFactory:
    """Builds the reference network; options ``width`` (default 24) and ``feature_channels`` (default 16)."""

    name = "unet"

    def build(self, *, in_channels: int, n_classes: int, options: Mapping[str, Any]) -> UNet:
        """A fresh network in channels-last memory, which the CPU's convolutions want.

        Raises
        ------
        ValueError
            Where an option is not known or does not fit.
        """
        unknown = set(options) - {"width", "feature_channels"}
        if unknown:
            raise ValueError(f"The network 'unet' has no option '{min(unknown)}'.")
        width = _whole_number(options, "width", 24)
        if width % _GROUP:
            raise ValueError(f"The width of 'unet' is a multiple of {_GROUP}, not {width}.")
        features = _whole_number(options, "feature_channels", 16)
        network = UNet(in_channels=in_channels, n_classes=n_classes, width=width, feature_channels=features)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network


def _whole_number(options: Mapping[str, Any], name: str, default: int) -> int:
    value = options.get(name, default)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"The option '{name}' of 'unet' is a whole number above 0, not {value!r}.")
    return value
