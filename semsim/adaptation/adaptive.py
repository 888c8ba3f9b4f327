"""An FTSC codec whose receiver keeps what arrives, to tune its decoders on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from semsim.adaptation.procedure import Adapted, adapt
from semsim.adaptation.radio import Radio
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.codec import Ftsc, in_parts, shown_in_parts
from semsim.codecs.ftsc.transport import Arrived
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.codecs.ftsc.tuning.receiver import Receiver
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Payload,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class AdaptiveFtsc(nn.Module):
    """One user's end of FTSC: the shared codec's networks until fine-tuning replaces them.

    Args:
        codec: what was deployed; it stays as it is.
        config: how decoders are tuned.
        remembered: latents that the receiver keeps, the latest of each scaling rate.
    """

    def __init__(self, codec: Ftsc, config: TuningConfig, remembered: int) -> None:
        super().__init__()
        self._codec = codec
        self._config = config
        self._networks: dict[str, QuantizedAutoencoder] = {}
        self._remembered = remembered
        self._memory: dict[str, deque[tuple[Tensor, ...]]] = {}
        self._originals: dict[str, Tensor] = {}

    def network(self, name: str) -> QuantizedAutoencoder:
        """Return the network of scaling rate ``name`` as this user has it now."""
        return self._networks.get(name) or self._codec.network(name)

    @property
    def remembered(self) -> Mapping[str, int]:
        """How many images' latents the receiver has, by scaling rate."""
        return {name: len(kept) for name, kept in self._memory.items()}

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """As the shared codec's: fine-tuning changes no sizes."""
        return self._codec.rates(shape)

    @torch.no_grad()
    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:  # noqa: ARG002
        """As the shared codec's, with the embedding spaces that DFT has moved."""
        image = source.image.contiguous(memory_format=torch.channels_last)
        return self._codec.transport.send(self.network(rate.name), image)

    @torch.no_grad()
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """As the shared codec's, with this user's decoder; latents that arrived are kept."""
        network, clean = self.network(rate.name), self._codec.denoiser(rate.name)
        return shown_in_parts(network, self._arriving(received, rate), clean)

    def _arriving(self, received: Received | ReceivedBits, rate: Rate) -> Iterator[Arrived]:
        """Yield what arrives part by part, and keep it."""
        network = self.network(rate.name)
        kept = self._memory.setdefault(rate.name, deque(maxlen=self._remembered))
        for part in in_parts(received, rate.shape):
            arrived = self._codec.transport.arrive(network, part, rate.shape)
            lost = torch.zeros(len(arrived.maps[0]), dtype=torch.bool)
            if isinstance(part, ReceivedBits) and part.failed is not None:
                lost |= part.failed.cpu()
            if arrived.outage is not None:
                lost |= arrived.outage.cpu()
            for i in (~lost).nonzero().flatten().tolist():
                kept.append(tuple(level[i] for level in arrived.maps))
            yield arrived

    @torch.no_grad()
    def deployed(self, image: Tensor, name: str) -> Tensor:
        """What the network that was deployed makes of ``[B, 3, H, W]`` on an ideal channel."""
        network = self._codec.network(name)
        restored: Tensor = network.decode_indices(*network.indices(image)).clamp(0.0, 1.0)
        return restored

    def tune_on_memory(self, name: str) -> int:
        """LSDFT of one scaling rate on the latents that the receiver has; nothing is sent for it.

        Returns:
            iterations; 0 where nothing has arrived yet.
        """
        kept = self._memory.get(name)
        if not kept:
            return 0
        levels = zip(*kept, strict=True)
        arrived = tuple(torch.stack(level) for level in levels)
        receiver = Receiver(self.network(name), self._config, self._codec.denoiser(name))
        steps = sum(1 for _ in receiver.tune_on_latents(arrived))
        self._networks[name] = receiver.network
        return steps

    def tune_on_originals(self, name: str, image: Tensor, radio: Radio) -> Adapted:
        """DFT of one scaling rate on originals ``[N, 3, H, W]`` sent now, and those of before.

        Raises:
            NothingArrivedError: if none of those sent now arrives; all stays as it was.
        """
        adapted = adapt(
            self.network(name),
            image,
            radio,
            self._codec.transport,
            self._config,
            clean=self._codec.denoiser(name),
            already=self._originals.get(name),
        )
        self._networks[name] = adapted.network
        if adapted.originals is not None:
            self._originals[name] = adapted.originals
        # Entries have moved: latents of before look up other ones than their sender meant.
        self._memory.pop(name, None)
        return adapted
