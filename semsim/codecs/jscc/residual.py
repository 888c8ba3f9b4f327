"""The residual convolutions of ADJSCC-V."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from semsim.codecs.layers.gdn import Gdn


class ResidualConv(nn.Module):
    """``PReLU(GDN(1×1(PReLU(GDN(k×k(x))))) + shortcut(x))``; no convolution has a bias.

    The shortcut is the input itself, or a 1×1 convolution where shapes change. Both PReLUs are
    one, with one slope.

    Args:
        width: channels of the input.
        out_width: channels of the output.
        kernel: side of the first convolution, odd.
        down: halve the sides.
        up: double the sides, by transposed convolutions.
        last: end in a sigmoid instead of a PReLU.
    """

    def __init__(
        self,
        width: int,
        out_width: int,
        kernel: int,
        *,
        down: bool = False,
        up: bool = False,
        last: bool = False,
    ) -> None:
        super().__init__()
        self._stride = 2 if down or up else 1
        self._up = up
        self.conv = self._conv(width, out_width, kernel)
        self.norm = Gdn(out_width)
        self.mix = nn.Conv2d(out_width, out_width, 1, bias=False)
        self.mix_norm = Gdn(out_width)
        same = width == out_width and self._stride == 1
        self.shortcut = nn.Identity() if same else self._conv(width, out_width, 1)
        self.prelu = nn.PReLU()
        self.last = last
        for conv in (self.conv, self.mix, self.shortcut):
            # As for PReLUs (He et al. 2015): without biases, a smaller start fades block by block.
            if not isinstance(conv, nn.Identity):
                nn.init.kaiming_normal_(conv.weight, a=0.25)

    def _conv(self, width: int, out_width: int, kernel: int) -> nn.Conv2d | nn.ConvTranspose2d:
        stride, padding = self._stride, kernel // 2
        if self._up:
            return nn.ConvTranspose2d(
                width, out_width, kernel, stride, padding, output_padding=1, bias=False
            )
        return nn.Conv2d(width, out_width, kernel, stride, padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, h, w]`` to ``[B, out_width, h', w']``."""
        inside = self.prelu(self.norm(self.conv(x)))
        y: Tensor = self.mix_norm(self.mix(inside)) + self.shortcut(x)
        return y.sigmoid() if self.last else cast(Tensor, self.prelu(y))
