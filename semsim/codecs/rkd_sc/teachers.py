"""Whose features RKD-SC's senders learn: a trained codec's, or CLIP's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from semsim.codecs.rkd_sc.codec import RkdSc
from semsim.codecs.rkd_sc.config import (
    CodecTeacher,
    OpenClipTeacher,
    RkdScConfig,
    TeacherConfig,
)
from semsim.codecs.rkd_sc.space import FEATURES
from semsim.errors import CheckpointError, MissingExtraError


class Teacher(nn.Module):
    """Images to features, without gradients; it does not learn, whatever mode it is put in.

    Args:
        tower: ``[B, 3, H, W]`` in 0..1 to ``[B, 512]``.
    """

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self._tower = tower.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:  # noqa: ARG002
        """Stay as it is: batches must not move a teacher's statistics."""
        return self

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to ``[B, 512]`` in single precision."""
        features: Tensor = self._tower(image)
        return features.float()


def teacher(config: TeacherConfig, device: str = "cpu") -> Teacher:
    """Build the teacher that ``config`` names.

    Raises:
        CheckpointError: if its weights cannot be had, or its features are not 512.
        MissingExtraError: if open_clip is not installed.
    """
    if isinstance(config, CodecTeacher):
        return Teacher(_Describes(RkdSc(RkdScConfig(weights=config.weights), device)))
    return Teacher(_ClipTower(config, device))


class _Describes(nn.Module):
    def __init__(self, codec: RkdSc) -> None:
        super().__init__()
        self._codec = codec

    def forward(self, image: Tensor) -> Tensor:
        return self._codec.describe(image)


class _ClipTower(nn.Module):
    """An image tower of open_clip, with the resizing and normalisation that it was trained with."""

    def __init__(self, config: OpenClipTeacher, device: str) -> None:
        super().__init__()
        try:
            import open_clip
        except ImportError as error:
            raise MissingExtraError(
                "teacher: 'open_clip' needs the extra vision-language: "
                "pip install 'semsim-net[vision-language]'"
            ) from error
        try:
            model: Any = open_clip.create_model(
                config.model, pretrained=config.pretrained, device=device
            )
        except Exception as error:  # hubs, files and names raise nearly anything
            raise CheckpointError(
                f"teacher: open_clip cannot give {config.model!r} with the weights "
                f"{config.pretrained!r} ({type(error).__name__}: {error}). Where the hub cannot be "
                "reached, fetch the weights elsewhere and set 'pretrained' to the file"
            ) from error
        visual = model.visual
        if int(visual.output_dim) != FEATURES:
            raise CheckpointError(
                f"teacher: {config.model!r} gives {visual.output_dim} features, the students learn "
                f"{FEATURES}; choose another model, such as ViT-B-16"
            )
        size = visual.image_size
        self._side = int(size if isinstance(size, int) else size[0])
        self._visual = visual
        self._mean = torch.tensor(visual.image_mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(visual.image_std, device=device).view(3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        side = (self._side, self._side)
        if image.shape[2:] != side:
            image = nn.functional.interpolate(
                image, side, mode="bicubic", align_corners=False, antialias=True
            ).clamp(0, 1)
        features: Tensor = self._visual((image - self._mean) / self._std)
        return features
