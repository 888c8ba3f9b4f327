"""SemViT (Yoo, Dai, Kim, Chae, IEEE Access 2023): convolutions outside, attention inside."""

from __future__ import annotations

from torch import nn

from semsim.codecs.jscc.config import SemVitConfig, SemVitModel
from semsim.codecs.jscc.grid_codec import GridCodec
from semsim.codecs.layers.gdn import Gdn
from semsim.codecs.layers.relative_attention import RelativeBlock


class SemVit(GridCodec):
    """Two convolution layers, then a vision transformer layer; the decoder mirrors it.

    ::

        I ─► C 9×9, ↓2 ─► C 5×5, ↓2 ─► V ─► 1×1 ─► channel
        Î ◄─ 1×1 ◄─ C 9×9 ◄─ ↑2 ◄─ C 5×5 ◄─ ↑2 ◄─ V ◄───┘

    The paper's: the order C-C-V-V-C-C; 256 features everywhere; a convolution, GDN and a PReLU
    with a slope for each filter make a C; a block of
    :mod:`~semsim.codecs.layers.relative_attention` and GDN make a V; bilinear enlargement; a
    sigmoid at the end. Decided here: a GDN for each layer, where the authors' program has one for
    the whole encoder and one for the whole decoder.

    TranGDeepSC's Table 4 counts 8,696,343 parameters and says "2 CNN layers followed by 1 ViT
    layer"; no combination of the authors' layers found gives that number. This is 10,310,805 at
    CBR 1/6 with one ViT block at each end, the default, and 13,220,249 with three
    (``blocks: [1, 1, 3]``), which the authors use.

    Any image whose sides 4 divides will do, but attention over all places costs the square of
    their number, and the position bias, learnt on 8×8 places, is interpolated for other grids:
    expect less of them than of 32×32, which is what it is trained for. It knows no SNR.
    """

    Config = SemVitConfig
    Model = SemVitModel

    def _build(self, model: SemVitModel) -> None:
        width, (outer, inner, vit) = model.filters, model.blocks
        self.encoder = nn.Sequential(
            *_convolutions(model, outer, 9, 3, stride=2),
            *_convolutions(model, inner, 5, width, stride=2),
            *_transformers(model, vit, width, inverse=False),
            nn.Conv2d(width, model.channels, 1),
        )
        self.decoder = nn.Sequential(
            *_transformers(model, vit, model.channels, inverse=True),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolutions(model, inner, 5, width, inverse=True),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolutions(model, outer, 9, width, inverse=True),
            nn.Conv2d(width, 3, 1),
            nn.Sigmoid(),
        )


def _gdn(model: SemVitModel, inverse: bool) -> list[nn.Module]:
    return [Gdn(model.filters, inverse)] if model.gdn else []


def _convolutions(
    model: SemVitModel, count: int, kernel: int, width: int, stride: int = 1, inverse: bool = False
) -> list[nn.Module]:
    """Return the modules of a layer C; its first convolution alone has the stride."""
    layers: list[nn.Module] = []
    for index in range(count):
        first = index == 0
        layers += [
            nn.Conv2d(
                width if first else model.filters,
                model.filters,
                kernel,
                stride if first else 1,
                padding=kernel // 2,
            ),
            *_gdn(model, inverse),
            nn.PReLU(model.filters),
        ]
    return layers


def _transformers(model: SemVitModel, count: int, width: int, inverse: bool) -> list[nn.Module]:
    """Return the modules of a layer V."""
    layers: list[nn.Module] = []
    for index in range(count):
        layers += [
            RelativeBlock(
                width if index == 0 else model.filters,
                model.filters,
                model.head,
                model.positions,
                model.mlp_ratio,
            ),
            *_gdn(model, inverse),
        ]
    return layers
