"""Every scaling rate of both networks: it builds, its rate is eq. (10), it rebuilds images."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.codec import Ftsc, save
from semsim.codecs.ftsc.config import FtscConfig, VqVae2Config, VqVaeConfig
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.vqvae import VqVae
from semsim.codecs.weights_config import WeightsFile
from semsim.errors import CheckpointError
from semsim.testing import check_codec
from semsim.types import Csi, ReceivedBits, Source

SCALES = (2, 4, 8, 16)
SIZES = {"filters": 8, "residual_filters": 4, "residual_blocks": 1, "dim": 4}


def network(scaling: tuple[int, ...], entries: int = 512) -> QuantizedAutoencoder:
    torch.manual_seed(0)
    if len(scaling) == 1:
        made = build(VqVaeConfig(scale=scaling[0], entries=entries, **SIZES))
    else:
        made = build(VqVae2Config(bottom=scaling[0], top=scaling[1], entries=entries, **SIZES))
    for quantizer in made.quantizers:
        quantizer.codebook.normal_()
    return made.eval()


def codec(folder: Path, *scalings: tuple[int, ...], entries: int = 512, **options: object) -> Ftsc:
    weights = {}
    for scaling in scalings:
        made = network(scaling, entries)
        path = folder / f"{'-'.join(map(str, scaling))}-{entries}.safetensors"
        weights[made.config.name] = WeightsFile(path=path, sha256=save(made, path))
    return Ftsc(FtscConfig(scalings=tuple(weights), weights=weights, **options))


@pytest.mark.parametrize("b", SCALES)
@pytest.mark.parametrize("t", SCALES)
def test_a_vq_vae_2_of_every_scaling(tmp_path: Path, b: int, t: int) -> None:
    made = codec(tmp_path, (b, t))
    for height, width in ((256, 256), (256, 512), (768, 256)):
        (rate,) = made.rates((3, height, width))
        # FTSC eq. (10): 9 bits an index over 8 bits a colour.
        latents = height * width / b**2 + height * width / (b * t) ** 2
        assert rate.rho == pytest.approx(latents / (height * width * 3) * 9 / 8, rel=1e-12)
        assert rate.payload == 9 * latents
        assert rate.name == f"[{b},{t}]"
    _error_free_bits_are_what_the_network_sees(made, 2 * b * t, b * t)


@pytest.mark.parametrize("b", SCALES)
def test_a_vq_vae_of_every_scaling(tmp_path: Path, b: int) -> None:
    made = codec(tmp_path, (b,))
    for height, width in ((64, 64), (256, 512)):
        (rate,) = made.rates((3, height, width))
        assert rate.rho == pytest.approx(9 / (8 * 3 * b**2), rel=1e-12)
    _error_free_bits_are_what_the_network_sees(made, 2 * b, 3 * b)
    check_codec(made, shape=(3, 32, 48), batch=2)


def _error_free_bits_are_what_the_network_sees(made: Ftsc, height: int, width: int) -> None:
    (rate,) = made.rates((3, height, width))
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    bits = made.encode(Source(image), Csi(torch.ones(2)), rate).bits
    assert bits.shape == (2, rate.payload)
    received = ReceivedBits(bits, torch.zeros(2), 1)
    decoded = made.decode(received, Csi(torch.ones(2)), rate).image
    direct, latents = made.network(rate.name)(image)
    assert torch.allclose(decoded, direct.clamp(0, 1), atol=1e-5)
    assert len(latents) == len(made.network(rate.name).levels)


def test_2048_entries_at_one_level_take_nearly_what_two_levels_take(tmp_path: Path) -> None:
    two = codec(tmp_path, (4, 2)).rates((3, 256, 256))[0]
    one = codec(tmp_path, (4,), entries=2048).rates((3, 256, 256))[0]
    assert (two.payload, one.payload) == (46_080, 11 * 64 * 64)


@pytest.mark.parametrize("entries", [5, 300, 2048])
def test_any_number_of_entries_travels(tmp_path: Path, entries: int) -> None:
    made = codec(tmp_path, (4,), (4, 2), entries=entries)
    width = len(bin(entries - 1)) - 2
    for rate in made.rates((3, 32, 32)):
        places = sum(h * w for h, w in made.network(rate.name).latent_shapes(32, 32))
        assert rate.payload == width * places
        wild = torch.ones(1, rate.payload, dtype=torch.uint8)  # beyond the last entry
        image = made.decode(ReceivedBits(wild, torch.zeros(1), 1), Csi(torch.ones(1)), rate).image
        assert torch.isfinite(image).all()
    check_codec(made, shape=(3, 32, 32), batch=2)


def test_one_level_and_two_have_one_interface() -> None:
    for scaling, levels, scales in (((4,), ("bottom",), (4,)), ((4, 2), ("top", "bottom"), (8, 4))):
        made = network(scaling)
        image = torch.rand(1, 3, 32, 32)
        assert made.levels == levels
        assert made.scales() == scales
        index = made.indices(image)
        assert [tuple(i.shape[1:]) for i in index] == [*made.latent_shapes(32, 32)]
        again = made.reconstruct(*made.look_up(*index))
        assert torch.equal(again, made.decode_indices(*index))
        assert [len(q.codebook) for q in made.quantizers] == [512] * len(levels)
        assert all(
            torch.equal(found.index, sent)
            for found, sent in zip(made.latents(image), index, strict=True)
        )


def test_a_vq_vae_is_the_layers_it_says() -> None:
    made = VqVae(VqVaeConfig(scale=4))
    convolutions = [m for m in made.encoder if isinstance(m, torch.nn.Conv2d)]
    # Two factors of 2 with 4×4 kernels and 128 filters (FTSC eq. 11-13), then one 3×3.
    assert [tuple(m.weight.shape) for m in convolutions] == [
        (128, 3, 4, 4),
        (128, 128, 4, 4),
        (128, 128, 3, 3),
    ]


def test_only_the_receiver_has_the_decoder() -> None:
    for scaling in ((4,), (4, 2)):
        made = network(scaling)
        ours = {id(weight) for part in made.decoder_parts for weight in part.parameters()}
        image = torch.rand(1, 3, 32, 32)
        made.zero_grad()
        sum(level.square().sum() for level in made.features(image)).backward()
        # What the encoders' features depend on is the sender's, and all that they do not is not.
        theirs = {id(weight) for weight in made.parameters() if weight.grad is not None}
        assert not ours & theirs
        assert len(ours) + len(theirs) == len([*made.parameters()])


def test_gradients_pass_through_the_top_to_the_image() -> None:
    made = network((2, 2))
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    top, bottom = made.features(image)
    entry = made.quantize_top.look_up(made.quantize_top.nearest(top))
    seen = []
    made.decoder_top.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    made.features(image)
    assert torch.equal(seen[0], entry)
    bottom.square().sum().backward()
    assert made.to_top.weight.grad.abs().sum() > 0
    assert image.grad.abs().sum() > 0


def test_names_of_scalings() -> None:
    assert FtscConfig(scalings=("[4]", "[16,16]")).scalings == ("[4]", "[16,16]")
    for wrong in ("4", "[3]", "[4,3]", "[4,2,2]", "[4,]"):
        with pytest.raises(ValidationError, match=r"\[b,t\]"):
            FtscConfig(scalings=(wrong,))


def test_one_level_is_not_taken_for_two(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save(network((4,)), path)
    with pytest.raises(CheckpointError, match=r"holds scaling rate \[4\], not \[4,2\]"):
        Ftsc(FtscConfig(scalings=("[4,2]",), weights={"[4,2]": WeightsFile(path=path)}))


def test_an_image_that_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scaling \[16,4\] needs .* divisible by 64, got 96×128"):
        codec(tmp_path, (16, 4)).rates((3, 96, 128))
