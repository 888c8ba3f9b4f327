"""Bits to symbols and back: 5G LDPC codes and Gray-coded QAM, by Sionna."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from semsim.channels.devices import check_device
from semsim.channels.sionna_rng import phy

#: Limits of TS 38.212, sections 5.2.2 and 5.3.2: information bits of one code block.
_LEAST_INFORMATION_BITS = 12
_MOST_INFORMATION_BITS = 8448
#: Base graph 1, for more than 3824 bits, goes down to rate 1/3; base graph 2 to 1/5. The margin
#: covers code words that are rounded up to whole symbols.
_MOST_LOW_RATE_BITS = 3824
_LOW_RATE = 0.34
_INVERSE_OF_LEAST_RATE = 5

#: LLR of the filler bits, which are known to be zero; Sionna's bound for messages.
_SURE = 20.0


@dataclass(frozen=True)
class Segments:
    """How a payload is cut: ``blocks`` code blocks of ``k`` bits, sent as ``n`` coded bits each."""

    blocks: int
    k: int
    n: int


def segment(bits: int, code_rate: float, bits_per_symbol: int) -> Segments:
    """Cut a payload into the fewest equal LDPC code blocks of whole symbols.

    No CRC bits are added; zeros fill the last block.

    Args:
        bits: size of the payload, at least one.
        code_rate: the rate to aim at, 0.2 to 0.92; rounding up to whole symbols lowers it.
        bits_per_symbol: the code words are multiples of this.

    >>> segment(200_000, 0.5, 2)
    Segments(blocks=24, k=8334, n=16668)
    """
    most = _MOST_INFORMATION_BITS if code_rate >= _LOW_RATE else _MOST_LOW_RATE_BITS
    blocks = math.ceil(bits / most)
    k = max(math.ceil(bits / blocks), _LEAST_INFORMATION_BITS)
    # The small subtraction keeps rounding errors of the quotient from costing a symbol.
    symbols = math.ceil(k / (code_rate * bits_per_symbol) - 1e-9)
    symbols = min(symbols, _INVERSE_OF_LEAST_RATE * k // bits_per_symbol)
    return Segments(blocks, k, symbols * bits_per_symbol)


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

    The decoder is Sionna's sum-product decoder, flooding schedule; words whose parity checks all
    hold leave it early.

    Args:
        k: information bits of a block.
        n: coded bits of a block, a multiple of ``bits_per_symbol``.
        bits_per_symbol: modulation order, for the interleaver.
        iterations: most decoding iterations.
        device: where to compute.

    Raises:
        DeviceError: if there is no such device.
        ValueError: if 5G has no such code.
    """

    def __init__(
        self, k: int, n: int, bits_per_symbol: int, iterations: int = 20, device: str = "cpu"
    ) -> None:
        self.k, self.n = k, n
        self._device = check_device(device)
        name = str(self._device)
        encoder = phy.fec.ldpc.LDPC5GEncoder(
            k, n, bits_per_symbol, precision="single", device=name, check_input=False
        )
        punctured = 2 * encoder.z
        # Parity bits at the end of the mother code that are not sent take part in one check
        # each: both can go.
        core = encoder.k_ldpc + 4 * encoder.z
        length = max(core, punctured + encoder.k_filler + n)
        checks = encoder.pcm.shape[0] - (encoder.n_ldpc - length)
        graph = encoder.pcm[:checks, :length]
        sent = np.arange(punctured, punctured + n)
        sent[sent >= k] += encoder.k_filler
        self._encoder = encoder
        self._filler = slice(k, encoder.k_ldpc)
        self._length = length
        self._sent = torch.as_tensor(sent, device=self._device)[encoder.out_int]
        self._decoder = phy.fec.ldpc.LDPCBPDecoder(
            graph, hard_out=False, llr_max=_SURE, return_state=True, precision="single", device=name
        )
        rows, columns = graph.nonzero()
        self._checks = torch.sparse_coo_tensor(
            torch.as_tensor(np.stack([rows, columns])),
            torch.ones(len(rows)),
            graph.shape,
            check_invariants=True,
        ).to(self._device)
        self._strides = _strides(iterations)

    def encode(self, bits: Tensor) -> Tensor:
        """``[N, k]`` to ``[N, n]``, of the same type."""
        word: Tensor = self._encoder(bits)
        return word

    def decode(self, llr: Tensor) -> Tensor:
        """``[N, n]`` log-likelihood ratios ln P(1)/P(0) to ``[N, k]`` decisions, ``uint8``."""
        # Columns of the graph: information (the first of it punctured), filler, parity.
        belief = llr.new_zeros(llr.shape[0], self._length)
        belief[:, self._sent] = llr
        belief[:, self._filler] = -_SURE
        bits = torch.empty(llr.shape[0], self.k, dtype=torch.uint8, device=self._device)
        active = torch.arange(llr.shape[0], device=self._device)
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
def ldpc_code(k: int, n: int, bits_per_symbol: int, iterations: int, device: str) -> LdpcCode:
    """Return the :class:`LdpcCode` of these sizes; its graph is built once and shared."""
    return LdpcCode(k, n, bits_per_symbol, iterations, device)
