import math

import pytest
import torch
from torch import nn

from semsim.codecs.jscc.adjscc_v import AdjsccV
from semsim.codecs.jscc.config import AdjsccVConfig
from semsim.codecs.jscc.oracle_network import OracleNetwork
from semsim.codecs.jscc.residual import ResidualConv
from semsim.codecs.layers.attention_feature import AttentionFeature
from semsim.testing import check_codec
from semsim.types import Csi

SMALL = {"filters": 8, "kernel": 3, "channels": 12, "shortest": 2, "step": 5}


def build(**model: object) -> AdjsccV:
    torch.manual_seed(0)
    codec: AdjsccV = AdjsccVConfig(weights="random", model=model or None).build()
    return codec


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def residual(a: int, b: int, k: int, shortcut: bool) -> int:
    """Two convolutions without bias, two GDN of b² + b, one slope, perhaps a shortcut."""
    return k * k * a * b + b * b + 2 * (b * b + b) + 1 + (a * b if shortcut else 0)


def attention(n: int) -> int:
    h = n // 2
    return (n + 1) * h + h + h * n + n


def test_it_has_the_parameters_that_table_4_of_trangdeepsc_counts() -> None:
    codec = build()
    n, c, k = 256, 48, 5
    encoder = residual(3, n, k, True) + residual(n, n, k, True) + residual(n, c, k, True)
    decoder = residual(c, n, k, True) + residual(n, n, k, True) + residual(n, 3, k, True)
    inner = 4 * residual(n, n, k, False)
    factors = 8 * attention(n) + 2 * attention(c)
    by_hand = encoder + decoder + inner + factors
    network = parameters(codec) - parameters(codec.oracle_network)
    assert network == by_hand == 12_757_579
    first = 98 * 196 + 196 + 196 * 48 + 48 + 98 * 48 + 48
    second = 48 * 96 + 96 + 96 * 48 + 48
    assert parameters(codec.oracle_network) == first + second + 49 == 43_021


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 20, 12), (3, 4, 4)])
def test_the_contract(shape: tuple[int, int, int]) -> None:
    check_codec(build(**SMALL), shape)


def test_a_rate_for_every_code_length() -> None:
    rates = build(**SMALL).rates((3, 16, 32))
    assert [rate.name for rate in rates] == ["c=2", "c=7", "c=12"]
    # c of 96 channels are a bandwidth ratio of c/96.
    assert [rate.rho for rate in rates] == [2 / 96, 7 / 96, 12 / 96]
    assert [rate.payload for rate in rates] == [32, 112, 192]
    assert len({rate.flops_decode for rate in rates}) == 1
    with pytest.raises(ValueError, match="4 must divide the sides of the image, got 32×30"):
        build(**SMALL).rates((3, 32, 30))


def test_a_short_code_is_the_beginning_of_a_long_one() -> None:
    codec = build(**SMALL)
    short, _, long = codec.rates((3, 8, 12))
    image, csi = torch.rand(3, 3, 8, 12), Csi(torch.tensor([1.0, 10.0, 100.0]))
    with torch.no_grad():
        whole, part = codec.features(image, csi, long), codec.features(image, csi, short)
    assert part.shape == (3, 2 * 6)
    torch.testing.assert_close(part, whole[:, : part.shape[1]])


def test_what_was_not_sent_is_zero_at_the_receiver() -> None:
    codec = build(**SMALL)
    short, _, long = codec.rates((3, 8, 8))
    csi = Csi(torch.tensor([1.0, 100.0]))
    received = torch.randn(2, 8)
    filled = torch.cat([received, torch.zeros(2, 40)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(
            codec.restore(received, csi, short), codec.restore(filled, csi, long)
        )


def test_it_knows_the_snr_and_each_row_its_own_alone() -> None:
    codec = build(**SMALL)
    rate = codec.rates((3, 16, 16))[-1]
    image = torch.rand(1, 3, 16, 16).expand(3, -1, -1, -1)
    received = torch.randn(1, 12 * 16).expand(3, -1)
    low, high = Csi(torch.tensor([1.0, 1.0, 100.0])), Csi(torch.tensor([1.0, 100.0, 100.0]))
    with torch.no_grad():
        for run, given in ((codec.features, image), (codec.restore, received)):
            one, two = run(given, low, rate), run(given, high, rate)
            torch.testing.assert_close(one[[0, 2]], two[[0, 2]])
            assert (one[1] - two[1]).abs().max() > 1e-4
            torch.testing.assert_close(two[1], two[2])


def test_attention_by_hand() -> None:
    torch.manual_seed(0)
    module = AttentionFeature(3, 2)
    x, snr_db = torch.randn(2, 3, 4, 5), torch.tensor([[0.0], [20.0]])
    first, second = module.factors[0], module.factors[2]
    for row in range(2):
        known = torch.cat([x[row].mean(dim=(1, 2)), snr_db[row]])
        factor = (
            second.weight @ (first.weight @ known + first.bias).relu() + second.bias
        ).sigmoid()
        torch.testing.assert_close(module(x, snr_db)[row], x[row] * factor[:, None, None])


@pytest.mark.parametrize(
    ("sizes", "options", "out"),
    [
        ((3, 8), {"down": True}, (8, 4, 6)),
        ((8, 3), {"up": True}, (3, 16, 24)),
        ((8, 8), {}, (8, 8, 12)),
        ((8, 3), {"last": True}, (3, 8, 12)),
    ],
)
def test_residual_convolutions(
    sizes: tuple[int, int], options: dict[str, bool], out: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    layer = ResidualConv(*sizes, 5, **options)
    x = torch.randn(2, sizes[0], 8, 12)
    y = layer(x)
    assert y.shape == (2, *out)
    # Without what lies inside, the shortcut is left.
    layer.mix.weight.data.zero_()
    end = torch.sigmoid if options.get("last") else layer.prelu
    torch.testing.assert_close(layer(x), end(layer.shortcut(x)))


class Rising(nn.Module):
    """Predicts 20 dB, half a dB a channel more, and as much more as the SNR has dB."""

    def forward(
        self, code: torch.Tensor, snr_db: torch.Tensor, length: torch.Tensor
    ) -> torch.Tensor:
        return (20.0 + 0.5 * length + snr_db).squeeze(1)


def test_the_shortest_code_that_keeps_the_target_is_chosen_for_every_image() -> None:
    codec = build(**SMALL)
    codec.oracle_network = Rising()
    image = torch.rand(4, 3, 8, 8)
    csi = Csi(torch.tensor([1.0, 10**0.25, 10.0, 1.0]))  # 0, 2.5, 10, 0 dB
    # c = 2, 7, 12 give 21, 23.5, 26 dB at 0 dB.
    assert [r.name for r in codec.choose(image, csi, 23.5)] == ["c=7", "c=2", "c=2", "c=7"]
    assert [r.name for r in codec.choose(image, csi, 24.0)] == ["c=12", "c=7", "c=2", "c=12"]
    assert [r.name for r in codec.choose(image, csi, 60.0)] == ["c=12"] * 4
    target = torch.tensor([20.0, 26.0, 33.0, 25.0])
    assert [r.name for r in codec.choose(image, csi, target)] == ["c=2", "c=7", "c=7", "c=12"]


def test_the_oracle_predicts_from_what_the_sender_knows() -> None:
    codec = build(**SMALL)
    short, _, long = codec.rates((3, 16, 16))
    image, csi = torch.rand(3, 3, 16, 16), Csi(torch.tensor([1.0, 10.0, 100.0]))
    predicted = codec.oracle(image, csi, long)
    assert predicted.shape == (3,)
    assert (predicted > 0).all()
    alone = codec.oracle(image[:1], Csi(csi.snr[:1]), long)
    torch.testing.assert_close(predicted[:1], alone)
    for other in (
        codec.oracle(image, csi, short),
        codec.oracle(image, Csi(2 * csi.snr), long),
        codec.oracle(0.1 * image, csi, long),
    ):
        # Rounding at 25 dB is some 1e-6 dB.
        assert ((predicted - other).abs() > 1e-5).all()


def test_statistics_of_the_oracle_by_hand() -> None:
    torch.manual_seed(0)
    net = OracleNetwork(2)
    seen = []
    net.first.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    code = torch.tensor([[[[1.0, 3.0]], [[-2.0, -2.0]]]])
    net(code, torch.tensor([[7.0]]), torch.tensor([[1.0]]))
    assert seen[0].tolist() == [[2.0, -2.0, 1.0, 0.0, 7.0, 1.0]]


def test_zero_and_infinite_snr_make_no_nan() -> None:
    codec = build(**SMALL)
    rate = codec.rates((3, 8, 8))[0]
    csi = Csi(torch.tensor([0.0, math.inf]))
    assert torch.isfinite(codec.features(torch.rand(2, 3, 8, 8), csi, rate)).all()
