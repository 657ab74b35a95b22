"""Inversion by the transpose: exact where it can be, impossible where statistics follow the input."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from annotator.learn import inversion
from annotator_unet import UNetFactory


class _Flat(nn.Module):
    def __init__(self, matrix: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.matrix, self.bias = nn.Parameter(matrix), nn.Parameter(bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        affine: torch.Tensor = images.flatten(1) @ self.matrix.T + self.bias
        return affine.relu()


def _images(count: int = 2, side: int = 4) -> torch.Tensor:
    return torch.randn((count, 1, side, side), generator=torch.Generator().manual_seed(0))


def _matrix(rows: int, columns: int, seed: int = 1) -> torch.Tensor:
    drawn: torch.Tensor = torch.randn((rows, columns), generator=torch.Generator().manual_seed(seed))
    return drawn.div(columns**0.5)


def test_reconstruction_is_the_transpose_of_the_active_piece() -> None:
    network = _Flat(_matrix(20, 16), _matrix(1, 20)[0])
    x = _images()
    value = network(x)
    active = (value > 0).float()
    expected = (active * value) @ network.matrix
    torch.testing.assert_close(inversion.reconstruction(network, x).flatten(1), expected)


def test_inverts_a_piecewise_affine_network_exactly() -> None:
    turn, _ = torch.linalg.qr(_matrix(16, 16))
    # relu(W x) and relu(-W x) together lose nothing: whatever the active piece, A^T A = 1.
    network = _Flat(torch.cat([turn, -turn]), torch.zeros(32))
    x = _images()
    torch.testing.assert_close(inversion.reconstruction(network, x), x, atol=1e-5, rtol=1e-5)
    assert float(inversion.residual(x, inversion.reconstruction(network, x)).detach()) == pytest.approx(0, abs=1e-5)


def test_residual_ignores_scale_and_sign() -> None:
    x, other = _images(), _images().flip(2)
    assert float(inversion.residual(x, -160 * x)) == pytest.approx(0.0, abs=1e-5)
    torch.testing.assert_close(inversion.residual(x, 7 * other), inversion.residual(x, other))
    assert float(inversion.residual(x, torch.zeros_like(x))) == 1.0


def test_statistics_of_the_input_make_inversion_impossible() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.GroupNorm(2, 8, eps=1e-12), nn.ReLU())
    network = network.double()
    x = _images(side=16).double()
    live = inversion.reconstruction(network, x).detach()
    cosine = torch.cosine_similarity(x.flatten(1), live.flatten(1))
    assert float(cosine.abs().max()) < 1e-6
    with inversion.constant_statistics(network):
        held = inversion.reconstruction(network, x).detach()
    assert float(torch.cosine_similarity(x.flatten(1), held.flatten(1)).abs().min()) > 0.01


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.InstanceNorm2d(4, affine=True)])
def test_holding_statistics_keeps_the_values(norm: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), norm)
    x = _images(side=8)
    plain = network(x)
    with inversion.constant_statistics(network):
        torch.testing.assert_close(network(x), plain, atol=1e-5, rtol=1e-5)
    assert not norm._forward_hooks


def test_batch_norm_keeps_its_running_statistics() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    inversion.inversion_loss(network, _images(side=8)).backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert network[1].training


def test_the_reference_encoder_learns_to_be_inverted() -> None:
    torch.manual_seed(0)
    network = UNetFactory().build(in_channels=1, n_classes=3, options={"width": 8})
    x = _images(side=32)
    optimiser = torch.optim.Adam(network.encoder.parameters(), lr=1e-3)
    found = []
    for _ in range(15):
        loss = inversion.inversion_loss(network.encoder, x)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert 0.0 < found[-1] < found[0] <= 1.0


def test_entropy_is_that_of_a_coin() -> None:
    log_p = torch.full((1, 2, 2, 2), 0.5).log()
    undecided = torch.tensor([[[True, False], [False, False]]])
    assert float(inversion.entropy(log_p, undecided)) == pytest.approx(0.6931, abs=1e-4)
    assert float(inversion.entropy(log_p, ~undecided & False)) == 0.0
    impossible = torch.tensor([0.0, -1e9]).view(1, 2, 1, 1)
    assert float(inversion.entropy(impossible, torch.ones(1, 1, 1, dtype=torch.bool))) == 0.0
