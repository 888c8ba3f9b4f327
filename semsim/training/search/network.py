"""What a search trains: the supernet, with what turns its features into classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from semsim.codecs.layers.csi import HIGHEST_DB, snr_db
from semsim.codecs.layers.pixels import centred
from semsim.codecs.pairs import to_features, to_symbols
from semsim.codecs.rkd_sc.coders import Cat, ChannelCoder, Dense, values_sent
from semsim.codecs.rkd_sc.config import CatModel, DenseModel
from semsim.codecs.rkd_sc.search_config import SupernetModel
from semsim.codecs.rkd_sc.space import FEATURES
from semsim.codecs.rkd_sc.supernet import Supernet
from semsim.noiseless import noiseless
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Payload,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
)
from semsim.units import db_to_linear


class SearchNetwork(nn.Module):
    """Supernet, channel coder and a linear classifier: RKD-SC with all its encoders at once.

    Args:
        model: of the supernet.
        coder: for the air; ``None`` without one.
    """

    def __init__(self, model: SupernetModel, coder: CatModel | DenseModel | None) -> None:
        super().__init__()
        self.encoder = Supernet(model)
        self.channel_coder: ChannelCoder | None = None
        self.count = 0
        if coder is not None:
            made = Cat(coder, FEATURES) if isinstance(coder, CatModel) else Dense(coder, FEATURES)
            self.channel_coder = made
            self.count = max(values_sent(ratio, FEATURES) for ratio in coder.compression)
        self.decoder = nn.Linear(FEATURES, model.classes)

    def describe(self, image: Tensor, shares: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 and shares ``[4, 5]`` to features ``[B, 512]``."""
        features: Tensor = self.encoder(centred(image), shares)
        return features

    def without_noise(self, features: Tensor) -> Tensor:
        """Features ``[B, 512]`` to logits ``[B, classes]``, over a perfect channel if any."""
        if self.channel_coder is None:
            logits: Tensor = self.decoder(features)
            return logits.float()
        snr = torch.full((len(features),), db_to_linear(HIGHEST_DB), device=features.device)
        sender = Sending(self, self.channel_coder, features)
        return sender.heard(noiseless(sender.payload(Csi(snr)), Csi(snr)), Csi(snr))


class Sending:
    """Features that are known already, as a codec that sends them; it lasts for one batch.

    Args:
        network: whose features.
        coder: of the network.
        features: ``[B, 512]``.
    """

    def __init__(self, network: SearchNetwork, coder: ChannelCoder, features: Tensor) -> None:
        self._network = network
        self._coder = coder
        self._features = features

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """The one rate of a search."""
        symbols = math.ceil(self._network.count / 2)
        return (Rate("search", shape, "symbols", symbols, symbols / math.prod(shape)),)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:  # noqa: ARG002
        """The features as symbols ``[B, ⌈count/2⌉]``."""
        return self.payload(csi)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Symbols to logits ``[B, classes]``."""
        return Output(logits=self.heard(received, csi))

    def payload(self, csi: Csi) -> Payload:
        """The features as symbols."""
        values = self._coder.encode(self._features, snr_db(csi), self._network.count)
        return SymbolPayload(to_symbols(values))

    def heard(self, received: Received | ReceivedBits, csi: Csi) -> Tensor:
        """What the receiver makes of them, ``[B, classes]``."""
        if not isinstance(received, Received):
            raise TypeError("a search sends symbols; it takes no decoded bits")
        values = to_features(received.x, self._network.count)
        logits: Tensor = self._network.decoder(self._coder.decode(values, snr_db(csi)))
        return logits.float()
