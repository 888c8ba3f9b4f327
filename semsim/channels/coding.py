"""Bits to symbols and back: MCS tables, CRC, 5G LDPC codes and Gray-coded QAM, by Sionna."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semsim.channels.devices import check_device
from semsim.channels.sionna_rng import phy

#: Limits of TS 38.212, section 5.2.2: bits of one code block, its CRC included, for base graph 1
#: and, at low rates, base graph 2.
_MOST_BLOCK_BITS, _MOST_LOW_RATE_BITS = 8448, 3840
_LOW_RATE = 0.25
#: TS 38.212, sections 5.1 and 7.2.1: CRC16 ends short payloads of one block, CRC24A longer ones;
#: CRC24B ends every block of several.
_SHORT_PAYLOAD_BITS = 3824

#: Redundancy versions of successive transmissions, TS 38.214 section 5.1.2.1.
_VERSIONS = (0, 2, 3, 1)

#: LLR of the filler bits, which are known to be zero; Sionna's bound for messages.
_SURE = 20.0


@dataclass(frozen=True)
class Mcs:
    """One modulation and coding scheme: bits a symbol (Q_m) and code rate (R)."""

    index: int
    bits_per_symbol: int
    code_rate: float

    @property
    def efficiency(self) -> float:
        """Information bits a symbol."""
        return self.bits_per_symbol * self.code_rate


@lru_cache(maxsize=4)
def mcs_table(number: int) -> tuple[Mcs, ...]:
    """Return the schemes of the PDSCH, TS 38.214, tables 5.1.3.1-1 (64-QAM) to -3 (low rates).

    Table 1 names 16-QAM and 64-QAM schemes whose efficiency is that of the scheme before them or
    less; they stay in.

    Raises:
        ValueError: if ``number`` is not 1, 2 or 3.

    >>> mcs_table(1)[5], len(mcs_table(2))
    (Mcs(index=5, bits_per_symbol=2, code_rate=0.3701171875), 28)
    """
    if number not in (1, 2, 3):
        raise ValueError(f"there are the MCS tables 1, 2 and 3, got {number}")
    schemes = []
    for index in range(29):
        order, rate = phy.nr.utils.decode_mcs_index(
            index, number, is_pusch=False, check_index_validity=False, device="cpu"
        )
        if order > 0:
            schemes.append(Mcs(index, int(order), float(rate)))
    return tuple(schemes)


@dataclass(frozen=True)
class Segments:
    """How a payload is cut.

    Attributes:
        blocks: code blocks.
        k: information bits of one, CRC included.
        n: coded bits of one.
        crc: CRC bits of one; 0 without coding.
    """

    blocks: int
    k: int
    n: int
    crc: int = 0

    @property
    def room(self) -> int:
        """Payload bits that fit."""
        return self.blocks * (self.k - self.crc)


def segment(bits: int, code_rate: float, bits_per_symbol: int) -> Segments:
    """Cut a payload into the fewest equal LDPC code blocks of whole symbols.

    As TS 38.212, section 5.2.2, does, but for two details: zeros fill the last block where the
    standard asks for a payload of suitable size, and several blocks do without the CRC of the
    whole payload, since each has its own.

    Args:
        bits: size of the payload, at least one.
        code_rate: the rate to aim at; rounding up to whole symbols lowers it.
        bits_per_symbol: the code words are multiples of this.

    >>> segment(200_000, 0.5, 2)
    Segments(blocks=24, k=8358, n=16716, crc=24)
    """
    most = _MOST_BLOCK_BITS if code_rate > _LOW_RATE else _MOST_LOW_RATE_BITS
    blocks, crc = 1, 24 if bits > _SHORT_PAYLOAD_BITS else 16
    if bits + crc > most:
        blocks, crc = math.ceil(bits / (most - 24)), 24
    k = math.ceil(bits / blocks) + crc
    # The small subtraction keeps rounding errors of the quotient from costing a symbol.
    symbols = math.ceil(k / (code_rate * bits_per_symbol) - 1e-9)
    return Segments(blocks, k, symbols * bits_per_symbol, crc)


def fill(symbols: int, code_rate: float, bits_per_symbol: int) -> Segments | None:
    """Return the blocks that carry most within ``symbols`` symbols, ``None`` if not even one fits.

    Fewer symbols than blocks stay unused.

    >>> fill(8358 * 24 + 5, 0.5, 2)
    Segments(blocks=24, k=8358, n=16716, crc=24)
    """
    most = _MOST_BLOCK_BITS if code_rate > _LOW_RATE else _MOST_LOW_RATE_BITS
    rate = code_rate * bits_per_symbol
    blocks = max(1, math.ceil(math.floor(symbols * rate + 1e-9) / most))
    each = symbols // blocks
    k = min(math.floor(each * rate + 1e-9), most)
    crc = 24 if blocks > 1 or k > _SHORT_PAYLOAD_BITS + 16 else 16
    if k <= crc:
        return None
    return Segments(blocks, k, each * bits_per_symbol, crc)


class Crc:
    """The CRC that ends a code block: CRC16, or CRC24A alone and CRC24B among several.

    Args:
        segments: whose blocks to protect.
        device: where to compute.
    """

    def __init__(self, segments: Segments, device: str = "cpu") -> None:
        long = "CRC24B" if segments.blocks > 1 else "CRC24A"
        self._encoder = phy.fec.crc.CRCEncoder(
            "CRC16" if segments.crc == 16 else long,
            k=segments.k - segments.crc,
            precision="single",
            device=str(check_device(device)),
        )

    def append(self, bits: Tensor) -> Tensor:
        """``[N, k - crc]`` to ``[N, k]``, of the same type."""
        block: Tensor = self._encoder(bits.float())
        return block.to(bits.dtype)

    def holds(self, block: Tensor) -> Tensor:
        """Tell of ``[N, k]`` decoded blocks which ``[N]`` pass the check."""
        data = block[:, : block.shape[1] - self._encoder.crc_length]
        return (self.append(data) == block).all(dim=1)


@lru_cache(maxsize=64)
def crc(segments: Segments, device: str) -> Crc:
    """Return the :class:`Crc` of these blocks; its matrix is built once and shared."""
    return Crc(segments, device)


class Qam:
    """Gray-coded square QAM of unit mean power (TS 38.211, section 5.1).

    Args:
        bits_per_symbol: 2, 4, 6 or 8.
        device: where to compute.

    Raises:
        DeviceError: if there is no such device.
    """

    def __init__(self, bits_per_symbol: int, device: str = "cpu") -> None:
        self.bits_per_symbol = bits_per_symbol
        name = str(check_device(device))
        self._mapper = phy.mapping.Mapper("qam", bits_per_symbol, precision="single", device=name)
        self._demapper = phy.mapping.Demapper(
            "app", "pam", bits_per_symbol // 2, precision="single", device=name
        )

    def map(self, bits: Tensor) -> Tensor:
        """``[N, s·bits_per_symbol]`` zeros and ones to ``[N, s]`` symbols."""
        x: Tensor = self._mapper(bits)
        return x

    def llr(self, y: Tensor, noise_variance: Tensor) -> Tensor:
        """Exact log-likelihood ratios ln P(1)/P(0).

        Real and imaginary part carry every other bit and are demapped on their own, with √M
        points each instead of M.

        Args:
            y: ``[N, s]`` equalised symbols.
            noise_variance: ``[N, s]`` complex noise variance.

        Returns:
            ``[N, s·bits_per_symbol]``.
        """
        # Each dimension is a PAM of power 1/2; Sionna's has power 1, hence the factors.
        parts = math.sqrt(2) * torch.view_as_real(y)  # [N, s, 2]
        llr: Tensor = self._demapper(parts, 2 * noise_variance.unsqueeze(-1))
        per_part = self.bits_per_symbol // 2
        return llr.reshape(*y.shape, 2, per_part).transpose(-1, -2).flatten(1)


class LdpcCode:
    """One 5G LDPC code with rate matching and bit interleaver (TS 38.212, 5.3.2 and 5.4.2).

    Rates below that of the mother code (1/3 or 1/5) repeat coded bits, and further transmissions
    send other redundancy versions: both go round the circular buffer.

    The decoder is Sionna's sum-product decoder, flooding schedule; words whose parity checks all
    hold leave it early.

    Args:
        k: information bits of a block.
        n: coded bits of one transmission of a block, a multiple of ``bits_per_symbol``.
        bits_per_symbol: modulation order, for the interleaver.
        iterations: most decoding iterations.
        device: where to compute.
        transmissions: how often a block may be sent, 1 to 4 (redundancy versions 0, 2, 3, 1).

    Raises:
        DeviceError: if there is no such device.
        ValueError: if 5G has no such code.
    """

    def __init__(
        self,
        k: int,
        n: int,
        bits_per_symbol: int,
        iterations: int = 20,
        device: str = "cpu",
        transmissions: int = 1,
    ) -> None:
        self.k, self.n = k, n
        self._device = check_device(device)
        name = str(self._device)
        encoder = _encoder(k, n, name)
        self._encoder = encoder
        self._buffer = encoder.n_cb_comp
        self._starts = encoder.get_start_positions_comp([*_VERSIONS[:transmissions]])
        self._wraps = n > encoder.n or transmissions > 1
        interleaver, _ = encoder.generate_out_int(n, bits_per_symbol)
        # Where in the circular buffer the bits of each transmission lie.
        places = np.stack([(start + interleaver) % self._buffer for start in self._starts])
        self._places = torch.as_tensor(places, device=self._device)  # [T, n]
        punctured = 2 * encoder.z
        columns = punctured + places
        columns = columns + np.where(columns >= k, encoder.k_filler, 0)
        # Parity bits at the end of the mother code that are not sent take part in one check
        # each: both can go.
        core = encoder.k_ldpc + 4 * encoder.z
        length = max(core, int(columns.max()) + 1)
        checks = encoder.pcm.shape[0] - (encoder.n_ldpc - length)
        graph = encoder.pcm[:checks, :length]
        self._filler = slice(k, encoder.k_ldpc)
        self._length = length
        self._columns = torch.as_tensor(columns, device=self._device)
        self._decoder = phy.fec.ldpc.LDPCBPDecoder(
            graph, hard_out=False, llr_max=_SURE, return_state=True, precision="single", device=name
        )
        rows, ones = graph.nonzero()
        self._checks = torch.sparse_coo_tensor(
            torch.as_tensor(np.stack([rows, ones])),
            torch.ones(len(rows)),
            graph.shape,
            check_invariants=True,
        ).to(self._device)
        self._strides = _strides(iterations)

    def encode(self, bits: Tensor, transmission: int = 0) -> Tensor:
        """``[N, k]`` to ``[N, n]``, of the same type, for one of the transmissions."""
        if not self._wraps:
            word: Tensor = self._encoder(bits)
            return word[:, self._places[0]]
        # Sionna sends at most one round: gather the whole buffer from its four versions.
        slices = self._encoder(bits, rv=[0, 1, 2, 3])  # [N, 4, encoder.n]
        buffer = bits.new_empty(bits.shape[0], self._buffer)
        for i, start in enumerate(self._encoder.get_start_positions_comp([0, 1, 2, 3])):
            place = (start + torch.arange(self._encoder.n, device=self._device)) % self._buffer
            buffer[:, place] = slices[:, i].to(bits.dtype)
        return buffer[:, self._places[transmission]]

    def decode(self, *llr: Tensor) -> Tensor:
        """Decode what was received in each transmission so far.

        Args:
            llr: log-likelihood ratios ln P(1)/P(0), ``[N, n]`` a transmission, in their order.

        Returns:
            ``[N, k]`` decisions, ``uint8``.
        """
        words = llr[0].shape[0]
        # Columns of the graph: information (the first of it punctured), filler, parity.
        belief = llr[0].new_zeros(words, self._length)
        for received, columns in zip(llr, self._columns, strict=False):
            belief.index_add_(1, columns, received)
        belief[:, self._filler] = -_SURE
        bits = torch.empty(words, self.k, dtype=torch.uint8, device=self._device)
        active = torch.arange(words, device=self._device)
        messages = None
        for iterations in self._strides:
            soft, messages = self._decoder(belief, num_iter=iterations, msg_v2c=messages)
            word = soft >= 0
            bits[active] = word[:, : self.k].to(torch.uint8)
            failing = (torch.sparse.mm(self._checks, word.T.float()) % 2).any(dim=0)
            if not failing.any():
                break
            if not failing.all():
                belief, messages, active = belief[failing], messages[failing], active[failing]
        return bits


def _encoder(k: int, n: int, device: str) -> Any:
    """Return Sionna's encoder at ``n`` bits, or at the lowest rate that it has."""
    low = k <= 292 or (k <= _SHORT_PAYLOAD_BITS and k <= 0.67 * n)
    low = low or (k <= _MOST_LOW_RATE_BITS and k <= _LOW_RATE * n)
    graph, lowest = ("bg2", 5) if low else ("bg1", 3)
    return phy.fec.ldpc.LDPC5GEncoder(
        k, min(n, lowest * k), bg=graph, precision="single", device=device, check_input=False
    )


def _strides(iterations: int) -> list[int]:
    """Return the iterations between looks at the parity checks.

    Words at a comfortable SNR are done after two to eight iterations, so the first looks come
    often; each costs about a tenth of an iteration, so the later ones do not.

    >>> _strides(20)
    [2, 2, 2, 2, 4, 4, 4]
    >>> _strides(3)
    [2, 1]
    """
    looks = [look for look in (*range(2, 8, 2), *range(8, iterations, 4)) if look < iterations]
    return [after - before for before, after in pairwise([0, *looks, iterations])]


@lru_cache(maxsize=16)
def ldpc_code(
    k: int, n: int, bits_per_symbol: int, iterations: int, device: str, transmissions: int = 1
) -> LdpcCode:
    """Return the :class:`LdpcCode` of these sizes; its graph is built once and shared."""
    return LdpcCode(k, n, bits_per_symbol, iterations, device, transmissions)
