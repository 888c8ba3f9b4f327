"""``classical``: JPEG, WebP, AVIF or HEVC, searched to a budget of bits or at one quality."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.classical.formats import build_format
from semsim.codecs.classical.ladder import Ladder, Rung
from semsim.data.images import to_uint8
from semsim.types import (
    BitPayload,
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
)

#: 4:2:0 in Pillow's numbers, what encoders take unless told otherwise.
_HALVED_CHROMA = 2
#: Qualities tried above the one that bisection finds, because sizes do not rise quite steadily.
_BEYOND = 4
#: Shared by all codecs of the process, since several of them are often asked for the same images.
_LADDER = Ladder(limit_bytes=128 * 2**20)


class Classical(torch.nn.Module):
    """A classical image codec with a fixed payload, the rival at equal bits.

    ::

        image ─► 8 bit ─► highest quality that fits ─► zero padding ─► bits [B, ⌊ρ·8CHW⌋]

    Each image is compressed on its own: the highest quality that fits is found by bisection and a
    look at the next few above it. All but WebP are tried with 4:4:4 and with 4:2:0 chroma, and the
    one of lower squared error is sent. Where even the lowest quality does not fit, the payload is
    all zeros: an outage. The channel state is not used.

    With a fixed ``quality`` there is no search: every image is compressed at it with 4:2:0 chroma,
    and its file travels whole, each as long as it is. Its payload is the most that one may take,
    which is as much as the image itself; a longer file is not sent: an outage.

    What was encoded once is remembered (some 100 MB of streams, the latest used), so that the same
    images at many budgets cost little more than at one.

    FLOPs are given as 0.0: FTSC leaves the computing term out for JPEG.

    Args:
        config: format, what is done about headers, and the compression rates.
        device: where payloads and outputs are put.

    Raises:
        MissingExtraError: if the format's encoder is not installed.
    """

    Config = ClassicalConfig
    grey: torch.Tensor

    def __init__(self, config: ClassicalConfig, device: str | torch.device = "cpu") -> None:
        super().__init__()
        self.config = config
        self._format = build_format(config)
        self.register_buffer("grey", torch.tensor(0.5, device=device), persistent=False)

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Return one rate for each ρ, with a payload of ⌊ρ·8·C·H·W⌋ bits (FTSC eq. 10).

        A fixed quality is one rate, whose files take 8·C·H·W bits at most.

        Raises:
            ValueError: if the format cannot hold ``shape``, or if no budget has room for even a
                grey image of that shape.
        """
        name, (channels, height, width), limit = self.config.format, shape, self._format.max_side
        if channels != 3 or not 1 <= min(height, width) <= max(height, width) <= limit:
            raise ValueError(
                f"{name} takes RGB images of 1 to {limit} pixels a side, got (C, H, W) = {shape}"
            )
        if self.config.quality is not None:
            most = _raw_bits(shape)
            return (Rate(f"{name} quality {self.config.quality}", shape, "bits", most, 1.0),)
        payloads = [math.floor(rho * _raw_bits(shape)) for rho in self.config.rhos]
        if not self.compress(np.full((height, width, 3), 128, np.uint8), payloads[-1] // 8):
            raise ValueError(
                f"{name} with headers {self.config.headers!r} cannot describe {height}x{width} "
                f"pixels in {payloads[-1]} bits; take larger images or a higher rho"
            )
        return tuple(
            Rate(f"{name} {rho}", shape, "bits", payload, payload / _raw_bits(shape))
            for rho, payload in zip(self.config.rhos, payloads, strict=True)
        )

    def rate_of(self, shape: ImageShape, bits: int) -> Rate:
        """Return the rate of a payload of ``bits``, which may be too few for any picture.

        Raises:
            ValueError: if ``bits`` is negative.
        """
        if bits < 0:
            raise ValueError(f"a payload cannot have {bits} bits")
        name = f"{self.config.format} in {bits} bits"
        return Rate(name, shape, "bits", bits, bits / _raw_bits(shape))

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """Compress ``source [B, 3, H, W]`` to ``[B, rate.payload]`` bits.

        Raises:
            ValueError: if ``rate`` is not one of this image shape.
        """
        if rate.shape != source.shape or rate.unit != "bits":
            raise ValueError(f"rate {rate} is not one of images of shape {source.shape}")
        bits = np.zeros((len(source), rate.payload), np.uint8)
        lengths = []
        for row, pixels in zip(bits, to_uint8(source.image), strict=True):
            stream = self.compress(pixels, rate.payload // 8)
            row[: 8 * len(stream)] = np.unpackbits(np.frombuffer(stream, np.uint8))
            lengths.append(max(1, 8 * len(stream)))
        device = self.grey.device
        own = None if self.config.quality is None else torch.tensor(lengths, device=device)
        return BitPayload(torch.from_numpy(bits).to(device), own)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Rebuild ``[B, 3, H, W]``; what does not decode is mid-grey, with its outage true.

        Where a CRC was sent, an element that failed it is such an outage, as a receiver discards
        the packet. Where none was, damaged bits are decoded as far as they go.

        Raises:
            TypeError: if symbols are given, not bits.
            ValueError: if there are not ``rate.payload`` bits an image.
        """
        if not isinstance(received, ReceivedBits):
            raise TypeError("a classical codec decodes bits; put a modem before it")
        if received.bits.shape[1] != rate.payload:
            raise ValueError(f"expected {rate.payload} bits, got {received.bits.shape[1]}")
        bits = received.bits.to("cpu", torch.uint8).numpy()
        streams = np.packbits(bits[:, : rate.payload // 8 * 8], axis=1)
        failed = received.failed
        discarded = [False] * len(bits) if failed is None else failed.tolist()
        image = self.grey.repeat(len(bits), *rate.shape)  # [B, 3, H, W]
        outage = torch.ones(len(bits), dtype=torch.bool)
        for i, stream in enumerate(streams):
            rebuilt = None if discarded[i] else self.decompress(stream.tobytes(), rate.shape)
            if rebuilt is not None:
                image[i] = rebuilt
                outage[i] = False
        return Output(image=image, outage=outage.to(self.grey.device))

    def compress(self, image: Tensor | NDArray[np.uint8], room_bytes: int) -> bytes:
        """Return the best stream of at most ``room_bytes``, empty if there is none.

        With a fixed quality that is the stream of this quality, or none.

        Args:
            image: ``[3, H, W]`` in 0..1, or bytes ``[H, W, 3]``.
            room_bytes: the budget. From :meth:`smallest` on there is always a stream.

        Raises:
            ValueError: if ``image`` is neither.
        """
        pixels = _as_pixels(image)
        if self.config.quality is not None:
            stream = self._at_quality(pixels, self.config.quality)
            return stream if len(stream) <= room_bytes else b""
        qualities = self._format.qualities
        rungs: list[Rung] = []
        near: int | None = None
        for rung in self._rungs(pixels):
            near, best = _highest_that_fits(rung, qualities, room_bytes, near)
            if best is not None:
                rungs.append(best)
        if len(rungs) < 2:
            return rungs[0].stream if rungs else b""
        return min(rungs, key=lambda rung: self._squared_error(rung, pixels)).stream

    def decompress(self, stream: bytes, shape: ImageShape) -> Tensor | None:
        """Return ``[3, H, W]`` in 0..1, or none where nothing of that shape can be decoded.

        Args:
            stream: what :meth:`compress` returned, zeros after it or not, damaged or not.
            shape: ``(3, H, W)`` of the image.
        """
        pixels = self._pixels(stream, *shape[1:])
        if pixels is None:
            return None
        return torch.from_numpy(pixels).to(self.grey.device).permute(2, 0, 1) / 255.0

    def smallest(self, image: Tensor | NDArray[np.uint8]) -> int:
        """Return the bytes that ``image`` takes at the lowest quality.

        Raises:
            ValueError: if ``image`` is not as :meth:`compress` takes it.
        """
        lowest = self._format.qualities[0]
        return min(len(rung(lowest).stream) for rung in self._rungs(_as_pixels(image)))

    def _at_quality(self, pixels: NDArray[np.uint8], quality: int) -> bytes:
        place = self._format.subsamplings.index(_HALVED_CHROMA)
        # Quantiser parameters are negated in the ladder, so that it rises with quality.
        own = -quality if self.config.format == "hevc" else quality
        return self._rungs(pixels)[place](own).stream

    def _rungs(self, pixels: NDArray[np.uint8]) -> list[Callable[[int], Rung]]:
        """Return, for each chroma format, the function from a quality to the image's rung."""
        image = Image.fromarray(pixels)
        digest = blake2b(pixels.tobytes()).digest()
        settings = (self.config.format, self.config.headers, pixels.shape, digest)

        def rung(subsampling: int, quality: int) -> Rung:
            pack = partial(self._format.pack, image, subsampling, quality)
            return _LADDER.rung((*settings, subsampling, quality), pack)

        return [partial(rung, subsampling) for subsampling in self._format.subsamplings]

    def _squared_error(self, rung: Rung, pixels: NDArray[np.uint8]) -> float:
        if rung.squared_error is None:
            decoded = self._pixels(rung.stream, *pixels.shape[:2])
            if decoded is None:
                return math.inf
            rung.squared_error = float(np.square(decoded.astype(np.int32) - pixels).sum())
        return rung.squared_error

    def _pixels(self, stream: bytes, height: int, width: int) -> NDArray[np.uint8] | None:
        """Return pixels ``[H, W, 3]``, or none where nothing of that size can be decoded."""
        if not any(stream):
            return None
        try:
            file = self._format.unpack(stream, width, height)
            with warnings.catch_warnings(action="ignore"):
                return self._format.read(file, (width, height))
        except Exception:  # damaged bits make decoders raise nearly anything
            return None


def _raw_bits(shape: ImageShape) -> int:
    return 8 * math.prod(shape)


def _as_pixels(image: Tensor | NDArray[np.uint8]) -> NDArray[np.uint8]:
    if isinstance(image, Tensor) and image.ndim == 3 and image.shape[0] == 3:
        image = to_uint8(image[None]).squeeze(0)
    shape = tuple(image.shape)
    if isinstance(image, Tensor) or len(shape) != 3 or shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            "an image is a tensor [3, H, W] in 0..1 or uint8 pixels [H, W, 3], got "
            f"{type(image).__name__} {shape} of {image.dtype}"
        )
    return image


def _highest_that_fits(
    rung: Callable[[int], Rung], qualities: Sequence[int], room: int, near: int | None
) -> tuple[int, Rung | None]:
    """Return how many qualities fit, from the lowest on, and the highest rung that does.

    Bisection, from where the other chroma format ended (``near``) in growing steps if there is one.
    """
    best, low, high = None, 0, len(qualities)
    step = 1
    while low < high:
        middle = (low + high) // 2 if near is None else min(max(near, low), high - 1)
        found = rung(qualities[middle])
        if len(found.stream) <= room:
            best, low = found, middle + 1
            near = None if near is None else low + step - 1
        else:
            high = middle
            near = None if near is None else high - step
        if near is not None:
            step *= 2
            near = near if low <= near < high else None
    for quality in qualities[low + 1 : low + 1 + _BEYOND]:
        found = rung(quality)
        if len(found.stream) <= room:
            best = found
    return low, best
