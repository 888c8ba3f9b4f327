import pytest
import torch
from torch import nn

from semsim.codecs.jscc.channel_modnet import ChannelModNet
from semsim.codecs.jscc.config import WittConfig
from semsim.codecs.jscc.witt import Witt
from semsim.codecs.layers.swin import PatchDivision, PatchMerging, swin_blocks
from semsim.testing import check_codec
from semsim.types import Csi

SMALL = {
    "widths": [16, 24],
    "depths": [2, 2],
    "heads": [2, 2],
    "modulation_layers": 2,
}


def build(**model: object) -> Witt:
    torch.manual_seed(0)
    codec: Witt = WittConfig(weights="random", model=model or None).build()
    return codec


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def block(d: int, heads: int, window: int) -> int:
    """qkv, projection, MLP of four times the width, two LayerNorms, the bias table."""
    attention = 3 * d * d + 3 * d + d * d + d + (2 * window - 1) ** 2 * heads
    return attention + 8 * d * d + 5 * d + 4 * d


def modnet(d: int, layers: int = 7) -> int:
    h = int(1.5 * d)
    chain = (d * h + h) + (layers - 1) * (h * h + h) + (h * d + d)
    return chain + layers * (2 * h + 2 * (h * h + h))


def test_the_parameters_of_the_authors_sizes() -> None:
    codec = build()
    encoder = (12 * 128 + 128) + 2 * block(128, 4, 2) + 4 * block(256, 8, 2)
    merging = 2 * 512 + 512 * 256
    decoder = 4 * block(256, 8, 2) + 2 * block(128, 4, 2)
    division = (2 * 256 + 256 * 512) + (2 * 128 + 128 * 12)
    ends = 2 * 256 + (256 * 16 + 16) + (16 * 256 + 256)
    by_hand = encoder + merging + decoder + division + ends + 2 * modnet(256)
    assert parameters(codec) == by_hand == 13_706_848
    assert parameters(codec.encoder_modnet) + parameters(codec.decoder_modnet) == 6_318_848


def test_four_stages_for_large_images() -> None:
    codec = build(
        widths=[8, 8, 16, 16], depths=[1, 1, 2, 1], heads=[1, 2, 2, 2], window=8, cbr="1/16"
    )
    assert codec.model.channels == 96
    check_codec(codec, (3, 64, 32), batch=2)
    with pytest.raises(ValueError, match="16 must divide the sides of the image, got 40×32"):
        codec.rates((3, 40, 32))


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 20, 36)])
@pytest.mark.parametrize("window", [2, 4])
def test_the_contract(shape: tuple[int, int, int], window: int) -> None:
    check_codec(build(**SMALL, window=window), shape)


def test_the_bandwidth_ratio_is_exact() -> None:
    (rate,) = build(**SMALL, cbr="1/16").rates((3, 32, 32))
    assert (rate.name, rate.payload, rate.rho) == ("c=6", 192, 1 / 16)


def test_it_knows_the_snr_and_each_row_its_own_alone() -> None:
    codec = build(**SMALL)
    (rate,) = codec.rates((3, 16, 16))
    image = torch.rand(1, 3, 16, 16).expand(3, -1, -1, -1)
    received = torch.randn(1, 256).expand(3, -1)
    low, high = Csi(torch.tensor([1.0, 1.0, 100.0])), Csi(torch.tensor([1.0, 100.0, 100.0]))
    with torch.no_grad():
        for run, given in ((codec.features, image), (codec.restore, received)):
            one, two = run(given, low, rate), run(given, high, rate)
            torch.testing.assert_close(one[[0, 2]], two[[0, 2]])
            assert (one[1] - two[1]).abs().max() > 100 * (one[0] - two[0]).abs().max()
            torch.testing.assert_close(one[0], one[1])
            torch.testing.assert_close(two[1], two[2])


def test_a_dead_channel_makes_no_nan() -> None:
    codec = build(**SMALL)
    (rate,) = codec.rates((3, 8, 8))
    sent = codec.features(torch.rand(2, 3, 8, 8), Csi(torch.tensor([0.0, torch.inf])), rate)
    assert torch.isfinite(sent).all()


def test_the_mask_of_the_modnet_by_hand() -> None:
    torch.manual_seed(0)
    net = ChannelModNet(3, 5, layers=2)
    x, snr_db = torch.randn(2, 1, 1, 3), torch.tensor([[0.0], [10.0]])
    a, b = (m(snr_db) for m in net.modulators)
    assert ((a > 0) & (a < 1)).all()
    mask = net.last(net.between[0](net.first(x[:, 0, 0]) * a) * b).sigmoid()
    torch.testing.assert_close(net(x, snr_db)[:, 0, 0], x[:, 0, 0] * mask)
    assert [type(m).__name__ for m in net.modulators[0]] == [
        "Linear", "ReLU", "Linear", "ReLU", "Linear", "Sigmoid",
    ]  # fmt: skip


def test_division_undoes_merging() -> None:
    """Which place goes where: merge to all four neighbours, then divide them again."""
    merge, divide = PatchMerging(2, 8), PatchDivision(8, 2)
    for linear in (merge.reduce, divide.increase):
        linear.weight.data.copy_(torch.eye(8))
    merge.norm = divide.norm = nn.Identity()
    x = torch.randn(2, 4, 6, 2)
    merged = merge(x)
    assert merged.shape == (2, 2, 3, 8)
    torch.testing.assert_close(merged[:, 0, 0], x[:, :2, :2].flatten(1))
    torch.testing.assert_close(divide(merged), x)


def test_shifted_windows_let_neighbours_meet() -> None:
    """Across the border of two windows, a place hears of another by the second block only."""
    torch.manual_seed(0)
    blocks = swin_blocks(2, 8, 2, window=4)
    x = torch.randn(1, 8, 8, 8)
    changed = x.clone()
    changed[0, 3, 3] = torch.randn(8)  # in the corner of the first window; (4, 4) is in the last
    with torch.no_grad():
        torch.testing.assert_close(blocks[0](x)[0, 4, 4], blocks[0](changed)[0, 4, 4])
        assert not torch.allclose(blocks(x)[0, 4, 4], blocks(changed)[0, 4, 4], atol=1e-5)
        # Shifting is cyclic, but opposite edges of the map must not hear of each other.
        edge = x.clone()
        edge[0, 0, 0] = torch.randn(8)
        torch.testing.assert_close(blocks(x)[0, 7, 7], blocks(edge)[0, 7, 7])
