"""What travels: streams of each image's own length, and feature maps."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from semsim.channels.config import AwgnConfig
from semsim.codecs import checkpoints
from semsim.codecs.ftsc.codec import Ftsc, save
from semsim.codecs.ftsc.config import FtscConfig, VqVae2Config, VqVaeConfig
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.transport import EntropyIndices, LatentMaps
from semsim.codecs.ftsc.tuning.config import DnCnnConfig
from semsim.codecs.ftsc.tuning.denoisers import Denoisers
from semsim.codecs.weights_config import WeightsFile
from semsim.data.config import PhotosConfig
from semsim.link.config import ModemConfig
from semsim.link.link import Link
from semsim.link.modem import DigitalModem
from semsim.testing import check_codec
from semsim.types import Csi, Received, ReceivedBits, Source

SHAPE = (3, 64, 64)


@pytest.fixture(scope="module")
def photos() -> Source:
    return PhotosConfig(split="test", size=64).build().take(3)


@pytest.fixture(scope="module")
def fixed() -> Ftsc:
    return Ftsc(FtscConfig(scalings=("[8,2]", "[4,2]")))


@pytest.fixture(scope="module")
def entropy() -> Ftsc:
    return Ftsc(FtscConfig(scalings=("[8,2]", "[4,2]"), index_code="entropy"))


@pytest.fixture(scope="module")
def latent() -> Ftsc:
    return Ftsc(FtscConfig(scalings=("[8,2]", "[4,2]"), transport="latent"))


def csi(count: int) -> Csi:
    return Csi(torch.full((count,), 10.0))


def test_both_keep_the_contract(entropy: Ftsc, latent: Ftsc) -> None:
    check_codec(entropy, shape=(3, 64, 32), batch=2)
    check_codec(latent, shape=(3, 64, 32), batch=2)


def test_streams_give_the_same_images_in_fewer_bits(
    fixed: Ftsc, entropy: Ftsc, photos: Source
) -> None:
    for plain, rate in zip(fixed.rates(SHAPE), entropy.rates(SHAPE), strict=True):
        assert rate.payload == plain.payload + 1
        bits = fixed.encode(photos, csi(3), plain).bits
        expected = fixed.decode(ReceivedBits(bits, torch.zeros(3), 1), csi(3), plain).image
        payload = entropy.encode(photos, csi(3), rate)
        assert payload.lengths.float().mean() < plain.payload
        for row, length in zip(payload.bits, payload.lengths.tolist(), strict=True):
            assert not row[length:].any()
        received = ReceivedBits(payload.bits, torch.zeros(3), 1, torch.zeros(3, dtype=torch.bool))
        output = entropy.decode(received, csi(3), rate)
        assert torch.equal(output.image, expected)
        assert not output.outage.any()


def test_what_does_not_get_shorter_goes_at_fixed_length(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(VqVaeConfig(scale=4, filters=8, residual_filters=4, dim=4, entries=512))
    for quantizer in network.quantizers:
        quantizer.codebook.normal_()
    path = tmp_path / "w.safetensors"
    weights = {"[4]": WeightsFile(path=path, sha256=save(network, path))}
    made = Ftsc(FtscConfig(scalings=("[4]",), weights=weights, index_code="entropy"))
    rate = made.rates((3, 8, 4))[0]
    image = torch.rand(2, 3, 8, 4, generator=torch.Generator().manual_seed(0))
    payload = made.encode(Source(image), csi(2), rate)
    # Two indices of 9 bits; a word of the range coder has 32.
    assert payload.lengths.tolist() == [19, 19]
    assert payload.bits[:, 0].tolist() == [0, 0]
    decoded = made.decode(ReceivedBits(payload.bits, torch.zeros(2), 1), csi(2), rate).image
    assert torch.allclose(decoded, made.network("[4]")(image)[0].clamp(0, 1), atol=1e-5)


def test_a_failed_crc_is_an_outage_and_damage_without_one_is_decoded(
    entropy: Ftsc, photos: Source
) -> None:
    rate = entropy.rates(SHAPE)[1]
    payload = entropy.encode(photos, csi(3), rate)
    broken = payload.bits.clone()
    broken[:, 300:] ^= torch.randint(
        2, broken[:, 300:].shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    failed = torch.tensor([True, False, True])
    output = entropy.decode(ReceivedBits(broken, torch.ones(3), 1, failed), csi(3), rate)
    assert output.outage[[0, 2]].all()
    assert (output.image[[0, 2]] == 0.5).all()
    output = entropy.decode(ReceivedBits(broken, torch.ones(3), 1), csi(3), rate)
    assert output.image.shape == (3, *SHAPE)
    assert (output.image[output.outage] == 0.5).all()


def test_random_bits_never_crash_the_receiver(entropy: Ftsc) -> None:
    generator = torch.Generator().manual_seed(1)
    for rate in entropy.rates((3, 32, 32)):
        bits = torch.randint(2, (20, rate.payload), generator=generator, dtype=torch.uint8)
        output = entropy.decode(ReceivedBits(bits, torch.ones(20), 1), csi(20), rate)
        assert ((output.image >= 0) & (output.image <= 1)).all()


def test_the_link_sends_and_audits_what_each_stream_takes(entropy: Ftsc, photos: Source) -> None:
    rate = entropy.rates(SHAPE)[0]
    lengths = entropy.encode(photos, csi(3), rate).lengths
    assert len(set(lengths.tolist())) > 1
    modem = DigitalModem(ModemConfig(coding="none", modulation="qpsk"))
    link = Link(entropy, AwgnConfig().build(generator=torch.Generator().manual_seed(0)), modem)
    delivery = link.transmit(photos, 25.0, rate)
    # Two bits a symbol, and one use a bit for the length (of 721 at most: 10 bits).
    assert delivery.audit.channel_uses.tolist() == [-(-n // 2) + 10 for n in lengths.tolist()]
    # QPSK at 25 dB errs with Q(√316), which is never.
    assert not delivery.output.outage.any()
    clean, _ = entropy.network(rate.name)(photos.image)
    assert torch.allclose(delivery.output.image, clean.clamp(0, 1), atol=1e-5)


def test_a_link_too_noisy_for_its_code_ends_in_outage(entropy: Ftsc, photos: Source) -> None:
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(0))
    delivery = Link(entropy, channel).transmit(photos, -5.0, "[8,2]")  # rate 1/2 needs 1 dB
    assert delivery.output.outage.all()
    assert (delivery.output.image == 0.5).all()
    assert (delivery.audit.block_error_rate == 1).all()


def test_latents_take_two_values_a_symbol_and_pilots(latent: Ftsc, photos: Source) -> None:
    for rate, places in zip(latent.rates(SHAPE), (4**2 + 8**2, 8**2 + 16**2), strict=True):
        symbols = places * 64 // 2
        assert rate.unit == "symbols"
        assert rate.payload == symbols + symbols // 64
        assert rate.rho == rate.payload / (3 * 64 * 64)
        payload = latent.encode(photos, csi(3), rate)
        assert payload.x.shape == (3, rate.payload)
        assert payload.side_bits == 0


def test_without_noise_latents_arrive_whatever_the_link_s_scale(
    latent: Ftsc, photos: Source
) -> None:
    for rate in latent.rates(SHAPE):
        x = latent.encode(photos, csi(3), rate).x
        x = x / x.abs().square().mean(dim=1, keepdim=True).sqrt()
        received = Received(x, torch.full(x.shape, 1e-9), torch.ones(x.shape), torch.ones(3), 1)
        image = latent.decode(received, csi(3), rate).image
        clean, _ = latent.network(rate.name)(photos.image)
        assert torch.allclose(image, clean.clamp(0, 1), atol=1e-4)


def test_noise_lands_on_the_maps_at_the_snr(latent: Ftsc, photos: Source) -> None:
    """The decoder sees maps whose error has the mean power of an image's symbols over the SNR."""
    seen = []
    network = latent.network("[4,2]")
    rebuild = network.reconstruct

    def watched(*z: torch.Tensor) -> torch.Tensor:
        seen.append(torch.cat([level.flatten(1) for level in z], dim=1))
        return rebuild(*z)

    network.reconstruct = watched  # type: ignore[method-assign]
    try:
        channel = AwgnConfig().build(generator=torch.Generator().manual_seed(0))
        delivery = Link(latent, channel).transmit(photos, 10.0, "[4,2]")
    finally:
        del network.reconstruct
    index = network.indices(photos.image)
    sent = torch.cat([level.flatten(1) for level in network.look_up(*index)], dim=1)
    error = (seen[0] - sent).square().mean(dim=1)
    rate = delivery.rate
    x = latent.encode(photos, csi(3), rate).x
    power = x.abs().square().mean(dim=1) / 2  # of one real value, pilots included
    # 20,480 values: their mean square has a relative standard error of 1 %; the scale is known
    # from 160 pilots to √(1/(2·160·10)) = 1.8 %, which moves the noise by 3.5 % and adds an error
    # of 0.0003 of the power, 0.3 % of the noise. Five deviations.
    assert torch.allclose(error / power, torch.full((3,), 0.1), rtol=0.19)


def test_a_bad_estimate_of_the_scale_stays_in_bounds(latent: Ftsc) -> None:
    rate = latent.rates((3, 32, 32))[0]
    x = -torch.ones(2, rate.payload, dtype=torch.complex64)
    received = Received(x, torch.ones(x.shape), torch.ones(x.shape), torch.ones(2), 1)
    image = latent.decode(received, csi(2), rate).image
    assert ((image >= 0) & (image <= 1)).all()


def test_denoisers_clean_the_maps_before_they_are_decoded(tmp_path: Path, photos: Source) -> None:
    plain = Ftsc(FtscConfig(scalings=("[8,2]",), transport="latent"))
    network = plain.network("[8,2]")
    torch.manual_seed(0)
    cleaner = Denoisers(2, network.config.dim, DnCnnConfig(layers=3, filters=4))
    for level in cleaner.networks:  # untrained ones take nothing for noise
        torch.nn.init.normal_(level.noise[-1].weight, std=0.1)
    path = tmp_path / "denoisers.safetensors"
    sizes = {
        "latents": network.config.model_dump(mode="json"),
        "dncnn": DnCnnConfig(layers=3, filters=4).model_dump(mode="json"),
    }
    checkpoints.write(path, cleaner.state_dict(), sizes)
    made = Ftsc(
        FtscConfig(
            scalings=("[8,2]",),
            transport="latent",
            denoisers={"[8,2]": WeightsFile(path=path)},
        )
    )
    (rate,) = made.rates(SHAPE)
    assert rate.flops_decode > plain.rates(SHAPE)[0].flops_decode
    x = made.encode(photos, csi(3), rate).x
    received = Received(x, torch.ones(x.shape), torch.ones(x.shape), torch.ones(3), 1)
    maps = plain.transport.arrive(network, received, SHAPE).maps
    expected = network.reconstruct(*made.denoiser("[8,2]")(maps)).clamp(0, 1)
    found = made.decode(received, csi(3), rate).image
    assert torch.allclose(found, expected, atol=1e-5)
    assert not torch.allclose(found, plain.decode(received, csi(3), rate).image, atol=1e-3)
    assert plain.denoiser("[8,2]")(maps) is maps
    with pytest.raises(ValidationError, match="'denoisers' clean"):
        FtscConfig(denoisers={"[8,2]": WeightsFile(path=path)})


def test_what_does_not_fit_together_is_refused(latent: Ftsc, entropy: Ftsc) -> None:
    with pytest.raises(ValidationError, match="sends no indices"):
        FtscConfig(transport="latent", index_code="entropy")
    bits = ReceivedBits(torch.zeros(1, 8, dtype=torch.uint8), torch.zeros(1), 1)
    with pytest.raises(TypeError, match="decodes symbols"):
        latent.decode(bits, csi(1), latent.rates(SHAPE)[0])
    x = torch.ones(1, 8, dtype=torch.complex64)
    symbols = Received(x, torch.ones(1, 8), torch.ones(1, 8), torch.ones(1), 8)
    with pytest.raises(TypeError, match="decodes bits"):
        entropy.decode(symbols, csi(1), entropy.rates(SHAPE)[0])


def test_transports_take_one_level_too() -> None:
    torch.manual_seed(0)
    sizes = {"filters": 8, "residual_filters": 4, "dim": 6, "entries": 32}
    for config in (VqVaeConfig(scale=4, **sizes), VqVae2Config(bottom=4, **sizes)):
        network = build(config).eval()
        for quantizer in network.quantizers:
            quantizer.codebook.normal_()
        image = torch.rand(2, 3, 32, 32)
        expected = network(image)[0].clamp(0, 1)
        payload = EntropyIndices().send(network, image)
        received = ReceivedBits(payload.bits, torch.zeros(2), 1)
        arrived = EntropyIndices().arrive(network, received, (3, 32, 32))
        found = network.reconstruct(*arrived.maps).clamp(0, 1)
        assert torch.allclose(found, expected, atol=1e-5)
        assert not arrived.outage.any()
        x = LatentMaps().send(network, image).x
        assert x.shape[1] == LatentMaps().payload(network, (3, 32, 32))
