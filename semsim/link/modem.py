"""The digital modem: 5G LDPC code, Gray-coded QAM, and hard decisions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.channels.coding import LdpcCode, Qam, Segments, ldpc_code, segment
from semsim.channels.devices import check_device
from semsim.link.config import ModemConfig
from semsim.types import Csi, Received

_BITS_PER_SYMBOL = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
#: Payload bits that are coded at a time. A batch of large images would need tens of gigabytes
#: for the decoder's messages; beyond this number throughput does not grow.
_BITS_AT_ONCE = 2**18


class DigitalModem:
    """Bits to unit-power symbols and back at one fixed rate.

    ::

        bits [B, n] -> equal code blocks -> LDPC -> QAM -> x [B, uses]
        [B, n] bits <- LDPC decoder <- demapper <- equalised symbols [B, uses]

    Without coding an image is one block of uncoded symbols. Zeros that fill the last block are
    sent, and count as channel uses.

    Args:
        config: modulation and code.
        device: where to compute.

    Raises:
        DeviceError: if there is no such device.
    """

    def __init__(self, config: ModemConfig, device: str = "cpu") -> None:
        self.config = config
        self.device = check_device(device)
        self._bits_per_symbol = _BITS_PER_SYMBOL[config.modulation]
        self._qam = Qam(self._bits_per_symbol, str(self.device))

    def channel_uses(self, bits: int) -> int:
        """Return the complex symbols that carry ``bits`` bits of one image.

        Raises:
            ValueError: if ``bits`` is not positive.
        """
        segments = self._segment(bits)
        return segments.blocks * segments.n // self._bits_per_symbol

    def modulate(self, bits: Tensor, csi: Csi) -> Tensor:  # noqa: ARG002 - the rate is fixed
        """Code and map one payload an image.

        Args:
            bits: ``[B, n]`` of type ``uint8``, zeros and ones.
            csi: not used by this modem.

        Returns:
            ``[B, channel_uses(n)]`` complex64. The constellation has unit mean power; the sample
            mean of an image deviates from it for 16-QAM and above.

        Raises:
            TypeError: if ``bits`` is not ``uint8``.
            ValueError: if ``bits`` is not ``[B, n]`` or holds anything but 0 and 1.
        """
        _check_bits(bits)
        if bool((bits > 1).any()):
            raise ValueError(f"bits must be 0 or 1, got {int(bits.max())}")
        segments = self._segment(bits.shape[1])
        code = self._code(segments)

        def send(block: Tensor) -> Tensor:
            return self._qam.map(block if code is None else code.encode(block))

        return _in_parts(send, segments.k, _cut(bits, segments)).reshape(bits.shape[0], -1)

    def demodulate(self, received: Received, bits: int) -> Tensor:
        """Demap and decode one payload an image.

        Args:
            received: equalised symbols ``[B, channel_uses(bits)]`` and their noise variance.
            bits: payload bits of each image.

        Returns:
            ``[B, bits]`` hard decisions, ``uint8``.

        Raises:
            ValueError: if the number of symbols is not that of ``bits`` bits.
        """
        segments = self._segment(bits)
        batch, uses = received.x.shape
        if uses != self.channel_uses(bits):
            raise ValueError(
                f"{bits} bits take {self.channel_uses(bits)} symbols with this modem, got {uses}; "
                "pass the number of bits given to modulate"
            )
        code = self._code(segments)

        def receive(x: Tensor, noise_variance: Tensor) -> Tensor:
            llr = self._qam.llr(x, noise_variance)
            return (llr > 0).to(torch.uint8) if code is None else code.decode(llr)

        symbols = segments.n // self._bits_per_symbol
        with torch.no_grad():
            blocks = _in_parts(
                receive,
                segments.k,
                received.x.reshape(-1, symbols),
                received.noise_variance.reshape(-1, symbols),
            )
        return blocks.reshape(batch, -1)[:, :bits]

    def block_errors(self, sent: Tensor, decoded: Tensor) -> tuple[Tensor, int]:
        """Compare the code blocks of what was sent with what was decoded.

        Args:
            sent: ``[B, n]`` bits.
            decoded: ``[B, n]`` bits.

        Returns:
            The number of blocks with any wrong bit ``[B]``, and the blocks per image.

        Raises:
            ValueError: if the shapes differ or are not ``[B, n]``.
        """
        if sent.shape != decoded.shape or sent.dim() != 2:
            raise ValueError(
                f"sent and decoded must have one shape [B, n], got {list(sent.shape)} and "
                f"{list(decoded.shape)}"
            )
        segments = self._segment(sent.shape[1])
        wrong = _cut(sent != decoded, segments).any(dim=1)
        return wrong.reshape(sent.shape[0], segments.blocks).sum(dim=1), segments.blocks

    def _segment(self, bits: int) -> Segments:
        if bits < 1:
            raise ValueError(f"a payload has at least one bit, got {bits}")
        if self.config.coding == "ldpc":
            return segment(bits, self.config.code_rate, self._bits_per_symbol)
        size = math.ceil(bits / self._bits_per_symbol) * self._bits_per_symbol
        return Segments(blocks=1, k=size, n=size)

    def _code(self, segments: Segments) -> LdpcCode | None:
        if self.config.coding == "none":
            return None
        return ldpc_code(
            segments.k,
            segments.n,
            self._bits_per_symbol,
            self.config.iterations,
            str(self.device),
        )


def _check_bits(bits: Tensor) -> None:
    if bits.dtype != torch.uint8:
        raise TypeError(
            f"bits must be torch.uint8, got {bits.dtype}; convert with .to(torch.uint8)"
        )
    if bits.dim() != 2 or bits.numel() == 0:
        raise ValueError(f"bits must be [B, n] with at least one bit, got {list(bits.shape)}")


def _cut(bits: Tensor, segments: Segments) -> Tensor:
    """Fill ``bits [B, n]`` up with zeros and cut it into blocks ``[B·blocks, k]``."""
    filled = pad(bits, (0, segments.blocks * segments.k - bits.shape[1]))
    return filled.reshape(-1, segments.k)


def _in_parts(function: Callable[..., Tensor], k: int, *blocks: Tensor) -> Tensor:
    """Apply ``function`` to rows of blocks of ``k`` bits, few enough at a time for the memory."""
    rows = max(1, _BITS_AT_ONCE // k)
    parts = [function(*part) for part in zip(*(torch.split(b, rows) for b in blocks), strict=True)]
    return torch.cat(parts)
