import subprocess
import sys

import pytest
import torch

from semsim.channels.config import AwgnConfig, OfdmTdlConfig, RayleighConfig, RicianConfig
from semsim.channels.sionna_rng import draws_from, phy

EVERY = [AwgnConfig(), RayleighConfig(block=4), RicianConfig(), OfdmTdlConfig(model="D")]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(2, 10, dtype=torch.complex64), torch.tensor([1.0, 5.0])


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.kind)
def test_equal_generators_give_equal_output(config) -> None:
    one, two = config.build(generator=seeded(7)), config.build(generator=seeded(7))
    for _ in range(2):
        a, b = one.apply(*sample()), two.apply(*sample())
        for part in ("x", "gain", "noise_variance", "snr_measured"):
            assert torch.equal(getattr(a, part), getattr(b, part))
    assert not torch.equal(one.apply(*sample()).x, a.x)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.kind)
def test_other_or_no_generators_give_other_output(config) -> None:
    outputs = [
        config.build(generator=generator).apply(*sample()).x
        for generator in (seeded(7), seeded(8), None, None)
    ]
    for index, x in enumerate(outputs):
        assert all(not torch.equal(x, other) for other in outputs[:index])


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.kind)
def test_channels_leave_the_generators_of_torch_and_sionna_alone(config) -> None:
    ours = torch.get_rng_state()
    sionnas = phy.config.torch_rng("cpu").get_state()
    config.build(generator=seeded(7)).apply(*sample())
    assert torch.equal(torch.get_rng_state(), ours)
    assert torch.equal(phy.config.torch_rng("cpu").get_state(), sionnas)


def test_sionnas_generator_is_put_back_after_an_error() -> None:
    def fail() -> None:
        with draws_from(generator):
            assert phy.config.torch_rng("cpu") is generator
            raise KeyError

    before = phy.config.torch_rng("cpu")
    generator = seeded(1)
    with pytest.raises(KeyError):
        fail()
    assert phy.config.torch_rng("cpu") is before


def test_importing_the_channels_does_not_reseed_torch() -> None:
    program = (
        "import torch; torch.manual_seed(5); before = torch.get_rng_state();"
        "import sys; assert 'sionna' not in sys.modules;"
        "import semsim.channels.ofdm, semsim.link.modem; assert 'sionna' in sys.modules;"
        "assert torch.equal(torch.get_rng_state(), before)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_channel_configuration_imports_neither_torch_nor_sionna() -> None:
    program = (
        "import sys, semsim.channels.config, semsim.link.config;"
        "assert not {'torch', 'sionna'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
