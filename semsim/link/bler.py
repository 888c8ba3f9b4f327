"""Block error rates without decoding: effective SNR, and curves that were measured once.

A code block whose symbols see different SNRs γ_i fails as often as on white noise at the one SNR
that carries the same mutual information (mean mutual information per coded bit, as in IEEE
802.16m's evaluation methodology): I(γ_eff) = mean I(γ_i), with I the BICM capacity of the
constellation. Further transmissions add their information. On white noise the block error rate is
a normal curve over the SNR in decibels, Q((γ - θ)/σ); ``bler_curves.csv`` holds θ and σ for every
MCS and four block sizes, made by ``benchmarks/bler_curves.py`` from semsim's own LDPC decoder
(Sionna SYS ships curves too, but with points 1.6 dB apart and blocks up to 2000 bits: too coarse
for 0.3 dB).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import torch
from torch import Tensor

from semsim.channels.coding import Mcs
from semsim.link.bounds import bicm_capacity
from semsim.units import db_to_linear, linear_to_db

#: Grid of the mutual information: fine enough for errors below 1e-3 dB with linear interpolation.
_LOW_DB, _HIGH_DB, _STEP_DB = -40.0, 50.0, 0.05


@dataclass(frozen=True)
class Curve:
    """Block error rate of one MCS and block size on white noise.

    Attributes:
        snr_50_db: θ, the SNR at which half of the blocks fail.
        spread_db: σ.
        failed_bit_error_rate: wrong information bits in a failed block.
    """

    snr_50_db: float
    spread_db: float
    failed_bit_error_rate: float

    def error_rate(self, snr: Tensor) -> Tensor:
        """Return the share of blocks in error at linear ``snr``; shape as ``snr``."""
        share: Tensor = torch.special.ndtr((self.snr_50_db - linear_to_db(snr)) / self.spread_db)
        return share


@lru_cache(maxsize=1)
def _measured() -> dict[tuple[int, float], np.ndarray]:
    """Return by MCS ``[sizes, 4]``: 1/√k (rising), θ, log σ, bit error rate."""
    rows: dict[tuple[int, float], list[list[float]]] = {}
    text = resources.files("semsim.link").joinpath("bler_curves.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        key = (int(row["bits_per_symbol"]), float(row["code_rate_1024"]))
        values = [float(row[name]) for name in ("k", "snr_50_db", "spread_db")]
        k, middle, spread = values
        rows.setdefault(key, []).append(
            [k**-0.5, middle, np.log(spread), float(row["failed_bit_error_rate"])]
        )
    return {key: np.array(sorted(values)) for key, values in rows.items()}


@lru_cache(maxsize=4096)
def curve(mcs: Mcs, k: int) -> Curve:
    """Return the curve of ``mcs`` for blocks of ``k`` bits (CRC included).

    θ is interpolated over 1/√k, as the normal approximation of finite blocklength suggests.

    Raises:
        ValueError: if ``mcs`` was not measured.
    """
    points = _measured().get((mcs.bits_per_symbol, round(mcs.code_rate * 1024, 1)))
    if points is None:
        raise ValueError(f"{mcs} has no measured curve; take one of MCS tables 1 to 3")
    at = k**-0.5
    middle, log_spread, bit_errors = (np.interp(at, points[:, 0], points[:, i]) for i in (1, 2, 3))
    return Curve(float(middle), float(np.exp(log_spread)), float(bit_errors))


class MutualInformation:
    """BICM capacity of a constellation and its inverse, by table.

    Args:
        bits_per_symbol: 2, 4, 6 or 8.
        device: where to compute.
    """

    def __init__(self, bits_per_symbol: int, device: torch.device | str = "cpu") -> None:
        grid_db = np.arange(_LOW_DB, _HIGH_DB + _STEP_DB / 2, _STEP_DB)
        values = bicm_capacity(db_to_linear(grid_db), bits_per_symbol)
        # Strictly rising, for the inverse: near saturation quadrature cannot tell values apart.
        rising = np.maximum.accumulate(values) + 1e-12 * np.arange(len(values))
        self._values = torch.as_tensor(rising, device=device)
        self._most = float(rising[-1])

    def of(self, snr: Tensor) -> Tensor:
        """Return bits a symbol at linear ``snr``; shape as ``snr``, float64."""
        place = (linear_to_db(snr.double()) - _LOW_DB) / _STEP_DB
        place = place.clamp(0, len(self._values) - 1.001)
        below = place.long()
        part = place - below
        return torch.lerp(self._values[below], self._values[below + 1], part)

    def snr(self, bits: Tensor) -> Tensor:
        """Return the linear SNR that carries ``bits`` bits a symbol, 50 dB at most."""
        values = self._values
        above = torch.searchsorted(values, bits.double().contiguous()).clamp(1, len(values) - 1)
        low, high = values[above - 1], values[above]
        part = ((bits - low) / (high - low)).clamp(0, 1)
        return db_to_linear(_LOW_DB + _STEP_DB * (above - 1 + part))


@lru_cache(maxsize=16)
def mutual_information(bits_per_symbol: int, device: str = "cpu") -> MutualInformation:
    """Return the :class:`MutualInformation` of a constellation; its table is built once."""
    return MutualInformation(bits_per_symbol, device)
