import pytest
import torch

from semsim.channels.config import AwgnConfig, RayleighConfig, RicianConfig

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
