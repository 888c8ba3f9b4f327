"""The Oracle Network: what PSNR will this image have at that SNR and code length?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: A usual PSNR in dB, where predictions start: the last ReLU has a slope there from the first step.
_USUAL_PSNR_DB = 25.0


class OracleNetwork(nn.Module):
    """A small perceptron on statistics of an image's code (PADC's "OraNet").

    ::

        code ─► means and deviations of the channels ┐
        SNR in dB ───────────────────────────────────┼─► residual ─► residual ─► FC, ReLU ─► PSNR
        channels that will be sent ──────────────────┘

    Args:
        channels: of the whole code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Residual(2 * channels + 2, channels)
        self.second = _Residual(channels, channels)
        self.last = nn.Linear(channels, 1)
        nn.init.constant_(self.last.bias, _USUAL_PSNR_DB)

    def forward(self, code: Tensor, snr_db: Tensor, length: Tensor) -> Tensor:
        """Predict.

        Args:
            code: ``[B, channels, h, w]``, unscaled, all channels.
            snr_db: ``[B, 1]``.
            length: ``[B, 1]``, how many of the channels are to be sent.

        Returns:
            ``[B]`` PSNR in dB, not negative.
        """
        deviation, mean = torch.std_mean(code, dim=(2, 3), correction=0)
        known = torch.cat([mean, deviation, snr_db, length], dim=1)
        psnr_db: Tensor = self.last(self.second(self.first(known))).relu()
        return psnr_db.squeeze(1)


class _Residual(nn.Module):
    """``ReLU(FC(ReLU(FC(x))) + shortcut(x))``, twice as wide inside."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, out_width)
        )
        same = width == out_width
        self.shortcut = nn.Identity() if same else nn.Linear(width, out_width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + self.shortcut(x)
        return y.relu()
