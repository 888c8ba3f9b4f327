"""What travels between the rooms. Plain frozen dataclasses; shapes in the docstrings.

``B`` is the batch: every element stands for one transmission to one user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: ``(channels, height, width)`` of one source image.
ImageShape: TypeAlias = tuple[int, int, int]
Array: TypeAlias = NDArray[np.float64]
#: What a receiver is after and how its quality is measured: an image by its PSNR in dB, a label
#: (the class of what the image shows) by top-1 accuracy, 0 to 1.
Delivers: TypeAlias = Literal["image", "label"]
#: Told about progress: (steps done, steps in all, what is being done).
Report: TypeAlias = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Source:
    """What is to be sent.

    Attributes:
        image: ``[B, 3, H, W]`` float in 0..1.
        label: ``[B]`` integer class, where the source has one; -1 for an image without.
        caption: one sentence an image, where the source has one.
        name: where each image comes from, for reports.
    """

    image: Tensor
    label: Tensor | None = None
    caption: tuple[str, ...] | None = None
    name: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.image.shape[0])

    @property
    def shape(self) -> ImageShape:
        """``(C, H, W)`` of one image."""
        _, c, h, w = self.image.shape
        return int(c), int(h), int(w)

    def select(self, index: list[int]) -> Source:
        """Return the images at ``index``, in that order."""
        return Source(
            image=self.image[index],
            label=None if self.label is None else self.label[index],
            caption=None if self.caption is None else tuple(self.caption[i] for i in index),
            name=tuple(self.name[i] for i in index) if self.name else (),
        )

    def to(self, device: str | torch.device) -> Source:
        """Return the same source on ``device``."""
        label = None if self.label is None else self.label.to(device)
        return Source(self.image.to(device), label, self.caption, self.name)


@dataclass(frozen=True)
class Csi:
    """What a codec and a modem may know of the channel.

    Attributes:
        snr: ``[B]`` linear Es/N0, as it was fed back.
        fading: ``[D, m]`` draws of the power gains |h|² of consecutive symbols: the law of the
            fading, if any, which both ends know, but not the gains of this transmission.
    """

    snr: Tensor
    fading: Tensor | None = None


@dataclass(frozen=True)
class Rate:
    """One operating point that a codec offers for an image shape.

    Attributes:
        name: as the paper writes it, for instance ``[4,2]``.
        shape: the image shape that it stands for; sender and receiver both know it.
        unit: whether the payload is counted in complex symbols or in bits.
        payload: symbols or bits on the air for one image, side information included.
        rho: compression rate ρ = payload bits / (8·C·H·W) (FTSC eq. 10); for symbol payloads the
            channel bandwidth ratio.
        flops_encode: floating-point operations of the sender for one image.
        flops_decode: floating-point operations of the receiver for one image.
    """

    name: str
    shape: ImageShape
    unit: Literal["symbols", "bits"]
    payload: int
    rho: float
    flops_encode: float = 0.0
    flops_decode: float = 0.0


@dataclass(frozen=True)
class SymbolPayload:
    """Complex symbols ``x [B, n]`` of any scale (the link normalises), plus side information.

    ``side_bits`` per image travel beside the symbols (a class label, an SNR report); they are
    assumed to arrive, charged as QPSK symbols of rate 1/2, and say ``side [B, ...]``.

    Where payloads differ in length, only the first ``lengths [B]`` (1 to ``n``) symbols of each row
    are sent and the rest are zeros. What tells the length belongs to ``side_bits``.

    ``said`` are the sentences that a codec sends, for those who judge: no receiver sees them.
    """

    x: Tensor
    side_bits: int = 0
    lengths: Tensor | None = None
    side: Tensor | None = None
    said: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BitPayload:
    """Bits ``bits [B, n]`` (0 or 1, ``torch.uint8``), side information included.

    Where streams differ in length, only the first ``lengths [B]`` (1 to ``n``) of each row are sent
    and the rest are zeros. The length travels beside them: it is assumed to arrive, and is charged
    as QPSK symbols of rate 1/2. ``said`` is as of :class:`SymbolPayload`.
    """

    bits: Tensor
    lengths: Tensor | None = None
    said: tuple[str, ...] | None = None


Payload: TypeAlias = SymbolPayload | BitPayload


@dataclass(frozen=True)
class Received:
    """What a channel returns.

    Attributes:
        x: ``[B, n]`` equalised symbols (an unbiased estimate of what was sent).
        noise_variance: ``[B, n]`` effective complex noise variance after equalisation.
        gain: ``[B, n]`` power gain |h|² that each symbol saw (mean 1 over channel draws).
        snr_measured: ``[B]`` linear Es/N0 of this very transmission before fading, from its noise.
        noise_samples: complex noise samples behind that measurement, per element.
        extra_uses: channel uses that each element took beside the ``n`` of ``x``: pilots, chips.
        lengths: ``[B]`` symbols sent of each row, where payloads differ in length; zeros follow.
        side: ``[B, ...]`` what the side bits said.
    """

    x: Tensor
    noise_variance: Tensor
    gain: Tensor
    snr_measured: Tensor
    noise_samples: int
    extra_uses: int = 0
    lengths: Tensor | None = None
    side: Tensor | None = None

    def rows(self, part: slice) -> Received:
        """Some elements of the batch."""
        return replace(
            self,
            lengths=None if self.lengths is None else self.lengths[part],
            x=self.x[part],
            noise_variance=self.noise_variance[part],
            gain=self.gain[part],
            snr_measured=self.snr_measured[part],
            side=None if self.side is None else self.side[part],
        )


@dataclass(frozen=True)
class ReceivedBits:
    """What a modem decoded.

    Attributes:
        bits: ``[B, n]`` hard decisions.
        block_errors: ``[B]`` code blocks with any wrong bit, seen by the genie.
        blocks: code blocks of each element.
        failed: ``[B]`` bool, what the receiver knows by its CRC: some block is wrong. ``None``
            where no CRC was sent.
        lengths: ``[B]`` bits that were sent of each row, where payloads differ in length.
    """

    bits: Tensor
    block_errors: Tensor
    blocks: int
    failed: Tensor | None = None
    lengths: Tensor | None = None

    def rows(self, part: slice) -> ReceivedBits:
        """Some elements of the batch."""
        return replace(
            self,
            bits=self.bits[part],
            block_errors=self.block_errors[part],
            failed=None if self.failed is None else self.failed[part],
            lengths=None if self.lengths is None else self.lengths[part],
        )


@dataclass(frozen=True)
class Output:
    """What a codec reconstructs; the metrics that apply follow from what is there.

    Attributes:
        image: ``[B, 3, H, W]`` in 0..1.
        logits: ``[B, classes]``.
        text: one sentence an element.
        features: ``[B, d]``.
        outage: ``[B]`` bool, true where nothing could be decoded.
        candidates: ``[B, k, 3, H, W]``, images that were chosen among, the best first.
    """

    image: Tensor | None = None
    logits: Tensor | None = None
    text: tuple[str, ...] | None = None
    features: Tensor | None = None
    outage: Tensor | None = None
    candidates: Tensor | None = None


@dataclass(frozen=True)
class Audit:
    """What was really sent, measured per transmission; all ``[B]``.

    Attributes:
        snr_asked: linear SNR that was asked for.
        snr_measured: linear Es/N0 found on the air.
        noise_samples: complex noise samples behind the measurement, for its confidence interval.
        power: mean |x|² of each image's symbols (1 under the power constraint).
        channel_uses: complex channel uses: symbols, retransmissions, pilots, side information.
        cbr: channel uses / (C·H·W).
        block_error_rate: share of LDPC blocks in error (zero for symbol payloads).
        power_constrained: false where a paper's unconstrained setting is reproduced.
        snr_convention: what the SNR asked for means; Es/N0 unless a public code is reproduced.
    """

    snr_asked: Tensor
    snr_measured: Tensor
    noise_samples: Tensor
    power: Tensor
    channel_uses: Tensor
    cbr: Tensor
    block_error_rate: Tensor
    power_constrained: bool = True
    snr_convention: str = "es_n0"


@dataclass(frozen=True)
class Delivery:
    """One batch through the link: what came out and the audit of how.

    Attributes:
        output: of the receiver.
        audit: of the air.
        rate: that was asked for.
        payload: ``[B]`` bits or symbols that the codec sent, at most ``rate.payload``.
        said: the sentences that were sent, where a codec sends sentences.
    """

    output: Output
    audit: Audit
    rate: Rate
    payload: Tensor
    said: tuple[str, ...] | None = None


@runtime_checkable
class Codec(Protocol):
    """Sender and receiver of one semantic codec; a ``torch.nn.Module``.

    A codec whose output has ``logits`` and no image says so by an attribute ``delivers = "label"``
    (:func:`delivers`).
    """

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Operating points for images of ``shape``, by rising ``rho``.

        Raises:
            ValueError: if the architecture cannot take ``shape``.
        """
        ...

    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:
        """Turn a batch into one payload an image."""
        ...

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """Rebuild the batch from what arrived."""
        ...


def delivers(codec: Codec) -> Delivers:
    """Return what the users of a codec get: an image, unless it says otherwise."""
    said: Delivers = getattr(codec, "delivers", "image")
    return said


@runtime_checkable
class Trainable(Codec, Protocol):
    """A codec whose network learns end to end."""

    def sizes(self) -> dict[str, Any]:
        """Configuration of the network as plain data, which its weights carry."""
        ...


@runtime_checkable
class Channel(Protocol):
    """A complex baseband channel with E|h|² = 1."""

    def apply(self, x: Tensor, snr: Tensor) -> Received:
        """Send ``x [B, n]`` (unit mean power a row) at linear Es/N0 ``snr [B]``."""
        ...


class Transmitter(Protocol):
    """The way into the air, which a modem takes once or several times."""

    def send(self, x: Tensor, rows: Tensor | None = None, *, undo: bool = False) -> Received:
        """Send symbols ``x [b, n]`` of the batch's ``rows`` at unit power and audit them."""
        ...


@dataclass(frozen=True)
class Update:
    """One step of one optimiser, as an objective asks for it.

    Attributes:
        model: which of the objective's models is updated.
        loss: what its optimiser lowers, a scalar.
        figures: what to show while training; means over the batch where workers share one.
        of_loss: figures that are functions of the loss, which is that of the whole batch then.
    """

    model: str
    loss: Tensor
    figures: dict[str, float] = field(default_factory=dict)
    of_loss: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = {name: float(f(self.loss.detach())) for name, f in self.of_loss.items()}
        object.__setattr__(self, "figures", {**self.figures, **found})


@dataclass(frozen=True)
class Product:
    """Weights that a training leaves behind.

    Attributes:
        model: which of the objective's models it is.
        sizes: configuration of the network, which its weights carry.
        codec: how a scenario names the plug-in of ``room``; ``"WEIGHTS"`` stands for its weights.
        part: dotted name of the sub-module that they are of; the whole model where empty.
    """

    model: str
    sizes: dict[str, Any]
    codec: dict[str, Any]
    part: str = ""
    room: str = "codecs"


class Transmit(Protocol):
    """The channel of a training recipe; gradients flow through it."""

    def draw(self, count: int) -> Tensor:
        """Draw SNRs in dB for ``count`` images, ``[count]``, by the recipe's law."""
        ...

    def __call__(
        self, codec: Codec, source: Source, rate: Rate | None = None, snr_db: Tensor | None = None
    ) -> Output:
        """Send a batch, at the codec's highest rate and at SNRs just drawn unless given."""
        ...

    def judge(self, codec: Codec, source: Source) -> dict[str, float]:
        """Return the mean PSNR in dB, or the accuracy, at each SNR of the recipe's evaluation."""
        ...


@dataclass(frozen=True)
class Waiting:
    """What waits at the sender of a dynamic downlink; leading dimensions batch over drops.

    Attributes:
        present: ``[..., N]`` true where there is a user.
        queue: ``[..., N]`` requests that wait, with the one that is being sent.
        age_s: ``[..., N]`` time since the oldest of them; 0 where none waits.
        sent: ``[..., N]`` share of the oldest one's image that has been sent.
        rho: ``[..., N]`` the rate at which that image is coded; 0 while it has not begun.
        rest_bits: ``[..., N]`` what is left of it to send; 0 while it has not begun.
        quality: ``[..., N]`` of the last delivery to each user; 0 before the first.
        energy_j: ``[...]`` left in the battery; infinite without one.
    """

    present: NDArray[np.bool_]
    queue: Array
    age_s: Array
    sent: Array
    rho: Array
    rest_bits: Array
    quality: Array
    energy_j: Array


@dataclass(frozen=True)
class DownlinkState:
    """What an allocator sees; leading dimensions batch over drops.

    Attributes:
        gain: ``[..., N]`` power gain g_n, path loss and small-scale draw (FTSC eq. 23).
        distance_m: ``[..., N]``.
        active: ``[..., N]`` users for whom something can be sent; ``None`` is everybody.
        waiting: what a dynamic downlink has; ``None`` where slots are independent.
    """

    gain: Array
    distance_m: Array
    active: NDArray[np.bool_] | None = None
    waiting: Waiting | None = None

    @property
    def users(self) -> int:
        """N."""
        return int(self.gain.shape[-1])


@dataclass(frozen=True)
class Certificate:
    """How good an allocation is, and the proof; all ``[...]``, one value a drop.

    Attributes:
        utility: U of the allocation (FTSC eq. 24).
        upper_bound: no allocation whatever has a larger U.
        bandwidth_excess: Σb/b_max - 1, or 0 where that is negative.
        power_excess: Σp/p_max - 1, or 0.
        rho_excess: the worst user's ρ/ρ_max - 1, or 0.
        lateness: by how much the worst user misses its deadline, relative to it, or 0.
    """

    utility: Array
    upper_bound: Array
    bandwidth_excess: Array
    power_excess: Array
    rho_excess: Array
    lateness: Array

    @property
    def gap(self) -> Array:
        """By how much the optimum may be better, at most."""
        return self.upper_bound - self.utility

    @property
    def violation(self) -> Array:
        """The worst of the excesses."""
        worst: Array = np.maximum.reduce(
            [self.bandwidth_excess, self.power_excess, self.rho_excess, self.lateness]
        )
        return worst


@dataclass(frozen=True)
class Allocation:
    """What an allocator decides; shapes ``[..., N]``, one row a drop.

    Attributes:
        rho: compression rate asked of each user's codec.
        b_hz: bandwidth.
        p_w: transmit power.
        info: what the solver wants to tell (iterations, status, utility by iteration).
        certificate: how good it is (:func:`semsim.allocation.certificate.certify`), if known.
        mcs: index in the modem's table to send each user's image at; its own choice by default.
    """

    rho: Array
    b_hz: Array
    p_w: Array
    info: dict[str, object] = field(default_factory=dict, compare=False)
    certificate: Certificate | None = field(default=None, compare=False)
    mcs: NDArray[np.int64] | None = None


@runtime_checkable
class Allocator(Protocol):
    """Shares bandwidth, power and compression among the users."""

    def allocate(self, state: DownlinkState) -> Allocation:
        """Decide for every drop in ``state``."""
        ...
