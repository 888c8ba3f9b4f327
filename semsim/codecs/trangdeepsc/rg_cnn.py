"""The residual gated convolution block (RG-CNN), TranGDeepSC Fig. 2 and eq. (1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RgCnn(nn.Module):
    """``X + FC₂(G ⊙ [I, Conv(C)])`` with ``[G, I, C] = FC₁(LayerNorm(X))``.

    The parameter count of the paper fixes what eq. (1) leaves open: the hidden width is
    ``int(8/3·D)``, a gate G of that width meets I and C together, C is as wide as X, the
    convolution is depthwise, and there is no FC_G (``gate_projection`` adds it). A GELU on the
    gate, as gated convolutional networks of this form have it, costs no parameter.

    Args:
        width: D.
        kernel: side of the depthwise convolution, odd.
        gate_projection: put FC_G on the gate.

    Raises:
        ValueError: if ``kernel`` is even.
    """

    def __init__(self, width: int, kernel: int = 7, gate_projection: bool = False) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"the convolution needs an odd kernel, got {kernel}")
        hidden = int(8 / 3 * width)
        self._split = (hidden, hidden - width, width)
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * hidden)
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.fc_gate = nn.Linear(hidden, hidden) if gate_projection else nn.Identity()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, h, w, D]`` to the same shape."""
        gate, identity, conv = self.fc1(self.norm(x)).split(self._split, dim=-1)
        conv = self.conv(conv.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        gated = F.gelu(self.fc_gate(gate)) * torch.cat([identity, conv], dim=-1)
        y: Tensor = self.fc2(gated)
        return x + y
