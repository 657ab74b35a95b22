"""Network inversion: a piecewise-affine encoder is inverted by its own transpose (Balestriero et al. 2017, 1711.04313).

For f(x) = A[x] x + b[x] the transpose A[x]^T f(x) is the gradient of 0.5 |f(x)|^2, one call of automatic
differentiation. Checked here [ours]: normalisation by statistics of the input itself makes <x, x_hat> = 0, whatever
the weights, so the statistics are held constant in this pass; and x_hat differs from x by a large factor at first, so
the residual is free of scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from annotator.learn.losses import exponential

_SMALL = 1e-12


def reconstruction(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """x_hat = A[x]^T f(x), (B, C, H, W), differentiable in the network's weights.

    Parameters
    ----------
    network
        Maps (B, C, H, W) to any shape, frame by frame.
    images
        (B, C, H, W) float32.
    """
    x = images.detach().requires_grad_()
    with torch.enable_grad():
        energy = 0.5 * network(x).square().sum()
        (x_hat,) = torch.autograd.grad(energy, x, create_graph=True)
    return x_hat


def residual(images: Tensor, reconstructed: Tensor) -> Tensor:
    """Mean over frames of 1 - cos^2(x, x_hat): 0 where they are parallel, 1 where they have nothing in common.

    Parameters
    ----------
    images, reconstructed
        (B, C, H, W) float32.
    """
    x, x_hat = images.flatten(1), reconstructed.flatten(1)
    product = (x * x_hat).sum(dim=1).square()
    scale = x.square().sum(dim=1) * x_hat.square().sum(dim=1)
    return (1 - product / scale.clamp(min=_SMALL)).mean()


def inversion_loss(encoder: nn.Module, images: Tensor) -> Tensor:
    """Residual of the encoder's own inversion, in float32 whatever the surrounding precision.

    Parameters
    ----------
    encoder
        Without skips around it, since those would make the task trivial.
    images
        (B, C, H, W) float, the network's input.
    """
    with torch.autocast(images.device.type, enabled=False), constant_statistics(encoder):
        wide = images.float()
        return residual(wide, reconstruction(encoder, wide))


def entropy(log_p: Tensor, undecided: Tensor) -> Tensor:
    """Mean entropy in nats over the undecided pixels; 0 where there is none.

    Parameters
    ----------
    log_p
        (B, K+1, H, W) log-probabilities.
    undecided
        (B, H, W) bool.
    """
    of_pixel = -(exponential(log_p) * log_p).sum(dim=1)
    return (of_pixel * undecided).sum() / undecided.sum().clamp(min=1)


@contextmanager
def constant_statistics(network: nn.Module) -> Iterator[None]:
    """Within, group and instance norms hold their statistics constant, and batch norms use their running ones.

    The values of the forward pass are the same (batch norm's as in evaluation).

    Parameters
    ----------
    network
        Left as it was.
    """
    batch_norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    grouped = [m for m in network.modules() if isinstance(m, nn.GroupNorm | _InstanceNorm)]
    hooks = [module.register_forward_hook(_held_constant) for module in grouped]
    for module in batch_norms:
        module.eval()
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module in batch_norms:
            module.train()


def _held_constant(module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> Tensor:
    (x,) = inputs
    assert isinstance(module, nn.GroupNorm | _InstanceNorm)
    groups = module.num_groups if isinstance(module, nn.GroupNorm) else x.shape[1]
    grouped = x.detach().reshape(len(x), groups, -1)
    mean = grouped.mean(dim=2).repeat_interleave(x.shape[1] // groups, dim=1)[:, :, None, None]
    variance = grouped.var(dim=2, correction=0).repeat_interleave(x.shape[1] // groups, dim=1)[:, :, None, None]
    held = (x - mean) * torch.rsqrt(variance + module.eps)
    if not module.affine:
        return held
    return held * module.weight.view(1, -1, 1, 1) + module.bias.view(1, -1, 1, 1)
