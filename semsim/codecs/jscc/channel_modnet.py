"""Channel ModNet: attention that the SNR steers (WITT, Section 2.3)."""

from __future__ import annotations

from torch import Tensor, nn


class ChannelModNet(nn.Module):
    """Scales features by a mask in 0..1 that is made of them and of the SNR.

    ::

        x ─► FC ─► ⊙ ─► FC ─► ⊙ ─► … ─► FC ─► sigmoid ─► ⊙ x
                   ▲          ▲
             SM(SNR)    SM(SNR)

    Each of the ``layers`` modulators SM is three linear layers, ReLU, ReLU, sigmoid, on the SNR
    in dB. The authors' program cuts the gradient at the way from x into the mask; here it flows,
    so that training descends the loss itself.

    Args:
        width: of the features.
        hidden: width inside.
        layers: how many modulators.
    """

    def __init__(self, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.between = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, width)
        self.modulators = nn.ModuleList(_modulator(hidden) for _ in range(layers))

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, h, w, width]`` and ``[B, 1]`` to the shape of ``x``."""
        y = x
        for layer, modulator in zip([self.first, *self.between], self.modulators, strict=True):
            y = layer(y) * modulator(snr_db)[:, None, None, :]
        mask: Tensor = self.last(y).sigmoid()
        return x * mask


def _modulator(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(1, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.Sigmoid(),
    )
