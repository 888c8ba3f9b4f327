"""The channel's state as networks take it."""

from __future__ import annotations

from torch import Tensor

from semsim.types import Csi
from semsim.units import linear_to_db

#: SNRs in dB that networks are told; beyond lies what none is trained for, and −∞ of a dead link.
LOWEST_DB, HIGHEST_DB = -20.0, 40.0


def snr_db(csi: Csi) -> Tensor:
    """Return the SNR in dB, one column, ``[B, 1]``, held within −20…40 dB."""
    return linear_to_db(csi.snr.float()).clamp(LOWEST_DB, HIGHEST_DB).unsqueeze(1)
