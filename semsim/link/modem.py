"""The digital modem: which MCS, how often to send, and whether to decode or to draw errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.channels.coding import Mcs, Segments, mcs_table
from semsim.channels.devices import check_device
from semsim.link.adaptation import fastest_within_target, plan_payload
from semsim.link.air import AirPart
from semsim.link.bler import curve, mutual_information
from semsim.link.coder import Coder, Plan, block_errors, check_bits, cut
from semsim.link.config import ModemConfig
from semsim.types import Csi, Received, ReceivedBits, Transmitter

_BITS_PER_SYMBOL = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


class DigitalModem:
    """Bits through the air.

    ::

        bits ─► plan (MCS, blocks) ─► Coder.modulate ─► air ─► Coder.demodulate ─► CRC ─► bits
                                          ▲                                      │
                                          └────── another redundancy version ◄───┘ fails

    Every image is a payload of its own, with the MCS that its SNR allows. A payload whose CRC fails
    is sent again, whole, as often as the configuration allows; all that arrived counts.

    With ``fidelity: abstracted`` known symbols take the same channel uses, and blocks fail at
    random with the probability that their SNRs give (:mod:`semsim.link.bler`); bits of a failed
    block are flipped as often as they are wrong in one.

    Args:
        config: modulation and code.
        device: where to compute.
        generator: decides which blocks fail under ``fidelity: abstracted``; the default is seeded
            by chance.

    Raises:
        DeviceError: if there is no such device.
    """

    def __init__(
        self, config: ModemConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        self.config = config
        self.device = check_device(device)
        if generator is None:
            generator = torch.Generator(self.device)
            generator.seed()
        self._generator = generator

    def plan(self, bits: int, csi: Csi, mcs: int | None = None) -> list[tuple[Plan, Tensor]]:
        """Return how payloads of ``bits`` bits travel: plans, each with the rows ``[b]`` it is for.

        Args:
            bits: of a payload.
            csi: what is known of the channel.
            mcs: an index of the configuration's table, instead of what it would choose.

        Raises:
            ValueError: if ``bits`` is not positive, or the modem has no such MCS.
        """
        if bits < 1:
            raise ValueError(f"a payload has at least one bit, got {bits}")
        config = self.config
        if mcs is not None:
            everybody = torch.arange(len(csi.snr), device=csi.snr.device)
            return [(plan_payload(bits, self._scheme(mcs)), everybody)]
        if config.mcs != "adaptive":
            return [(self._fixed(bits), torch.arange(len(csi.snr), device=csi.snr.device))]
        return grouped(
            csi,
            lambda snr: fastest_within_target(
                lambda mcs: plan_payload(bits, mcs),
                config.mcs_table,
                config.target_bler,
                snr,
                csi,
            ),
        )

    def _scheme(self, mcs: int) -> Mcs:
        table = mcs_table(self.config.mcs_table)
        if self.config.coding == "none" or not 0 <= mcs < len(table):
            raise ValueError(
                f"the modem has no MCS {mcs}: with coding: ldpc, table {self.config.mcs_table} has "
                f"0 to {len(table) - 1}"
            )
        return table[mcs]

    def _fixed(self, bits: int) -> Plan:
        config = self.config
        order = _BITS_PER_SYMBOL[config.modulation]
        if config.coding == "none":
            size = -(-bits // order) * order
            return Plan(Segments(1, size, size), Mcs(-1, order, 1.0), size // order)
        if isinstance(config.mcs, int):
            return plan_payload(bits, mcs_table(config.mcs_table)[config.mcs])
        return plan_payload(bits, Mcs(-1, order, config.code_rate))

    def coder(self, plan: Plan) -> Coder:
        """Return what codes and decodes ``plan``."""
        return Coder(
            plan, self.config.iterations, str(self.device), 1 + self.config.retransmissions
        )

    def transmit(
        self,
        bits: Tensor,
        csi: Csi,
        air: Transmitter,
        lengths: Tensor | None = None,
        mcs: int | None = None,
    ) -> ReceivedBits:
        """Send ``bits [B, n]`` (``uint8``) at the MCS that each image's SNR allows.

        Args:
            bits: one payload a row.
            csi: what is known of the channel.
            air: the way to send.
            lengths: ``[B]`` how many bits of each row are sent, where that is not all. Rows of one
                length travel together; what was not sent is returned as zeros.
            mcs: at this one instead, as :meth:`plan` takes it.

        Raises:
            TypeError: if ``bits`` is not ``uint8``.
            ValueError: if ``bits`` is not ``[B, n]`` or holds anything but 0 and 1, or if
                ``lengths`` is not ``[B]`` or not all of 1 to n, or there is no such MCS.
        """
        check_bits(bits)
        parts = [
            (rows, _filled(self.send(bits[rows, :length], plan, AirPart(air, rows)), bits))
            for length, group in _by_length(bits, lengths)
            for plan, some in self.plan(length, Csi(csi.snr[group], csi.fading), mcs)
            for rows in [group[some]]
        ]
        return merged(parts, len(bits))

    def send(self, bits: Tensor, plan: Plan, air: Transmitter) -> ReceivedBits:
        """Send ``bits [B, n]`` by one plan, again where the CRC fails.

        Returns:
            as many bits as were given.
        """
        abstracted = self.config.fidelity == "abstracted"
        attempt = _Drawn(self, bits, plan) if abstracted else _Decoded(self, bits, plan)
        decoded = torch.zeros_like(bits)
        failed: Tensor | None = None
        rows = torch.arange(len(bits), device=bits.device)
        for _ in range(1 + self.config.retransmissions):
            some, lost = attempt(air, rows)
            decoded[rows] = some[:, : bits.shape[1]]
            if lost is None:
                break
            if failed is None:
                failed = torch.zeros(len(bits), dtype=torch.bool, device=bits.device)
            failed[rows] = lost
            rows = rows[lost]
            if not len(rows):
                break
        errors = block_errors(bits, decoded, plan.segments)
        return ReceivedBits(decoded, errors, plan.segments.blocks, failed)


class _Decoded:
    """Attempts that code, send and decode; remembers what arrived for the next one."""

    def __init__(self, modem: DigitalModem, bits: Tensor, plan: Plan) -> None:
        self._coder = modem.coder(plan)
        self._bits = bits
        self._arrived: list[tuple[Tensor, Received]] = []

    def __call__(self, air: Transmitter, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self._coder.modulate(self._bits[rows], len(self._arrived))
        self._arrived.append((rows, air.send(x, rows, undo=True)))
        return self._coder.demodulate(*(_of(rows, *old) for old in self._arrived))


class _Drawn:
    """Attempts that draw block errors by the mutual information collected so far."""

    def __init__(self, modem: DigitalModem, bits: Tensor, plan: Plan) -> None:
        self._plan = plan
        self._bits = bits
        shape = (len(bits), plan.segments.blocks)
        self._generator, device = modem._generator, bits.device
        # One draw a block, so that more information never makes a block worse.
        self._luck = torch.rand(shape, device=device, generator=self._generator)
        self._collected = torch.zeros(shape, device=device, dtype=torch.float64)
        self._information = mutual_information(plan.mcs.bits_per_symbol, str(device))

    def __call__(self, air: Transmitter, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        plan, segments = self._plan, self._plan.segments
        known = torch.ones(len(rows), plan.uses, dtype=torch.complex64, device=rows.device)
        variance = air.send(known, rows, undo=True).noise_variance
        carried = variance[:, : segments.blocks * plan.block_uses]
        seen = self._information.of(1 / carried).reshape(len(rows), segments.blocks, -1)
        self._collected[rows] += seen.mean(dim=2)
        measured = curve(plan.mcs, segments.k)
        rate = measured.error_rate(self._information.snr(self._collected[rows]))
        # More than a symbol can carry in one go decodes whatever it is.
        rate = rate.masked_fill(self._collected[rows] >= plan.mcs.bits_per_symbol, 0.0)
        lost = self._luck[rows] < rate
        data = cut(self._bits[rows], segments)
        flips = torch.rand(data.shape, device=data.device, generator=self._generator)
        flips = flips < measured.failed_bit_error_rate
        # At least one wrong bit makes a failed block.
        flips[:, 0] |= ~flips.any(dim=1)
        damaged = data ^ (flips & lost.reshape(-1, 1)).to(data.dtype)
        return damaged.reshape(len(rows), -1), lost.any(dim=1)


def _by_length(bits: Tensor, lengths: Tensor | None) -> list[tuple[int, Tensor]]:
    """Return every length of payload with the rows ``[b]`` that have it."""
    if lengths is None:
        return [(bits.shape[1], torch.arange(len(bits), device=bits.device))]
    if lengths.shape != bits.shape[:1] or not bool(
        ((lengths >= 1) & (lengths <= bits.shape[1])).all()
    ):
        raise ValueError(
            f"lengths must be {len(bits)} numbers of 1 to {bits.shape[1]}, got {lengths.tolist()}"
        )
    return [
        (int(length), (lengths == length).nonzero().flatten()) for length in torch.unique(lengths)
    ]


def _filled(received: ReceivedBits, bits: Tensor) -> ReceivedBits:
    """Return what arrived with zeros up to the width of ``bits``."""
    missing = bits.shape[1] - received.bits.shape[1]
    return replace(received, bits=pad(received.bits, (0, missing)))


def _of(rows: Tensor, sent: Tensor, received: Received) -> Received:
    """Return what arrived for ``rows``, a part of those that were ``sent`` (rising)."""
    place = torch.searchsorted(sent, rows)
    return Received(
        received.x[place],
        received.noise_variance[place],
        received.gain[place],
        received.snr_measured[place],
        received.noise_samples,
        received.extra_uses,
    )


def grouped(csi: Csi, choose: Callable[[float], Plan]) -> list[tuple[Plan, Tensor]]:
    """Choose a plan for each SNR; return every plan with the rows ``[b]`` that it is for."""
    values, inverse = torch.unique(csi.snr, return_inverse=True)
    plans = [choose(float(value)) for value in values]
    return [
        (plan, torch.isin(inverse, inverse.new_tensor(members)).nonzero().flatten())
        for plan in dict.fromkeys(plans)
        if (members := [i for i, other in enumerate(plans) if other == plan])
    ]


def merged(parts: list[tuple[Tensor, ReceivedBits]], batch: int) -> ReceivedBits:
    """Put parts of a batch that were sent by different plans in their places.

    ``block_errors`` becomes a share of ``blocks`` = 1, since the plans may differ in blocks.
    """
    if len(parts) == 1:
        return parts[0][1]
    first = parts[0][1]
    bits = first.bits.new_empty(batch, first.bits.shape[1])
    errors = torch.empty(batch, device=first.bits.device)
    failed = torch.zeros(batch, dtype=torch.bool, device=first.bits.device)
    for rows, part in parts:
        bits[rows] = part.bits
        errors[rows] = part.block_errors / part.blocks
        if part.failed is not None:
            failed[rows] = part.failed
    return ReceivedBits(bits, errors, 1, None if first.failed is None else failed)
