"""What arrives where nothing happens on the air."""

from __future__ import annotations

from semsim.types import BitPayload, Csi, Payload, Received, ReceivedBits

#: Complex noise variance that receivers are told; some divide by it.
_VARIANCE = 1e-6


def noiseless(payload: Payload, csi: Csi) -> Received | ReceivedBits:
    """Return a payload as a perfect channel delivers it, symbols at unit power."""
    import torch

    if isinstance(payload, BitPayload):
        no_errors = torch.zeros(len(payload.bits), device=payload.bits.device)
        return ReceivedBits(payload.bits, no_errors, 1, lengths=payload.lengths)
    energy = payload.x.abs().square().sum(dim=1, keepdim=True)
    sent = payload.x.shape[1] if payload.lengths is None else payload.lengths.unsqueeze(1)
    x = payload.x / (energy / sent).sqrt()
    gain = torch.ones_like(x.real)
    return Received(
        x,
        _VARIANCE * gain,
        gain,
        csi.snr,
        x.shape[1],
        lengths=payload.lengths,
        side=payload.side,
    )
