from pathlib import Path

import pytest
import torch

from semsim.codecs import checkpoints
from semsim.codecs.bits import from_bits, to_bits
from semsim.codecs.ftsc.codec import Ftsc, save
from semsim.codecs.ftsc.config import FtscConfig, VqVae2Config
from semsim.codecs.ftsc.vqvae2 import VqVae2
from semsim.codecs.weights_config import WeightsFile
from semsim.errors import CheckpointError
from semsim.testing import check_codec
from semsim.types import Csi, ReceivedBits, Source


def small(bottom: int = 4, **sizes: int) -> VqVae2Config:
    return VqVae2Config(
        bottom=bottom, filters=16, residual_filters=8, residual_blocks=1, dim=4, **sizes
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WeightsFile]:
    folder = tmp_path_factory.mktemp("weights")
    made = {}
    for bottom in (8, 4, 2):
        torch.manual_seed(bottom)
        network = VqVae2(small(bottom))
        for level in (network.quantize_top, network.quantize_bottom):
            level.codebook.normal_()
        path = folder / f"{bottom}.safetensors"
        made[f"[{bottom},2]"] = WeightsFile(path=path, sha256=save(network, path))
    return made


def test_the_contract(weights: dict[str, WeightsFile]) -> None:
    check_codec(Ftsc(FtscConfig(weights=weights)), shape=(3, 64, 96))


def test_the_shipped_codec_keeps_the_contract() -> None:
    check_codec(Ftsc(FtscConfig()), shape=(3, 32, 32), batch=2)


def test_rho_is_that_of_the_paper(weights: dict[str, WeightsFile]) -> None:
    rates = Ftsc(FtscConfig(weights=weights)).rates((3, 256, 256))
    assert [rate.name for rate in rates] == ["[8,2]", "[4,2]", "[2,2]"]
    # FTSC eq. (10) by hand: (64² + 32²)/(3·256²)·9/8 and its siblings.
    assert [rate.rho for rate in rates] == pytest.approx([0.00732422, 0.02929688, 0.1171875], 1e-6)
    assert [rate.payload for rate in rates] == [11_520, 46_080, 184_320]


def test_flops_of_one_convolution_stack() -> None:
    """The first encoder layers by FTSC eq. (12): 2 operations a multiply-add."""
    from semsim.codecs.complexity import count_flops, on_meta

    network = VqVae2(VqVae2Config(bottom=2)).encoder_bottom
    first = 2 * 32 * 32 * 4 * 4 * 3 * 128
    counted = count_flops(network[0], lambda m: m(on_meta(1, 3, 64, 64)))
    assert counted == first


def test_error_free_bits_rebuild_what_the_network_sees(weights: dict[str, WeightsFile]) -> None:
    codec = Ftsc(FtscConfig(weights=weights))
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    csi = Csi(torch.ones(2))
    for rate in codec.rates((3, 32, 32)):
        payload = codec.encode(Source(image), csi, rate)
        received = ReceivedBits(payload.bits, torch.zeros(2), 1)
        decoded = codec.decode(received, csi, rate).image
        direct, _ = codec.network(rate.name)(image)
        assert torch.allclose(decoded, direct.clamp(0, 1), atol=1e-5)


def test_wrong_bits_give_wrong_entries_not_errors(weights: dict[str, WeightsFile]) -> None:
    codec = Ftsc(FtscConfig(weights=weights))
    rate = codec.rates((3, 32, 32))[0]
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (2, rate.payload), generator=generator, dtype=torch.uint8)
    image = codec.decode(ReceivedBits(bits, torch.zeros(2), 1), Csi(torch.ones(2)), rate).image
    assert image.shape == (2, 3, 32, 32)


def test_an_image_that_does_not_divide_is_refused(weights: dict[str, WeightsFile]) -> None:
    codec = Ftsc(FtscConfig(weights=weights))
    assert [rate.name for rate in codec.rates((3, 40, 40))] == ["[4,2]", "[2,2]"]
    with pytest.raises(ValueError, match="divisible by 16, got 42×42"):
        codec.rates((3, 42, 42))
    with pytest.raises(ValueError, match="RGB"):
        codec.rates((1, 32, 32))


@pytest.mark.parametrize("width", [1, 4, 9])
def test_bits_and_back(width: int) -> None:
    index = torch.randint(2**width, (3, 17), generator=torch.Generator().manual_seed(width))
    bits = to_bits(index, width)
    assert bits.shape == (3, 17 * width)
    assert torch.equal(from_bits(bits, width), index)


def test_a_wrong_hash_is_refused(weights: dict[str, WeightsFile]) -> None:
    wrong = weights["[4,2]"].model_copy(update={"sha256": "0" * 64})
    with pytest.raises(CheckpointError, match=r"the SHA-256 is .* expected 0000"):
        Ftsc(FtscConfig(scalings=("[4,2]",), weights={"[4,2]": wrong}))


def test_weights_of_another_scaling_are_refused(weights: dict[str, WeightsFile]) -> None:
    with pytest.raises(CheckpointError, match=r"holds scaling rate \[8,2\], not \[4,2\]"):
        Ftsc(FtscConfig(scalings=("[4,2]",), weights={"[4,2]": weights["[8,2]"]}))


def test_missing_weights_and_pickles_are_refused(tmp_path: Path) -> None:
    missing = WeightsFile(path=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="there are no weights"):
        Ftsc(FtscConfig(scalings=("[4,2]",), weights={"[4,2]": missing}))
    torch.save({"a": torch.ones(1)}, tmp_path / "pickle.pt")
    with pytest.raises(CheckpointError, match="reads no pickles"):
        checkpoints.read(tmp_path / "pickle.pt")
    with pytest.raises(CheckpointError, match="no shipped weights are named 'ftsc-16-2'"):
        Ftsc(FtscConfig(scalings=("[16,2]",)))


def test_half_precision_weights_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = VqVae2(small())
    path = tmp_path / "w.safetensors"
    save(network, path)
    read = checkpoints.read(path)
    for name, value in network.state_dict().items():
        assert torch.allclose(read.tensors[name], value, rtol=1e-3, atol=1e-4)
