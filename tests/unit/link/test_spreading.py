"""Walsh spreading as a channel: contract, counting, mistakes."""

import math

import pytest
import torch
from pydantic import ValidationError

from semsim.channels.config import AwgnConfig, OfdmTdlConfig, RayleighConfig, RicianConfig
from semsim.link import spreading
from semsim.link.spreading import WalshSpreading, walsh_matrix
from semsim.link.stages import SpreadingConfig
from semsim.testing import check_channel
from semsim.types import Channel, Received

EVERY = [
    AwgnConfig(),
    RayleighConfig(),
    RayleighConfig(block=1),
    RicianConfig(block=5),
    OfdmTdlConfig(subcarriers=16, symbols_per_slot=2),
]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def spread(config, length: int, users: int) -> WalshSpreading:
    return WalshSpreading(config.build(generator=seeded()), length, users)


def symbols(batch: int, n: int) -> torch.Tensor:
    x = torch.randn(batch, n, dtype=torch.complex64, generator=seeded())
    return x / x.abs().square().mean(dim=1, keepdim=True).sqrt()


class Ideal:
    """No noise; remembers what it was given, and spends three uses of its own on pilots."""

    def apply(self, x: torch.Tensor, snr: torch.Tensor) -> Received:
        self.x, self.snr = x, snr
        ones = torch.ones(x.shape)
        return Received(x, ones / snr.unsqueeze(1), ones, snr, x.shape[1], extra_uses=3)


@pytest.mark.parametrize(("length", "users"), [(1, 1), (4, 1), (4, 2), (4, 4)])
@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.kind)
def test_a_spread_channel_keeps_the_contract_of_channels(config, length, users) -> None:
    channel = spread(config, length, users)
    assert isinstance(channel, Channel)
    check_channel(channel, n=512)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.kind)
def test_length_one_is_the_bare_channel(config) -> None:
    x, snr = symbols(3, 40), torch.tensor([0.5, 5.0, 50.0])
    bare = config.build(generator=seeded()).apply(x, snr)
    ours = spread(config, 1, 1).apply(x, snr)
    for name in ("x", "noise_variance", "gain", "snr_measured"):
        torch.testing.assert_close(getattr(ours, name), getattr(bare, name), rtol=1e-6, atol=1e-6)
    assert (ours.noise_samples, ours.extra_uses) == (bare.noise_samples, bare.extra_uses)


def test_what_goes_on_the_air() -> None:
    ideal = Ideal()
    x = symbols(6, 5)
    snr = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    received = WalshSpreading(ideal, 4, 3).apply(x, snr)
    assert ideal.x.shape == (6, 20)
    rows = walsh_matrix(4)
    for group in (0, 3):
        # By hand: symbol k of user u fills the chips 4 k to 4 k + 3 with its row.
        by_hand = sum(torch.kron(x[group + u], rows[u] + 0j) for u in range(3)) / math.sqrt(3)
        for user in range(3):
            torch.testing.assert_close(ideal.x[group + user], by_hand)
    torch.testing.assert_close(ideal.x.abs().square().mean(dim=1), torch.ones(6))
    torch.testing.assert_close(ideal.snr, 3 * snr)
    torch.testing.assert_close(received.x, x)
    torch.testing.assert_close(received.noise_variance[:, 0], 1 / (4 * snr))
    torch.testing.assert_close(received.snr_measured, snr)


def test_a_transmission_is_charged_for_all_chips_and_the_pilots_among_them() -> None:
    received = WalshSpreading(Ideal(), 8, 2).apply(symbols(2, 5), torch.ones(2))
    assert received.x.shape == (2, 5)
    assert 5 + received.extra_uses == 8 * 5 + 3
    assert received.noise_samples == 40


def test_users_of_unequal_power_have_their_own_snr() -> None:
    """As where the link's power constraint is off."""
    x = symbols(2, 4000) * torch.tensor([[1.0], [3.0]])
    channel = spread(RayleighConfig(block=1), 2, 2)
    received = channel.apply(x, torch.full((2,), 4.0))
    ratio = received.snr_measured / torch.tensor([4.0, 36.0])
    assert ((ratio - 1).abs() < 5 / math.sqrt(8000)).all()
    # Noise and interference from the louder user: |error|² over its variance has mean one.
    error = (received.x - x).abs().square() / received.noise_variance
    assert ((error.mean(dim=1) - 1).abs() < 6 / math.sqrt(4000)).all()


@pytest.mark.parametrize("config", [AwgnConfig(), RayleighConfig(block=1)])
def test_a_silent_user_disturbs_nobody(config) -> None:
    x = symbols(4, 30)
    x[1] = 0
    received = spread(config, 4, 4).apply(x, torch.full((4,), 10.0))
    assert received.x.isfinite().all()
    assert (received.noise_variance.isfinite() & (received.noise_variance > 0)).all()
    assert received.snr_measured[1] == 0
    assert WalshSpreading(Ideal(), 2, 2).apply(0 * x, torch.ones(4)).x.isfinite().all()


@pytest.mark.parametrize("config", [AwgnConfig(), RayleighConfig(block=1)])
def test_gradients_reach_every_user(config) -> None:
    x = symbols(4, 10).requires_grad_()
    received = spread(config, 4, 2).apply(x, torch.full((4,), 1e6))
    (received.x.real.sum() + 2 * received.x.imag.sum()).backward()
    # Nearly without noise the received symbols are those sent: the gradient of the sum itself.
    torch.testing.assert_close(x.grad, torch.full_like(x, 1 + 2j).detach(), rtol=0.02, atol=0.02)
    assert not received.snr_measured.requires_grad
    assert not received.noise_variance.requires_grad


def test_filters_in_many_parts_are_those_in_one(monkeypatch) -> None:
    x, snr = symbols(6, 50), torch.full((6,), 2.0)
    whole = spread(RayleighConfig(block=1), 8, 3).apply(x, snr)
    monkeypatch.setattr(spreading, "_VALUES_AT_ONCE", 7 * 24)  # seven symbols at a time
    parts = spread(RayleighConfig(block=1), 8, 3).apply(x, snr)
    torch.testing.assert_close(parts.x, whole.x)
    torch.testing.assert_close(parts.noise_variance, whole.noise_variance)


@pytest.mark.parametrize(
    ("length", "users", "message"),
    [
        (3, 1, "power of two"),
        (0, 1, "power of two"),
        (4, 5, "4 Walsh rows of length 4, got 5 users"),
        (4, 0, "got 0 users"),
    ],
)
def test_codes_that_do_not_exist(length: int, users: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WalshSpreading(Ideal(), length, users)
    with pytest.raises(ValidationError):
        SpreadingConfig(length=length, users=users)


@pytest.mark.parametrize(
    ("x", "snr", "message"),
    [
        (symbols(5, 4), torch.ones(5), "5 is no multiple of the 3 users.*instance 6 images"),
        (symbols(2, 4), torch.ones(2), "for instance 3 images"),
        (symbols(3, 4)[0], torch.ones(3), r"x must be \[B, n\]"),
        (symbols(3, 4), torch.ones(4), r"snr must be \[B\]"),
        (symbols(3, 4), torch.ones(()), r"snr must be \[B\]"),
    ],
)
def test_batches_that_do_not_fit(x, snr, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WalshSpreading(Ideal(), 4, 3).apply(x, snr)


def test_real_symbols_are_refused_by_the_wrapped_channel() -> None:
    with pytest.raises(TypeError, match="x must be complex"):
        spread(AwgnConfig(), 2, 2).apply(torch.ones(2, 4), torch.ones(2))


def test_configuration() -> None:
    config = SpreadingConfig(length=8, users=5)
    assert (config.length, config.users) == (8, 5)
    with pytest.raises(ValidationError, match="8 Walsh rows of length 8 for 9 users"):
        SpreadingConfig(length=8, users=9)


@pytest.mark.gpu
@pytest.mark.parametrize("block", [1, "image"])
def test_spreading_runs_on_cuda(block) -> None:
    generator = torch.Generator("cuda").manual_seed(1)
    inner = RayleighConfig(block=block).build(device="cuda", generator=generator)
    x = symbols(4, 20).cuda()
    received = WalshSpreading(inner, 4, 2).apply(x, torch.full((4,), 1e8, device="cuda"))
    assert received.x.is_cuda
    torch.testing.assert_close(received.x, x, rtol=0, atol=0.05)
