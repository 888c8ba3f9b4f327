import pytest
from pydantic import ValidationError

from semsim import registry
from semsim.channels.config import (
    AwgnConfig,
    OfdmCdlConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)


@pytest.mark.parametrize(
    "config",
    [AwgnConfig(), RayleighConfig(), RicianConfig(), OfdmTdlConfig(), OfdmCdlConfig()],
    ids=lambda config: config.kind,
)
def test_registry_finds_config_and_class(config) -> None:
    plugin = registry.find("channels", config.kind)
    assert plugin.load_config() is type(config)
    assert plugin.load_target().Config is type(config)
    assert config.build().config is config


@pytest.mark.parametrize("block", [0, -1, 1.5, "frame"])
def test_block_is_image_or_a_positive_number(block) -> None:
    with pytest.raises(ValidationError):
        RayleighConfig(block=block)
    with pytest.raises(ValidationError):
        RicianConfig(block=block)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "F"},
        {"delay_spread_s": 0},
        {"delay_spread_s": 100},  # nanoseconds given as seconds
        {"speed_m_per_s": -1},
        {"carrier_hz": 3.5},  # gigahertz given as hertz
        {"subcarriers": 0},
        {"symbols_per_slot": 15},
        {"pilots": 2},
        {"antennas": 0},
        {"csi": "mmse"},
    ],
)
def test_ofdm_refuses_nonsense(wrong) -> None:
    for config in (OfdmTdlConfig, OfdmCdlConfig):
        with pytest.raises(ValidationError):
            config(**wrong)


@pytest.mark.parametrize(
    ("pilots", "message"),
    [
        ((), "rising"),
        ((11, 2), "rising"),
        ((2, 2), "rising"),
        ((2, 14), r"in 0\.\.13"),
        ((-1, 2), r"in 0\.\.13"),
        (tuple(range(14)), "no symbol of the slot for data"),
    ],
)
def test_pilots_lie_in_the_slot_and_leave_room(pilots, message) -> None:
    with pytest.raises(ValidationError, match=message):
        OfdmTdlConfig(csi="ls", pilot_symbols=pilots)
    assert OfdmTdlConfig(pilot_symbols=pilots).csi == "perfect"  # which has none


def test_default_pilots_need_a_slot_that_has_them() -> None:
    assert OfdmTdlConfig(symbols_per_slot=2).csi == "perfect"
    with pytest.raises(ValidationError, match=r"in 0\.\.1, got \[2, 11\]"):
        OfdmTdlConfig(symbols_per_slot=2, csi="lmmse")


@pytest.mark.parametrize("config", [RayleighConfig, RicianConfig])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fading": "jakes", "block": 8}, "needs 'doppler_per_block'"),
        ({"fading": "jakes", "doppler_per_block": 0.1}, "needs a number as 'block'"),
        ({"doppler_per_block": 0.1, "block": 8}, "needs fading"),
        ({"fading": "gauss_markov", "doppler_per_block": 0.0, "block": 8}, "greater than 0"),
        ({"fading": "gauss_markov", "doppler_per_block": 0.6, "block": 8}, r"equal to 0\.5"),
        ({"antennas": 0}, "greater than or equal to 1"),
    ],
)
def test_correlated_fading_says_how_fast(config, options, message) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**options)


def test_rician_factor_is_not_negative() -> None:
    with pytest.raises(ValidationError):
        RicianConfig(k=-0.1)
