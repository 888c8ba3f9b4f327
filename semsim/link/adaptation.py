"""Which MCS to send at: predicted error rates from what is known of the channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from semsim.channels.coding import Mcs, Segments, fill, mcs_table, segment
from semsim.link.bler import curve, mutual_information
from semsim.link.coder import Plan
from semsim.link.config import ModemConfig
from semsim.types import Csi
from semsim.units import db_to_linear

#: Quality over rate on photographs, for :func:`best_for_quality`. On the shipped test photographs
#: at 256×256 each doubling of the bits is worth about 3 dB, and one bit a pixel is 21 dB (JPEG) to
#: 25 dB (HEVC) above the mid-grey of an outage: some seven doublings.
_DOUBLINGS_AT_ONE_BIT = 7.0
#: Where the least SNR of an MCS is looked for, and how closely.
_SNR_RANGE_DB, _SNR_STEP_DB = (-25.0, 60.0), 1e-3
#: How far predictions may be off (tests/theory/test_link_adaptation.py).
_MARGIN_DB = 0.3


def payload_error_rate(mcs: Mcs, segments: Segments, snr: float, csi: Csi) -> float:
    """Predict how often any block of a payload fails, at mean SNR ``snr`` and the known fading.

    Without fading blocks fail independently. With it, they share each draw of ``csi.fading``.
    """
    mean = torch.tensor([snr], dtype=torch.float64)
    if csi.fading is not None:
        information = mutual_information(mcs.bits_per_symbol)
        seen = information.of(snr * csi.fading.double().cpu())  # [D, m]
        mean = information.snr(seen.mean(dim=1))
    blocks = curve(mcs, segments.k).error_rate(mean)
    return float((1 - (1 - blocks).pow(segments.blocks)).mean())


def plan_payload(bits: int, mcs: Mcs) -> Plan:
    """Return how ``bits`` bits travel at ``mcs``, in as many channel uses as they take."""
    segments = segment(bits, mcs.code_rate, mcs.bits_per_symbol)
    return Plan(segments, mcs, segments.blocks * segments.n // mcs.bits_per_symbol)


def plan_uses(uses: int, mcs: Mcs) -> Plan | None:
    """Return how most bits travel at ``mcs`` in ``uses`` channel uses; ``None`` if none fit."""
    segments = fill(uses, mcs.code_rate, mcs.bits_per_symbol)
    return None if segments is None else Plan(segments, mcs, uses)


def fastest_within_target(
    plans: Callable[[Mcs], Plan | None], table: int, target: float, snr: float, csi: Csi
) -> Plan:
    """Return the plan of highest efficiency whose predicted error rate is at most ``target``.

    The prediction is made 0.3 dB below the SNR reported, which is how far the curves may be off.
    Where no MCS keeps the target, the plan of the lowest.

    Raises:
        ValueError: if no MCS has a plan.
    """
    made = _plans(plans, table)
    safe = snr / db_to_linear(_MARGIN_DB)
    for plan in reversed(made):
        if payload_error_rate(plan.mcs, plan.segments, safe, csi) <= target:
            return plan
    return made[0]


def best_for_quality(
    plans: Callable[[Mcs], Plan | None], table: int, pixels: int, snr: float, csi: Csi
) -> Plan:
    """Return the plan of highest expected image quality: what arrives, times what it is worth.

    Both ends can compute it, since it depends on nothing but the channel's statistics.

    Raises:
        ValueError: if no MCS has a plan.
    """

    def expected(plan: Plan) -> float:
        arrives = 1 - payload_error_rate(plan.mcs, plan.segments, snr, csi)
        bits_per_pixel = plan.segments.room / pixels
        doublings = _DOUBLINGS_AT_ONE_BIT + float(torch.tensor(bits_per_pixel).log2())
        return arrives * max(doublings, 0.0)

    return max(_plans(plans, table), key=expected)


def thresholds(
    config: ModemConfig, payloads: Sequence[int], fading: Tensor | None
) -> list[tuple[float, float]]:
    """Return from which SNR on the modem sends at which rate.

    Args:
        config: a modem whose ``mcs`` is an index or ``adaptive``.
        payloads: bits that it may be asked to send; a level keeps the target for all of them.
        fading: ``[D, m]`` draws of the power gain that both ends know, if there is fading.

    Returns:
        By MCS the least linear SNR at which a payload's predicted error rate, 0.3 dB below, is
        within the target, and information bits a channel use, CRC and rounding counted; both rise.
        Schemes that another beats in both are left out, and those that never keep the target.
    """
    table = mcs_table(config.mcs_table)
    schemes = table if config.mcs == "adaptive" else [table[int(config.mcs or 0)]]
    csi = Csi(torch.ones(1), fading)
    found = []
    for mcs in schemes:
        plans = [plan_payload(bits, mcs) for bits in payloads]
        snr = max(_least_snr(plan, config.target_bler, csi) for plan in plans)
        rates = [bits / plan.uses for bits, plan in zip(payloads, plans, strict=True)]
        found.append((snr, min(rates)))
    levels: list[tuple[float, float]] = []
    for snr, efficiency in sorted(found):
        if math.isfinite(snr) and (not levels or efficiency > levels[-1][1]):
            levels.append((snr, efficiency))
    return levels


def _least_snr(plan: Plan, target: float, csi: Csi) -> float:
    """Return the least linear SNR to send ``plan`` at, to 0.001 dB; infinite if there is none."""

    def kept(snr_db: float) -> bool:
        safe = db_to_linear(snr_db - _MARGIN_DB)
        return payload_error_rate(plan.mcs, plan.segments, safe, csi) <= target

    low_db, high_db = _SNR_RANGE_DB
    if not kept(high_db):
        return math.inf
    while high_db - low_db > _SNR_STEP_DB:
        middle_db = (low_db + high_db) / 2
        low_db, high_db = (low_db, middle_db) if kept(middle_db) else (middle_db, high_db)
    return db_to_linear(high_db + _SNR_STEP_DB)  # so that rounding loses nothing


def _plans(plans: Callable[[Mcs], Plan | None], table: int) -> list[Plan]:
    schemes = sorted(mcs_table(table), key=lambda scheme: scheme.efficiency)
    made = [plan for plan in map(plans, schemes) if plan is not None]
    if not made:
        raise ValueError("there is no room for a single code block; allow more channel uses")
    return made
