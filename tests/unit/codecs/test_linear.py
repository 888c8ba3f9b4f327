"""The linear codec as a plug-in: payloads, transforms, the scale, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from semsim import load_codec
from semsim.codecs.linear.codec import Linear, scale_symbols
from semsim.codecs.linear.config import GaussMarkovStatistics, LinearConfig, PhotosStatistics
from semsim.codecs.linear.powers import component_powers
from semsim.data.config import GaussianConfig, PhotosConfig
from semsim.testing import check_codec
from semsim.types import Csi, Received, ReceivedBits, Source

PHOTOS = {"kind": "photos", "patch": 8}


@pytest.fixture(scope="module")
def gaussian() -> Linear:
    return LinearConfig(cbrs=("1/6", "1/2", "3/4")).build()


@pytest.fixture(scope="module")
def photos() -> Linear:
    return LinearConfig(statistics=PhotosStatistics(), cbrs=("1/6", "9/16")).build()


def noiseless(x: torch.Tensor, variance: float = 1e-9) -> Received:
    flat = torch.ones(x.shape)
    return Received(x, flat * variance, flat, flat[:, 0], x.shape[1])


@pytest.mark.parametrize("statistics", ["gauss_markov", "photos"])
def test_it_keeps_the_contract(statistics: str) -> None:
    check_codec(load_codec({"kind": "linear", "statistics": {"kind": statistics}}))


def test_rates_count_everything_that_is_sent(gaussian: Linear) -> None:
    rates = gaussian.rates((3, 32, 32))
    assert [rate.name for rate in rates] == ["1/6", "1/2", "3/4"]
    assert [rate.payload for rate in rates] == [512, 1536, 2304]
    assert [rate.rho for rate in rates] == [1 / 6, 1 / 2, 3 / 4]
    # Multiply-adds of the three small transforms.
    assert rates[0].flops_encode == 2 * 3072 * (3 + 32 + 32)


def test_every_image_leaves_at_unit_power_whatever_it_shows(gaussian: Linear) -> None:
    dull = 0.5 + 0.001 * torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    image = torch.cat(
        [
            GaussianConfig(size=32).build().take(3).image,
            dull,
            torch.zeros(1, 3, 32, 32),
            PhotosConfig(size=32).build().take(1).image,
        ]
    )
    csi = Csi(snr=torch.tensor([0.1, 1.0, 100.0, 10.0, 10.0, 10.0]))
    for rate in gaussian.rates((3, 32, 32)):
        x = gaussian.encode(Source(image), csi, rate).x
        assert x.abs().square().mean(dim=1).tolist() == pytest.approx([1.0] * 6, abs=1e-5)
        assert gaussian.encode(Source(image), csi, rate).side_bits == 0


def test_an_image_of_nothing_but_the_mean_is_received_as_such(gaussian: Linear) -> None:
    image = torch.full((2, 3, 32, 32), 0.5)
    csi = Csi(snr=torch.tensor([1.0, 100.0]))
    rate = gaussian.rates((3, 32, 32))[0]
    x = gaussian.encode(Source(image), csi, rate).x
    output = gaussian.decode(noiseless(x, 0.01), csi, rate).image
    assert output is not None
    torch.testing.assert_close(output, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize("which", ["gaussian", "photos"])
def test_without_noise_all_components_come_back(which: str, request: pytest.FixtureRequest) -> None:
    """Where there are as many real channel uses as values, the image itself comes back; images
    of twice or half the contrast too, since the scale says so."""
    codec = request.getfixturevalue(which)
    source = GaussianConfig(size=32) if which == "gaussian" else PhotosConfig(size=32)
    image = source.build().take(6).image
    image[:2] = 0.5 + 2 * (image[:2] - 0.5).clamp(-0.25, 0.25)
    image[2:4] = 0.5 + 0.5 * (image[2:4] - 0.5)
    csi = Csi(snr=torch.full((6,), 1e4))
    rate = codec.rates((3, 32, 32))[-1]
    x = codec.encode(Source(image), csi, rate).x
    output = codec.decode(noiseless(x), csi, rate).image
    assert output is not None
    torch.testing.assert_close(output, image, atol=2e-4, rtol=0)


def test_fewer_channel_uses_keep_the_components_of_largest_variance(gaussian: Linear) -> None:
    shape = (3, 32, 32)
    klt = gaussian.klt(shape)
    image = GaussianConfig(size=32).build().take(2).image
    rate = gaussian.rates(shape)[0]
    csi = Csi(snr=torch.full((2,), 1e4))
    x = gaussian.encode(Source(image), csi, rate).x
    output = gaussian.decode(noiseless(x), csi, rate).image
    assert output is not None
    kept = 2 * (512 - scale_symbols(512))
    sent, found = klt.analyse(image), klt.analyse(output)
    torch.testing.assert_close(found[:, :kept], sent[:, :kept], atol=1e-3, rtol=0)
    assert found[:, kept:].abs().max() < 1e-3


@pytest.mark.parametrize("which", ["gaussian", "photos"])
def test_transforms_are_orthonormal(which: str, request: pytest.FixtureRequest) -> None:
    klt = request.getfixturevalue(which).klt((3, 16, 24))
    assert (np.diff(klt.deviations) <= 0).all()
    assert klt.deviations.shape == (3 * 16 * 24,)
    mean = klt.synthesise(torch.zeros(1, 3 * 16 * 24))
    image = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    components = klt.analyse(image)
    torch.testing.assert_close(klt.synthesise(components), image, atol=1e-5, rtol=0)
    energy = (image - mean).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(components.square().sum(dim=1), energy)


def test_components_of_gaussian_images_are_independent_of_the_stated_variance(
    gaussian: Linear,
) -> None:
    count = 4000
    images = GaussianConfig(size=8).build().take(count).image
    klt = gaussian.klt((3, 8, 8))
    scaled = klt.analyse(images).double() / torch.from_numpy(klt.deviations)
    found = scaled.T @ scaled / count
    # Sample variances have the deviation √(2/m), covariances 1/√m; 192² of them: six of these.
    assert (found - torch.eye(192)).abs().max() < 6 * math.sqrt(2 / count)


def test_the_photographs_of_the_test_split_resemble_their_statistics(photos: Linear) -> None:
    images = PhotosConfig(size=64).build().take(64).image
    klt = photos.klt((3, 64, 64))
    found = klt.analyse(images).square().mean(dim=0).reshape(192, 64).mean(dim=1).double()
    stated = torch.from_numpy(klt.deviations).square().reshape(192, 64)[:, 0]
    ratio_db = 10 * (found / stated).log10()
    assert ratio_db.abs().mean() < 3
    assert stated[0] / stated[96] > 100


def test_each_image_of_a_batch_has_its_own_powers(gaussian: Linear) -> None:
    rate = gaussian.rates((3, 32, 32))[1]
    image = GaussianConfig(size=32).build().take(1).image.expand(2, -1, -1, -1)
    snr = torch.tensor([0.1, 1000.0])
    x = gaussian.encode(Source(image), Csi(snr=snr), rate).x[:, scale_symbols(rate.payload) :]
    active = (torch.view_as_real(x).flatten(1) != 0).sum(dim=1).tolist()
    deviations = gaussian.klt((3, 32, 32)).deviations
    uses = x.shape[1]
    expected = (component_powers(deviations[: 2 * uses], uses, snr.numpy()) > 0).sum(axis=1)
    assert active == expected.tolist()
    assert active[0] < active[1] / 3


def test_the_powers_of_a_component_that_travels_twice_add_up(gaussian: Linear) -> None:
    """3/4 channel uses a value are 1.5 real ones: half of the components travel twice."""
    rate = gaussian.rates((3, 8, 8))[2]
    csi = Csi(snr=torch.tensor([20.0]))
    image = GaussianConfig(size=8).build().take(1).image
    x = gaussian.encode(Source(image), csi, rate).x[:, scale_symbols(rate.payload) :]
    values = torch.view_as_real(x).flatten()
    again = len(values) - 192
    assert again > 0
    ratio = values[192:] / values[:again]
    torch.testing.assert_close(ratio, torch.ones(again))


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({}, (3, 4, 4), "too few"),
        ({"statistics": PHOTOS}, (3, 60, 64), "divides height and width"),
        ({"statistics": PHOTOS}, (1, 64, 64), "RGB"),
    ],
)
def test_shapes_that_do_not_fit(options: dict, shape: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_codec({"kind": "linear", **options}).rates(shape)


def test_what_it_cannot_take(gaussian: Linear) -> None:
    rate = gaussian.rates((3, 32, 32))[0]
    csi = Csi(snr=torch.ones(1))
    with pytest.raises(TypeError, match="no modem"):
        gaussian.decode(ReceivedBits(torch.zeros(1, 8), torch.zeros(1), 1), csi, rate)
    with pytest.raises(ValueError, match="not one of images"):
        gaussian.encode(Source(torch.rand(1, 3, 16, 16)), csi, rate)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cbrs": ["1/2", "1/6"]}, "rise strictly"),
        ({"cbrs": ["0.5"]}, "pattern"),
        ({"cbrs": ["9/2"]}, "at most 4"),
        ({"cbrs": []}, "at least 1"),
        ({"statistics": {"kind": "cats"}}, "gauss_markov"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LinearConfig.model_validate(options)


def test_statistics_take_the_options_of_the_gaussian_source() -> None:
    shared = {"rho": 0.8, "colour_correlation": 0.1, "std": 0.05}
    source = GaussianConfig(size=16, **shared).build()
    klt = LinearConfig(statistics=GaussMarkovStatistics(**shared)).build().klt((3, 16, 16))
    np.testing.assert_allclose(klt.deviations**2, np.sort(source.variances)[::-1], rtol=1e-9)
