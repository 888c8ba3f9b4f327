import torch
from torch import nn

from semsim.codecs.layers.gdn import Gdn
from semsim.training.optimizers import FlatMuon, optimizers
from semsim.training.recipe import Optimizer


def test_muon_takes_what_mixes_features_and_adamw_the_rest() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=4), Gdn(4), nn.Flatten(), nn.Linear(4, 2)
    )
    conv, depthwise, gdn, linear = model[0], model[1], model[2], model[4]
    adamw, muon = optimizers(model, 1e-3, Optimizer(kind="muon", matrix_factor=3.0))
    assert {id(weight) for weight in adamw.param_groups[0]["params"]} == {
        id(w)
        for w in (
            *(conv.bias, depthwise.weight, depthwise.bias, linear.bias),
            *(gdn.root_beta, gdn.root_gamma),
        )
    }
    shapes = [tuple(view.shape) for view in muon.param_groups[0]["params"]]
    assert shapes == [(4, 27), (2, 4)]
    assert adamw.param_groups[0]["initial_lr"] == 1e-3
    assert muon.param_groups[0]["initial_lr"] == 3e-3


def test_frozen_weights_stay_out() -> None:
    model = nn.Linear(3, 2)
    model.weight.requires_grad_(False)
    (adamw,) = optimizers(model, 1e-3, Optimizer(kind="muon"))
    assert [id(w) for w in adamw.param_groups[0]["params"]] == [id(model.bias)]


def test_updates_are_orthogonal_whatever_the_gradients_size() -> None:
    weight = nn.Parameter(torch.randn(4, 3, 5, 5))
    before = weight.detach().clone()
    muon = FlatMuon([weight], 1e-2, 0.0)
    # Singular values from 1e-4 to 1e-6.
    left = torch.linalg.qr(torch.randn(4, 4)).Q
    right = torch.linalg.qr(torch.randn(75, 4)).Q
    scale = torch.tensor([1e-4, 3e-5, 1e-5, 1e-6])
    weight.grad = (left * scale @ right.T).reshape(weight.shape)
    muon.step()
    moved = torch.linalg.svdvals((weight.detach() - before).flatten(1))
    # Five Newton-Schulz iterations bring singular values near one, not to it; the least of these
    # lies at a hundredth of the largest.
    assert moved[:3].max() < 3 * moved[:3].min()
    muon.zero_grad()
    assert weight.grad is None
