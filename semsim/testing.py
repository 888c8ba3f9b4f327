"""Conformance kit: does a plug-in keep its contract?

Third parties call these from their own tests; semsim's built-ins pass through them in ours. Each
raises :class:`AssertionError` with what was expected and found.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from semsim.noiseless import noiseless
from semsim.types import (
    Allocator,
    BitPayload,
    Channel,
    Codec,
    Csi,
    DownlinkState,
    ImageShape,
    Source,
    SymbolPayload,
)

if TYPE_CHECKING:
    from torch import Tensor


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def check_codec(
    codec: Codec,
    shape: ImageShape = (3, 64, 64),
    batch: int = 3,
    captions: tuple[str, ...] | None = None,
) -> None:
    """Check rates, payload sizes, independence of batch elements and the output's form.

    Args:
        codec: what to check.
        shape: an image shape that the codec accepts.
        batch: how many images to send together.
        captions: of these images, for codecs that send them.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, *shape, generator=generator)
    csi = Csi(snr=torch.full((batch,), 100.0))
    rates = codec.rates(shape)
    _expect(len(rates) > 0, "rates() is empty")
    rhos = [rate.rho for rate in rates]
    _expect(rhos == sorted(rhos), f"rates() must rise in rho, got {rhos}")
    _expect(len({rate.name for rate in rates}) == len(rates), "two rates share a name")
    for rate in rates:
        _expect(rate.shape == shape, f"rate {rate.name}: shape {rate.shape}, expected {shape}")
        source = Source(image=image, caption=captions)
        payload = codec.encode(source, csi, rate)
        sent = _payload_rows(payload, rate.unit, rate.payload, batch)
        alone = codec.encode(source.select([0]), Csi(snr=csi.snr[:1]), rate)
        single = _payload_rows(alone, rate.unit, rate.payload, 1)
        same = torch.allclose(sent[:1], single, rtol=1e-3, atol=1e-4)
        _expect(same, f"rate {rate.name}: an image's payload depends on the rest of its batch")
        _check_output(codec, payload, csi, rate, shape, batch)


def _payload_rows(payload: object, unit: str, size: int, batch: int) -> Tensor:
    import torch

    if isinstance(payload, BitPayload):
        _expect(unit == "bits", f"a BitPayload under a rate in {unit}")
        _expect(payload.bits.dtype == torch.uint8, f"bits are uint8, got {payload.bits.dtype}")
        _expect(bool((payload.bits <= 1).all()), "bits must be 0 or 1")
        rows = payload.bits
    elif isinstance(payload, SymbolPayload):
        _expect(unit == "symbols", f"a SymbolPayload under a rate in {unit}")
        _expect(payload.x.is_complex(), f"symbols are complex, got {payload.x.dtype}")
        rows = payload.x
        size -= payload.side_bits
    else:
        raise AssertionError(f"encode() returned {type(payload).__name__}, no payload")
    shape = (batch, size)
    _expect(tuple(rows.shape) == shape, f"payload has shape {tuple(rows.shape)}, not {shape}")
    return rows


def _check_output(
    codec: Codec, payload: object, csi: Csi, rate: object, shape: ImageShape, batch: int
) -> None:
    import torch

    from semsim.types import Rate

    if not isinstance(rate, Rate):
        raise TypeError("rate must be a Rate")
    if not isinstance(payload, BitPayload | SymbolPayload):
        raise TypeError("payload must be a payload")
    output = codec.decode(noiseless(payload, csi), csi, rate)
    found = [output.image, output.logits, output.text, output.features]
    _expect(any(part is not None for part in found), f"rate {rate.name}: the output is empty")
    if output.image is not None:
        _expect(
            tuple(output.image.shape) == (batch, *shape),
            f"rate {rate.name}: image {tuple(output.image.shape)}, not {(batch, *shape)}",
        )
        inside = bool(((output.image >= 0) & (output.image <= 1)).all())
        _expect(inside, f"rate {rate.name}: the image leaves 0..1")
    if output.text is not None:
        found_text = len(output.text)
        _expect(found_text == batch, f"rate {rate.name}: {found_text} sentences, not {batch}")
    for name, part in (("logits", output.logits), ("features", output.features)):
        if part is not None:
            rows = part.dim() == 2 and len(part) == batch
            _expect(rows, f"rate {rate.name}: {name} {tuple(part.shape)}, not {batch} rows")
            finite = bool(torch.isfinite(part).all())
            _expect(finite, f"rate {rate.name}: {name} are not finite")


def check_channel(channel: Channel, n: int = 4096, draws: int = 64, mean_gain: float = 1.0) -> None:
    """Check shapes, per-element SNR, unbiasedness and mean gain within sampling error.

    Args:
        channel: what to check.
        n: symbols of a transmission.
        draws: transmissions.
        mean_gain: E|h|²; the number of antennas where the sender has several.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    phase = torch.rand(draws, n, generator=generator) * 2 * math.pi
    x = torch.polar(torch.ones_like(phase), phase)
    snr = torch.logspace(0, 3, draws)
    received = channel.apply(x, snr)
    for name in ("x", "noise_variance", "gain"):
        found = tuple(getattr(received, name).shape)
        _expect(found == (draws, n), f"{name} has shape {found}, expected {(draws, n)}")
    # mean |noise|² of m complex samples has a relative standard deviation of 1/√m.
    tolerance = 6.0 / math.sqrt(received.noise_samples)
    error = float((snr / received.snr_measured - 1).abs().max())
    _expect(error < tolerance, f"SNR is off by {error:.3f} (allowed: {tolerance:.3f})")
    gains = received.gain.mean(dim=1)
    spread = float(gains.std()) / math.sqrt(draws)
    found_gain = float(gains.mean())
    close = abs(found_gain - mean_gain) <= 5 * spread + 1e-4 * mean_gain
    _expect(close, f"E|h|² = {found_gain:.4f}, expected {mean_gain:g}")
    # The error along the symbol that was sent, so that a wrong scale shows, weighted as a decoder
    # weighs it; one number of unit variance a transmission if the noise is all there is.
    weight = received.noise_variance.reciprocal()
    along = ((received.x - x) * x.conj() * weight).sum(dim=1) / weight.sum(dim=1).sqrt()
    # Errors of a channel estimate are common to many symbols, so that only transmissions are
    # independent; a bias that grows with the SNR drops out of the steps from one to the next.
    deviation = float((along[1:] - along[:-1]).abs().square().mean() / 2) ** 0.5
    bias = float(along.mean().abs()) * math.sqrt(draws) / deviation
    _expect(bias < 6.0, f"equalised symbols are biased ({bias:.1f} standard errors)")


def check_allocator(allocator: Allocator, bandwidth_hz: float, power_w: float) -> None:
    """Check feasibility on a batch of drops, shapes and determinism of the form."""
    gain = np.geomspace(1e-10, 1e-7, 5)
    state = DownlinkState(gain=np.stack([gain, gain[::-1]]), distance_m=np.full((2, 5), 100.0))
    allocation = allocator.allocate(state)
    for name in ("rho", "b_hz", "p_w"):
        values = getattr(allocation, name)
        _expect(values.shape == (2, 5), f"{name} has shape {values.shape}, expected (2, 5)")
        _expect(bool(np.isfinite(values).all()), f"{name} is not finite")
        _expect(bool((values > 0).all()), f"{name} must be positive")
    _expect(bool((allocation.rho <= 1).all()), "rho above 1")
    for name, limit in (("b_hz", bandwidth_hz), ("p_w", power_w)):
        total = getattr(allocation, name).sum(axis=-1)
        within = bool((total <= limit * (1 + 1e-6)).all())
        _expect(within, f"the sum of {name} is {total}, the limit {limit:g}")
