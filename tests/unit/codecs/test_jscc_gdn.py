"""GDN against its formula, its slope against finite differences."""

import pytest
import torch
from torch import Tensor

from semsim.codecs.layers.gdn import BETA_MIN, Gdn


def filled(inverse: bool) -> Gdn:
    torch.manual_seed(0)
    layer = Gdn(4, inverse).double()
    for parameter in layer.parameters():
        parameter.data.normal_()
    return layer


def by_hand(layer: Gdn, x: Tensor) -> Tensor:
    y = torch.empty_like(x)
    for b, i, u, v in torch.cartesian_prod(*(torch.arange(n) for n in x.shape)).tolist():
        beta = layer.root_beta[i] ** 2 + BETA_MIN
        gamma = layer.root_gamma[i] ** 2
        norm = (beta + (gamma * x[b, :, u, v] ** 2).sum()).sqrt()
        y[b, i, u, v] = x[b, i, u, v] * norm if layer.inverse else x[b, i, u, v] / norm
    return y


@pytest.mark.parametrize("inverse", [False, True])
def test_the_formula(inverse: bool) -> None:
    layer = filled(inverse)
    x = torch.randn(2, 4, 2, 3, dtype=torch.double)
    torch.testing.assert_close(layer(x), by_hand(layer, x))


@pytest.mark.parametrize("inverse", [False, True])
def test_the_slope(inverse: bool) -> None:
    layer = filled(inverse)
    x = torch.randn(2, 4, 2, 2, dtype=torch.double, requires_grad=True)
    weights = tuple(layer.parameters())

    def run(x: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
        named = {"root_beta": beta, "root_gamma": gamma}
        return torch.func.functional_call(layer, named, (x,))

    assert torch.autograd.gradcheck(run, (x, *weights))


def test_it_starts_as_in_the_paper() -> None:
    layer = Gdn(3)
    torch.testing.assert_close(layer.root_beta.square(), torch.ones(3))
    gamma = layer.root_gamma.square()
    torch.testing.assert_close(gamma, 0.1 * torch.eye(3), atol=2e-6, rtol=1e-5)


def test_inverse_undoes_with_the_norm_of_what_was_divided() -> None:
    """``IGDN(y) = y·√(β + Σ γ y²)``; with γ = 0 that is the exact inverse of ``y = x/√β``."""
    forward, backward = Gdn(3).double(), Gdn(3, inverse=True).double()
    for layer in (forward, backward):
        layer.root_gamma.data.zero_()
        layer.root_beta.data.copy_(torch.tensor([0.5, 1.0, 3.0]))
    x = torch.randn(1, 3, 4, 4, dtype=torch.double)
    torch.testing.assert_close(backward(forward(x)), x)


def test_any_weights_give_finite_values() -> None:
    layer = Gdn(3)
    layer.root_beta.data.zero_()
    layer.root_gamma.data.fill_(-2.0)
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    layer(x).sum().backward()
    assert torch.isfinite(x.grad).all()
