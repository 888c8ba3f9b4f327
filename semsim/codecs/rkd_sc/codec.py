"""RKD-SC (Ding, Guo, Yang, Du, Saad): an image's class over the air."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from semsim.codecs.analog import FeatureCodec
from semsim.codecs.layers.csi import snr_db
from semsim.codecs.layers.pixels import centred
from semsim.codecs.rkd_sc.clip import ClipTower
from semsim.codecs.rkd_sc.coders import Cat, ChannelCoder, Dense, values_sent
from semsim.codecs.rkd_sc.config import (
    CatModel,
    ClipModel,
    RkdScConfig,
    RkdScModel,
    StagedModel,
    TransformerModel,
)
from semsim.codecs.rkd_sc.space import FEATURES, StagedEncoder
from semsim.codecs.rkd_sc.vision_transformer import VisionTransformer
from semsim.types import Csi, Delivers, ImageShape, Output, Rate


class RkdSc(FeatureCodec):
    """Semantic encoder, channel coder and a linear classifier at the receiver (eq. 1-5).

    ::

        s ─► semantic encoder ─► h [512] ─► channel encoder ─► z ─► channel ─► z̃
        ŷ [classes] ◄─ linear layer ◄─ h̃ [512] ◄─ channel decoder ◄────────────┘

    A rate is a compression ratio of eq. (22), named ``ratio=0.8``: 512·(1 − ratio) values, rounded
    down, two a symbol. Of an odd number the last shares its symbol with a zero, which takes its
    place on the air and counts: 409 values are 205 symbols. The output has no image: ``logits`` are
    the classes, ``features`` the h̃ that distillation compares with a teacher's.

    The paper does not describe its semantic decoder; one linear layer is the least that it can be.
    JSCC-student and JSCC-teacher are the forms with a ``dense`` channel coder, which the paper does
    not describe either: one linear layer at each end, and 512 values sent as in Table II.
    """

    delivers: ClassVar[Delivers] = "label"
    Config = RkdScConfig
    Model = RkdScModel

    def _build(self, model: RkdScModel) -> None:
        self.semantic_encoder = self._encoder(model.encoder)
        coder = model.channel_coder
        self.channel_coder: ChannelCoder = (
            Cat(coder, FEATURES) if isinstance(coder, CatModel) else Dense(coder, FEATURES)
        )
        self.semantic_decoder = nn.Linear(FEATURES, model.classes)

    def _encoder(self, part: StagedModel | TransformerModel | ClipModel) -> nn.Module:
        if isinstance(part, StagedModel):
            return StagedEncoder(part.blocks, part.stem, part.heads, part.positions)
        if isinstance(part, TransformerModel):
            return VisionTransformer(part, FEATURES)
        # A checkpoint fills the tower; only a new codec starts from CLIP's weights.
        return ClipTower(part, pretrained=self.checkpoint is None)

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """Values sent by compression ratio; they do not depend on the image's size.

        Raises:
            ValueError: if it is not RGB, or smaller or of other sides than the encoder can take.
        """
        channels, height, width = shape
        if channels != 3:
            raise ValueError(f"it takes RGB images, got {channels} channels")
        part = self.model.encoder
        if isinstance(part, StagedModel):
            least = {"pooled": 3, "halved": 2, "whole": 1}[part.stem]
            if min(height, width) < least:
                raise ValueError(
                    f"a {part.stem} stem needs sides of at least {least} pixels, got "
                    f"{height}×{width}"
                )
        elif isinstance(part, TransformerModel) and (height % part.patch or width % part.patch):
            raise ValueError(f"patches of {part.patch} pixels do not divide {height}×{width}")
        ratios = self.model.channel_coder.compression
        return {ratio_name(ratio): values_sent(ratio, FEATURES) for ratio in ratios}

    def describe(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to the semantic features h, ``[B, 512]`` (eq. 1)."""
        features: Tensor = self.semantic_encoder(centred(image))
        return features

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """``[B, 3, H, W]`` to z, ``[B, k]`` (eq. 1-2)."""
        return self.values(self.describe(image), csi, rate)

    def values(self, described: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """h, ``[B, 512]``, to z, ``[B, k]`` (eq. 2)."""
        count = self.feature_counts(rate.shape)[rate.name]
        return self.channel_coder.encode(described, snr_db(csi), count)

    def output(self, features: Tensor, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """z̃, ``[B, k]``, to logits ``[B, classes]`` and features ``[B, 512]`` (eq. 4-5)."""
        heard = self.channel_coder.decode(features, snr_db(csi))
        return Output(logits=self.semantic_decoder(heard).float(), features=heard.float())


def ratio_name(ratio: float) -> str:
    """Return what the rate of a compression ratio is called."""
    return f"ratio={ratio:g}"
