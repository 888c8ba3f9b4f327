"""DnCNN (Zhang et al. 2017) on the latents of FTSC (Fig. 5 b)."""

from __future__ import annotations

from torch import Tensor, nn

from semsim.codecs.ftsc.tuning.config import DnCnnConfig


class DnCnn(nn.Module):
    """Convolution, ReLU; convolution, batch norm, ReLU (layers − 2 times); convolution.

    It estimates the noise, which is subtracted from its input.

    Args:
        channels: length of a codebook entry, the channels of a feature map.
        config: depth and width.
    """

    def __init__(self, channels: int, config: DnCnnConfig) -> None:
        super().__init__()
        filters = config.filters
        layers: list[nn.Module] = [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
        for _ in range(config.layers - 2):
            layers += [
                nn.Conv2d(filters, filters, 3, padding=1, bias=False),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            ]
        last = nn.Conv2d(filters, channels, 3, padding=1)
        nn.init.zeros_(last.weight)  # begin by taking nothing for noise
        if last.bias is not None:
            nn.init.zeros_(last.bias)
        self.noise = nn.Sequential(*layers, last)

    def forward(self, z: Tensor) -> Tensor:
        """``[B, d, h, w]`` noisy feature maps to the same shape, cleaned."""
        noise: Tensor = self.noise(z)
        return z - noise
