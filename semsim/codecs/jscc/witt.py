"""WITT (Yang, Wang, Dai, Si, Niu, Tan, Zhang, ICASSP 2023): a Swin transformer transceiver."""

from __future__ import annotations

from torch import Tensor, nn

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.jscc.config import WittConfig, WittModel
from semsim.codecs.jscc.sizes import feature_counts, grid
from semsim.codecs.jscc.swin_stages import channel_modnet, growing_stages, shrinking_stages
from semsim.codecs.layers.csi import snr_db
from semsim.codecs.layers.pixels import centred, pixels
from semsim.types import Csi, ImageShape, Rate


class Witt(AnalogCodec):
    """Swin transformer stages and a Channel ModNet at either end (Fig. 1 of the paper).

    ::

        I ─► patches 2×2 ─► blocks ─► [merge, blocks]… ─► norm ─► ModNet ─► C ─► channel
        Î ◄─ divide ◄────── blocks ◄─ […blocks, divide] ◄──────── ModNet ◄─ ◄──────┘

    The sizes, which the paper names in part, are those of the authors' program: two stages of
    128 and 256 features with 2 and 4 blocks of 4 and 8 heads in windows of 2 for 32×32 images,
    Channel ModNets of seven modulators 1.5 times as wide as the last stage. 13,706,848 parameters
    with them at CBR 1/6 (C = 16), of which the two ModNets are 6,318,848. The default ratio is
    that of the other codecs here; the paper's curves over SNR are at 1/16 (C = 6).

    Any image whose sides the total shrinking divides will do (4 for two stages); see
    :func:`~semsim.codecs.layers.swin.swin_blocks` for what windows do at edges. The images that
    it rebuilds are not bounded by a sigmoid.
    """

    Config = WittConfig
    Model = WittModel

    def _build(self, model: WittModel) -> None:
        first, last = model.widths[0], model.widths[-1]
        # In this order, so that a seed makes the weights that it always made.
        stages = shrinking_stages(model)
        self.embed = nn.Conv2d(3, first, 2, 2)
        self.encoder = stages
        self.norm = nn.LayerNorm(last)
        self.encoder_modnet = channel_modnet(model)
        self.head = nn.Linear(last, model.channels)
        self.tail = nn.Linear(model.channels, last)
        self.decoder_modnet = channel_modnet(model)
        self.decoder = growing_stages(model)

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """C real features at each place of the last stage's grid.

        Raises:
            ValueError: if the stages do not divide the image's sides, or it is not RGB.
        """
        return feature_counts(shape, self.model.shrink, self.model.channels)

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """``[B, 3, H, W]`` to ``[B, C·h·w]``."""
        embedded = self.embed(centred(image)).permute(0, 2, 3, 1)
        x = self.norm(self.encoder(embedded))  # [B, h, w, width]
        z: Tensor = self.head(self.encoder_modnet(x, snr_db(csi)))
        return z.flatten(1)

    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """``[B, C·h·w]`` to ``[B, 3, H, W]``, not bounded."""
        rows, columns = grid(rate.shape, self.model.shrink)
        y = self.tail(features.view(-1, rows, columns, self.model.channels))
        image: Tensor = self.decoder(self.decoder_modnet(y, snr_db(csi)))
        return pixels(image.permute(0, 3, 1, 2)).contiguous()
