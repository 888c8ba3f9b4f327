import pytest
import torch

from semsim.channels.config import OfdmTdlConfig

SMALL = {"subcarriers": 8, "symbols_per_slot": 3}  # 24 resource elements a slot
SNR = torch.tensor([10.0, 1000.0])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def gains(symbols: int, **options) -> torch.Tensor:
    channel = OfdmTdlConfig(**SMALL, **options).build(generator=seeded())
    return channel.apply(torch.ones(2, symbols, dtype=torch.complex64), SNR).gain


@pytest.mark.parametrize("symbols", [1, 23, 24, 25, 100])
def test_any_number_of_symbols_comes_back_in_order(symbols: int) -> None:
    channel = OfdmTdlConfig(**SMALL).build(generator=seeded())
    x = torch.arange(2 * symbols).reshape(2, symbols).to(torch.complex64)
    received = channel.apply(x, torch.full((2,), 1e9))
    assert received.x.shape == received.gain.shape == received.noise_variance.shape == x.shape
    assert received.noise_samples == symbols
    # Even a gain of 1e-4 leaves an error of 3 times 1e-9.5 / 1e-2, far from the step of one.
    assert (received.x - x).abs().max() < 0.1


def test_a_standing_user_sees_the_same_channel_in_every_ofdm_symbol() -> None:
    gain = gains(48, speed_m_per_s=0.0).reshape(2, 6, 8)
    torch.testing.assert_close(gain, gain[:, :1].expand_as(gain))
    assert not torch.allclose(gain[0], gain[1])


def test_the_channel_goes_on_from_slot_to_slot() -> None:
    """At 30 m/s the Doppler shift is 350 Hz; a symbol lasts 36 µs, 1/80 of its period."""
    gain = gains(240, speed_m_per_s=30.0).reshape(2, 30, 8)
    step = (gain[:, 1:] - gain[:, :-1]).abs().amax(dim=(0, 2))  # [29] from symbol to symbol
    across_slots, within_slots = step[2::3], step[[i for i in range(29) if i % 3 != 2]]
    assert across_slots.max() < 3 * within_slots.max()
    assert (gain[:, -1] - gain[:, 0]).abs().max() > 3 * step.max()


def test_delay_spread_makes_the_channel_frequency_selective() -> None:
    flat = gains(8, delay_spread_s=1e-12)
    selective = gains(8, delay_spread_s=5e-6)
    torch.testing.assert_close(flat, flat[:, :1].expand_as(flat), rtol=1e-3, atol=1e-3)
    assert (selective.std(dim=1) > 0.1).all()


def test_effective_noise_is_exact_at_high_snr() -> None:
    """Sionna's 1/d - 1 in single precision would be a multiple of 6e-8 here."""
    channel = OfdmTdlConfig(**SMALL).build(generator=seeded())
    received = channel.apply(torch.ones(1, 24, dtype=torch.complex64), torch.tensor([1e8]))
    torch.testing.assert_close(received.noise_variance, 1e-8 / received.gain, rtol=1e-4, atol=0)
