"""The noise attention module (Section IV-D)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Neurons of the module's four layers, as published.
FIRST, SECOND, THIRD, FOURTH = 56, 128, 56, 56
#: SNRs reach the module in tens of dB, which are of the order of one.
_TENS = 10.0


class NoiseAttention(nn.Module):
    """Weighs features by the SNR.

    ::

        SNR ─► 56, ReLU ─► 128, ReLU ─► 56, sigmoid = v   (eq. 17-18)
        features G ─► 56 = e                              (eq. 20)
        K = sigmoid(W (e ∘ v)),  A = K ∘ G                (eq. 19, 21)

    Eq. (21) wants a factor a feature, where e and v have 56 values: the linear layer W of eq. (19)
    leads from them to the features' width. The paper has none, and would need features of 56.

    Args:
        width: of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(1, FIRST),
            nn.ReLU(),
            nn.Linear(FIRST, SECOND),
            nn.ReLU(),
            nn.Linear(SECOND, THIRD),
            nn.Sigmoid(),
        )
        self.narrow = nn.Linear(width, FOURTH)
        self.widen = nn.Linear(FOURTH, width)

    def forward(self, features: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, L, width]`` and ``[B, 1]`` to ``[B, L, width]``."""
        known = self.project(snr_db / _TENS).unsqueeze(1)
        factors = torch.sigmoid(self.widen(self.narrow(features) * known))
        return factors * features


class Ignorant(nn.Module):
    """Stands where a noise attention module would, and does nothing (NNA)."""

    def forward(self, features: Tensor, snr_db: Tensor) -> Tensor:  # noqa: ARG002
        """``[B, L, width]`` as they are."""
        return features


def after(width: int, noise_attention: bool) -> nn.Module:
    """Return what follows a layer of ``width`` features."""
    return NoiseAttention(width) if noise_attention else Ignorant()
