"""Gradient steps through link and channel: every codec learns, and all of it does."""

import pytest
import torch
import torch.nn.functional as F

from semsim import Link, load_channel
from semsim.codecs.jscc.config import (
    AdjsccVConfig,
    DeepJsccConfig,
    SemVitConfig,
    WittConfig,
)
from semsim.codecs.weights_config import LearnedConfig

SMALL = [
    DeepJsccConfig(weights="random"),
    WittConfig(
        weights="random",
        model={"widths": [16, 16], "depths": [2, 2], "heads": [2, 2], "modulation_layers": 2},
    ),
    AdjsccVConfig(weights="random", model={"filters": 16, "kernel": 3, "channels": 16}),
    SemVitConfig(weights="random", model={"filters": 16, "head": 8}),
]


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config.kind)
def test_a_few_steps_teach_it_to_transmit(config: LearnedConfig) -> None:
    torch.manual_seed(0)
    codec = config.build().train()
    link = Link(codec, load_channel("awgn", seed=1))
    # Plain colours: whoever transmits nothing can at best show the mean of all, at this error.
    image = torch.rand(16, 3, 1, 1).expand(-1, -1, 8, 8)
    unknown = image.var(dim=0, correction=0).mean()
    optimizer = torch.optim.AdamW(codec.parameters(), lr=2e-3)
    losses = []
    for _ in range(110):
        rebuilt = link.transmit(image, 10.0 + 10.0 * torch.rand(len(image))).output.image
        loss = F.mse_loss(rebuilt, image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    learned = torch.stack(losses[-5:]).mean()
    assert learned < 0.6 * unknown
    # DeepJSCC starts at a linear code, which is far better than nothing, and still gains.
    assert learned < 0.9 * losses[0]


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config.kind)
def test_every_weight_of_sender_and_receiver_is_moved(config: LearnedConfig) -> None:
    torch.manual_seed(0)
    codec = config.build().train()
    delivery = Link(codec, load_channel("awgn", seed=1)).transmit(torch.rand(2, 3, 16, 16), 5.0)
    delivery.output.image.square().mean().backward()
    still = [
        name
        for name, weight in codec.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    # The Oracle Network is trained by an objective of its own.
    assert all(name.startswith("oracle_network.") for name in still)


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config.kind)
def test_weights_come_from_the_global_generator(config: LearnedConfig) -> None:
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(torch.cat([p.flatten() for p in config.build().parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
