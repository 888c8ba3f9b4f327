import pytest
import torch
from pydantic import ValidationError
from torch import nn

from semsim.codecs.layers.gdn import Gdn
from semsim.training.optimizers import optimizers
from semsim.training.recipe import Optimizer
from semsim.training.schedule import set_learning_rates


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
    assert [id(weight) for weight in muon.param_groups[0]["params"]] == [
        id(conv.weight),
        id(linear.weight),
    ]
    assert adamw.param_groups[0]["initial_lr"] == 1e-3
    assert muon.param_groups[0]["initial_lr"] == 3e-3


def test_frozen_weights_stay_out() -> None:
    model = nn.Linear(3, 2)
    model.weight.requires_grad_(False)
    (adamw,) = optimizers(model, 1e-3, Optimizer(kind="muon"))
    assert [id(w) for w in adamw.param_groups[0]["params"]] == [id(model.bias)]


def test_sgd_descends_with_momentum_and_decay() -> None:
    weight = nn.Linear(1, 1, bias=False)
    weight.weight.data.fill_(2.0)
    settings = Optimizer(kind="sgd", momentum=0.5, weight_decay=0.1)
    (sgd,) = optimizers(weight, 0.1, settings)
    for expected in (2.0 - 0.1 * 1.2, 1.88 - 0.1 * (0.5 * 1.2 + 1.188)):
        weight.weight.grad = torch.ones(1, 1)
        sgd.step()
        assert weight.weight.item() == pytest.approx(expected)


def test_a_cosine_ends_where_it_is_told_to() -> None:
    settings = Optimizer(kind="sgd", learning_rate=0.025, final_share=0.004, warmup_steps=0)
    (sgd,) = optimizers(nn.Linear(1, 1), 0.025, settings)
    rates = [set_learning_rates([sgd], step, 100, settings) for step in (0, 50, 100)]
    assert rates == pytest.approx([0.025, (0.025 + 1e-4) / 2, 1e-4])
    assert sgd.param_groups[0]["lr"] == rates[-1]


def test_momentum_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(ValidationError, match="'adamw' has its own"):
        Optimizer(momentum=0.9)
