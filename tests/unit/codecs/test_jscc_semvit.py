import math

import pytest
import torch
from torch import nn

from semsim.codecs.jscc.config import SemVitConfig
from semsim.codecs.jscc.semvit import SemVit
from semsim.codecs.layers.gdn import Gdn
from semsim.codecs.layers.relative_attention import RelativeAttention, RelativeBlock
from semsim.testing import check_codec
from semsim.types import Csi

SMALL = {"filters": 16, "head": 8}


def build(**model: object) -> SemVit:
    torch.manual_seed(0)
    codec: SemVit = SemVitConfig(weights="random", model=model or None).build()
    return codec


def convolution(a: int, b: int, k: int) -> int:
    """Weights, biases, GDN, a PReLU slope a filter."""
    return k * k * a * b + b + (b * b + b) + b


def transformer(a: int, b: int) -> int:
    """Embedding, two LayerNorms, qkv of a head, mixing, bias table, MLP, GDN."""
    attention = 32 * 96 + 96 + b * b + b + 15 * 15
    return a * b + b + 4 * b + attention + 8 * b * b + 5 * b + (b * b + b)


@pytest.mark.parametrize(("vit_blocks", "parameters"), [(1, 10_310_805), (3, 13_220_249)])
def test_the_parameters_of_the_authors_layers(vit_blocks: int, parameters: int) -> None:
    codec = build(blocks=(1, 1, vit_blocks))
    n, c = 256, 16
    encoder = convolution(3, n, 9) + convolution(n, n, 5) + vit_blocks * transformer(n, n)
    decoder = transformer(c, n) + (vit_blocks - 1) * transformer(n, n)
    decoder += convolution(n, n, 5) + convolution(n, n, 9)
    by_hand = encoder + (n * c + c) + decoder + (n * 3 + 3)
    assert sum(p.numel() for p in codec.parameters()) == by_hand == parameters


def test_the_order_of_the_layers() -> None:
    codec = build(**SMALL)
    kinds = (nn.Conv2d, RelativeBlock, nn.Upsample, nn.Sigmoid)
    encoder = [m for m in codec.encoder if isinstance(m, kinds)]
    decoder = [m for m in codec.decoder if isinstance(m, kinds)]
    assert [type(m).__name__ for m in encoder] == ["Conv2d", "Conv2d", "RelativeBlock", "Conv2d"]
    assert [type(m).__name__ for m in decoder] == [
        "RelativeBlock", "Upsample", "Conv2d", "Upsample", "Conv2d", "Conv2d", "Sigmoid",
    ]  # fmt: skip
    assert [m.inverse for m in codec.encoder.modules() if isinstance(m, Gdn)] == [False] * 3
    assert [m.inverse for m in codec.decoder.modules() if isinstance(m, Gdn)] == [True] * 3
    assert not any(isinstance(m, Gdn) for m in build(**SMALL, gdn=False).modules())


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 20, 12), (3, 4, 4)])
@pytest.mark.parametrize("blocks", [(1, 1, 1), (2, 1, 2)])
def test_the_contract(shape: tuple[int, int, int], blocks: tuple[int, int, int]) -> None:
    check_codec(build(**SMALL, blocks=blocks), shape)


@pytest.mark.parametrize(("cbr", "c"), [("1/6", 16), ("1/12", 8), ("2/3", 64)])
def test_the_bandwidth_ratio_is_exact(cbr: str, c: int) -> None:
    (rate,) = build(**SMALL, cbr=cbr).rates((3, 32, 32))
    assert (rate.name, rate.payload, rate.rho) == (f"c={c}", 32 * c, c / 96)


def test_it_knows_no_snr() -> None:
    codec = build(**SMALL)
    (rate,) = codec.rates((3, 16, 16))
    image = torch.rand(1, 3, 16, 16).expand(2, -1, -1, -1)
    with torch.no_grad():
        one, other = codec.features(image, Csi(torch.tensor([1.0, 1000.0])), rate)
    torch.testing.assert_close(one, other)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 must divide the sides of the image, got 32×30"):
        build(**SMALL).rates((3, 32, 30))
    with pytest.raises(ValueError, match="heads of 5 do not divide a width of 16"):
        build(filters=16, head=5)
    with pytest.raises(ValueError, match="heads of 5 do not divide a width of 16"):
        RelativeAttention(16, 5, 8)


def test_attention_by_hand() -> None:
    torch.manual_seed(0)
    layer = RelativeAttention(4, 2, 3).double()
    layer.bias.data.normal_()
    x = torch.randn(1, 3, 3, 4, dtype=torch.double)
    places = [(i, j) for i in range(3) for j in range(3)]
    result = torch.zeros(9, 4, dtype=torch.double)
    for head in range(2):
        share = x[0].reshape(9, 4)[:, 2 * head : 2 * head + 2]
        query, key, value = layer.qkv(share).split(2, dim=1)
        for a, (i, j) in enumerate(places):
            bias = torch.stack([layer.bias[i - u + 2, j - v + 2] for u, v in places])
            weight = (key @ query[a] / math.sqrt(2) + bias).softmax(0)
            result[a, 2 * head : 2 * head + 2] = weight @ value
    torch.testing.assert_close(layer(x)[0].reshape(9, 4), layer.mix(result))


def test_the_bias_of_other_grids_depends_on_the_displacement_alone() -> None:
    torch.manual_seed(0)
    layer = RelativeAttention(4, 2, 3)
    layer.bias.data.normal_()
    bias = layer.displacement_bias(5, 4).reshape(5, 4, 5, 4)
    torch.testing.assert_close(bias[3, 2, 1, 0], bias[4, 3, 2, 1])
    torch.testing.assert_close(bias[0, 0, 0, 0], bias[4, 3, 4, 3])
    assert not torch.isclose(bias[0, 0, 1, 0], bias[0, 0, 0, 1])
    # No displacement at all keeps its own bias whatever the grid; the farthest keep theirs.
    torch.testing.assert_close(bias[0, 0, 0, 0], layer.bias[2, 2])
    torch.testing.assert_close(bias[0, 0, 4, 3], layer.bias[0, 0])
