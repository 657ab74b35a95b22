"""A network's parts as the methods use them: built, looked into, and given a second decoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from annotator.core.blame import blame
from annotator.core.errors import AnnotatorError, BrokenPlugin
from annotator.core.memory_errors import is_out_of_memory
from annotator.core.plugin_types import DecodingNetwork, NetworkFactory, SegmentationNetwork
from annotator.core.protocols import LabelProtocol
from annotator.learn.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a network makes of a batch.

    Parameters
    ----------
    logits
        (B, K+1, H, W).
    features
        (B, D, H, W), the head's input; ``None`` where nobody asked.
    levels
        The decoder's inputs, or the head's where the network does not decode apart; empty where nobody asked.
    """

    logits: Tensor
    features: Tensor | None = None
    levels: tuple[Tensor, ...] = ()


def build(factory: NetworkFactory, protocol: LabelProtocol, recipe: Recipe, *, seed: int) -> nn.Module:
    """A fresh network.

    Raises
    ------
    AnnotatorError
        Where the options do not fit, or the network does not take this image size.
    BrokenPlugin
        Where the network cannot be built, or gives something else than logits of every class at every pixel.
    """
    with torch.random.fork_rng(devices=[]):
        # Of the CPU alone, where a network is built: the generators of other devices are not put back afterwards.
        torch.default_generator.manual_seed(seed)
        try:
            network = factory.build(in_channels=1, n_classes=protocol.n_classes, options=recipe.network.options)
        except ValueError as error:
            raise AnnotatorError(str(error)) from None
        except AnnotatorError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise BrokenPlugin(_plugin(factory), blame(error)) from error
    if not isinstance(network, nn.Module):
        raise BrokenPlugin(_plugin(factory), f"built no torch.nn.Module, but a '{type(network).__name__}'")
    stride = int(getattr(network, "stride", 1))
    if recipe.data.image_size % stride:
        raise AnnotatorError(
            f"The network '{factory.name}' needs an image size that is a multiple of {stride}, "
            f"not {recipe.data.image_size}; change data.image_size."
        )
    _try(network, factory, (protocol.n_classes, recipe.data.image_size))
    return network


def _try(network: nn.Module, factory: NetworkFactory, expected: tuple[int, int]) -> None:
    """Show it one image, as in prediction, so that nothing of it changes."""
    n_classes, side = expected
    was_training = network.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            found = network.eval()(torch.zeros((1, 1, side, side)))
    except Exception as error:
        if is_out_of_memory(error):
            return  # training says what to do about that
        raise BrokenPlugin(_plugin(factory), blame(error)) from error
    finally:
        network.train(was_training)
    if not (isinstance(found, Tensor) and found.shape == (1, n_classes, side, side)):
        got = f"{tuple(found.shape)}" if isinstance(found, Tensor) else f"a '{type(found).__name__}'"
        what = f"gives {got} for an image of {side} x {side} pixels and {n_classes} classes"
        raise BrokenPlugin(_plugin(factory), f"{what}, not (1, {n_classes}, {side}, {side})")
    if not bool(torch.isfinite(found).all()):
        raise BrokenPlugin(_plugin(factory), "gives values that are no numbers")


def _plugin(factory: NetworkFactory) -> str:
    return f"'{factory.name}' (annotator.networks)"


def look(network: nn.Module, images: Tensor, *, inside: bool = False) -> Look:
    """Apply a network, keeping its features where ``inside`` is set.

    Parameters
    ----------
    network
        Student or teacher.
    images
        (B, C, H, W) float.
    """
    if not inside:
        return Look(network(images))
    levels = encode(network, images)
    features = decode(network, levels)
    return Look(head_of(network)(features), features, levels)


def encode(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """The decoder's inputs; the head's, where the network does not decode apart."""
    if isinstance(network, DecodingNetwork):
        return tuple(network.encode(images))
    return (parts_of(network).features(images),)


def decode(network: nn.Module, levels: Sequence[Tensor]) -> Tensor:
    """Features (B, D, H, W) from what :func:`encode` gave."""
    if isinstance(network, DecodingNetwork):
        return network.decode(levels)
    (features,) = levels
    return features


def parts_of(network: nn.Module) -> SegmentationNetwork:
    """The same network, by its declared parts.

    Raises
    ------
    AnnotatorError
        Where it does not declare them.
    """
    if not isinstance(network, SegmentationNetwork):
        raise AnnotatorError(
            f"The network '{type(network).__name__}' does not declare its encoder, features and head, "
            "which this recipe needs; choose another network or recipe."
        )
    return network


def head_of(network: nn.Module) -> nn.Conv2d:
    """The final 1x1 convolution."""
    return parts_of(network).head


def has_head(network: nn.Module) -> bool:
    """Whether it declares its parts, its head among them."""
    return isinstance(network, SegmentationNetwork)


def rows_of_head(network: nn.Module, classes: Sequence[int], paces: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What the head has for some classes, views of its parameters without gradient, each with its class's pace."""
    found = zip(classes, paces, strict=True)
    return [(parameter.detach()[c], pace) for c, pace in found for parameter in head_of(network).parameters()]


def noisy_twin(student: nn.Module) -> nn.Module:
    """A second decoder and head with weights of their own, over the very same encoder."""
    shared = parts_of(student).encoder
    # The memo makes the copy keep the encoder itself.
    twin = copy.deepcopy(student, {id(shared): shared})
    assert isinstance(twin, nn.Module)
    return twin


def own_parameters(twin: nn.Module | None, student: nn.Module) -> list[nn.Parameter]:
    """Parameters of the twin that are not the student's too; none where there is no twin."""
    of_student = {id(p) for p in student.parameters()}
    return [] if twin is None else [p for p in twin.parameters() if id(p) not in of_student]


def disturbed(
    levels: Sequence[Tensor], *, noise: float, dropout: float, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Features times 1 + U(-noise, noise) per value, with whole channels silenced and the others raised for it.

    Parameters
    ----------
    levels
        Each (B, D, H, W).
    noise, dropout
        Largest relative change; chance of each channel of each frame.
    generator
        On the features' device.
    """
    changed = []
    for level in levels:
        x = level
        if noise > 0:
            x = x * (1 + noise * (2 * torch.rand(x.shape, generator=generator, device=x.device) - 1)).to(x.dtype)
        if dropout > 0:
            kept = torch.rand((*x.shape[:2], 1, 1), generator=generator, device=x.device) >= dropout
            x = x * (kept.to(x.dtype) / (1 - dropout))
        changed.append(x)
    return tuple(changed)
