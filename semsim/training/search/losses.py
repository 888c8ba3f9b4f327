"""The two problems of a search: what weights learn (eq. 11), and what architectures do (eq. 19)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from semsim.codecs.rkd_sc.search_config import Darts, KdlDarts
from semsim.codecs.rkd_sc.supernet import Architecture, candidate_parameters, penalty_factors
from semsim.training.search.images import Batch
from semsim.training.search.network import SearchNetwork, Sending
from semsim.training.transmission import Transmission


class Losses:
    """Losses of KDL-DARTS, or of DARTS.

    Args:
        method: which.
        transmit: the channel of the inner problem; ``None`` without one.
        device: where to compute.

    Attributes:
        penalty: β ``[4, 5]``; ``None`` for DARTS.
    """

    def __init__(
        self, method: Darts | KdlDarts, transmit: Transmission | None, device: str
    ) -> None:
        self._transmit = transmit
        self._knowledge = 0.0
        self._weight = 0.0
        self.penalty: Tensor | None = None
        if isinstance(method, KdlDarts):
            self._knowledge = method.distillation
            self._weight = method.penalty
            factors = penalty_factors(
                candidate_parameters(), method.penalty_temperature, method.normaliser
            )
            self.penalty = factors.float().to(device)

    def training(self, network: SearchNetwork, shares: Tensor, batch: Batch) -> Tensor:
        """Return the inner loss of a batch: λ·KD + (1 − λ)·cross-entropy, over the channel."""
        features = network.describe(batch.source.image, shares)
        if self._transmit is None or network.channel_coder is None:
            return self._mixed(features, network.without_noise(features), batch)
        sender = Sending(network, network.channel_coder, features)
        logits = self._transmit(sender, batch.source).logits
        if logits is None:
            raise TypeError("a search's receiver delivers classes")
        return self._mixed(features, logits, batch)

    def validation(
        self, network: SearchNetwork, shares: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Return the same without noise, and the logits ``[B, classes]``."""
        features = network.describe(batch.source.image, shares)
        logits = network.without_noise(features)
        return self._mixed(features, logits, batch), logits

    def outer(self, network: SearchNetwork, architecture: Architecture, batch: Batch) -> Tensor:
        """Return eq. (19): the validation loss with λ_J·Σ J."""
        loss, _ = self.validation(network, architecture.shares(), batch)
        if self.penalty is None:
            return loss
        return loss + self._weight * architecture.complexity(self.penalty)

    def _mixed(self, features: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        task = F.cross_entropy(logits, batch.label)
        if batch.wanted is None:
            return task
        knowledge = F.mse_loss(features.float(), batch.wanted)
        return self._knowledge * knowledge + (1.0 - self._knowledge) * task


def architecture_gradient(loss: Tensor, architecture: Architecture) -> Tensor:
    """Return the first-order gradient of the outer loss, ``[4, 5]``: eq. (21) with ξ = 0.

    Gradients of the network's weights, which nobody wants here, are not computed.
    """
    (gradient,) = torch.autograd.grad(loss, [architecture.alpha])
    return gradient
