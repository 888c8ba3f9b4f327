"""Configuration of the link (neither torch nor sionna here)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semsim.config import Strict


class ModemConfig(Strict):
    """Modulation and coding of bits; the same for every SNR."""

    modulation: Literal["qpsk", "16qam", "64qam", "256qam"] = "qpsk"
    """Gray-coded constellation."""
    coding: Literal["ldpc", "none"] = "ldpc"
    """``ldpc``: 5G LDPC (3GPP TS 38.212); ``none``: the bits travel bare."""
    code_rate: float = Field(0.5, ge=0.2, le=0.92)
    """Information bits over coded bits; not used without coding."""
    iterations: int = Field(20, ge=1)
    """Most belief-propagation iterations of the decoder; blocks that check leave it earlier."""
