from itertools import pairwise

import pytest
import torch

from semsim import Link, load_channel
from semsim.codecs.jscc.config import DeepJsccConfig
from semsim.codecs.jscc.deepjscc import DeepJscc
from semsim.testing import check_codec
from semsim.types import Csi


def build(**model: object) -> DeepJscc:
    torch.manual_seed(0)
    codec: DeepJscc = DeepJsccConfig(weights="random", model=model or None).build()
    return codec


def count(*widths: int) -> int:
    """25 weights and a bias a filter, and a PReLU slope but for the last, a sigmoid."""
    pairs = list(pairwise(widths))
    encoder = sum(25 * a * b + 2 * b for a, b in pairs)
    decoder = sum(25 * a * b + 2 * a for a, b in pairs)
    return encoder + decoder - widths[0]


@pytest.mark.parametrize(("cbr", "c", "parameters"), [("1/6", 16, 156_483), ("1/12", 8, 143_667)])
def test_the_architecture_of_the_paper(cbr: str, c: int, parameters: int) -> None:
    codec = build(cbr=cbr)
    assert sum(p.numel() for p in codec.parameters()) == parameters == count(3, 16, 32, 32, 32, c)
    encoder = [m for m in codec.encoder if isinstance(m, torch.nn.Conv2d)]
    decoder = [m for m in codec.decoder if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [m.out_channels for m in encoder] == [16, 32, 32, 32, c]
    assert [m.stride[0] for m in encoder] == [2, 2, 1, 1, 1]
    assert [m.out_channels for m in decoder] == [32, 32, 32, 16, 3]
    assert [m.stride[0] for m in decoder] == [1, 1, 1, 2, 2]
    assert {m.kernel_size for m in encoder + decoder} == {(5, 5)}


def test_wider_ones_can_be_built() -> None:
    wide = build(filters=(8, 12, 16, 20), cbr="1/12")
    assert sum(p.numel() for p in wide.parameters()) == count(3, 8, 12, 16, 20, 8)


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 20, 36), (3, 4, 4)])
def test_the_contract(shape: tuple[int, int, int]) -> None:
    check_codec(build(), shape)


@pytest.mark.parametrize(("cbr", "exact"), [("1/6", 1 / 6), ("1/12", 1 / 12), ("1/48", 1 / 48)])
def test_the_bandwidth_ratio_is_exact(cbr: str, exact: float) -> None:
    codec = build(cbr=cbr)
    (rate,) = codec.rates((3, 40, 64))
    assert rate.rho == pytest.approx(exact, rel=1e-12)
    assert rate.payload == exact * 3 * 40 * 64
    assert rate.name == f"c={codec.model.channels}"
    audit = Link(codec, load_channel("awgn")).transmit(torch.rand(2, 3, 40, 64), 10.0).audit
    assert audit.cbr.tolist() == pytest.approx([exact] * 2)


def test_flops_of_the_encoder_by_hand() -> None:
    """Two operations a multiply-add: 25·in·out at each place of each layer's output."""
    (rate,) = build().rates((3, 32, 32))
    places = [16 * 16, 8 * 8, 8 * 8, 8 * 8, 8 * 8]
    widths = [3, 16, 32, 32, 32, 16]
    by_hand = sum(2 * 25 * a * b * n for a, b, n in zip(widths, widths[1:], places, strict=False))
    assert rate.flops_encode == by_hand


def test_it_knows_no_snr() -> None:
    codec = build()
    (rate,) = codec.rates((3, 32, 32))
    image = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    with torch.no_grad():
        one, other = codec.features(image, Csi(torch.tensor([1.0, 1000.0])), rate)
    torch.testing.assert_close(one, other)


def test_shapes_that_four_does_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="4 must divide the sides of the image, got 32×30"):
        build().rates((3, 32, 30))


def test_the_rebuilt_image_stays_within_0_and_1() -> None:
    codec = build().train()  # what training sees is not clamped
    (rate,) = codec.rates((3, 8, 8))
    image = codec.restore(100 * torch.randn(4, 64), Csi(torch.ones(4)), rate)
    assert ((image >= 0) & (image <= 1)).all()
