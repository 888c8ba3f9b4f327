"""One payload size at one modulation and code rate: CRC, 5G LDPC code, QAM, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.channels.coding import Mcs, Qam, Segments, crc, ldpc_code
from semsim.types import Received

#: Payload bits that are coded at a time. A batch of large images would need tens of gigabytes
#: for the decoder's messages; beyond this number throughput does not grow.
_BITS_AT_ONCE = 2**18


@dataclass(frozen=True)
class Plan:
    """How payloads travel; sender and receiver both know it.

    Attributes:
        segments: the code blocks of one payload.
        mcs: modulation and code rate aimed at.
        uses: channel uses of one transmission; those that the blocks leave over carry known
            symbols.
    """

    segments: Segments
    mcs: Mcs
    uses: int

    @property
    def block_uses(self) -> int:
        """Channel uses of one code block."""
        return self.segments.n // self.mcs.bits_per_symbol


class Coder:
    """Bits to unit-power symbols and back.

    ::

        bits [B, n] -> equal blocks -> CRC -> LDPC -> QAM -> x [B, uses]
        [B, n] bits <- CRC <- LDPC decoder <- demapper <- equalised symbols [B, uses]

    Zeros that fill the last block are sent, and count as channel uses. Without coding a payload is
    one block of bare symbols.

    Args:
        plan: sizes, modulation and rate.
        iterations: most iterations of the decoder.
        device: where to compute.
        transmissions: how often a payload may be sent.
    """

    def __init__(
        self, plan: Plan, iterations: int = 20, device: str = "cpu", transmissions: int = 1
    ) -> None:
        self.plan = plan
        segments, order = plan.segments, plan.mcs.bits_per_symbol
        self._qam = Qam(order, device)
        self._code = self._crc = None
        if segments.crc:
            self._crc = crc(segments, device)
            self._code = ldpc_code(segments.k, segments.n, order, iterations, device, transmissions)

    def modulate(self, bits: Tensor, transmission: int = 0) -> Tensor:
        """Code and map one payload an image.

        Args:
            bits: ``[B, n]`` of type ``uint8``, zeros and ones, at most the plan's room.
            transmission: 0 for the first; later ones send other redundancy versions.

        Returns:
            ``[B, uses]`` complex64. The constellation has unit mean power; the sample mean of an
            image deviates from it for 16-QAM and above.

        Raises:
            TypeError: if ``bits`` is not ``uint8``.
            ValueError: if ``bits`` is not ``[B, n]``, too long, or holds anything but 0 and 1.
        """
        check_bits(bits)
        if bits.shape[1] > self.plan.segments.room:
            raise ValueError(
                f"{bits.shape[1]} bits do not fit into the plan's {self.plan.segments.room}"
            )

        def send(block: Tensor) -> Tensor:
            if self._code is None or self._crc is None:
                return self._qam.map(block)
            return self._qam.map(self._code.encode(self._crc.append(block), transmission))

        k = self.plan.segments.k
        x = _in_parts(send, k, cut(bits, self.plan.segments)).reshape(bits.shape[0], -1)
        return pad(x, (0, self.plan.uses - x.shape[1]), value=1.0)

    def demodulate(self, *received: Received) -> tuple[Tensor, Tensor | None]:
        """Demap and decode what arrived in each transmission so far.

        Args:
            received: equalised symbols ``[B, uses]`` and their noise variance.

        Returns:
            ``[B, room]`` hard decisions, ``uint8``, and which payloads ``[B]`` fail their CRC;
            ``None`` without coding.
        """
        segments = self.plan.segments
        carried = segments.blocks * self.plan.block_uses

        def blocks(symbols: Tensor) -> Tensor:
            return symbols[:, :carried].reshape(-1, self.plan.block_uses)

        def receive(*parts: Tensor) -> Tensor:
            llr = [self._qam.llr(x, v) for x, v in zip(parts[::2], parts[1::2], strict=True)]
            return (llr[0] > 0).to(torch.uint8) if self._code is None else self._code.decode(*llr)

        with torch.no_grad():
            flat = [blocks(part) for r in received for part in (r.x, r.noise_variance)]
            decoded = _in_parts(receive, segments.k, *flat)
            failed = None if self._crc is None else ~self._crc.holds(decoded)
        batch = received[0].x.shape[0]
        data = decoded[:, : segments.k - segments.crc].reshape(batch, -1)
        return data, None if failed is None else failed.reshape(batch, -1).any(dim=1)


def block_errors(sent: Tensor, decoded: Tensor, segments: Segments) -> Tensor:
    """Count the blocks ``[B]`` in which ``decoded [B, n]`` differs from ``sent [B, n]``."""
    wrong = cut(sent != decoded, segments).any(dim=1)
    return wrong.reshape(sent.shape[0], segments.blocks).sum(dim=1)


def cut(bits: Tensor, segments: Segments) -> Tensor:
    """Fill ``bits [B, n]`` up with zeros and cut it into the data ``[B·blocks, k - crc]``."""
    filled = pad(bits, (0, segments.room - bits.shape[1]))
    return filled.reshape(-1, segments.k - segments.crc)


def check_bits(bits: Tensor) -> None:
    """Refuse anything but ``[B, n]`` zeros and ones of type ``uint8``.

    Raises:
        TypeError: if the type is another.
        ValueError: if the shape or a value is.
    """
    if bits.dtype != torch.uint8:
        raise TypeError(
            f"bits must be torch.uint8, got {bits.dtype}; convert with .to(torch.uint8)"
        )
    if bits.dim() != 2 or bits.numel() == 0:
        raise ValueError(f"bits must be [B, n] with at least one bit, got {list(bits.shape)}")
    if bool((bits > 1).any()):
        raise ValueError(f"bits must be 0 or 1, got {int(bits.max())}")


def _in_parts(function: Callable[..., Tensor], k: int, *blocks: Tensor) -> Tensor:
    """Apply ``function`` to rows of blocks of ``k`` bits, few enough at a time for the memory."""
    rows = max(1, _BITS_AT_ONCE // k)
    parts = [function(*part) for part in zip(*(torch.split(b, rows) for b in blocks), strict=True)]
    return torch.cat(parts)
