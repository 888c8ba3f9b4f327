"""Stages of Swin transformers (Liu et al. 2021) that shrink images and enlarge them again."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformerBlock


def swin_blocks(
    depth: int, width: int, heads: int, window: int, mlp_ratio: float = 4.0
) -> nn.Sequential:
    """Return Swin transformer blocks ``[B, h, w, width]``, every second with shifted windows.

    Windows have a learned relative position bias. A map that windows do not divide is padded with
    zeros at its right and lower edge inside the attention and cut again; a map no larger than a
    window is attended to as a whole, without a shift. There is no dropout.
    """
    return nn.Sequential(
        *(
            SwinTransformerBlock(
                width,
                heads,
                window_size=[window, window],
                shift_size=[window // 2 * (index % 2)] * 2,
                mlp_ratio=mlp_ratio,
            )
            for index in range(depth)
        )
    )


class PatchMerging(nn.Module):
    """Halve both sides: 2×2 neighbours in one, LayerNorm, a linear layer without bias."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduce = nn.Linear(4 * width, out_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 2h, 2w, width]`` to ``[B, h, w, out_width]``."""
        batch, height, width, channels = x.shape
        quads = x.view(batch, height // 2, 2, width // 2, 2, channels).transpose(2, 3)
        y: Tensor = self.reduce(self.norm(quads.flatten(3)))
        return y


class PatchDivision(nn.Module):
    """Double both sides: LayerNorm, a linear layer without bias, one place becomes 2×2."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.increase = nn.Linear(width, 4 * out_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, h, w, width]`` to ``[B, 2h, 2w, out_width]``."""
        batch, height, width, _ = x.shape
        quads = self.increase(self.norm(x)).view(batch, height, width, 2, 2, -1)
        y: Tensor = quads.transpose(2, 3)  # [B, h, 2, w, 2, out_width]
        return y.reshape(batch, 2 * height, 2 * width, -1)
