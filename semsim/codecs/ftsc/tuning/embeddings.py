"""The embedding spaces of one end, moved by the quantisation loss (FTSC eq. 5)."""

from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.tuning.config import TuningConfig


class Embeddings:
    """Tunes the codebooks of a network whose encoders are frozen.

    Sender and receiver each have one. Given the same network and the same images in the same order
    they stay equal to the last bit, without a gradient on the air.

    Args:
        network: whose codebooks are moved, in place.
        config: β and the learning rate.
    """

    def __init__(self, network: QuantizedAutoencoder, config: TuningConfig) -> None:
        self._network = network
        self._beta = config.beta
        self._entries = [nn.Parameter(level.codebook.clone()) for level in network.quantizers]
        self._optimizer = torch.optim.Adam(self._entries, lr=config.embedding_rate)

    def update(self, image: Tensor) -> float:
        """Take one step on images ``[B, 3, H, W]`` and return L_q of before it.

        The squared errors of eq. (5) are taken per value. Its β terms only have gradients for
        encoders, which are frozen, so that the embedding spaces follow ``‖sg[z_e] − e‖²``.
        """
        quantizers = self._network.quantizers
        with torch.no_grad():
            encoded = self._network.features(image)
            chosen = [q.nearest(z) for q, z in zip(quantizers, encoded, strict=True)]
        error = torch.stack(
            [
                F.mse_loss(F.embedding(index, entries).permute(0, 3, 1, 2), z)
                for index, entries, z in zip(chosen, self._entries, encoded, strict=True)
            ]
        ).sum()
        self._optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        with torch.no_grad():
            for quantizer, entries in zip(quantizers, self._entries, strict=True):
                quantizer.codebook.copy_(entries)
        return (1.0 + self._beta) * float(error.detach())

    def digest(self) -> str:
        """SHA-256 of all codebooks: equal at both ends, or something went wrong."""
        state = hashlib.sha256()
        for quantizer in self._network.quantizers:
            state.update(quantizer.codebook.cpu().numpy().tobytes())
        return state.hexdigest()
