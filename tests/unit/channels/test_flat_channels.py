import pytest
import torch

from semsim.channels.config import AwgnConfig, RayleighConfig, RicianConfig
from semsim.channels.correlated import gauss_markov, jakes
from semsim.channels.sionna_rng import draws_from, phy

SNR = torch.tensor([1.0, 5.0])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def ones(symbols: int) -> torch.Tensor:
    return torch.ones(2, symbols, dtype=torch.complex64)


def test_awgn_does_not_fade() -> None:
    received = AwgnConfig().build(generator=seeded()).apply(ones(9), SNR)
    assert (received.gain == 1).all()
    assert torch.equal(received.noise_variance, (1 / SNR).unsqueeze(1).expand(2, 9))


def test_measured_snr_is_that_of_the_noise_added() -> None:
    x = 3 * ones(9)  # channels do not normalise: nine times the power is nine times the SNR
    received = AwgnConfig().build(generator=seeded()).apply(x, SNR)
    noise = (received.x - x).abs().square().mean(dim=1)
    torch.testing.assert_close(received.snr_measured, 9 / noise)
    assert received.noise_samples == 9


@pytest.mark.parametrize("config", [RayleighConfig, RicianConfig])
def test_gain_is_constant_over_a_block_and_new_in_the_next(config) -> None:
    gain = config(block=4).build(generator=seeded()).apply(ones(10), SNR).gain
    for block in gain.split(4, dim=1):
        assert torch.equal(block, block[:, :1].expand_as(block))
    firsts = gain[:, ::4]
    assert firsts.shape == (2, 3)
    assert len(firsts.unique()) == 6


@pytest.mark.parametrize("config", [RayleighConfig, RicianConfig])
@pytest.mark.parametrize("block", ["image", 10, 10**12])
def test_one_gain_an_image(config, block) -> None:
    gain = config(block=block).build(generator=seeded()).apply(ones(10), SNR).gain
    assert torch.equal(gain, gain[:, :1].expand_as(gain))
    assert gain[0, 0] != gain[1, 0]


def test_noise_and_gains_are_the_numbers_of_sionnas_blocks() -> None:
    x, n0 = ones(9), (1 / SNR).unsqueeze(1)
    generator = seeded()
    with draws_from(generator):
        white = phy.channel.AWGN(precision="single", device="cpu")(torch.zeros_like(x), n0)
        h = phy.channel.GenerateFlatFadingChannel(3, 1, precision="single", device="cpu")(2)
    torch.testing.assert_close(AwgnConfig().build(generator=seeded()).apply(x, SNR).x, x + white)
    received = RayleighConfig(antennas=3).build(generator=seeded()).apply(x, SNR)
    gain = h.abs().square().sum(dim=(1, 2)).unsqueeze(1)
    torch.testing.assert_close(received.gain, gain.expand(2, 9))
    torch.testing.assert_close(received.x, x + white / gain.sqrt())


@pytest.mark.parametrize("config", [RayleighConfig, RicianConfig])
@pytest.mark.parametrize("fading", ["jakes", "gauss_markov"])
def test_slow_fading_hardly_moves_from_block_to_block(config, fading) -> None:
    options = {"block": 4, "fading": fading, "antennas": 2}
    for doppler, most in ((1e-4, 0.01), (0.4, 10.0)):
        channel = config(doppler_per_block=doppler, **options).build(generator=seeded())
        gain = channel.apply(ones(40), SNR).gain
        first = gain[:, ::4]
        assert torch.equal(gain, first.repeat_interleave(4, dim=1))
        step = (first[:, 1:] - first[:, :-1]).abs().max()
        assert most / 100 < step < most


@pytest.mark.parametrize("process", [jakes, gauss_markov])
@pytest.mark.parametrize("steps", [1, 2, 3, 9, 64])
def test_processes_are_of_the_asked_size(process, steps) -> None:
    h = process(5, steps, 0.1, seeded())
    assert h.shape == (5, steps)
    assert h.dtype == torch.complex64
    assert torch.equal(h, process(5, steps, 0.1, seeded()))


def test_gauss_markov_is_its_recursion() -> None:
    """Innovations taken out one by one are those of a standing start, scaled."""
    a = float(torch.special.bessel_j0(torch.tensor(2 * torch.pi * 0.45)))
    assert a < -0.1  # beyond the first zero of J0
    h = gauss_markov(3, 11, 0.45, seeded())
    news = (h[:, 1:] - a * h[:, :-1]) / (1 - a * a) ** 0.5
    fresh = torch.normal(0.0, 0.5**0.5, (3, 11), generator=(generator := seeded()))
    fresh = torch.complex(fresh, torch.normal(0.0, 0.5**0.5, (3, 11), generator=generator))
    torch.testing.assert_close(news, fresh[:, 1:])
    assert torch.equal(h[:, 0], fresh[:, 0])


def test_a_transmission_of_one_symbol() -> None:
    received = RayleighConfig(block=3).build().apply(ones(1), SNR)
    assert received.x.shape == received.gain.shape == received.noise_variance.shape == (2, 1)


def test_double_precision_is_computed_in_single() -> None:
    received = AwgnConfig().build().apply(ones(3).to(torch.complex128), SNR.double())
    assert received.x.dtype == torch.complex64
    assert received.noise_variance.dtype == torch.float32


@pytest.mark.parametrize(
    ("x", "snr", "error", "message"),
    [
        (torch.ones(2, 3), SNR, TypeError, "x must be complex"),
        (ones(3), torch.tensor([1, 5]), TypeError, "snr must be floating point"),
        (ones(3)[0], SNR, ValueError, r"x must be \[B, n\]"),
        (ones(0), SNR, ValueError, r"x must be \[B, n\]"),
        (ones(3), torch.tensor(1.0), ValueError, r"snr must be \[B\]"),
        (ones(3), torch.ones(3), ValueError, r"snr must be \[B\]"),
        (ones(3), torch.ones(2, 1), ValueError, r"snr must be \[B\]"),
        (ones(3), torch.tensor([1.0, 0.0]), ValueError, "positive and finite"),
        (ones(3), torch.tensor([1.0, -3.0]), ValueError, "positive and finite"),
        (ones(3), torch.tensor([torch.nan, torch.nan]), ValueError, "positive and finite"),
        (ones(3), torch.tensor([1.0, torch.inf]), ValueError, "positive and finite"),
        (ones(3), torch.tensor([1.0, torch.nan]), ValueError, "positive and finite"),
        (ones(3).to("meta"), SNR, ValueError, "x is on meta"),
    ],
)
def test_bad_input_is_refused(x, snr, error, message) -> None:
    with pytest.raises(error, match=message):
        AwgnConfig().build().apply(x, snr)


def test_generator_on_another_device_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=r"torch\.Generator\('cuda:0'\)"):
        AwgnConfig().build("cuda:0", seeded())
