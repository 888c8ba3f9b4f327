"""TranGDeepSC (Do et al., ICT Express 2025): a gated convolutional transceiver."""

from __future__ import annotations

from torch import Tensor, nn

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.layers.pixels import centred, pixels
from semsim.codecs.trangdeepsc.config import TranGDeepScConfig, TranGDeepScModel
from semsim.codecs.trangdeepsc.patches import (
    channel_decoder,
    channel_encoder,
    feature_counts,
    grid,
)
from semsim.codecs.trangdeepsc.rg_cnn import RgCnn
from semsim.types import Csi, ImageShape, Rate


class TranGDeepSc(AnalogCodec):
    """Patch embedding, RG-CNN blocks and a linear channel coder at either end (eq. 2-8).

    ::

        I ─► E [h, w, D] ─► 3 × RG-CNN ─► D → 256 → K ─► Z ─► channel ─► Y
        Î ◄─ unembedding ◄─ 3 × RG-CNN ◄─ D ← 256 ← K ◄──────────────────┘

    908,047 parameters with the paper's sizes. Every image whose sides the patch divides will do:
    nothing depends on the number of patches. It knows no SNR.
    """

    Config = TranGDeepScConfig
    Model = TranGDeepScModel

    def _build(self, model: TranGDeepScModel) -> None:
        self.embed = nn.Conv2d(3, model.hidden, model.patch, model.patch)
        self.semantic_encoder = _blocks(model)
        self.channel_encoder = channel_encoder(model)
        self.channel_decoder = channel_decoder(model)
        self.semantic_decoder = _blocks(model)
        self.unembed = nn.ConvTranspose2d(model.hidden, 3, model.patch, model.patch)

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """K real symbols a patch.

        Raises:
            ValueError: if the patches do not divide the image, or it is not RGB.
        """
        return feature_counts(shape, self.model)

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """``[B, 3, H, W]`` to Z, ``[B, N·K]`` (eq. 2-4)."""
        embedded = self.embed(centred(image)).permute(0, 2, 3, 1)  # [B, h, w, D]
        z: Tensor = self.channel_encoder(self.semantic_encoder(embedded))
        return z.flatten(1)

    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """Y, ``[B, N·K]``, to ``[B, 3, H, W]`` (eq. 6-8)."""
        rows, columns = grid(rate.shape, self.model.patch)
        y = features.view(len(features), rows, columns, self.model.symbols)
        rebuilt = self.semantic_decoder(self.channel_decoder(y))
        image: Tensor = self.unembed(rebuilt.permute(0, 3, 1, 2))
        return pixels(image)


def _blocks(model: TranGDeepScModel) -> nn.Sequential:
    return nn.Sequential(
        *(RgCnn(model.hidden, model.kernel, model.gate_projection) for _ in range(model.blocks))
    )
