"""The sender's end of the fine-tuning phase."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.tuning.batches import batches
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.codecs.ftsc.tuning.embeddings import Embeddings


class Sender:
    """Frozen encoders, and embedding spaces that follow L_q in DFT (Fig. 4).

    Args:
        network: what was deployed; the sender works on a copy.
        config: what both ends agreed on.
    """

    def __init__(self, network: QuantizedAutoencoder, config: TuningConfig) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._config = config
        self._embeddings = Embeddings(self.network, config)

    @torch.no_grad()
    def quantisation_loss(self, image: Tensor) -> Tensor:
        """L_q of every image ``[B, 3, H, W]``, ``[B]`` (eq. 5), which LSDFT sends with the latents.

        With encoders and embedding spaces frozen it has no gradient for what LSDFT tunes. It tells
        how far the original's own features lie from its latents, and so how far eq. (7) can be
        trusted (`floor`).
        """
        encoded = self.network.features(image)
        errors = [
            (z - q.look_up(q.nearest(z))).square().mean(dim=(1, 2, 3))
            for q, z in zip(self.network.quantizers, encoded, strict=True)
        ]
        return (1.0 + self._config.beta) * torch.stack(errors).sum(0)

    def follow(self, image: Tensor) -> list[float]:
        """DFT: move the embedding spaces on the images ``[N, 3, H, W]`` that were acknowledged.

        Returns:
            L_q by iteration.
        """
        return [self._embeddings.update(image[rows]) for rows in batches(self._config, len(image))]

    def digest(self) -> str:
        """SHA-256 of the embedding spaces."""
        return self._embeddings.digest()
