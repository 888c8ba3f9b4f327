"""Measure the block error rate of every MCS on AWGN: the curves behind `fidelity: abstracted`.

    python benchmarks/bler_curves.py --out semsim/link/bler_curves.csv

Each modulation, code rate and block size gets the two numbers of a normal curve over the SNR in
decibels, fitted to simulated blocks by maximum likelihood: where half of the blocks fail, and how
fast that changes. Rows that the file holds already are kept, so that a killed run goes on where it
stopped. About an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from semsim.channels.coding import LdpcCode, Qam, mcs_table
from semsim.rng import Streams
from semsim.units import db_to_linear

ITERATIONS = 20
SIZES = (8448, 3840, 768, 128)
#: Simulated bits of one curve, and the most blocks.
BITS, MOST_BLOCKS = 250_000, 1000
SEARCH_BLOCKS = 6
HEAD = (
    "bits_per_symbol",
    "code_rate_1024",
    "k",
    "snr_50_db",
    "spread_db",
    "failed_bit_error_rate",
    "blocks",
)


class Curve:
    """Blocks of one code simulated at several SNRs."""

    def __init__(self, order: int, rate: float, k: int) -> None:
        symbols = -(-k // (rate * order)) // 1
        self.k = k
        self._code = LdpcCode(k, int(symbols) * order, order, ITERATIONS)
        self._qam = Qam(order)
        self._rng = Streams(38_212).child(f"{order} {rate:.6f} {k}").torch("blocks")
        self.trials: list[tuple[float, int, int]] = []
        self.wrong_bits = self.failed_blocks = 0

    def send(self, snr_db: float, blocks: int) -> float:
        """Simulate and return the share of blocks in error."""
        failed, left = 0, blocks
        while left:
            now = min(left, max(1, 2**18 // self.k))
            failed += self._send(snr_db, now)
            left -= now
        self.trials.append((snr_db, failed, blocks))
        return failed / blocks

    def _send(self, snr_db: float, blocks: int) -> int:
        bits = torch.randint(0, 2, (blocks, self.k), dtype=torch.uint8, generator=self._rng)
        x = self._qam.map(self._code.encode(bits))
        variance = torch.full((blocks, x.shape[1]), 1 / db_to_linear(snr_db))
        noise = torch.randn(x.shape, dtype=torch.complex64, generator=self._rng)
        wrong = self._code.decode(self._qam.llr(x + variance.sqrt() * noise, variance)) != bits
        failed = wrong.any(dim=1)
        self.wrong_bits += int(wrong.sum())
        self.failed_blocks += int(failed.sum())
        return int(failed.sum())

    def fit(self, guess_db: float, spread_db: float) -> tuple[float, float]:
        """Return the SNR of 50 % and the standard deviation of the normal curve, in dB."""
        snr_db, failed, blocks = (np.array(v, dtype=float) for v in zip(*self.trials, strict=True))

        def surprise(parameters: np.ndarray) -> float:
            middle, log_spread = parameters
            z = (middle - snr_db) / np.exp(log_spread)
            lost = failed @ norm.logcdf(z) + (blocks - failed) @ norm.logcdf(-z)
            # A weak prior on the spread: half of the logarithm's unit, worth a few blocks.
            return float(-lost + 2 * (log_spread - np.log(spread_db)) ** 2)

        start = np.array([guess_db, np.log(spread_db)])
        middle, log_spread = minimize(surprise, start, method="Nelder-Mead").x
        return float(middle), float(np.exp(log_spread))


def measure(order: int, rate: float, k: int) -> dict[str, float]:
    """Find the waterfall by bisection, then simulate around it."""
    curve = Curve(order, rate, k)
    capacity_db = 10 * np.log10(2 ** (rate * order) - 1)
    low, high = capacity_db, capacity_db + 4.0
    while high - low > 0.5:
        middle = (low + high) / 2
        if curve.send(middle, SEARCH_BLOCKS) >= 0.5:
            low = middle
        else:
            high = middle
    spread = 0.1 + 5.0 / np.sqrt(k / rate)
    middle, spread = curve.fit((low + high) / 2, spread)
    blocks = min(MOST_BLOCKS, BITS // k)
    for offset, share in ((-0.7, 0.25), (0.4, 0.25), (1.3, 0.5)):
        curve.send(middle + offset * spread, max(SEARCH_BLOCKS, int(share * blocks)))
        middle, spread = curve.fit(middle, spread)
    return {
        "bits_per_symbol": order,
        "code_rate_1024": round(rate * 1024, 1),
        "k": k,
        "snr_50_db": round(middle, 3),
        "spread_db": round(spread, 3),
        "failed_bit_error_rate": round(curve.wrong_bits / max(1, curve.failed_blocks * k), 4),
        "blocks": sum(blocks for _, _, blocks in curve.trials),
    }


def main() -> None:
    """Measure what the file lacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to fill")
    arguments = parser.parse_args()
    rows = []
    if arguments.out.exists():
        with arguments.out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(int(r["bits_per_symbol"]), float(r["code_rate_1024"]), int(r["k"])) for r in rows}
    pairs = {
        (scheme.bits_per_symbol, scheme.code_rate): None
        for table in (2, 1, 3)
        for scheme in mcs_table(table)
    }
    for order, rate in pairs:
        for k in SIZES:
            key = (order, round(rate * 1024, 1), k)
            if key in done or (rate <= 0.25 and k > 3840):
                continue
            rows.append({name: str(value) for name, value in measure(order, rate, k).items()})
            print(", ".join(rows[-1].values()), flush=True)
            rows.sort(
                key=lambda r: (int(r["bits_per_symbol"]), float(r["code_rate_1024"]), int(r["k"]))
            )
            temporary = arguments.out.with_suffix(".tmp")
            with temporary.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, HEAD, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
            temporary.replace(arguments.out)


if __name__ == "__main__":
    main()
