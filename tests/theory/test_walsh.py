"""Walsh spreading against its theory: orthogonality, separation, noise, bit errors, interference.

All error rates are compared with closed forms within five standard errors.
"""

from __future__ import annotations

import math

import pytest
import torch
from scipy.linalg import hadamard
from torch import Tensor

from semsim.channels.config import (
    AwgnConfig,
    ChannelConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.link.spreading import WalshSpreading, walsh_matrix
from semsim.rng import Streams
from semsim.types import Received
from semsim.units import db_to_linear

NOISELESS = 1e12
OFDM = OfdmTdlConfig(subcarriers=16, symbols_per_slot=2, delay_spread_s=3e-6)


def unit_power(batch: int, symbols: int, name: str = "x") -> Tensor:
    generator = Streams(6).torch(name)
    x = torch.randn(batch, symbols, dtype=torch.complex64, generator=generator)
    return x / x.abs().square().mean(dim=1, keepdim=True).sqrt()


def qpsk(batch: int, symbols: int) -> Tensor:
    bits = torch.randint(0, 2, (batch, symbols, 2), generator=Streams(6).torch("bits"))
    return torch.view_as_complex((2.0 * bits - 1) / math.sqrt(2))


def send(
    config: ChannelConfig, x: Tensor, snr: Tensor | float, length: int, users: int
) -> Received:
    """The same noise and fading whenever shapes are the same."""
    channel = config.build(generator=Streams(6).torch("channel"))
    snr = torch.as_tensor(snr, dtype=torch.float32).expand(len(x))
    return WalshSpreading(channel, length, users).apply(x, snr)


@pytest.mark.parametrize("length", [1, 2, 4, 64, 512])
def test_rows_are_orthogonal(length: int) -> None:
    matrix = walsh_matrix(length)
    assert torch.equal(matrix @ matrix.T, length * torch.eye(length))
    assert torch.equal(matrix, torch.from_numpy(hadamard(length)).float())


@pytest.mark.parametrize(("length", "users"), [(1, 1), (2, 2), (8, 1), (8, 3), (8, 8), (64, 64)])
@pytest.mark.parametrize(
    "config", [AwgnConfig(), RayleighConfig(), RicianConfig(), RayleighConfig(block=64)]
)
def test_users_separate_exactly_without_noise(
    config: ChannelConfig, length: int, users: int
) -> None:
    x = unit_power(2 * users, 5)
    received = send(config, x, NOISELESS, length, users)
    # Left over: noise of 1e-6 over a gain that is hardly below 1e-2, and rounding of 6e-8.
    assert (received.x - x).abs().max() < 1e-4


@pytest.mark.parametrize("length", [1, 4, 32])
@pytest.mark.parametrize("full", [False, True])
def test_noise_falls_by_the_length(length: int, full: bool) -> None:
    users = length if full else 1
    snr = torch.arange(1, users + 1) / 4.0
    x = unit_power(users, 20_000 // users)
    received = send(AwgnConfig(), x, snr, length, users)
    expected = (1 / (snr * length)).unsqueeze(1).expand(x.shape)
    torch.testing.assert_close(received.noise_variance, expected)
    # |error|² / variance is exponential: the mean of m has a standard error of 1/√m.
    ratio = (received.x - x).abs().square() / expected
    assert ratio.mean().item() == pytest.approx(1, abs=5 / math.sqrt(x.numel()))
    per_user = ratio.mean(dim=1)
    assert ((per_user - 1).abs() < 5 / math.sqrt(x.shape[1])).all()


def test_a_full_band_is_worth_as_much_as_taking_turns() -> None:
    """Equal air, equal energy: eight users at once, or each for an eighth at eight times the
    power, leave the same variance in the same 8 n uses of the group."""
    x = unit_power(8, 50)
    at_once = send(AwgnConfig(), x, 0.5, 8, 8)
    in_turn = send(AwgnConfig(), x, 8 * 0.5, 1, 1)
    torch.testing.assert_close(at_once.noise_variance, in_turn.noise_variance)
    group_uses = x.shape[1] + at_once.extra_uses
    assert group_uses == 8 * (x.shape[1] + in_turn.extra_uses)


@pytest.mark.parametrize("config", [AwgnConfig(), RayleighConfig(), RicianConfig(), OFDM])
@pytest.mark.parametrize("users", [1, 2, 4])
def test_measured_snr_is_that_of_a_users_own_chips(config: ChannelConfig, users: int) -> None:
    snr = db_to_linear(torch.tensor([-10.0, 0.0, 10.0, 25.0]))
    received = send(config, unit_power(4, 600), snr, 4, users)
    assert received.noise_samples == 2400
    ratio = snr / received.snr_measured
    assert ((ratio - 1).abs() < 5 / math.sqrt(2400)).all()
    assert (ratio != 1).all()


def q(argument: float) -> float:
    return math.erfc(argument / math.sqrt(2)) / 2


def diversity_ber(snr: float, branches: int) -> float:
    """QPSK with maximum-ratio combining of independent Rayleigh branches of mean Es/N0 ``snr``
    (Proakis and Salehi, Digital Communications, section 13.4)."""
    mu = math.sqrt(snr / 2 / (1 + snr / 2))
    return ((1 - mu) / 2) ** branches * sum(
        math.comb(branches - 1 + k, k) * ((1 + mu) / 2) ** k for k in range(branches)
    )


def bit_errors(x: Tensor, received: Received) -> Tensor:
    return torch.stack([x.real * received.x.real < 0, x.imag * received.x.imag < 0]).double()


@pytest.mark.parametrize(("length", "users"), [(4, 1), (8, 3), (16, 16)])
@pytest.mark.parametrize("despread_db", [0.0, 7.0])
def test_bit_error_rate_on_awgn_is_that_at_d_times_the_snr(
    length: int, users: int, despread_db: float
) -> None:
    snr = db_to_linear(despread_db) / length
    x = qpsk(4 * users, 40_000 // users)
    measured = bit_errors(x, send(AwgnConfig(), x, snr, length, users)).mean().item()
    expected = q(math.sqrt(length * snr))
    # Noise in the two real dimensions, in all symbols and users, is independent.
    tolerance = 5 * math.sqrt(expected / (2 * x.numel()))
    assert measured == pytest.approx(expected, abs=tolerance)
    assert abs(q(math.sqrt(length * snr * db_to_linear(0.25))) - expected) > tolerance


@pytest.mark.parametrize(("length", "users"), [(4, 1), (4, 4), (8, 5)])
def test_bit_error_rate_under_block_fading(length: int, users: int) -> None:
    snr = 10.0 / length
    x = qpsk(100 * users, 2000 // users)
    received = send(RayleighConfig(block=length), x, snr, length, users)
    measured = bit_errors(x, received).mean().item()
    expected = diversity_ber(10.0, 1)
    # Gains are independent; the two bits of a symbol share theirs, so count them as one.
    assert measured == pytest.approx(expected, abs=5 * math.sqrt(expected / x.numel()))


@pytest.mark.parametrize("length", [2, 4])
def test_one_user_gets_the_whole_diversity_of_fast_fading(length: int) -> None:
    x = qpsk(20, 20_000)
    received = send(RayleighConfig(block=1), x, 2.0, length, 1)
    expected = diversity_ber(2.0, length)
    measured = bit_errors(x, received).mean().item()
    assert measured == pytest.approx(expected, abs=5 * math.sqrt(expected / x.numel()))
    torch.testing.assert_close(received.noise_variance, 1 / (length * 2.0 * received.gain))


def of_the_others(config: ChannelConfig, length: int, users: int, snr: float) -> Tensor:
    """``[n]`` how much user 0's received symbols change when the others send something else."""
    x = unit_power(users, 64)
    changed = torch.cat([x[:1], unit_power(users - 1, 64, "others")])
    one, two = (send(config, sent, snr, length, users) for sent in (x, changed))
    return (one.x - two.x)[0].abs()


@pytest.mark.parametrize("users", [2, 3, 4])
@pytest.mark.parametrize(
    "config",
    [
        AwgnConfig(),
        RayleighConfig(),
        RicianConfig(),
        RayleighConfig(block=4),
        RicianConfig(block=8),
    ],
)
def test_no_interference_where_a_block_holds_whole_symbols(
    config: ChannelConfig, users: int
) -> None:
    # Rounding only: 6e-8 of chips that noise over a weak gain makes hardly larger than ten.
    assert of_the_others(config, 4, users, 1.0).max() < 1e-5


@pytest.mark.parametrize("users", [2, 3, 4])
@pytest.mark.parametrize(
    "config", [RayleighConfig(block=1), RicianConfig(block=3), OFDM], ids=lambda c: c.kind
)
def test_interference_where_the_channel_changes_within_a_symbol(
    config: ChannelConfig, users: int
) -> None:
    assert of_the_others(config, 4, users, 1.0).max() > 0.05


def test_interference_only_in_the_symbols_that_straddle_two_blocks() -> None:
    change = of_the_others(RayleighConfig(block=6), 4, 3, 1.0)
    straddling = torch.arange(64) % 3 == 1  # chips 4 to 7 of 12: blocks change at chip 6
    assert change[~straddling].max() < 1e-5
    assert change[straddling].median() > 0.01


@pytest.mark.parametrize(("users", "chips"), [(2, 2), (3, 4), (4, 4), (5, 8)])
def test_the_first_rows_ask_little_of_the_channel(users: int, chips: int) -> None:
    """In Hadamard order the first 2^m rows are orthogonal over every 2^m chips already."""
    assert of_the_others(RayleighConfig(block=chips), 16, users, 1.0).max() < 1e-5
    assert of_the_others(RayleighConfig(block=chips // 2), 16, users, 1.0).median() > 0.01


@pytest.mark.parametrize(("length", "users"), [(2, 2), (4, 1), (4, 3), (8, 8), (8, 2)])
@pytest.mark.parametrize(
    "config",
    [RayleighConfig(block=1), RayleighConfig(block=3), RicianConfig(block=2), OFDM],
    ids=["rayleigh-1", "rayleigh-3", "rician-2", "ofdm"],
)
@pytest.mark.parametrize("snr_db", [-5.0, 15.0, 40.0])
def test_stated_variance_holds_noise_and_interference(
    config: ChannelConfig, length: int, users: int, snr_db: float
) -> None:
    x = unit_power(4 * users, 3000 // users)
    received = send(config, x, db_to_linear(snr_db), length, users)
    error = (received.x - x) / received.noise_variance.sqrt()
    # Noise and interference are nearly Gaussian, |error|² has mean and variance near one. OFDM
    # symbols share their channel, but errors are normalised symbol by symbol.
    tolerance = 6 / math.sqrt(x.numel())
    assert error.mean().abs() < tolerance
    assert (error * x.conj()).mean().abs() < tolerance
    assert error.abs().square().mean().item() == pytest.approx(1, abs=tolerance)


def test_a_full_band_under_fast_fading_has_the_closed_form() -> None:
    """With all rows in use the filter weights each chip by 1 / (v + d), and the mean squared
    error is the mean of v / (v + d) over the chips of a symbol."""
    length, snr = 4, 3.0
    x = unit_power(length, 200)
    received = send(RayleighConfig(block=1), x, snr, length, length)
    chips = x.new_zeros(length, 200 * length)
    seen = RayleighConfig(block=1).build(generator=Streams(6).torch("channel"))
    v = 1 / (snr * seen.apply(chips, torch.full((length,), snr)).gain)
    error = (v / (v + length)).reshape(length, 200, length).mean(dim=2)
    torch.testing.assert_close(received.noise_variance, error / (1 - error), rtol=1e-4, atol=0)


@pytest.mark.parametrize("users", [2, 4])
def test_least_squares_beats_plain_despreading_and_combining_for_one(users: int) -> None:
    """Eq. (30) suffers from weak chips, maximum-ratio combining from the other users; the stated
    variance lies below what either leaves."""
    length, snr = 4, 3.0
    x = unit_power(users, 2000)
    received = send(RayleighConfig(block=1), x, snr, length, users)
    generator = Streams(6).torch("channel")
    probe = RayleighConfig(block=1).build(generator=generator)
    gain = probe.apply(x.new_zeros(users, 2000 * length), torch.full((users,), snr)).gain
    gain = gain.reshape(users, 2000, length)
    plain = (1 / (snr * gain)).mean(dim=2) / length
    weights = gain / gain.sum(dim=2, keepdim=True)
    rows = walsh_matrix(length)[:users]
    leaked = torch.einsum("unc,uc,vc->unv", weights, rows, rows).square().sum(dim=2) - 1
    matched = (weights.square() / (snr * gain)).sum(dim=2) + leaked
    best = received.noise_variance
    assert (best <= plain * (1 + 1e-5)).all()
    assert (best <= matched * (1 + 1e-5)).all()
    assert best.median() < 0.9 * torch.minimum(plain, matched).median()
