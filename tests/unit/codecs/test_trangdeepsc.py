"""TranGDeepSC and ViTDeepSC: the paper's parameter counts, eq. (1), and shapes."""

import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.trangdeepsc.config import (
    TranGDeepScConfig,
    TranGDeepScModel,
    ViTDeepScConfig,
    ViTDeepScModel,
)
from semsim.codecs.trangdeepsc.rg_cnn import RgCnn
from semsim.testing import check_codec
from semsim.types import Csi, Source


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_those_of_table_4() -> None:
    assert parameters(TranGDeepScConfig(weights="random").build()) == 908_047
    assert parameters(ViTDeepScConfig(weights="random").build()) == 1_300_508
    assert parameters(RgCnn(128)) == 138_410


def test_the_gate_projection_is_an_option() -> None:
    # FC_G maps int(8/3·128) = 341 to 341 values, in each of six blocks.
    model = TranGDeepScModel(gate_projection=True)
    wide = TranGDeepScConfig(weights="random", model=model).build()
    assert parameters(wide) == 908_047 + 6 * (341 * 341 + 341)


def test_the_block_computes_equation_1() -> None:
    block = RgCnn(6, kernel=3)
    x = torch.randn(2, 5, 4, 6)
    hidden = int(8 / 3 * 6)
    mixed = F.linear(F.layer_norm(x, (6,)), block.fc1.weight, block.fc1.bias)
    g, i, c = mixed[..., :hidden], mixed[..., hidden:-6], mixed[..., -6:]
    convolved = torch.zeros_like(c)
    padded = F.pad(c, (0, 0, 1, 1, 1, 1))
    for row in range(3):
        for column in range(3):
            weight = block.conv.weight[:, 0, row, column]
            convolved += padded[:, row : row + 5, column : column + 4] * weight
    convolved += block.conv.bias
    gate = 0.5 * g * (1 + torch.erf(g / 2**0.5))
    y = F.linear(gate * torch.cat([i, convolved], -1), block.fc2.weight, block.fc2.bias)
    assert torch.allclose(block(x), x + y, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 16, 40)])
def test_the_contract(shape: tuple[int, int, int]) -> None:
    check_codec(TranGDeepScConfig(weights="random").build(), shape)
    check_codec(ViTDeepScConfig(weights="random").build(), shape)


def test_sixteen_real_symbols_for_twelve_values() -> None:
    (rate,) = TranGDeepScConfig(weights="random").build().rates((3, 32, 32))
    assert (rate.name, rate.payload) == ("K=16", 256 * 16 // 2)
    assert rate.rho == pytest.approx(2 / 3)


def test_flops_are_those_of_the_layers() -> None:
    model = TranGDeepScModel(hidden=16, symbols=4, channel_hidden=8, blocks=1, kernel=3)
    (rate,) = TranGDeepScConfig(weights="random", model=model).build().rates((3, 8, 8))
    hidden = int(8 / 3 * 16)
    patch = 16 * 12 + 16 * 2 * hidden + 16 * 9 + hidden * 16 + 16 * 8 + 8 * 4
    assert rate.flops_encode == 2 * 16 * patch
    assert rate.flops_decode == rate.flops_encode


def test_positions_of_another_grid_are_interpolated() -> None:
    model = ViTDeepScModel(hidden=8, symbols=4, channel_hidden=8, blocks=1, heads=1, positions=4)
    codec = ViTDeepScConfig(weights="random", model=model).build()
    assert codec._position(4, 4) is codec.position
    # Bicubic interpolation keeps a constant.
    codec.position.data.fill_(0.3)
    wide = codec._position(6, 10)
    assert wide.shape == (60, 8)
    assert torch.allclose(wide, torch.full_like(wide, 0.3), atol=1e-6)


@pytest.mark.parametrize("config", [TranGDeepScConfig, ViTDeepScConfig])
def test_images_that_do_not_fit_are_refused(config: type) -> None:
    codec = config(weights="random").build()
    with pytest.raises(ValueError, match="patches of 2 pixels do not divide 31×32"):
        codec.rates((3, 31, 32))
    with pytest.raises(ValueError, match="RGB"):
        codec.rates((1, 32, 32))


def test_a_model_goes_with_random_weights_only() -> None:
    with pytest.raises(ValueError, match="'model' goes with 'weights: random'"):
        TranGDeepScConfig(weights="trangdeepsc", model=TranGDeepScModel())


def test_gradients_reach_every_weight() -> None:
    for config in (TranGDeepScConfig(weights="random"), ViTDeepScConfig(weights="random")):
        codec = config.build().train()
        image = torch.rand(2, 3, 32, 32)
        csi = Csi(torch.ones(2))
        (rate,) = codec.rates((3, 32, 32))
        x = codec.encode(Source(image), csi, rate).x
        codec.restore(torch.view_as_real(x).flatten(1), csi, rate).square().mean().backward()
        for name, weight in codec.named_parameters():
            assert weight.grad is not None, name
            assert float(weight.grad.abs().max()) > 0, name
