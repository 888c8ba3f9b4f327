"""Where a modem's levels begin, against what the modem then does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semsim.link.adaptation import thresholds
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Array, Csi
from semsim.units import db_to_linear

PAYLOADS = (3_000, 180_000)


def sent_at(modem: DigitalModem, snr: float, fading: torch.Tensor | None) -> Array:
    """Return each payload's bits a channel use."""
    csi = Csi(torch.tensor([snr], dtype=torch.float64), fading)
    return np.array([bits / modem.plan(bits, csi)[0][0].uses for bits in PAYLOADS])


@pytest.mark.parametrize(("table", "faded"), [(2, False), (3, False), (1, True)])
def test_the_modem_switches_where_levels_begin(table: int, faded: bool) -> None:
    config = ModemConfig(mcs="adaptive", mcs_table=table)
    modem = DigitalModem(config)
    fading = torch.from_numpy(np.random.default_rng(0).exponential(size=(20, 16)))
    law = fading if faded else None
    levels = thresholds(config, PAYLOADS, law)
    snr, rates = np.array(levels).T
    assert (np.diff(snr) > 0).all()
    assert (np.diff(rates) > 0).all()
    for i in range(len(levels)):
        at = sent_at(modem, snr[i], law)
        assert at.min() >= rates[i] * (1 - 1e-12)
        # A few steps of the search below it, some payload has to be slower.
        below = sent_at(modem, snr[i] / db_to_linear(0.005), law)
        assert (below < at).any() or i == 0


def test_one_index_is_one_level() -> None:
    ((snr, rate),) = thresholds(ModemConfig(mcs=10), PAYLOADS, None)
    adaptive = thresholds(ModemConfig(mcs="adaptive"), PAYLOADS, None)
    assert (snr, rate) in adaptive


def test_a_target_out_of_reach_leaves_no_level() -> None:
    # A tenth of the images meets no signal at all.
    fading = torch.cat([torch.zeros(10, 1), torch.ones(90, 1)]).double()
    assert thresholds(ModemConfig(mcs="adaptive", target_bler=0.05), PAYLOADS, fading) == []
    assert thresholds(ModemConfig(mcs="adaptive", target_bler=0.2), PAYLOADS, fading)
