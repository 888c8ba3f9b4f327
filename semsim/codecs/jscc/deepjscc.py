"""DeepJSCC (Bourtsoulatze, Kurka, Gündüz, IEEE TCCN 2019), the first of its kind."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from semsim.codecs.jscc.block_start import start_at_blocks
from semsim.codecs.jscc.config import DeepJsccConfig, DeepJsccModel
from semsim.codecs.jscc.grid_codec import GridCodec


class DeepJscc(GridCodec):
    """Five 5×5 convolutions at each end (Fig. 2 of the paper).

    ::

        I ─► 16, ↓2 ─► 32, ↓2 ─► 32 ─► 32 ─► c ─► channel ─► 32 ─► 32 ─► 32 ─► 16, ↑2 ─► 3, ↑2 ─► Î

    A PReLU follows every convolution but the last, which a sigmoid follows; the paper leaves open
    how many slopes a PReLU has: one a filter, as where it was introduced (He et al. 2015).
    156,483 parameters at CBR 1/6 (c = 16), 143,667 at 1/12 (c = 8). Any image whose sides 4
    divides will do. It knows no SNR: the paper trains a network for each. It starts where
    :mod:`semsim.codecs.jscc.block_start` says; the paper names no start.
    """

    Config = DeepJsccConfig
    Model = DeepJsccModel

    def _build(self, model: DeepJsccModel) -> None:
        widths = (3, *model.filters, model.channels)
        encoder = [
            layer
            for (a, b), stride in zip(pairwise(widths), (2, 2, 1, 1, 1), strict=True)
            for layer in (nn.Conv2d(a, b, 5, stride, padding=2), nn.PReLU(b))
        ]
        decoder = [
            layer
            for (a, b), stride in zip(pairwise(widths[::-1]), (1, 1, 1, 2, 2), strict=True)
            for layer in (
                nn.ConvTranspose2d(a, b, 5, stride, padding=2, output_padding=stride - 1),
                nn.PReLU(b),
            )
        ]
        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder[:-1], nn.Sigmoid())
        start_at_blocks(self.encoder, self.decoder)
