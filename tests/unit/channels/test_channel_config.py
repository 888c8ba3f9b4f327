import pytest
from pydantic import ValidationError

from semsim import registry
from semsim.channels.config import AwgnConfig, OfdmTdlConfig, RayleighConfig, RicianConfig


@pytest.mark.parametrize(
    "config", [AwgnConfig(), RayleighConfig(), RicianConfig(), OfdmTdlConfig()]
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
    ],
)
def test_ofdm_refuses_nonsense(wrong) -> None:
    with pytest.raises(ValidationError):
        OfdmTdlConfig(**wrong)


def test_rician_factor_is_not_negative() -> None:
    with pytest.raises(ValidationError):
        RicianConfig(k=-0.1)
