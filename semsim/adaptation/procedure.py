"""DFT and LSDFT between a sender and a receiver that share only what is transmitted (FTSC IV)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from semsim.adaptation.ledger import Ledger
from semsim.adaptation.originals import pack, unpack
from semsim.adaptation.radio import Radio
from semsim.adaptation.transmission import send_latents
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.noise import noisy_maps
from semsim.codecs.ftsc.transport import LatentMaps, Transport
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.codecs.ftsc.tuning.receiver import Maps, Receiver, TuningStep
from semsim.codecs.ftsc.tuning.sender import Sender
from semsim.errors import NothingArrivedError, SemsimError


@dataclass(frozen=True)
class Adapted:
    """What a fine-tuning phase leaves behind.

    Attributes:
        network: as the receiver has it now; its encoders are those that were deployed, its
            embedding spaces those of the sender.
        steps: one row an iteration: ``step, loss, quantisation_loss`` and what ``watch`` returned.
        ledger: what was sent.
        images: how many images the decoder was tuned on.
        originals: DFT: the images that both ends have now, ``[N, 3, H, W]``.
        seconds: that the receiver computed.
    """

    network: QuantizedAutoencoder
    steps: pd.DataFrame
    ledger: Ledger
    images: int
    originals: Tensor | None
    seconds: float


def adapt(
    network: QuantizedAutoencoder,
    image: Tensor,
    radio: Radio,
    transport: Transport,
    config: TuningConfig,
    *,
    clean: Maps = lambda maps: maps,
    watch: Callable[[Receiver, TuningStep], dict[str, float]] = lambda _receiver, _step: {},
    already: Tensor | None = None,
    seed: int = 0,
) -> Adapted:
    """Tune the decoder of a deployed network on images that it does not know.

    Args:
        network: what both ends have been deployed with; it stays as it is.
        image: ``[N, 3, H, W]`` in 0..1, at the sender.
        radio: the way to the receiver.
        transport: how latents travel in the transmission phase, and in LSDFT before it.
        config: what both ends agreed on.
        clean: the receiver's denoiser of feature maps.
        watch: looks at the receiver after every iteration, for convergence plots. It stands
            outside: whatever it knows, the receiver does not.
        already: DFT: originals ``[M, 3, H, W]`` that both ends have from before.
        seed: of the noise that a DFT receiver adds to its own maps.

    Raises:
        NothingArrivedError: if no image arrived; the radio's ledger has what was sent.
        SemsimError: if the two ends' embedding spaces differ.
    """
    sender = Sender(network, config)
    receiver = Receiver(network, config, clean)
    # Both ends compute with the 8 bits that are sent, not with what was rounded to them.
    known = (image * 255.0).round() / 255.0
    if config.mode == "dft":
        packets = pack(known)
        arrived = radio.deliver("originals (PNG)", packets)
        _require(arrived, radio)
        copies = unpack([bits for bits, whole in zip(packets, arrived, strict=True) if whole])
        theirs = _joined(already, copies.to(image.device))
        ours = _joined(already, known[torch.tensor(arrived, device=image.device)])
        images = len(theirs)
        tuning = receiver.tune_on_images(theirs, _disturbance(radio, transport, image.device, seed))
    else:
        latents, losses = _latents(sender, known, radio, transport)
        images = len(latents[-1])
        tuning = receiver.tune_on_latents(latents, losses)
    started, watched = time.perf_counter(), 0.0
    rows = []
    for step in tuning:
        before = time.perf_counter()
        seen = watch(receiver, step)
        watched += time.perf_counter() - before
        rows.append(asdict(step) | seen)
    seconds = time.perf_counter() - started - watched
    if config.mode == "dft":
        sender.follow(ours)
        _compare(sender, receiver, radio)
    originals = ours if config.mode == "dft" else None
    steps = pd.DataFrame(rows)
    return Adapted(receiver.network, steps, radio.ledger, images, originals, seconds)


def _joined(before: Tensor | None, now: Tensor) -> Tensor:
    return now if before is None else torch.cat([before, now])


def _latents(
    sender: Sender, image: Tensor, radio: Radio, transport: Transport
) -> tuple[tuple[Tensor, ...], Tensor]:
    """LSDFT: L_q and latents on the air; return maps and L_q of the images that arrived."""
    losses = sender.quantisation_loss(image).float().cpu()
    radio.deliver("quantisation losses", [np.unpackbits(losses.numpy().view(np.uint8))])
    arrival = send_latents(sender.network, image, radio, transport)
    _require((~arrival.lost).tolist(), radio)
    there = ~arrival.lost
    return tuple(level[there] for level in arrival.arrived.maps), losses[there.cpu()]


def _disturbance(radio: Radio, transport: Transport, device: torch.device, seed: int) -> Maps:
    """What the DFT receiver expects its maps to suffer: noise of the SNR that it has measured."""
    if radio.snr_db is None or not isinstance(transport, LatentMaps):
        return lambda maps: maps
    snr_db = radio.snr_db
    generator = torch.Generator(device).manual_seed(seed)

    def disturb(maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return noisy_maps(maps, torch.full((len(maps[0]),), snr_db, device=device), generator)

    return disturb


def _compare(sender: Sender, receiver: Receiver, radio: Radio) -> None:
    """Send the receiver's digest back and check it against the sender's."""
    theirs = receiver.digest()
    radio.deliver("digest", [np.unpackbits(np.frombuffer(bytes.fromhex(theirs), np.uint8))])
    if theirs != sender.digest():
        raise SemsimError(
            "the embedding spaces of sender and receiver differ after fine-tuning: they must "
            "compute on like devices, with like versions of PyTorch"
        )


def _require(arrived: list[bool], radio: Radio) -> None:
    if not any(arrived):
        at = "" if radio.snr_db is None else f" at {radio.snr_db:g} dB"
        raise NothingArrivedError(
            f"none of the {len(arrived)} images of the fine-tuning phase arrived{at}; raise the "
            "SNR, or choose mcs: adaptive, or allow retransmissions"
        )
