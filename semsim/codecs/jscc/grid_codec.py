"""What DeepJSCC and SemViT share: one network at each end, features on a grid of quarter sides."""

from __future__ import annotations

from torch import Tensor, nn

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.jscc.sizes import feature_counts, grid
from semsim.codecs.layers.pixels import centred
from semsim.types import Csi, ImageShape, Rate


class GridCodec(AnalogCodec):
    """An ``encoder`` to c features at each place of a smaller grid, and a ``decoder``; no CSI.

    A subclass makes both in :meth:`_build`; its sizes have ``shrink`` and ``channels``.
    """

    encoder: nn.Module
    decoder: nn.Module

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """The real features: c at each place of the grid.

        Raises:
            ValueError: if the grid does not fit the image's sides, or it is not RGB.
        """
        return feature_counts(shape, self.model.shrink, self.model.channels)

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """``[B, 3, H, W]`` to ``[B, c·H·W/shrink²]``."""
        z: Tensor = self.encoder(centred(image))
        return z.flatten(1)

    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """``[B, c·H·W/shrink²]`` to ``[B, 3, H, W]`` in 0..1."""
        rows, columns = grid(rate.shape, self.model.shrink)
        image: Tensor = self.decoder(features.view(-1, self.model.channels, rows, columns))
        return image
