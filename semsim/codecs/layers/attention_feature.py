"""The attention feature module: channel attention that knows the SNR (Xu et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionFeature(nn.Module):
    """Scales each channel by a factor in 0..1 made of all channels' means and the SNR.

    ::

        x ─► mean over places ─► [means, SNR in dB] ─► FC, ReLU ─► FC, sigmoid ─► ⊙ x

    Args:
        channels: of the input and the output.
        hidden: width between the two linear layers.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.factors = nn.Sequential(
            nn.Linear(channels + 1, hidden),
            nn.ReLU(),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, channels, h, w]`` and ``[B, 1]`` to the shape of ``x``."""
        context = torch.cat([x.mean(dim=(2, 3)), snr_db], dim=1)
        factors: Tensor = self.factors(context)
        return x * factors[:, :, None, None]
