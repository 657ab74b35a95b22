"""Conformance kit for network plugins: subclass :class:`NetworkConformance` in a test and give ``factory``.

Use::

    class TestMine(NetworkConformance):
        factory = MyFactory()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from annotator.core.plugin_types import DecodingNetwork, NetworkFactory, SegmentationNetwork


class NetworkConformance:
    """Checks the contract of :class:`~annotator.core.plugin_types.SegmentationNetwork`.

    Parameters
    ----------
    factory
        Under test.
    options
        Given to every build.
    most_parameters
        What two CPU cores can train in minutes.
    """

    factory: ClassVar[NetworkFactory]
    options: ClassVar[Mapping[str, Any]] = {}
    most_parameters: ClassVar[int] = 10_000_000

    def build(self, *, in_channels: int = 1, n_classes: int = 4) -> Any:
        """A network under a fixed seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.factory.build(in_channels=in_channels, n_classes=n_classes, options=self.options)

    def images(self, network: Any, *, in_channels: int = 1, strides: tuple[int, int] = (2, 3)) -> torch.Tensor:
        """Two images of a size that the network takes, not square."""
        generator = torch.Generator().manual_seed(1)
        height, width = (max(16, int(network.stride)) * n for n in strides)
        return torch.randn((2, in_channels, height, width), generator=generator)

    def test_declares_its_parts(self) -> None:
        """``encoder``, ``head`` (1x1) and ``stride`` are there."""
        network = self.build()
        assert isinstance(network, SegmentationNetwork)
        assert isinstance(network, torch.nn.Module)
        assert isinstance(network.head, torch.nn.Conv2d)
        assert network.head.kernel_size == (1, 1)
        assert network.head.out_channels == 4
        assert network.stride >= 1

    def test_shapes_at_every_multiple_of_the_stride(self) -> None:
        """Features and logits have the size of the image."""
        for in_channels, n_classes in ((1, 2), (3, 16)):
            network = self.build(in_channels=in_channels, n_classes=n_classes).eval()
            images = self.images(network, in_channels=in_channels)
            with torch.no_grad():
                features, logits = network.features(images), network(images)
            assert features.shape == (2, network.head.in_channels, *images.shape[2:])
            assert logits.shape == (2, n_classes, *images.shape[2:])

    def test_forward_is_head_of_features(self) -> None:
        """``forward(x) == head(features(x))``."""
        network = self.build().eval()
        images = self.images(network)
        with torch.no_grad():
            torch.testing.assert_close(network(images), network.head(network.features(images)))

    def test_encoder_and_decoder_stand_apart_where_it_says_so(self) -> None:
        """``decode(encode(x)) == features(x)``, and each uses its own parameters alone."""
        network = self.build().eval()
        if not isinstance(network, DecodingNetwork):
            return
        assert isinstance(network, torch.nn.Module)
        images = self.images(network)
        levels = network.encode(images)
        with torch.no_grad():
            torch.testing.assert_close(network.decode(levels), network.features(images))
        of_encoder = {id(p) for p in network.encoder.parameters()}
        parameters = [p for p in network.parameters() if id(p) not in of_encoder]
        used = torch.autograd.grad(torch.stack([x.square().sum() for x in levels]).sum(), parameters, allow_unused=True)
        assert all(g is None for g in used)
        deeper = network.decode([x.detach() for x in levels]).square().sum()
        used = torch.autograd.grad(deeper, list(network.encoder.parameters()), allow_unused=True)
        assert all(g is None for g in used)

    def test_encoder_gives_the_deepest_features(self) -> None:
        """The encoder gives (B, D, h, w), not finer than the image."""
        network = self.build().eval()
        with torch.no_grad():
            deepest = network.encoder(self.images(network))
        assert deepest.ndim == 4
        assert deepest.shape[2] <= self.images(network).shape[2]

    def test_every_parameter_learns(self) -> None:
        """No parameter is left without a gradient."""
        network = self.build().train()
        network(self.images(network)).square().mean().backward()
        still = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())]
        assert still == []

    def test_frames_do_not_see_each_other_in_evaluation(self) -> None:
        """A frame is predicted alike alone and in company."""
        network = self.build().eval()
        images = self.images(network)
        with torch.no_grad():
            torch.testing.assert_close(network(images)[:1], network(images[:1]), rtol=1e-4, atol=1e-5)

    def test_is_not_blind_to_contrast(self) -> None:
        """Instance norm would make it so."""
        network = self.build().eval()
        images = self.images(network)
        with torch.no_grad():
            assert not torch.allclose(network(images), network(3.0 * images), atol=1e-3)

    def test_is_small_enough(self) -> None:
        """At most ``most_parameters``."""
        assert sum(p.numel() for p in self.build().parameters()) <= self.most_parameters

    def test_state_survives_a_reload(self) -> None:
        """A second build with the same options takes the state."""
        first, second = self.build().eval(), self.factory.build(in_channels=1, n_classes=4, options=self.options)
        second.load_state_dict(first.state_dict())
        images = self.images(first)
        with torch.no_grad():
            torch.testing.assert_close(second.eval()(images), first(images))
