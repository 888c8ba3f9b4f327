"""Whose features RKD-SC's senders learn: a trained codec's, or CLIP's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semsim.codecs.layers.pixels import centred
from semsim.codecs.rkd_sc.clip import ClipTower
from semsim.codecs.rkd_sc.codec import RkdSc
from semsim.codecs.rkd_sc.config import CodecTeacher, RkdScConfig, TeacherConfig


class Teacher(nn.Module):
    """Images to features, without gradients; it does not learn, whatever mode it is put in.

    Args:
        tower: ``[B, 3, H, W]``, centred, to ``[B, 512]``.
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
        features: Tensor = self._tower(centred(image))
        return features.float()


def teacher(config: TeacherConfig, device: str = "cpu") -> Teacher:
    """Build the teacher that ``config`` names.

    Raises:
        CheckpointError: if its weights cannot be had, or its features are not 512.
        MissingExtraError: if open_clip is not installed.
    """
    if isinstance(config, CodecTeacher):
        return Teacher(RkdSc(RkdScConfig(weights=config.weights), device).semantic_encoder)
    return Teacher(ClipTower(config).to(device))
