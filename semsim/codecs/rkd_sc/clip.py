"""CLIP's image tower by open_clip: a teacher, and the encoder of the paper's JSCC-teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.layers.pixels import pixels
from semsim.codecs.rkd_sc.config import ClipModel
from semsim.codecs.rkd_sc.space import FEATURES
from semsim.codecs.vision_language import open_clip_model
from semsim.errors import CheckpointError


class ClipTower(nn.Module):
    """An image tower with the resizing and normalisation that it was trained with.

    Args:
        model: which tower, and whose weights.
        pretrained: whether to get these weights, or leave random ones to be filled.

    Raises:
        CheckpointError: if the weights cannot be had, or features are not 512.
        MissingExtraError: if open_clip is not installed.
    """

    def __init__(self, model: ClipModel, *, pretrained: bool = True) -> None:
        super().__init__()
        made = open_clip_model(
            model.model, model.pretrained, "CLIP's image tower", pretrained=pretrained
        )
        self.visual = made.visual
        if int(self.visual.output_dim) != FEATURES:
            raise CheckpointError(
                f"open_clip's {model.model!r} gives {self.visual.output_dim} features, where "
                f"{FEATURES} are needed; choose another, such as ViT-B-16"
            )
        size = self.visual.image_size
        self._side = int(size if isinstance(size, int) else size[0])
        for name in ("mean", "std"):
            values = torch.tensor(getattr(self.visual, f"image_{name}")).view(3, 1, 1)
            self.register_buffer(f"_{name}", values, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]``, centred, to ``[B, 512]``; images are resized to the tower's side."""
        image = pixels(image)
        side = (self._side, self._side)
        if image.shape[2:] != side:
            image = F.interpolate(image, side, mode="bicubic", antialias=True).clamp(0, 1)
        features: Tensor = self.visual((image - self.get_buffer("_mean")) / self.get_buffer("_std"))
        return features
